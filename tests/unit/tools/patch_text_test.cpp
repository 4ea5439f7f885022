#include "tools/patch_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tinkerbell {
namespace {

using testing::HasSubstr;

/// What a patch of one file says of it.
PatchedFile file_of(std::string_view patch) {
  const Result<AwaitFilePatch> parsed = parse_patch(patch);
  EXPECT_TRUE(parsed) << parsed.error().message;
  if (!parsed) return {};
  EXPECT_EQ(parsed->files.size(), 1U);
  return parsed->files.front();
}

PatchHunk hunk_of(std::string_view patch) {
  const PatchedFile file = file_of(patch);
  EXPECT_EQ(file.hunks.size(), 1U);
  return file.hunks.empty() ? PatchHunk{} : file.hunks.front();
}

std::string refusal(std::string_view patch) {
  const Result<AwaitFilePatch> parsed = parse_patch(patch);
  EXPECT_FALSE(parsed);
  return parsed ? "" : parsed.error().message;
}

TEST(PatchText, IsReadWithItsHunks) {
  const PatchedFile file = file_of(
      "--- a/src/a.cpp\t2026-01-01\n+++ b/src/a.cpp\n"
      "@@ -3,3 +3,3 @@ int main()\n one\n-two\n+zwei\n three\n"
      "@@ -20 +20,2 @@\n twenty\n+more\n");
  EXPECT_EQ(file.path, "src/a.cpp");
  EXPECT_EQ(file.to, "src/a.cpp");
  ASSERT_EQ(file.hunks.size(), 2U);
  EXPECT_EQ(file.hunks[0].line, 3U);
  EXPECT_EQ(file.hunks[0].before, "one\ntwo\nthree\n");
  EXPECT_EQ(file.hunks[0].after, "one\nzwei\nthree\n");
  EXPECT_EQ(file.hunks[1].line, 20U);
  EXPECT_EQ(file.hunks[1].before, "twenty\n");
  EXPECT_EQ(file.hunks[1].after, "twenty\nmore\n");
}

TEST(PatchText, MakesAndRemovesFiles) {
  const PatchedFile made = file_of("--- /dev/null\n+++ b/new\n@@ -0,0 +1,2 @@\n+x\n+y\n");
  EXPECT_EQ(made.path, "");
  EXPECT_EQ(made.to, "new");
  EXPECT_EQ(made.hunks[0].before, "");
  EXPECT_EQ(made.hunks[0].after, "x\ny\n");
  const PatchedFile gone = file_of("--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n");
  EXPECT_EQ(gone.path, "old");
  EXPECT_EQ(gone.to, "");
}

TEST(PatchText, ReadsWhatGitSaysOfFiles) {
  const Result<AwaitFilePatch> patch = parse_patch(
      "From 1234 Mon Sep 17\nSubject: words\n\n---\n a | 2 +-\n\n"
      "diff --git a/x y b/z\nsimilarity index 90%\nrename from x y\nrename to z\n"
      "--- a/x y\t\n+++ b/z\n@@ -1 +1 @@\n-1\n+2\n"
      "diff --git a/run b/run\nold mode 100644\nnew mode 100755\n"
      "diff --git a/empty b/empty\nnew file mode 100755\nindex 000..e69\n"
      "diff --git a/gone b/gone\ndeleted file mode 100644\nindex e69..000\n"
      "diff --git \"a/\\303\\244\\t\" \"b/\\303\\244\\t\"\nindex 1..2\n"
      "--- \"a/\\303\\244\\t\"\n+++ \"b/\\303\\244\\t\"\n@@ -1 +1 @@\n-1\n+2\n");
  ASSERT_TRUE(patch) << patch.error().message;
  ASSERT_EQ(patch->files.size(), 5U);
  EXPECT_EQ(patch->files[0].path, "x y");
  EXPECT_EQ(patch->files[0].to, "z");
  EXPECT_EQ(patch->files[0].hunks.size(), 1U);
  EXPECT_EQ(patch->files[1].executable, true);
  EXPECT_EQ(patch->files[2].path, "");
  EXPECT_EQ(patch->files[2].to, "empty");
  EXPECT_EQ(patch->files[2].executable, true);
  EXPECT_EQ(patch->files[3].path, "gone");
  EXPECT_EQ(patch->files[3].to, "");
  EXPECT_EQ(patch->files[4].to, "\u00e4\t");
}

TEST(PatchText, RenamesWithoutAChange) {
  const PatchedFile file = file_of(
      "diff --git a/d/old b/d/new\nsimilarity index 100%\nrename from d/old\n"
      "rename to d/new\n");
  EXPECT_EQ(file.path, "d/old");
  EXPECT_EQ(file.to, "d/new");
  EXPECT_TRUE(file.hunks.empty());
}

TEST(PatchText, TakesWrongAndMissingLineNumbers) {
  const PatchHunk wrong = hunk_of("--- a/f\n+++ b/f\n@@ -7,99 +7,1 @@\n one\n-two\n+zwei\n");
  EXPECT_EQ(wrong.before, "one\ntwo\n");
  EXPECT_EQ(wrong.after, "one\nzwei\n");
  const PatchHunk none = hunk_of("--- a/f\n+++ b/f\n@@\n-two\n+zwei\n");
  EXPECT_EQ(none.line, 0U);
  EXPECT_EQ(none.before, "two\n");
  const Result<AwaitFilePatch> two =
      parse_patch("--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-1\n+2\n--- a/g\n+++ b/g\n@@ @@\n-1\n+2\n");
  ASSERT_TRUE(two) << two.error().message;
  ASSERT_EQ(two->files.size(), 2U);
  EXPECT_EQ(two->files[0].hunks[0].after, "2\n");
}

TEST(PatchText, TellsRemovedLinesWithDashesFromFiles) {
  const PatchHunk hunk = hunk_of("--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n x\n--- old\n+++ new\n");
  EXPECT_EQ(hunk.before, "x\n-- old\n");
  EXPECT_EQ(hunk.after, "x\n++ new\n");
}

TEST(PatchText, TakesEmptyLinesWhoseBlankIsLost) {
  const PatchHunk hunk = hunk_of("--- a/f\n+++ b/f\n@@\n one\n\n-two\n+zwei\n\n\n");
  EXPECT_EQ(hunk.before, "one\n\ntwo\n");
  EXPECT_EQ(hunk.after, "one\n\nzwei\n");
  EXPECT_EQ(parse_patch("--- a/f\n+++ b/f\n@@\n-1\n+2\n\n--- a/g\n+++ b/g\n@@\n-1\n+2\n")
                ->files[0]
                .hunks[0]
                .after,
            "2\n");
}

TEST(PatchText, KnowsFilesThatEndWithoutALineFeed) {
  const PatchHunk hunk = hunk_of(
      "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n one\n-two\n\\ No newline at end of file\n+zwei\n");
  EXPECT_EQ(hunk.before, "one\ntwo");
  EXPECT_EQ(hunk.after, "one\nzwei\n");
  EXPECT_THAT(refusal("--- a/f\n+++ b/f\n@@\n one\n\\ No newline\n+two\n"),
              HasSubstr("line 6 of the patch: the file ended before, without a line feed"));
}

TEST(PatchText, S66_WhatIsNoPatchIsRefusedWithItsLine) {
  EXPECT_THAT(refusal(""), HasSubstr("no unified diff"));
  EXPECT_THAT(refusal("*** Begin Patch\n*** Update File: a\n"), HasSubstr("no unified diff"));
  EXPECT_EQ(refusal("@@ -1 +1 @@\n-1\n+2\n"),
            "line 1 of the patch: a hunk before its file: begin with --- a/PATH and +++ b/PATH");
  EXPECT_THAT(refusal("--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n x\nno sign\n"),
              HasSubstr("line 5 of the patch: a line of a hunk begins with a blank"));
  EXPECT_EQ(refusal("--- a/f\n+++ b/f\n@@ -1 +1 @@\n x\n"),
            "line 3 of the patch: the hunk changes nothing");
  EXPECT_THAT(refusal("--- a/f\n+++ b/f\n"), HasSubstr("nothing is said about this file"));
  EXPECT_THAT(refusal("--- a/f\n+++ b/g\n@@\n-1\n+2\n"), HasSubstr("two names of one file"));
  EXPECT_THAT(refusal("--- /dev/null\n+++ /dev/null\n@@\n-1\n+2\n"),
              HasSubstr("nothing is said about this file"));
  EXPECT_THAT(refusal("diff --git a/f b/f\nGIT binary patch\n"), HasSubstr("binary"));
  EXPECT_THAT(refusal("diff --git a/f b/g\ncopy from f\ncopy to g\n"), HasSubstr("copies"));
  EXPECT_THAT(refusal("diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@\n+x\n"),
              HasSubstr("no links"));
  std::string many;
  for (std::size_t i = 0; i <= kPatchFilesMax; ++i)
    many += "--- /dev/null\n+++ b/f\n@@\n+x\n";
  EXPECT_EQ(parse_patch(many).error().code, Errc::too_large);
}

}  // namespace
}  // namespace tinkerbell
