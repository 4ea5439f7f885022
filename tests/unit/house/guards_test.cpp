#include "support/source_root.hpp"

#include <gtest/gtest.h>
#include <toml++/toml.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

/// tests/mutants/guards.toml names guards by their text, which must not be left behind when the
/// code moves.

namespace tinkerbell {
namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

std::size_t times_in(const std::string& whole, const std::string& text) {
  std::size_t times = 0;
  for (std::size_t at = whole.find(text); at != std::string::npos; at = whole.find(text, at + 1))
    ++times;
  return times;
}

TEST(House, EachGuardStandsOnceInItsFile) {
  const std::filesystem::path root = source_root();
  const toml::table file = toml::parse_file((root / "tests/mutants/guards.toml").string());
  const toml::array* const guards = file["guard"].as_array();
  ASSERT_NE(guards, nullptr);
  EXPECT_GT(guards->size(), 30U);
  for (const toml::node& each : *guards) {
    const toml::table& guard = *each.as_table();
    const std::string text = guard["text"].value_or<std::string>("");
    const std::string name = guard["name"].value_or<std::string>("");
    EXPECT_EQ(times_in(content_of(root / guard["file"].value_or<std::string>("")), text), 1U)
        << name;
  }
}

}  // namespace
}  // namespace tinkerbell
