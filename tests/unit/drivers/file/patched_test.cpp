#include "drivers/file/patched.hpp"

#include "tinkerbell/workspace/workspace.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

PatchedFile file_with(std::vector<PatchHunk> hunks) {
  return {.path = "a", .to = "a", .hunks = std::move(hunks)};
}

std::string result_of(std::vector<PatchHunk> hunks, std::string_view content) {
  const Result<std::string> result = patched(file_with(std::move(hunks)), content, false);
  return result ? *result : "error: " + result.error().message;
}

TEST(Patched, PutsEachHunkWhereItsLinesAre) {
  EXPECT_EQ(result_of({{.line = 90, .before = "b\n", .after = "B\n"},
                       {.before = "d\ne\n", .after = "e\n"}},
                      "a\nb\nc\nd\ne\n"),
            "a\nB\nc\ne\n");
  EXPECT_EQ(result_of({{.before = "", .after = "x\n"}}, ""), "x\n");
  EXPECT_EQ(result_of({{.before = "a\nb", .after = "a\nc\n"}}, "a\nb"), "a\nc\n");
}

TEST(Patched, TakesTheLineNumberWhereSeveralPlacesFit) {
  const std::string content = "x\ny\nx\ny\n";
  EXPECT_EQ(result_of({{.line = 3, .before = "x\n", .after = "z\n"}}, content), "x\ny\nz\ny\n");
  EXPECT_EQ(result_of({{.line = 2, .before = "x\n", .after = "z\n"}}, content),
            "error: a, hunk 1: its lines stand at several places (lines 1, 3): give more around "
            "them, or the right line number");
  EXPECT_EQ(
      result_of({{.before = "x\n", .after = "z\n"}, {.before = "y\n", .after = ""}}, "x\ny\n"),
      "z\n");
}

TEST(Patched, TakesWholeLinesAndNothingAlmostLikeThem) {
  EXPECT_EQ(
      result_of({{.before = "b\n", .after = "B\n"}}, "ab\nc\n"),
      "error: a, hunk 1: its lines are not in the file; but for white space it stands at line "
      "1");
  EXPECT_EQ(
      result_of({{.before = "a", .after = "b"}}, "a\n"),
      "error: a, hunk 1: its lines are not in the file; but for white space it stands at line "
      "1");
  EXPECT_EQ(
      result_of({{.before = "\tint x;\n", .after = "\n"}}, "  int x;\n"),
      "error: a, hunk 1: its lines are not in the file; but for white space it stands at line "
      "1");
}

TEST(Patched, NamesTheHunkThatDoesNotFit) {
  EXPECT_EQ(
      result_of({{.before = "b\n", .after = "B\n"}, {.before = "a\n", .after = "A\n"}}, "a\nb\n"),
      "error: a, hunk 2: its lines stand before those of the hunk before it");
  EXPECT_EQ(result_of({{.before = "one\nzwei\n", .after = "x\n"}}, "one\ntwo\n"),
            "error: a, hunk 1: its lines are not in the file; most like it is what begins at line "
            "1, but not line 2");
  EXPECT_EQ(result_of({{.before = "", .after = "x\n"}}, "a\n"),
            "error: a, hunk 1: it has no line of the file, so nothing says where it belongs: give "
            "some around it");
  EXPECT_EQ(result_of({{.before = "a\n", .after = "b"}}, "a\nc\n"),
            "error: a, hunk 1: it ends without a line feed, and the file goes on");
}

TEST(Patched, QuotesTheFileOnlyWhereItMay) {
  const PatchedFile file = file_with({{.before = "pass word\n", .after = "x\n"}});
  EXPECT_FALSE(patched(file, "pass  word\n", false).error().message.contains("pass"));
  EXPECT_TRUE(patched(file, "pass  word\n", true).error().message.ends_with("1: pass  word"));
}

TEST(Patched, IsBounded) {
  const std::string large(kChangeBytesMax, 'x');
  EXPECT_EQ(patched(file_with({{.before = "", .after = large + "y\n"}}), "", false).error().code,
            Errc::too_large);
}

}  // namespace
}  // namespace tinkerbell
