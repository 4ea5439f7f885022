#pragma once

#include "support/real_daemon.hpp"
#include "support/source_root.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

/// What scripts/demo shows, for tests: an agent mends a failing test and commits that.

namespace tinkerbell {

inline const std::string kDemoGoal =
    "Fix the failing test: ./test.sh must pass. Then commit the change.";

[[nodiscard]] inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

[[nodiscard]] inline std::filesystem::path examples() {
  return source_root() / "docs/examples";
}

/// The model of scripts/demo.
[[nodiscard]] inline std::string demo_config() {
  return "schema = 1\n[providers.demo]\ntype = \"offline\"\nplaybook = \"" +
         (examples() / "demo-playbook.json").string() +
         "\"\n[models.default]\nprovider = \"demo\"\nmodel = \"offline\"\n[sandbox]\nkind = \"" +
         usual_sandbox() + "\"\n";
}

/// The repository of scripts/demo, committed.
inline void lay_out_demo(const RealDaemon& daemon) {
  for (const char* program : {"wordcount.sh", "test.sh"})
    daemon.put(program, content_of(examples() / "demo-repo" / program), true);
  const auto git = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"git", "-C", daemon.workspace(), "-c", "user.name=T", "-c",
                                 "user.email=t@tinkerbell.invalid"});
    EXPECT_EQ(run_to_end(words).exit, 0);
  };
  git({"add", "."});
  git({"commit", "--quiet", "-m", "A word counter"});
}

}  // namespace tinkerbell
