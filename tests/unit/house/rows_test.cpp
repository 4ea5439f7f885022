#include "support/source_root.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

/// Every row of PyOS (docs/kernel.md) has a test that bears its number, and no test checks anything
/// that a release build leaves out.

namespace tinkerbell {
namespace {

namespace fs = std::filesystem;

constexpr int kRows = 32;

/// The numbers of the rows that have a test in this source.
std::set<int> rows_in(const std::string& source) {
  static const std::regex kRow(R"(TEST(?:_F)?\(PyOS\w*,\s*Row(\d\d)[A-Z])");
  std::set<int> rows;
  for (std::sregex_iterator match(source.begin(), source.end(), kRow), end; match != end; ++match)
    rows.insert(std::stoi((*match)[1]));
  return rows;
}

/// Whether an `assert` stands in it: gone in a release build, and what it checks with it.
bool asserts(const std::string& source) {
  static const std::regex kAssert(R"((?:^|[^\w])assert\()");
  return std::regex_search(source, kAssert);
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class Look>
void for_each_test(const Look& look) {
  const fs::path tests = source_root() / "tests";
  for (const auto& entry : fs::recursive_directory_iterator(tests)) {
    const fs::path& path = entry.path();
    const bool source = path.extension() == ".cpp" || path.extension() == ".hpp";
    if (source && path.filename() != "rows_test.cpp") look(path, content_of(path));
  }
}

TEST(Rows, OfPyosHaveATestEach) {
  std::set<int> found;
  for_each_test([&](const fs::path&, const std::string& source) { found.merge(rows_in(source)); });
  for (int row = 1; row <= kRows; ++row)
    EXPECT_TRUE(found.contains(row)) << "row " << row;
}

TEST(Rows, NoTestLeavesItsChecksToTheDebugBuild) {
  for_each_test([](const fs::path& path, const std::string& source) {
    EXPECT_FALSE(asserts(source)) << path;
  });
}

TEST(RowsTable, IsReadFromTheNamesOfTests) {
  EXPECT_EQ(
      rows_in("TEST(PyOS, Row01A) {}\nTEST_F(PyOSHog,\n     Row26B) {}\nTEST(Else, Row02C) {}"),
      (std::set<int>{1, 26}));
  EXPECT_TRUE(asserts("  assert(x);"));
  EXPECT_FALSE(asserts("static_assert(x); TINKERBELL_ASSERT(x);"));
}

}  // namespace
}  // namespace tinkerbell
