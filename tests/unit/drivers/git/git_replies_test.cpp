#include "drivers/git/git_replies.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;

const std::string kHash(40, 'a');
const std::string kOther(40, 'b');

bool any(const std::string& /*path*/) {
  return true;
}

// ---- status ----

TEST(GitStatus, NamesAreBytesBetweenZeros) {
  const std::string modes = " N... 100644 100644 100644 " + kHash + " " + kOther + " ";
  const std::string output = "# branch.oid " + kHash + "\0"s + "# branch.head main\0"s +
                             "# branch.upstream origin/main\0# branch.ab +1 -2\0"s + "1 M." +
                             modes + "a b\n\"c\"\0"s + "2 R." + modes + "R100 new\0old name\0"s +
                             "1 .D" + modes + "\xff.txt\0"s + "1 A. S... 000000 160000 160000 " +
                             kHash + " " + kHash + " sub\0"s + "u UU N... 1 2 3 4 " + kHash + " " +
                             kHash + " " + kHash + " both\0"s + "? dir/\0"s;

  const Result<AwaitGitStatus::Reply> reply = status_in(output, 100);

  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->branch, "main");
  EXPECT_EQ(reply->commit, kHash);
  EXPECT_EQ(reply->upstream, "origin/main");
  EXPECT_EQ(reply->ahead, 1U);
  EXPECT_EQ(reply->behind, 2U);
  EXPECT_TRUE(reply->complete);
  EXPECT_THAT(
      reply->entries,
      ElementsAre(GitStatusEntry{.path = "a b\n\"c\"", .from = {}, .staged = GitChange::modified},
                  GitStatusEntry{.path = "new", .from = "old name", .staged = GitChange::renamed},
                  GitStatusEntry{.path = "\uFFFD.txt", .from = {}, .unstaged = GitChange::removed},
                  GitStatusEntry{.path = "sub", .from = {}, .staged = GitChange::added},
                  GitStatusEntry{.path = "both",
                                 .from = {},
                                 .staged = GitChange::conflicting,
                                 .unstaged = GitChange::conflicting},
                  GitStatusEntry{.path = "dir/", .from = {}, .tracked = false}));
}

TEST(GitStatus, ThereMayBeNoCommitAndNoBranch) {
  const auto reply = status_in("# branch.oid (initial)\0# branch.head (detached)\0"s, 100);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->commit, "");
  EXPECT_EQ(reply->branch, "");
}

TEST(GitStatus, SaysWhereThereAreMoreEntriesThanWereAskedFor) {
  EXPECT_TRUE(status_in("? a\0? b\0"s, 2)->complete);
  const auto reply = status_in("? a\0? b\0? c\0"s, 2);
  EXPECT_FALSE(reply->complete);
  EXPECT_EQ(reply->entries.size(), 2U);
}

TEST(GitStatus, WhatGitDoesNotWriteIsRefused) {
  for (const std::string& output :
       {"? a"s, "x a\0"s, "1 M. N...\0"s, "1 ZZ N... 1 2 3 4 5 a\0"s, "2 R. N... 1 2 3 4 5 R1 a\0"s,
        "# branch.ab 1 2\0"s, "\0"s, "?a\0"s}) {
    EXPECT_EQ(status_in(output, 9).error().code, Errc::protocol) << output;
  }
}

// ---- diff ----

const std::string kRaw = ":100644 100644 " + kHash + " " + kOther + " ";

TEST(GitDiff, EachFileHasItsOwnText) {
  const std::string first =
      "diff --git a/a b b/a b\n--- a/a b\t\n+++ b/a b\t\n@@ -1 +1,2 @@\n-1\n+2\n+3\n";
  const std::string second =
      "diff --git \"a/n\\nl\\\"q\" b/z\nsimilarity index 100%\nrename from x\nrename to z\n";
  const auto reply = diff_in(
      kRaw + "M\ta b\n" + kRaw + "R100\t\"n\\nl\\\"q\"\tz\n\n" + first + second, 1'000, any);

  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_THAT(reply->files, ElementsAre(GitFileDiff{.path = "a b",
                                                    .from = {},
                                                    .change = GitChange::modified,
                                                    .added = 2,
                                                    .removed = 1,
                                                    .text = first,
                                                    .left = {}},
                                        GitFileDiff{.path = "z",
                                                    .from = "n\nl\"q",
                                                    .change = GitChange::renamed,
                                                    .text = second,
                                                    .left = {}}));
}

TEST(GitDiff, LinesThatLookLikeAnotherFileAreOnesOfThis) {
  const std::string text =
      "diff --git a/a b/a\n@@ -1 +1 @@\n-diff --git a/x b/x\n+diff --git a/y b/y\n diff --git a/z "
      "b/z\n";
  const auto reply = diff_in(kRaw + "M\ta\n\n" + text, 1'000, any);
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->files.size(), 1U);
  EXPECT_EQ(reply->files[0].text, text);
}

TEST(GitDiff, WhatHasBecomeALinkIsOneFile) {
  const std::string text = "diff --git a/a b/a\ndeleted file\ndiff --git a/a b/a\nnew file\n";
  const auto reply = diff_in(kRaw + "T\ta\n\n" + text, 1'000, any);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->files[0].text, text);
}

TEST(GitDiff, ThereIsNoTextOfWhatMustNotBeReadNorOfTooMuch) {
  const std::string text = "diff --git a/a b/a\n@@ -1 +1 @@\n-s\n+t\n";
  const auto may_read = [](const std::string& path) { return path != "secret"; };
  const std::string raw = kRaw + "M\tsecret\n" + kRaw + "R90\tsecret\tnew\n" + kRaw + "M\topen\n" +
                          kRaw + "M\tlater\n\n";
  const auto reply = diff_in(raw + text + text + text + text, 3 * text.size(), may_read);

  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->files[0].text, "");
  EXPECT_EQ(reply->files[0].left, "a rule keeps it from being read");
  EXPECT_EQ(reply->files[1].text, "");
  EXPECT_EQ(reply->files[2].text, text);
  EXPECT_EQ(reply->files[3].text, "");
  EXPECT_EQ(reply->files[3].added, 1U);
}

TEST(GitDiff, NamesOfOtherBytesAreShownAsNearlyAsCanBe) {
  const auto reply = diff_in(kRaw + "M\t\"\\303\\251\\377\"\n\ndiff --git x y\n", 1'000, any);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->files[0].path, "\u00E9\uFFFD");
}

TEST(GitDiff, WhatGitDoesNotWriteIsRefused) {
  const std::string text = "diff --git a/a b/a\n";
  for (const std::string& output :
       {kRaw + "M\ta\n", kRaw + "M\ta\n\n" + text + text, text, kRaw + "Q\ta\n\n" + text,
        kRaw + "M\t\"a\n\n" + text, kRaw + "M\t\"\\9\"\n\n" + text, kRaw + "R100\ta\n\n" + text,
        ":1 2\n"s}) {
    EXPECT_EQ(diff_in(output, 1'000, any).error().code, Errc::protocol) << output;
  }
  EXPECT_TRUE(diff_in("", 1'000, any)->files.empty());
}

// ---- log, branches, commit, push ----

TEST(GitLog, EachCommitIsSixTexts) {
  const auto commit = [](const std::string& parents) {
    return kHash + "\0"s + parents + "\0"s + "A\xff\0a@b\0"s + "1700000000\0Mend it\n\nWell\n\0"s;
  };
  const auto reply = log_in(commit(kOther + " " + kHash) + commit(""), 1);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_FALSE(reply->complete);
  EXPECT_THAT(reply->commits, ElementsAre(GitCommit{.commit = kHash,
                                                    .parents = {kOther, kHash},
                                                    .author = "A\uFFFD",
                                                    .email = "a@b",
                                                    .unix_s = 1'700'000'000,
                                                    .message = "Mend it\n\nWell\n"}));
  EXPECT_EQ(log_in("a\0b\0"s, 9).error().code, Errc::protocol);
  EXPECT_TRUE(log_in("", 9)->complete);
}

TEST(GitLog, ATimeThatIsNoneIsBounded) {
  const std::string rest = "\0\0A\0a\0"s;
  EXPECT_EQ(log_in(kHash + rest + "9999999999999999999999\0m\0"s, 9)->commits[0].unix_s, 0);
  EXPECT_EQ(log_in(kHash + rest + "9999999999999999\0m\0"s, 9)->commits[0].unix_s, 253'402'300'799);
}

TEST(GitBranches, OneIsCurrent) {
  const auto read = branches_in("refs/heads/main\0"s + kHash + "\0*\0origin/main\n"s +
                                "refs/heads/x/y\0"s + kOther + "\0 \0\n"s);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(
      *read,
      ElementsAre(
          GitBranch{.name = "main", .commit = kHash, .upstream = "origin/main", .current = true},
          GitBranch{.name = "x/y", .commit = kOther, .upstream = {}}));
  EXPECT_EQ(branches_in("refs/tags/x\0a\0 \0\n"s).error().code, Errc::protocol);
}

TEST(GitCommitOutput, TheCommitIsTheFirstWholeHash) {
  EXPECT_EQ(commit_in("[main (root-commit) " + kHash + "] Mend " + kOther + "\n"), kHash);
  EXPECT_EQ(commit_in("[" + kOther + " " + kHash + "] x\n"), kHash);
  EXPECT_EQ(commit_in("the reflog has this step, as commit " + kHash), kHash);
  EXPECT_EQ(commit_in("[main abc1234] x"), "");
}

TEST(GitPushOutput, SaysWhetherItMoved) {
  EXPECT_TRUE(*push_in("To /srv/x\n \trefs/heads/a:refs/heads/a\t1..2\nDone\n"));
  EXPECT_TRUE(*push_in("To /srv/x\n*\trefs/heads/a:refs/heads/a\t[new branch]\nDone\n"));
  EXPECT_FALSE(*push_in("To /srv/x\n=\trefs/heads/a:refs/heads/a\t[up to date]\nDone\n"));
  const auto refused =
      push_in("To /srv/x\n!\trefs/heads/a:refs/heads/a\t[rejected] (non-fast-forward)\nDone\n");
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_EQ(refused.error().message, "it was refused: [rejected] (non-fast-forward)");
  EXPECT_EQ(push_in("").error().code, Errc::protocol);
}

}  // namespace
}  // namespace tinkerbell
