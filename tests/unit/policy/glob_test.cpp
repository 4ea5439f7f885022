#include "policy/glob.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace tinkerbell {
namespace {

TEST(Glob, MatchesTheWholeTextByteForByte) {
  EXPECT_TRUE(glob_matches("a.txt", "a.txt"));
  EXPECT_FALSE(glob_matches("a.txt", "xa.txt"));
  EXPECT_FALSE(glob_matches("a.txt", "a.txtx"));
  EXPECT_FALSE(glob_matches("a.txt", "A.txt"));
  EXPECT_TRUE(glob_matches("", ""));
  EXPECT_FALSE(glob_matches("", "a"));
  EXPECT_TRUE(glob_matches("[a]\\", "[a]\\"));
}

TEST(Glob, KeepsAStarAndAQuestionMarkWithinOneSegment) {
  EXPECT_TRUE(glob_matches("*.md", "README.md"));
  EXPECT_FALSE(glob_matches("*.md", "docs/README.md"));
  EXPECT_TRUE(glob_matches("docs/*", "docs/a"));
  EXPECT_FALSE(glob_matches("docs/*", "docs/a/b"));
  EXPECT_TRUE(glob_matches("a?c", "abc"));
  EXPECT_FALSE(glob_matches("a?c", "a/c"));
  EXPECT_FALSE(glob_matches("a?c", "ac"));
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("*a*b*", "xxaxxbxx"));
}

TEST(Glob, LetsTwoStarsCrossDirectories) {
  EXPECT_TRUE(glob_matches("docs/**", "docs/a"));
  EXPECT_TRUE(glob_matches("docs/**", "docs/a/b.md"));
  EXPECT_FALSE(glob_matches("docs/**", "docs2/a"));
  EXPECT_FALSE(glob_matches("docs/**", "docs"));
  EXPECT_TRUE(glob_matches("**", "a/b/c"));
  EXPECT_TRUE(glob_matches("src/**.cpp", "src/a/b.cpp"));
}

TEST(Glob, LetsTwoStarsAndASlashStandForNoOrSeveralDirectories) {
  for (const char* text : {"x", "a/x", "a/b/x"}) {
    EXPECT_TRUE(glob_matches("**/x", text)) << text;
    EXPECT_TRUE(glob_matches("**/**/x", text)) << text;
  }
  EXPECT_FALSE(glob_matches("**/x", "ax"));
  EXPECT_FALSE(glob_matches("**/x", "a/bx"));
  EXPECT_TRUE(glob_matches("a/**/z", "a/z"));
  EXPECT_TRUE(glob_matches("a/**/z", "a/b/c/z"));
  EXPECT_FALSE(glob_matches("a/**/z", "az"));
  EXPECT_TRUE(glob_matches("**/.git/**", "sub/.git/config"));
  EXPECT_FALSE(glob_matches("**/.git/**", "sub/x.git/config"));
}

TEST(Glob, LooksAtWhatIsBetweenItsEndsAsWell) {
  EXPECT_FALSE(glob_matches("ab*ba", "aba"));
  EXPECT_TRUE(glob_matches("ab*ba", "abba"));
  EXPECT_FALSE(glob_matches("a?", "a"));
  EXPECT_TRUE(glob_matches("a/**/b", "a/b"));
  EXPECT_TRUE(glob_matches("a**/b", "a/b"));
  EXPECT_FALSE(glob_matches("a**/b", "ab"));
  EXPECT_FALSE(glob_matches("a*/b", "ab"));
}

TEST(Glob, NeedsNoMoreThanTheProductOfBothLengths) {
  std::string glob;
  for (int i = 0; i < 200; ++i)
    glob += "*a**/";
  const std::string text(4'000, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob_matches(glob + "b*", text));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace tinkerbell
