#include "support/source_root.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

/// Two types of one name in one namespace are no compile error as long as no file sees both, and
/// yet the linker joins their inline functions: what works in each room alone breaks in the daemon.
/// This holds the headers to one of each.

namespace tinkerbell {
namespace {

namespace fs = std::filesystem;

using Definitions = std::map<std::string, std::vector<std::string>>;  // qualified name → files

/// Type definitions at the top level of a header, which stand at the beginning of a line by our
/// format.
void add_definitions(std::istream& header, const std::string& file, Definitions& found) {
  static const std::regex kNamespace(R"(^namespace ([\w:]+) \{)");
  static const std::regex kType(R"(^(?:struct|class|enum class) (?:\[\[nodiscard\]\] )?(\w+)\b)");
  std::string space;
  for (std::string line; std::getline(header, line);) {
    std::smatch match;
    if (std::regex_search(line, match, kNamespace)) {
      space = match[1];
    } else if (std::regex_search(line, match, kType) && line.find(';') == std::string::npos &&
               line.find('<') == std::string::npos) {
      found[space + "::" + std::string(match[1])].push_back(file);
    }
  }
}

std::vector<std::string> defined_twice(const Definitions& found) {
  std::vector<std::string> twice;
  for (const auto& [name, files] : found) {
    if (files.size() > 1) twice.push_back(name + " in " + files[0] + " and " + files[1]);
  }
  return twice;
}

TEST(Types, HaveOneDefinitionEachInAllHeaders) {
  const fs::path root = source_root();
  Definitions found;
  for (const char* folder : {"src", "include"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() != ".hpp") continue;
      std::ifstream header(entry.path());
      add_definitions(header, fs::relative(entry.path(), root).string(), found);
    }
  }
  EXPECT_GT(found.size(), 100U);
  EXPECT_EQ(defined_twice(found), std::vector<std::string>{});
}

TEST(Types, ASecondDefinitionIsFound) {
  Definitions found;
  std::istringstream one("namespace tinkerbell {\nstruct Question {\n};\n}\n");
  std::istringstream two("namespace tinkerbell {\nstruct Question;\nclass Question {\n};\n}\n");
  std::istringstream other("namespace tinkerbell::cli {\nclass Question {\n};\n}\n");
  add_definitions(one, "one.hpp", found);
  add_definitions(two, "two.hpp", found);
  add_definitions(other, "other.hpp", found);
  EXPECT_EQ(defined_twice(found),
            std::vector<std::string>{"tinkerbell::Question in one.hpp and two.hpp"});
}

}  // namespace
}  // namespace tinkerbell
