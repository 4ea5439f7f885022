#include "drivers/draft/draft_stations.hpp"
#include "drivers/draft/git_objects.hpp"
#include "drivers/draft/git_state.hpp"
#include "support/child.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/workspace/git_index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

/// Commits of a draft, made by a real git.
namespace tinkerbell {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr TaskId kTask{12};

class DraftGitTest : public testing::Test {
 protected:
  DraftGitTest() {
    dir_.write("work/a", "one\n");
    git("work", {"init", "-q", "-b", "main", "--template="});
    commit("work", "begin");
    EXPECT_TRUE(run(AwaitDraftOpen{}));
  }

  std::string git(const std::string& where, std::vector<std::string> words) const {
    std::vector<std::string> argv = {"env",
                                     "GIT_CONFIG_GLOBAL=/dev/null",
                                     "GIT_CONFIG_NOSYSTEM=1",
                                     "git",
                                     "-C",
                                     (dir_ / where).string(),
                                     "-c",
                                     "user.name=T",
                                     "-c",
                                     "user.email=t@tinkerbell.invalid"};
    argv.insert(argv.end(), words.begin(), words.end());
    const Finished done = run_to_end(argv);
    EXPECT_EQ(done.exit, 0) << done.err;
    std::string out = done.out;
    while (out.ends_with('\n'))
      out.pop_back();
    return out;
  }

  void commit(const std::string& where, const std::string& message) const {
    git(where, {"add", "-A"});
    git(where, {"commit", "-q", "-m", message});
  }

  [[nodiscard]] std::string head(const std::string& where) const {
    return git(where, {"rev-parse", "HEAD"});
  }

  Result<Call> prepared(TaskCommand command) {
    Call call{.id = {kTask, Seq{++seq_}},
              .command = std::move(command),
              .workspace = (dir_ / "work").string(),
              .draft = kTask,
              .key = "0123456789abcdef0123456789abcdef"};
    Result<Prepared> found = stations_.prepare(call, {});
    if (!found) return found.error();
    call.facts = std::move(found->facts);
    return call;
  }

  template <Command C>
  Result<typename C::Reply> run(C command) {
    const Result<Call> call = prepared(TaskCommand(std::move(command)));
    if (!call) return call.error();
    const Result<Reply> reply = stations_.perform(*call, {});
    if (!reply) return reply.error();
    return std::get<typename C::Reply>(*reply);
  }

  static std::string shown_in(const Call& asked) {
    std::string shown;
    for (const DraftChange& each : asked.facts.changes)
      shown += each.diff;
    return shown;
  }

  [[nodiscard]] Result<std::shared_ptr<Workspace>> opened(const std::string& where) const {
    return Workspace::open(dir_ / where);
  }

  const std::string draft_ = "drafts/12/tree";
  TempDir dir_;
  std::unique_ptr<ContentStore> contents_ = *ContentStore::open(dir_ / "contents");
  DraftStations stations_{*contents_,
                          {.drafts = Drafts(dir_ / "drafts"),
                           .own = {},
                           .objection_to = [](const std::string& path) -> std::optional<Objection> {
                             if (("/" + path + "/").contains("/.git/"))
                               return Objection{.why = "protected"};
                             return std::nullopt;
                           }}};
  std::uint32_t seq_ = 0;
};

TEST_F(DraftGitTest, CommitsComeOverWithTheirFilesAndAreShown) {
  dir_.write(draft_ + "/a", "two\n");
  commit(draft_, "Change a");
  dir_.write(draft_ + "/b", "new\n");
  commit(draft_, "Add b");
  const Result<Call> asked = prepared(AwaitDraftAccept{});
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_THAT(asked->facts.left, IsEmpty());
  const std::string shown = shown_in(*asked);
  EXPECT_THAT(shown, HasSubstr(" Add b\n"));
  EXPECT_THAT(shown, HasSubstr(" Change a\n"));
  EXPECT_THAT(shown, testing::Not(HasSubstr("begin")));
  const Result<Reply> reply = stations_.perform(*asked, {});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(git("work", {"log", "--format=%s"}), "Add b\nChange a\nbegin");
  EXPECT_EQ(git("work", {"status", "--porcelain"}), "");
  EXPECT_EQ(git("work", {"symbolic-ref", "HEAD"}), "refs/heads/main");
  git("work", {"fsck", "--strict"});
  EXPECT_FALSE(fs::exists(dir_ / "drafts/12"));
}

TEST_F(DraftGitTest, ALookAtTheStatusIsNoChangeOnEitherSide) {
  fs::last_write_time(dir_ / "work/a", fs::file_time_type::clock::now() - std::chrono::hours(2));
  git("work", {"status", "--porcelain"});
  fs::last_write_time(dir_ / (draft_ + "/a"),
                      fs::file_time_type::clock::now() - std::chrono::hours(1));
  git(draft_, {"status", "--porcelain"});
  const Result<Call> asked = prepared(AwaitDraftAccept{});
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_THAT(asked->facts.changes, IsEmpty());
  EXPECT_THAT(asked->facts.left, IsEmpty());
}

TEST_F(DraftGitTest, ACommitComesOverThoughTheWorkspaceWasLookedAtMeanwhile) {
  dir_.write(draft_ + "/a", "two\n");
  commit(draft_, "Change a");
  fs::last_write_time(dir_ / "work/a", fs::file_time_type::clock::now() - std::chrono::hours(2));
  git("work", {"status", "--porcelain"});
  ASSERT_TRUE(run(AwaitDraftAccept{}));
  EXPECT_EQ(git("work", {"status", "--porcelain"}), "");
  EXPECT_EQ(git("work", {"log", "-1", "--format=%s"}), "Change a");
}

TEST_F(DraftGitTest, ABranchThatBothMovedIsLeftAndTheFilesComeOver) {
  dir_.write(draft_ + "/b", "b\n");
  commit(draft_, "Add b");
  dir_.write("work/c", "c\n");
  commit("work", "Add c");
  const std::string before = head("work");
  const Result<AwaitDraftAccept::Reply> reply = run(AwaitDraftAccept{});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(head("work"), before);
  EXPECT_EQ(dir_.read("work/b"), "b\n");
  std::vector<std::string> left;
  for (const LeftInDraft& each : reply->left)
    left.push_back(each.path);
  EXPECT_THAT(left, Contains(".git/refs/heads/main"));
  git("work", {"fsck", "--strict"});
}

TEST_F(DraftGitTest, S22_SettingsAndHooksOfGitStayInTheDraft) {
  git(draft_, {"config", "core.fsmonitor", "/tmp/evil"});
  dir_.write(draft_ + "/.git/hooks/pre-commit", "#!/bin/sh\n");
  const Result<Call> asked = prepared(AwaitDraftAccept{});
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_THAT(asked->facts.changes, IsEmpty());
  std::vector<std::string> left;
  for (const LeftInDraft& each : asked->facts.left)
    left.push_back(each.path);
  EXPECT_THAT(left, ElementsAre(".git/config", ".git/hooks", ".git/hooks/pre-commit"));
}

TEST_F(DraftGitTest, WhatIsStagedAndNotCommittedComesOverAndIsSaid) {
  dir_.write(draft_ + "/a", "staged\n");
  git(draft_, {"add", "a"});
  dir_.write(draft_ + "/a", "and more\n");
  const Result<Call> asked = prepared(AwaitDraftAccept{});
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_THAT(shown_in(*asked), HasSubstr(".git/index: what is staged\n"));
  ASSERT_TRUE(stations_.perform(*asked, {}));
  EXPECT_EQ(git("work", {"show", ":a"}), "staged");
  EXPECT_EQ(git("work", {"status", "--porcelain"}), "MM a");
  git("work", {"fsck", "--strict"});
}

TEST_F(DraftGitTest, BranchesTagsAndTheStashComeOverEachWithItsCommitsAndNoOlderOnes) {
  git(draft_, {"switch", "-q", "-c", "side"});
  dir_.write(draft_ + "/a", "two\n");
  commit(draft_, "On the side");
  git(draft_, {"tag", "light"});
  git(draft_, {"tag", "-a", "-m", "words", "heavy"});
  git(draft_, {"switch", "-q", "main"});
  git(draft_, {"commit", "-q", "--amend", "--allow-empty", "-m", "begin again"});
  dir_.write(draft_ + "/a", "for later\n");
  git(draft_, {"stash", "-q"});
  const auto reference = [&](const std::string& name) {
    return name + ": nothing, then " + git(draft_, {"rev-parse", name}).substr(0, 7) + "\n";
  };
  const Result<Call> asked = prepared(AwaitDraftAccept{});
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_THAT(asked->facts.left, IsEmpty());
  const std::string shown = shown_in(*asked);
  EXPECT_THAT(shown, HasSubstr(".git/" + reference("refs/tags/heavy")));
  EXPECT_THAT(shown, HasSubstr(".git/" + reference("refs/tags/light")));
  EXPECT_THAT(shown, HasSubstr(" On the side\n"));
  EXPECT_THAT(shown, HasSubstr(".git/" + reference("refs/stash") + "  commit "));
  EXPECT_THAT(shown, HasSubstr(" WIP on main: "));
  EXPECT_THAT(shown, HasSubstr(" begin again\n"));
  EXPECT_THAT(shown, HasSubstr("  LEAVES OUT " + git("work", {"rev-parse", "--short=7", "main"}) +
                               " begin\n"));
  EXPECT_THAT(shown,
              testing::Not(HasSubstr("commit " + git("work", {"rev-parse", "--short=7", "main"}))));
  ASSERT_TRUE(stations_.perform(*asked, {}));
  EXPECT_EQ(git("work", {"stash", "list", "--format=%gd"}), "stash@{0}");
  EXPECT_EQ(git("work", {"tag"}), "heavy\nlight");
  EXPECT_EQ(git("work", {"log", "--format=%s", "side"}), "On the side\nbegin");
  EXPECT_EQ(git("work", {"status", "--porcelain"}), "");
  git("work", {"stash", "pop", "-q"});
  EXPECT_EQ(dir_.read("work/a"), "for later\n");
  git("work", {"fsck", "--strict"});
}

TEST_F(DraftGitTest, RemotesComeWithoutTheirSettingsAndAMergeWithoutItsHeadWhichIsSaid) {
  git(draft_, {"remote", "add", "origin", "/elsewhere"});
  git(draft_, {"update-ref", "refs/remotes/origin/main", "HEAD"});
  git(draft_, {"switch", "-q", "-c", "side"});
  dir_.write(draft_ + "/a", "two\n");
  commit(draft_, "On the side");
  git(draft_, {"switch", "-q", "main"});
  git(draft_, {"merge", "-q", "--no-ff", "--no-commit", "side"});
  const Result<Call> asked = prepared(AwaitDraftAccept{});
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_THAT(shown_in(*asked), HasSubstr(".git/refs/remotes/origin/main: nothing, then "));
  std::vector<std::string> left;
  for (const LeftInDraft& each : asked->facts.left)
    left.push_back(each.path);
  EXPECT_THAT(left, testing::IsSupersetOf(
                        {".git/MERGE_HEAD", ".git/MERGE_MODE", ".git/MERGE_MSG", ".git/config"}));
  ASSERT_TRUE(stations_.perform(*asked, {}));
  EXPECT_EQ(git("work", {"status", "--porcelain"}), "M  a");
  EXPECT_TRUE(fs::exists(dir_ / "drafts/12")) << "and stays in the draft";
}

TEST_F(DraftGitTest, S22_WhatStandsForOtherObjectsStaysInTheDraft) {
  dir_.write("other", "evil\n");
  const std::string other = git(draft_, {"hash-object", "-w", (dir_ / "other").string()});
  git(draft_, {"replace", git(draft_, {"rev-parse", "HEAD:a"}), other});
  dir_.write(draft_ + "/a", "two\n");
  commit(draft_, "Change a");
  ASSERT_TRUE(run(AwaitDraftAccept{}));
  EXPECT_EQ(git("work", {"show", "HEAD~1:a"}), "one");
  EXPECT_FALSE(fs::exists(dir_ / "work/.git/refs/replace"));
}

TEST_F(DraftGitTest, S22_NorDoesItComeAmongPackedReferences) {
  dir_.write("other", "evil\n");
  const std::string other = git(draft_, {"hash-object", "-w", (dir_ / "other").string()});
  git(draft_, {"replace", git(draft_, {"rev-parse", "HEAD:a"}), other});
  git(draft_, {"pack-refs", "--all"});
  const Result<AwaitDraftAccept::Reply> reply = run(AwaitDraftAccept{});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(git("work", {"show", "HEAD:a"}), "one");
}

TEST_F(DraftGitTest, NamedAloneTheCommitsComeWithoutFilesAndSettings) {
  dir_.write(draft_ + "/a", "two\n");
  commit(draft_, "Change a");
  git(draft_, {"config", "some.key", "value"});
  const Result<AwaitDraftAccept::Reply> reply = run(AwaitDraftAccept{.paths = {".git"}});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(head("work"), head(draft_));
  EXPECT_EQ(dir_.read("work/a"), "one\n");
  EXPECT_THAT(reply->left, ElementsAre(testing::Field(&LeftInDraft::path, ".git/config"),
                                       testing::Field(&LeftInDraft::path, "a")));
}

TEST_F(DraftGitTest, OfARepositoryFurtherDownTheFilesComeAndItsGitIsLeft) {
  dir_.write(draft_ + "/sub/b", "b\n");
  git(draft_ + "/sub", {"init", "-q", "--template="});
  commit(draft_ + "/sub", "begin");
  const Result<AwaitDraftAccept::Reply> reply = run(AwaitDraftAccept{});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(dir_.read("work/sub/b"), "b\n");
  EXPECT_FALSE(fs::exists(dir_ / "work/sub/.git"));
  EXPECT_THAT(reply->left, Contains(testing::Field(&LeftInDraft::path, "sub/.git/HEAD")));
}

TEST_F(DraftGitTest, AnObjectThatIsNotWhatItsNameSaysDoesNotComeOver) {
  dir_.write(draft_ + "/a", "two\n");
  commit(draft_, "Change a");
  const std::string commit_hash = head(draft_);
  const std::string blob = git(draft_, {"rev-parse", "HEAD:a"});
  const fs::path place = dir_ / (draft_ + "/.git/objects/" + blob.substr(0, 2)) / blob.substr(2);
  const std::string other = git(draft_, {"rev-parse", "HEAD^:a"});
  fs::remove(place);
  fs::copy_file(dir_ / (draft_ + "/.git/objects/" + other.substr(0, 2)) / other.substr(2), place);
  const std::string before = head("work");
  const Result<AwaitDraftAccept::Reply> reply = run(AwaitDraftAccept{});
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("damaged"));
  EXPECT_EQ(head("work"), before);
  EXPECT_EQ(dir_.read("work/a"), "one\n");
}

TEST_F(DraftGitTest, PackedAnewOrBorrowingTheCommitsAreLeftWithTheReason) {
  dir_.write(draft_ + "/a", "two\n");
  commit(draft_, "Change a");
  git(draft_, {"gc", "-q"});
  const Result<Call> packed = prepared(AwaitDraftAccept{});
  ASSERT_TRUE(packed) << packed.error().message;
  ASSERT_EQ(packed->facts.changes.size(), 1U);
  EXPECT_EQ(packed->facts.changes[0].change.path, "a");
  EXPECT_THAT(packed->facts.left,
              Contains(testing::Field(&LeftInDraft::why, HasSubstr("packed its objects"))));
  dir_.write(draft_ + "/.git/objects/info/alternates", "/elsewhere\n");
  const Result<Call> borrowing = prepared(AwaitDraftAccept{});
  ASSERT_TRUE(borrowing);
  EXPECT_THAT(borrowing->facts.left,
              Contains(testing::Field(&LeftInDraft::why, HasSubstr("borrows objects"))));
}

TEST_F(DraftGitTest, ABranchThatNamesNoCommitIsLeft) {
  dir_.write(draft_ + "/.git/HEAD", "ref: ../../etc/passwd\n");
  const Result<Call> asked = prepared(AwaitDraftAccept{});
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_THAT(asked->facts.changes, IsEmpty());
  ASSERT_EQ(asked->facts.left.size(), 1U);
  EXPECT_EQ(asked->facts.left[0].path, ".git/HEAD");
}

TEST_F(DraftGitTest, S22_ALinkInThePlaceOfGitsNotesComesOverNowhere) {
  dir_.write("outside", "mine");
  for (const char* note : {".git/COMMIT_EDITMSG", ".git/logs/HEAD", ".git/index"}) {
    dir_.write(draft_ + "/a", std::string("for ") + note);
    commit(draft_, "Change a");
    fs::remove(dir_ / (draft_ + "/" + note));
    fs::create_symlink(dir_ / "outside", dir_ / (draft_ + "/" + note));
    const Result<Call> asked = prepared(AwaitDraftAccept{});
    ASSERT_TRUE(asked) << asked.error().message;
    for (const DraftChange& each : asked->facts.changes)
      EXPECT_EQ(each.change.path, "a") << note;
    EXPECT_THAT(asked->facts.left, Contains(testing::Field(&LeftInDraft::path, note)));
    fs::remove(dir_ / (draft_ + "/" + note));
    if (std::string_view(note) == ".git/index") break;
    git(draft_, {"reset", "-q", "--hard"});
  }
}

TEST_F(DraftGitTest, ARepositoryThatTheDraftBeganIsNotTakenOver) {
  fs::remove_all(dir_ / "work/.git");
  fs::remove_all(dir_ / "drafts");
  ASSERT_TRUE(run(AwaitDraftOpen{}));
  git(draft_, {"init", "-q", "--template="});
  commit(draft_, "begin");
  dir_.write(draft_ + "/b", "b\n");
  const Result<AwaitDraftAccept::Reply> reply = run(AwaitDraftAccept{});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(dir_.read("work/b"), "b\n");
  EXPECT_FALSE(fs::exists(dir_ / "work/.git"));
}

/// Both versions that git writes, with long common beginnings and names of all lengths.
TEST_F(DraftGitTest, AnIndexIsReadAsGitWritesIt) {
  std::string name = "n";
  for (int i = 0; i < 20; ++i, name += 'x')
    dir_.write("work/dir/" + name, name);
  git("work", {"add", "-A"});
  const auto index = [&] { return dir_.read("work/.git/index"); };
  int hours = 3;  // git tells whole seconds apart
  for (const char* version : {"2", "4"}) {
    git("work", {"update-index", "--index-version", version});
    const std::string before = index();
    EXPECT_TRUE(is_same_index(before, before));
    fs::last_write_time(dir_ / "work/dir/nxx",
                        fs::file_time_type::clock::now() - std::chrono::hours(hours++));
    git("work", {"update-index", "-q", "--refresh"});
    const std::string refreshed = index();
    EXPECT_NE(refreshed, before) << "the control: it is another file";
    EXPECT_TRUE(is_same_index(before, refreshed)) << version;
    git("work", {"update-index", "--chmod=+x", "dir/nxx"});
    EXPECT_FALSE(is_same_index(before, index())) << version;
    git("work", {"update-index", "--chmod=-x", "dir/nxx"});
    EXPECT_TRUE(is_same_index(before, index())) << version;
    git("work", {"rm", "-q", "--cached", "dir/nxxx"});
    EXPECT_FALSE(is_same_index(before, index())) << version;
    git("work", {"add", "-A"});
  }
  const std::string whole = index();
  EXPECT_FALSE(is_same_index("", ""));
  for (std::size_t size = 0; size + 20 < whole.size(); size += 7)
    (void)is_same_index(whole.substr(0, size), whole);
  EXPECT_FALSE(is_same_index("rubbish", "rubbish"));
}

}  // namespace
}  // namespace tinkerbell
