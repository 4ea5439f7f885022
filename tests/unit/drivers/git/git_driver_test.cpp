#include "unit/drivers/git/git_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

namespace fs = std::filesystem;

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class GitDriverTest : public GitFixture {};

TEST_F(GitDriverTest, TellsWhatIsNotAsInTheNewestCommit) {
  workspace_.write("a.txt", "two\n");
  workspace_.write("new \"file\"\n.txt", "x");
  const auto status = done(AwaitGitStatus{});

  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->branch, "main");
  EXPECT_EQ(status->commit, git({"rev-parse", "HEAD"}));
  EXPECT_THAT(
      status->entries,
      ElementsAre(GitStatusEntry{.path = "a.txt", .from = {}, .unstaged = GitChange::modified},
                  GitStatusEntry{.path = "new \"file\"\n.txt", .from = {}, .tracked = false}));
}

TEST_F(GitDriverTest, StagesAndCommitsWhatWasChanged) {
  workspace_.write("a.txt", "two\n");
  workspace_.write("b c.txt", "new\n");
  ASSERT_TRUE(done(AwaitGitAdd{.paths = {"b c.txt"}}));
  EXPECT_EQ(git({"diff", "--cached", "--name-only"}), "b c.txt");
  ASSERT_TRUE(done(AwaitGitAdd{}));
  const auto commit = done(AwaitGitCommit{.message = "Add b", .trailers = GitTrailers::step});

  ASSERT_TRUE(commit) << commit.error().message;
  EXPECT_EQ(commit->commit, git({"rev-parse", "HEAD"}));
  EXPECT_EQ(git({"log", "-1", "--format=%B"}),
            "Add b\n\nTinkerbell-Task: 1\nTinkerbell-Step: " + std::to_string(calls_ - 2));
  EXPECT_EQ(git({"status", "--porcelain"}), "");
  EXPECT_EQ(git({"log", "-1", "--format=%an %ae"}), "Tinkerbell agent@tinkerbell.invalid");
}

TEST_F(GitDriverTest, WhoCommitsTheConfigSays) {
  settings_.author = "Ann";
  settings_.author_email = "ann@example.org";
  git({"config", "user.name", "Somebody"});
  workspace_.write("a.txt", "two\n");
  ASSERT_TRUE(done(AwaitGitAdd{}));
  ASSERT_TRUE(done(AwaitGitCommit{.message = "Two"}));
  EXPECT_EQ(git({"log", "-1", "--format=%an %ae %cn"}), "Ann ann@example.org Ann");
}

TEST_F(GitDriverTest, ThatThereIsNothingToCommitIsNoError) {
  const auto commit = done(AwaitGitCommit{.message = "Nothing"});
  ASSERT_TRUE(commit) << commit.error().message;
  EXPECT_EQ(commit->commit, "");
  workspace_.write("untracked", "x");
  EXPECT_EQ(done(AwaitGitCommit{.message = "Nothing"})->commit, "");
}

TEST_F(GitDriverTest, ThatThereIsNothingToCommitIsNoErrorWhateverGitComplainsOf) {
  git({"update-ref", "refs/heads/HEAD", "HEAD"});
  const auto commit = done(AwaitGitCommit{.message = "Nothing"});
  ASSERT_TRUE(commit) << commit.error().message;
  EXPECT_EQ(commit->commit, "");
  EXPECT_THAT(commit->note, HasSubstr("ambiguous"));
}

TEST_F(GitDriverTest, SaysInGitsWordsWhatWentWrong) {
  const auto log = done(AwaitGitLog{.from = "nowhere"});
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Errc::invalid);
  EXPECT_THAT(log.error().message, HasSubstr("bad revision"));
}

TEST_F(GitDriverTest, TellsTheCommitsThatLedToOne) {
  workspace_.write("b.txt", "b\n");
  ASSERT_TRUE(done(AwaitGitAdd{}));
  ASSERT_TRUE(done(AwaitGitCommit{.message = "Add b"}));
  const auto all = done(AwaitGitLog{});
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->commits.size(), 2U);
  EXPECT_EQ(all->commits[0].message, "Add b\n");
  EXPECT_THAT(all->commits[0].parents, ElementsAre(all->commits[1].commit));
  EXPECT_TRUE(all->complete);
  EXPECT_FALSE(done(AwaitGitLog{.commits_max = 1})->complete);
  EXPECT_EQ(done(AwaitGitLog{.paths = {"a.txt"}})->commits[0].message, "Begin\n");
}

TEST_F(GitDriverTest, ShowsNoTextOfAFileThatMustNotBeRead) {
  workspace_.write("secret.txt", "hidden\n");
  workspace_.write("a.txt", "two\n");
  git({"add", "-A"});
  const auto diff = done(AwaitGitDiff{.staged = true});
  ASSERT_TRUE(diff) << diff.error().message;
  ASSERT_EQ(diff->files.size(), 2U);
  EXPECT_THAT(diff->files[0].text, HasSubstr("-one\n+two\n"));
  EXPECT_EQ(diff->files[1].path, "secret.txt");
  EXPECT_EQ(diff->files[1].text, "");
}

TEST_F(GitDriverTest, ShowsNoFileOrDirectoryByItsHash) {
  workspace_.write("secret.txt", "hidden\n");
  workspace_.write("d/secret.txt", "hidden\n");
  git({"add", "-A"});
  const std::string tree = git({"write-tree"});
  const std::string directory = git({"rev-parse", tree + ":d"});
  const std::string file = git({"rev-parse", tree + ":secret.txt"});
  const std::string other = git({"rev-parse", "HEAD:a.txt"});
  for (const std::string& hash : {tree, directory, file, file.substr(0, 7)}) {
    const auto diff = done(AwaitGitDiff{.from = other, .to = hash});
    ASSERT_FALSE(diff) << hash;
    EXPECT_EQ(done(AwaitGitDiff{.from = hash, .to = "HEAD"}).error().code, Errc::invalid) << hash;
    EXPECT_EQ(done(AwaitGitDiff{.from = "HEAD", .to = hash}).error().code, Errc::invalid) << hash;
  }
}

TEST_F(GitDriverTest, BranchesAreMadeCheckedOutAndRemoved) {
  const std::string first = git({"rev-parse", "HEAD"});
  const auto made = done(AwaitGitBranch{.action = GitBranchAction::change, .start = "HEAD"});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->name, "tinkerbell/1");
  workspace_.write("a.txt", "two\n");
  ASSERT_TRUE(done(AwaitGitAdd{}));
  ASSERT_TRUE(done(AwaitGitCommit{.message = "Two"}));
  const auto branches = done(AwaitGitBranch{});
  ASSERT_TRUE(branches) << branches.error().message;
  ASSERT_EQ(branches->branches.size(), 2U);
  EXPECT_EQ(branches->branches[1].name, "tinkerbell/1");
  EXPECT_TRUE(branches->branches[1].current);

  ASSERT_TRUE(done(AwaitGitBranch{.action = GitBranchAction::rewind, .start = first}));
  EXPECT_EQ(git({"rev-parse", "HEAD"}), first);
  EXPECT_EQ(git({"diff", "--cached", "--name-only"}), "") << "whatever was staged";
  EXPECT_EQ(git({"diff", "--name-only"}), "a.txt");
  ASSERT_TRUE(done(AwaitGitBranch{
      .action = GitBranchAction::change, .name = "main", .start = "HEAD", .force = true}));
  ASSERT_TRUE(done(AwaitGitBranch{.action = GitBranchAction::remove, .name = "tinkerbell/1"}));
  EXPECT_EQ(git({"branch"}), "* main");
}

TEST_F(GitDriverTest, AFirstCommitNeedsNoOtherBeforeIt) {
  fs::remove_all(workspace_ / ".git");
  git({"init", "-q", "-b", "main"});
  ASSERT_TRUE(done(AwaitGitBranch{.action = GitBranchAction::change, .start = "HEAD"}));
  EXPECT_EQ(done(AwaitGitStatus{})->commit, "");
  ASSERT_TRUE(done(AwaitGitAdd{}));
  EXPECT_EQ(done(AwaitGitCommit{.message = "First"})->commit, git({"rev-parse", "HEAD"}));
}

// ---- what is approved ----

TEST_F(GitDriverTest, AYesIsBoundToWhatIsStaged) {
  workspace_.write("a.txt", "two\n");
  git({"add", "-A"});
  Call commit = call(AwaitGitCommit{.message = "Two"});
  const Result<Prepared> prepared = prepare_git(commit);
  ASSERT_TRUE(prepared) << prepared.error().message;
  EXPECT_EQ(prepared->facts.diff, "modified a.txt\n");
  EXPECT_EQ(prepared->facts.object, "");
  EXPECT_EQ(prepared->facts.sandbox, "bubblewrap");
  commit.facts = prepared->facts;

  workspace_.write("b.txt", "slipped in\n");
  git({"add", "-A"});
  const Result<Reply> outcome = perform_git(commit);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::conflict);
  EXPECT_EQ(git({"log", "-1", "--format=%s"}), "Begin");
}

TEST_F(GitDriverTest, AYesIsBoundToTheCommitThatItComesAfter) {
  workspace_.write("a.txt", "two\n");
  git({"add", "-A"});
  Call commit = call(AwaitGitCommit{.message = "Two"});
  commit.facts = prepare_git(commit)->facts;
  const std::string other = git({"commit-tree", "-m", "Other", "HEAD^{tree}"});
  git({"update-ref", "refs/heads/" + git({"symbolic-ref", "--short", "HEAD"}), other});
  const Result<Reply> outcome = perform_git(commit);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::conflict);
  EXPECT_EQ(git({"log", "-1", "--format=%s"}), "Other");
}

TEST_F(GitDriverTest, AYesIsBoundToTheSettings) {
  Call add = call(AwaitGitAdd{});
  add.facts = prepare_git(add)->facts;
  git({"config", "core.autocrlf", "true"});
  EXPECT_EQ(perform_git(add).error().code, Errc::conflict);
}

TEST_F(GitDriverTest, ThePersonSeesWhatWouldBeStaged) {
  workspace_.write("a.txt", "two\n");
  workspace_.write("docs/b.txt", "new\n");
  EXPECT_EQ(prepare_git(call(AwaitGitAdd{}))->facts.diff, "modified a.txt\nnew docs/\n");
  EXPECT_EQ(prepare_git(call(AwaitGitAdd{.paths = {"./docs/b.txt"}}))->facts.diff, "new docs/\n");
}

// ---- where ----

TEST_F(GitDriverTest, WithoutASandboxThereIsNoGit) {
  settings_.sandbox = ProcessSandbox::none;
  EXPECT_EQ(done(AwaitGitStatus{}).error().code, Errc::unsupported);
}

TEST_F(GitDriverTest, TheRepositoryIsADirectoryAtTheTopWithAllItsParts) {
  const fs::path elsewhere = state_ / "elsewhere";
  workspace_.write(".git/commondir", elsewhere.string() + "\n");
  EXPECT_EQ(done(AwaitGitStatus{}).error().code, Errc::unsupported);
  fs::remove(workspace_ / ".git/commondir");
  fs::rename(workspace_ / ".git", elsewhere);
  EXPECT_EQ(done(AwaitGitStatus{}).error().code, Errc::not_found);
  workspace_.write(".git", "gitdir: " + elsewhere.string() + "\n");
  EXPECT_EQ(done(AwaitGitStatus{}).error().code, Errc::unsupported);
  fs::remove(workspace_ / ".git");
  fs::create_symlink(elsewhere, workspace_ / ".git");
  EXPECT_EQ(done(AwaitGitStatus{}).error().code, Errc::unsupported);
}

TEST_F(GitDriverTest, LooksOfOneStepMayBeTakenAtOnce) {
  Call one = call(AwaitGitStatus{});
  one.facts = prepare_git(one)->facts;
  Call other = one;
  other.command = AwaitGitLog{};
  other.facts = prepare_git(other)->facts;
  std::vector<Result<Reply>> outcomes;
  for (const Call& each : {one, other, one}) {
    git_driver().perform(each, Completion<Reply>([&](Result<Reply> outcome) {
                           outcomes.push_back(std::move(outcome));
                         }));
  }
  ASSERT_TRUE(turn_until([&] { return outcomes.size() == 3; }));
  for (const Result<Reply>& outcome : outcomes)
    EXPECT_TRUE(outcome) << outcome.error().message;
  EXPECT_TRUE(turn_until([&] { return fs::is_empty(settings_.runs_directory); }));
}

// ---- restarts ----

TEST_F(GitDriverTest, ACommitThatGoesOnWhileNobodyLooksIsFoundAgain) {
  workspace_.write("a.txt", "two\n");
  git({"add", "-A"});
  Call commit = call(AwaitGitCommit{.message = "Two"});
  commit.facts = prepare_git(commit)->facts;
  git_driver().perform(commit, Completion<Reply>([](const Result<Reply>&) {}));
  ASSERT_TRUE(turn_until([&] { return fs::exists(run_directory_of(commit) / kStartedFile); }));
  restart();

  const Result<Reply> outcome = recover_git(commit);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(std::get<AwaitGitCommit::Reply>(*outcome).commit, git({"rev-parse", "HEAD"}));
  EXPECT_EQ(git({"rev-list", "--count", "HEAD"}), "2");
}

TEST_F(GitDriverTest, WhereTheOutputIsLostTheRepositoryTellsOfTheCommit) {
  workspace_.write("a.txt", "two\n");
  git({"add", "-A"});
  Call commit = call(AwaitGitCommit{.message = "Two"});
  commit.facts = prepare_git(commit)->facts;
  ASSERT_TRUE(perform_git(commit));
  fs::remove(run_directory_of(commit) / kStatusFile);  // as if the machine had gone down
  restart();

  const Result<Reply> outcome = recover_git(commit);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(std::get<AwaitGitCommit::Reply>(*outcome).commit, git({"rev-parse", "HEAD"}));
}

TEST_F(GitDriverTest, WhatWasStagedWhileNobodyLookedIsStagedAgain) {
  Call add = call(AwaitGitAdd{});
  add.facts = prepare_git(add)->facts;
  ASSERT_TRUE(perform_git(add));
  fs::remove(run_directory_of(add) / kStatusFile);
  restart();
  EXPECT_EQ(recover_git(add).error().code, Errc::not_started);
}

// ---- pushes ----

class GitPushTest : public GitFixture {
 protected:
  GitPushTest() {
    (void)run_to_end({"git", "init", "-q", "--bare", "-b", "main", remote_.path().string()});
    git({"remote", "add", "origin", remote_.path().string()});
  }

  [[nodiscard]] std::string remote_head() const {
    return run_to_end({"git", "-C", remote_.path().string(), "rev-parse", "main"}).out;
  }

  TempDir remote_;
};

TEST_F(GitPushTest, BringsABranchToARepositoryOfThisMachine) {
  const auto pushed = done(AwaitGitPush{.branch = "main"});
  ASSERT_TRUE(pushed) << pushed.error().message;
  EXPECT_TRUE(pushed->moved);
  EXPECT_EQ(pushed->to, remote_.path().string());
  EXPECT_EQ(remote_head(), git({"rev-parse", "HEAD"}) + "\n");
  EXPECT_FALSE(done(AwaitGitPush{.branch = "main"})->moved);
}

TEST_F(GitPushTest, TakesNoCommitAway) {
  ASSERT_TRUE(done(AwaitGitPush{.branch = "main"}));
  git({"commit", "-q", "--amend", "--allow-empty", "-m", "Another"});
  const auto pushed = done(AwaitGitPush{.branch = "main"});
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().code, Errc::conflict);
}

TEST_F(GitPushTest, AYesIsBoundToTheCommitAndToThePlace) {
  Call push = call(AwaitGitPush{.branch = "main"});
  push.facts = prepare_git(push)->facts;
  EXPECT_EQ(push.facts.object, remote_.path().string());
  git({"commit", "-q", "--allow-empty", "-m", "More"});
  EXPECT_EQ(perform_git(push).error().code, Errc::conflict);
}

TEST_F(GitPushTest, WhatIsElsewhereIsNotReached) {
  for (const std::string url :
       {"https://example.invalid/x.git", "git@example.invalid:x.git", "ssh://example.invalid/x",
        "ext::sh -c touch% canary", "file://host/x"}) {
    git({"config", "remote.origin.url", url});
    const auto pushed = done(AwaitGitPush{.branch = "main"});
    EXPECT_EQ(pushed.error().code, Errc::unsupported) << url;
  }
  EXPECT_EQ(done(AwaitGitPush{.remote = "other", .branch = "main"}).error().code, Errc::not_found);
  EXPECT_EQ(done(AwaitGitPush{.remote = remote_.path().string(), .branch = "main"}).error().code,
            Errc::not_found)
      << "only what the settings name";
}

TEST_F(GitPushTest, TheDaemonsOwnFilesAndTheWorkspaceAreNoOtherRepository) {
  settings_.hidden.push_back(remote_.path() / "secret");
  EXPECT_EQ(done(AwaitGitPush{.branch = "main"}).error().code, Errc::denied);
  git({"config", "remote.origin.url", "."});
  EXPECT_EQ(done(AwaitGitPush{.branch = "main"}).error().code, Errc::denied);
}

TEST_F(GitPushTest, S20_SettingsThatSendItElsewhereAreNotFollowed) {
  git({"config", "url./srv/other.insteadOf", remote_.path().string()});
  EXPECT_EQ(done(AwaitGitPush{.branch = "main"}).error().code, Errc::unsupported);
}

/// Git takes what the settings say of a remote by that name for a place of that name.
TEST_F(GitPushTest, S20_SettingsForThePlaceItselfAreNotFollowed) {
  const std::string remote = "remote." + remote_.path().string();
  for (const std::string key : {".receivepack", ".vcs", ".url"}) {
    git({"config", remote + key, "touch " + (workspace_ / "canary").string()});
    EXPECT_EQ(done(AwaitGitPush{.branch = "main"}).error().code, Errc::unsupported) << key;
    git({"config", "--remove-section", remote});
  }
  EXPECT_TRUE(done(AwaitGitPush{.branch = "main"}));
  EXPECT_FALSE(fs::exists(workspace_ / "canary"));
}

TEST_F(GitPushTest, TheOtherRepositoryKeepsItsHooksAndSettings) {
  const fs::path hook = remote_ / "hooks/post-receive";
  remote_.write("hooks/post-receive", "#!/bin/sh\necho x > hooks/planted; echo y > config\n");
  fs::permissions(hook, fs::perms::owner_all);
  const std::string config = remote_.read("config");
  ASSERT_TRUE(done(AwaitGitPush{.branch = "main"}));
  EXPECT_FALSE(fs::exists(remote_ / "hooks/planted"));
  EXPECT_EQ(remote_.read("config"), config);
}

TEST_F(GitPushTest, WhetherItTookPlaceTheOtherRepositoryTells) {
  Call push = call(AwaitGitPush{.branch = "main"});
  push.facts = prepare_git(push)->facts;
  ASSERT_TRUE(perform_git(push));
  fs::remove(run_directory_of(push) / kStatusFile);
  restart();
  const Result<Reply> outcome = recover_git(push);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(std::get<AwaitGitPush::Reply>(*outcome).to, remote_.path().string());

  Call other = call(AwaitGitPush{.branch = "main"});
  git({"commit", "-q", "--allow-empty", "-m", "More"});
  other.facts = prepare_git(other)->facts;
  ASSERT_TRUE(perform_git(other));
  (void)run_to_end(
      {"git", "-C", remote_.path().string(), "update-ref", "refs/heads/main", "HEAD~1"});
  fs::remove(run_directory_of(other) / kStatusFile);
  restart();
  EXPECT_EQ(recover_git(other).error().code, Errc::not_started);
}

// ---- HAZARDS S20 and S21 ----

/// A repository that names a program wherever git would run one.
class ArmedRepositoryTest : public GitPushTest {
 protected:
  ArmedRepositoryTest() {
    git({"branch", "other"});
    workspace_.write(".gitattributes", "* filter=evil diff=evil\n");
    workspace_.write("a.txt", "two\n");
    fs::create_directory(workspace_ / "canaries");
    workspace_.write(".git/info/exclude", "canaries/\n");
    git({"config", "core.fsmonitor", planted("fsmonitor")});
    git({"config", "core.pager", planted("pager")});
    git({"config", "core.sshCommand", planted("ssh")});
    git({"config", "core.editor", planted("editor")});
    git({"config", "diff.external", planted("external")});
    git({"config", "diff.evil.textconv", planted("textconv")});
    git({"config", "diff.evil.command", planted("driver")});
    git({"config", "gpg.program", planted("gpg")});
    git({"config", "commit.gpgSign", "true"});
    git({"config", "log.showSignature", "true"});
    git({"config", "credential.helper", "!" + planted("credential")});
    git({"config", "remote.origin.receivepack", planted("receivepack")});
    git({"config", "user.email", "\"$(" + planted("email") + ")\""});
    git({"config", "trailer.tinkerbell-task.command", planted("trailer")});
    git({"config", "filter.evil.clean", planted("clean")});
    git({"config", "filter.evil.smudge", planted("smudge")});
    for (const std::string hook :
         {"pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-checkout",
          "pre-push", "reference-transaction", "post-index-change"}) {
      workspace_.write(".git/hooks/" + hook, "#!/bin/sh\n" + planted("hook-" + hook) + "\n");
      fs::permissions(workspace_ / (".git/hooks/" + hook), fs::perms::owner_all);
    }
  }

  /// A line for a shell that leaves a mark.
  [[nodiscard]] std::string planted(const std::string& name) const {
    return "touch " + (workspace_ / "canaries" / name).string() + "; cat";
  }

  [[nodiscard]] std::vector<std::string> canaries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(workspace_ / "canaries"))
      names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
};

TEST_F(ArmedRepositoryTest, S20_APlainGitFallsForIt) {
  const std::string in = workspace_.path().string();
  for (std::vector<std::string> words :
       std::vector<std::vector<std::string>>{{"status"},
                                             {"diff"},
                                             {"diff", "--no-ext-diff"},
                                             {"add", "-A"},
                                             {"-c", "commit.gpgSign=false", "commit", "-m", "x"},
                                             {"log", "-p", "--show-signature"},
                                             {"switch", "-f", "other"},
                                             {"push", "origin", "main"}}) {
    words.insert(words.begin(), {"git", "-C", in});
    (void)run_to_end(words);
  }
  EXPECT_THAT(canaries(),
              testing::IsSupersetOf({"clean", "driver", "fsmonitor", "hook-post-checkout",
                                     "hook-post-commit", "hook-pre-commit", "receivepack", "smudge",
                                     "textconv"}));
}

TEST_F(ArmedRepositoryTest, S20_NoCommandOfGitDoes) {
  EXPECT_TRUE(done(AwaitGitStatus{}));
  EXPECT_TRUE(done(AwaitGitDiff{}));
  EXPECT_TRUE(done(AwaitGitDiff{.from = "HEAD"}));
  EXPECT_TRUE(done(AwaitGitLog{}));
  EXPECT_TRUE(done(AwaitGitBranch{}));
  const auto pushed = done(AwaitGitPush{.branch = "other"});
  EXPECT_TRUE(pushed) << pushed.error().message;
  for (const GitBranchAction action : {GitBranchAction::create, GitBranchAction::change,
                                       GitBranchAction::remove, GitBranchAction::rewind}) {
    EXPECT_EQ(done(AwaitGitBranch{.action = action, .name = "other"}).error().code,
              Errc::unsupported);
  }
  EXPECT_EQ(done(AwaitGitAdd{}).error().code, Errc::unsupported);
  EXPECT_EQ(done(AwaitGitCommit{.message = "x"}).error().code, Errc::unsupported);
  EXPECT_THAT(canaries(), IsEmpty());
}

TEST_F(ArmedRepositoryTest, S20_NorWhereItMayChangeFiles) {
  git({"config", "--unset", "filter.evil.clean"});
  git({"config", "--unset", "filter.evil.smudge"});
  ASSERT_THAT(canaries(), IsEmpty());
  ASSERT_TRUE(done(AwaitGitBranch{.action = GitBranchAction::change, .start = "HEAD"}));
  ASSERT_TRUE(done(AwaitGitAdd{}));
  const auto commit = done(AwaitGitCommit{.message = "x", .trailers = GitTrailers::task});
  ASSERT_TRUE(commit) << commit.error().message;
  EXPECT_NE(commit->commit, "");
  ASSERT_TRUE(done(AwaitGitBranch{.action = GitBranchAction::change, .name = "other"}));
  ASSERT_TRUE(done(AwaitGitBranch{.action = GitBranchAction::create, .name = "third"}));
  ASSERT_TRUE(done(AwaitGitBranch{.action = GitBranchAction::rewind, .start = commit->commit}));
  ASSERT_TRUE(done(AwaitGitPush{.branch = "tinkerbell/1"}));
  EXPECT_THAT(canaries(), IsEmpty());
}

TEST_F(ArmedRepositoryTest, S20_AProgramForFilesRunsWhereItCanWriteNothing) {
  // What is compared must be read as git would take it up: the program runs, and leaves no mark.
  const auto status = done(AwaitGitStatus{});
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_THAT(status->note, HasSubstr("Read-only file system"));
}

TEST_F(GitDriverTest, S20_WhatRunsOrFetchesWhateverWeSayIsNotForUs) {
  for (const std::string setting :
       {"hook.evil.command", "remote.origin.promisor", "extensions.partialClone"}) {
    git({"config", setting, "true"});
    EXPECT_EQ(done(AwaitGitCommit{.message = "x"}).error().code, Errc::unsupported) << setting;
    git({"config", "--unset", setting});
  }
  EXPECT_TRUE(done(AwaitGitCommit{.message = "x"}));
}

TEST_F(ArmedRepositoryTest, S20_SettingsOfSettingsAreNotFollowedIntoChanges) {
  git({"config", "--remove-section", "filter.evil"});
  git({"config", "include.path", "../more"});
  EXPECT_EQ(done(AwaitGitAdd{}).error().code, Errc::unsupported);
}

}  // namespace
}  // namespace tinkerbell
