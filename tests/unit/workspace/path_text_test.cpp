#include "workspace/path_text.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

std::string normal(std::string_view path) {
  const Result<std::string> result = normalised_path(path, "/home/u/work");
  return result ? *result : std::string(to_string(result.error().code));
}

TEST(NormalisedPath, DropsWhatSaysNothing) {
  EXPECT_EQ(normal("a/./b//c/"), "a/b/c");
  EXPECT_EQ(normal("./"), ".");
  EXPECT_EQ(normal("."), ".");
}

TEST(NormalisedPath, KeepsDotDotForTheKernelWhereItStaysInside) {
  EXPECT_EQ(normal("a/../b"), "a/../b");
}

TEST(NormalisedPath, TakesAnAbsolutePathBelowTheWorkspace) {
  EXPECT_EQ(normal("/home/u/work/src/a.cpp"), "src/a.cpp");
  EXPECT_EQ(normal("/home/u/work"), ".");
  EXPECT_EQ(normal("/home/u/work/"), ".");
}

TEST(NormalisedPath, RefusesWhatLeavesByItsLetters) {
  for (const char* path :
       {"..", "../a", "a/../..", "missing/../../x", "/", "/home/u", "/home/u/works",
        "/home/u/work2/a", "/home/u/work/../a", "//home/u/work/a"}) {
    EXPECT_EQ(normal(path), "outside_workspace") << path;
  }
}

TEST(NormalisedPath, RefusesWhatIsNoPath) {
  EXPECT_EQ(normal(""), "invalid");
  EXPECT_EQ(normal(std::string_view("a\0b", 3)), "invalid");
  EXPECT_EQ(normal(std::string(4096, 'a')), "invalid");
}

TEST(NormalisedPath, S45_KeepsEveryOtherByte) {
  EXPECT_EQ(normal("a\n\x1b[2J\xff b"), "a\n\x1b[2J\xff b");
}

TEST(SplitLeaf, IsUndoneByJoin) {
  for (const std::string path : {"a", "a/b", "a/b/c"}) {
    const auto [directory, leaf] = split_leaf(path);
    EXPECT_EQ(joined_path(directory, leaf), path);
  }
}

}  // namespace
}  // namespace tinkerbell
