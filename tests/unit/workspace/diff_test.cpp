#include "tinkerbell/workspace/diff.hpp"

#include "support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using namespace std::string_literals;

bool has_git() {
  return std::system("git --version >/dev/null 2>&1") == 0;  // NOLINT(concurrency-mt-unsafe)
}

/// What `git apply` makes of `before` with our diff; nothing if the file is gone.
std::optional<std::string> git_applied(const std::string& name, std::optional<std::string> before,
                                       const std::string& diff) {
  TempDir dir;
  if (before) dir.write("work/" + name, *before);
  std::filesystem::create_directories(dir / "work");
  dir.write("change.patch", diff);
  const std::string command =
      "cd '" + (dir / "work").string() +
      "' && GIT_CEILING_DIRECTORIES=/ git apply --whitespace=nowarn ../change.patch";
  EXPECT_EQ(std::system(command.c_str()), 0) << diff;  // NOLINT(concurrency-mt-unsafe)
  if (!std::filesystem::exists(dir / ("work/" + name))) return std::nullopt;
  return dir.read("work/" + name);
}

TEST(UnifiedDiff, ShowsAChangedLineInThreeLinesOfContext) {
  EXPECT_EQ(unified_diff("n.txt", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
            "--- a/n.txt\n+++ b/n.txt\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

TEST(UnifiedDiff, IsEmptyForEqualSides) {
  EXPECT_EQ(unified_diff("a", "same\n", "same\n"), "");
  EXPECT_EQ(unified_diff("a", std::nullopt, std::nullopt), "");
}

TEST(UnifiedDiff, NamesDevNullForAFileThatIsNotThere) {
  EXPECT_EQ(unified_diff("a", std::nullopt, "x\ny\n"),
            "--- /dev/null\n+++ b/a\n@@ -0,0 +1,2 @@\n+x\n+y\n");
  EXPECT_EQ(unified_diff("a", "x\n", std::nullopt), "--- a/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n");
  EXPECT_EQ(unified_diff("a", std::nullopt, ""), "--- /dev/null\n+++ b/a\n");
}

TEST(UnifiedDiff, SaysWhereTheLastLineFeedIsMissing) {
  EXPECT_EQ(unified_diff("a", "x", "x\n"),
            "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+x\n");
}

TEST(UnifiedDiff, SplitsChangesThatStandFarApart) {
  std::string before;
  for (int i = 1; i <= 30; ++i)
    before += std::to_string(i) + "\n";
  std::string after = before;
  after.replace(after.find("2\n"), 2, "two\n");
  after.replace(after.find("\n25\n"), 4, "\n");
  const std::string diff = unified_diff("a", before, after);
  EXPECT_NE(diff.find("@@ -1,5 +1,5 @@\n"), std::string::npos) << diff;
  EXPECT_NE(diff.find("@@ -22,7 +22,6 @@\n"), std::string::npos) << diff;
}

TEST(UnifiedDiff, TellsOnlyTheSizesOfBinaryFiles) {
  EXPECT_EQ(unified_diff("a", "x\0y"s, "xyz"),
            "Binary files a/a and b/a differ: 3 bytes before, 3 bytes after\n");
  EXPECT_EQ(unified_diff("a", std::nullopt, "\0"s),
            "Binary files /dev/null and b/a differ: no file before, 1 bytes after\n");
}

TEST(UnifiedDiff, S45_QuotesNamesThatALineCannotHold) {
  EXPECT_TRUE(unified_diff("a\nb\x1b", "", "x\n").starts_with("--- \"a/a\\012b\\033\"\n"));
}

TEST(UnifiedDiff, ReplacesTheDifferingMiddleWhereTheShortestDiffWouldCostTooMuch) {
  std::string before = "head\n";
  std::string after = "head\n";
  for (int i = 0; i < 300'000; ++i) {
    before += "old " + std::to_string(i) + "\n";
    after += "new " + std::to_string(i) + "\n";
  }
  const std::string diff = unified_diff("a", before + "tail\n", after + "tail\n");
  EXPECT_TRUE(diff.starts_with("--- a/a\n+++ b/a\n@@ -1,300002 +1,300002 @@\n head\n-old 0\n"));
}

/// A text over few different lines, so that many diffs are possible.
std::string random_text(std::mt19937& random, int lines_max) {
  std::string text;
  const int lines = static_cast<int>(random() % static_cast<unsigned>(lines_max + 1));
  for (int i = 0; i < lines; ++i)
    text += std::string(1, static_cast<char>('a' + random() % 5)) + "\n";
  if (!text.empty() && random() % 4 == 0) text.pop_back();
  return text;
}

std::string random_edit(std::mt19937& random, std::string text) {
  for (unsigned edits = random() % 6; edits > 0 && !text.empty(); --edits) {
    const std::size_t at = random() % text.size();
    text.replace(at, random() % 12, random_text(random, 3));
  }
  return text;
}

TEST(UnifiedDiff, GitAppliesWhatWeWrite) {
  if (!has_git()) GTEST_SKIP() << "no git here";
  std::mt19937 random(20261122);
  for (int round = 0; round < 150; ++round) {
    const std::string before = random_text(random, 40);
    const std::string after =
        random() % 5 == 0 ? random_text(random, 40) : random_edit(random, before);
    if (before == after) continue;
    const std::string name = round % 3 == 0 ? "odd \"name\n" : "plain.txt";
    const std::string diff = unified_diff(name, before, after);
    ASSERT_EQ(git_applied(name, before, diff), after) << "round " << round << "\n" << diff;
  }
}

TEST(UnifiedDiff, GitAppliesCreationAndRemoval) {
  if (!has_git()) GTEST_SKIP() << "no git here";
  EXPECT_EQ(git_applied("my file", std::nullopt, unified_diff("my file", std::nullopt, "x\ny")),
            "x\ny");
  EXPECT_EQ(git_applied("my file", "x\ny", unified_diff("my file", "x\ny", std::nullopt)),
            std::nullopt);
}

TEST(UnifiedDiff, IsAsShortAsGits) {
  if (!has_git()) GTEST_SKIP() << "no git here";
  std::mt19937 random(7);
  const auto changed = [](const std::string& diff) {
    std::size_t count = 0;  // with two header lines on either side
    for (std::size_t at = 0; at < diff.size(); at = diff.find('\n', at) + 1)
      count += diff[at] == '+' || diff[at] == '-' ? 1U : 0U;
    return count;
  };
  for (int round = 0; round < 40; ++round) {
    TempDir dir;
    const std::string before = random_text(random, 60);
    const std::string after = random_edit(random, before);
    if (before == after) continue;
    dir.write("x", before);
    dir.write("y", after);
    const std::string command = "cd '" + dir.path().string() +
                                "' && git diff --no-index --minimal x y > diff; test -s diff";
    ASSERT_EQ(std::system(command.c_str()), 0);  // NOLINT(concurrency-mt-unsafe)
    EXPECT_LE(changed(unified_diff("x", before, after)), changed(dir.read("diff")));
  }
}

}  // namespace
}  // namespace tinkerbell
