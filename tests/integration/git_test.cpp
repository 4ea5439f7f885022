#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"
#include "support/wait_until.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

/// Git: its commands, and agents whose work becomes commits.
namespace tinkerbell {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class GitTest : public testing::Test {
 protected:
  void SetUp() override {
    if (usual_sandbox() == "none") GTEST_SKIP() << "git runs in a sandbox only";
    git({"branch", "-M", "main"});
    daemon.start();
  }

  std::string git(std::vector<std::string> words) const {
    words.insert(words.begin(), {"git", "-C", daemon.workspace(), "-c", "user.name=T", "-c",
                                 "user.email=t@tinkerbell.invalid"});
    Finished finished = run_to_end(words);
    EXPECT_EQ(finished.exit, 0) << finished.err;
    while (finished.out.ends_with('\n'))
      finished.out.pop_back();
    return finished.out;
  }

  /// The number of the task that begins so.
  std::uint64_t begin(std::vector<std::string> how) {
    how.insert(how.begin(), {"run", "change things", "-w", daemon.workspace(), "--detach"});
    const Finished begun = daemon.cli(how);
    EXPECT_EQ(begun.exit, 0) << begun.err;
    return begun.out.empty() ? 0 : std::stoull(begun.out);
  }

  [[nodiscard]] static std::string name(std::uint64_t id) { return std::to_string(id); }

  /// What the step of that number did.
  [[nodiscard]] std::string command_at(std::uint64_t id, const std::string& step) const {
    const Json steps = daemon.cli_json({"steps", name(id)}).at("steps");
    for (const Json& each : steps) {
      if (std::to_string(each.at("seq").get<std::uint64_t>()) == step) return each.at("command");
    }
    return {};
  }

  [[nodiscard]] std::string trailer(const std::string& of, const std::string& key) const {
    return git({"log", "-1", "--format=%(trailers:key=" + key + ",valueonly)", of});
  }

  ScriptedLlm model{ScriptedLlm::in_turn(
      {calls("write_file", {{"path", "a b.txt"}, {"content", "new\n"}}),
       calls("run_program", {{"argv", {"sh", "-c", "echo x > made.txt; mkdir -p out"}}}),
       calls("finish", {{"summary", "All done."}}),
       calls("write_file", {{"path", "more.txt"}, {"content", "more\n"}}),
       calls("finish", {{"summary", "Now it is."}})})};
  RealDaemon daemon{config_for(model, usual_sandbox()) + "[agent]\nfiles = \"draft\"\n"};
};

TEST_F(GitTest, TheWorkBecomesOneCommitOnTheBranchThatIsCheckedOut) {
  const std::uint64_t id = begin({"--git"});
  const Json question = daemon.wait_for_question(id);
  EXPECT_EQ(question.at("command"), "draft.accept");
  EXPECT_THAT(question.at("card").get<std::string>(), HasSubstr("change things"));
  EXPECT_EQ(git({"log", "--format=%s", "main"}), "begin");

  const Json ended = daemon.approve_until_end(id);
  EXPECT_EQ(ended.at("state"), "completed") << ended;
  EXPECT_EQ(ended.at("questions").at("asked"), 1);
  EXPECT_EQ(git({"log", "--format=%s"}), "change things\nbegin");
  EXPECT_EQ(git({"log", "-1", "--format=%B"}),
            "change things\n\nAll done.\n\nTinkerbell-Task: " + name(id));
  EXPECT_EQ(git({"branch", "--format=%(refname:short)"}), "main");
  EXPECT_EQ(git({"symbolic-ref", "HEAD"}), "refs/heads/main");
  EXPECT_EQ(git({"status", "--porcelain"}), "");
  EXPECT_EQ(git({"show", "--format=", "--name-only", "HEAD"}), "a b.txt\nmade.txt");
  EXPECT_EQ(daemon.file("a b.txt"), "new\n");
  git({"fsck", "--strict"});
  EXPECT_FALSE(fs::exists(fs::path(daemon.state_dir()) / "drafts" / name(id)));
}

TEST_F(GitTest, EachStepIsACommitThatSaysWhichIfThatIsWanted) {
  const std::uint64_t id = begin({"--git=keep"});
  (void)daemon.approve_until_end(id);
  EXPECT_EQ(git({"log", "--format=%s"}),
            "run sh -c 'echo x > made.txt; mkdir -p out'\nwrite a b.txt (4 bytes)\nbegin");
  EXPECT_EQ(trailer("HEAD", "Tinkerbell-Task"), name(id));
  EXPECT_EQ(command_at(id, trailer("HEAD", "Tinkerbell-Step")), "process.run");
  EXPECT_EQ(command_at(id, trailer("HEAD~1", "Tinkerbell-Step")), "file.write");
  EXPECT_EQ(git({"branch", "--format=%(refname:short)"}), "main");
  EXPECT_EQ(git({"status", "--porcelain"}), "");
}

TEST_F(GitTest, ABranchOfItsOwnIsLeftAsOne) {
  const std::uint64_t id = begin({"--git", "--branch", "topic/x"});
  EXPECT_EQ(daemon.approve_until_end(id).at("state"), "completed");
  EXPECT_EQ(git({"log", "--format=%s", "topic/x"}), "change things\nbegin");
  EXPECT_EQ(git({"log", "--format=%s", "main"}), "begin");
  EXPECT_EQ(git({"symbolic-ref", "HEAD"}), "refs/heads/topic/x");
}

TEST_F(GitTest, WordsAtTheEndSendItBackAndItIsOneCommitAllTheSame) {
  const std::uint64_t id = begin({"--git"});
  const Json question = daemon.wait_for_question(id);
  const std::string asked = "a" + name(question.at("id").get<std::uint64_t>());
  EXPECT_EQ(daemon.cli({"deny", asked, "--reason", "more"}).exit, 0);
  EXPECT_EQ(daemon.approve_until_end(id).at("state"), "completed");
  EXPECT_EQ(git({"log", "--format=%s"}), "change things\nbegin");
  EXPECT_EQ(git({"show", "--format=", "--name-only", "HEAD"}), "a b.txt\nmade.txt\nmore.txt");
  EXPECT_EQ(git({"branch", "--format=%(refname:short)"}), "main");
}

TEST_F(GitTest, APlainNoLeavesTheCommitsInTheDraft) {
  const std::uint64_t id = begin({"--git"});
  const Json question = daemon.wait_for_question(id);
  EXPECT_EQ(daemon.cli({"deny", "a" + name(question.at("id").get<std::uint64_t>())}).exit, 0);
  (void)daemon.wait_for_end(id);
  EXPECT_EQ(git({"log", "--format=%s"}), "begin");
  EXPECT_EQ(daemon.cli({"accept", name(id), "--yes"}).exit, 0);
  EXPECT_EQ(git({"log", "--format=%s"}), "change things\nbegin");
}

TEST_F(GitTest, WhatIsNotCommittedBeforeIsNotMixedIn) {
  daemon.put("mine.txt", "a person's\n");
  const Json ended = daemon.wait_for_end(begin({"--git"}));
  EXPECT_EQ(ended.at("state"), "failed");
  EXPECT_THAT(ended.at("error").at("message").get<std::string>(),
              HasSubstr("changes that are not committed: mine.txt"));
}

TEST_F(GitTest, ACommitOfAStepIsMadeOnceOverKill9) {
  const std::uint64_t id = begin({"--git=keep", "--step"});
  EXPECT_EQ(daemon.cli({"break", name(id), "git.commit"}).exit, 0);
  EXPECT_EQ(daemon.cli({"resume", name(id)}).exit, 0);
  std::string stop;
  const auto comes_to_next_commit = [&] {
    const std::string shown = daemon.cli({"show", name(id)}).out;
    const std::size_t begin = shown.find("before: git commit");
    if (begin == shown.npos) return false;
    const std::string line = shown.substr(begin, shown.find(" (for ", begin) - begin);
    return std::exchange(stop, line) != line;
  };
  int kills = 0;
  while (!stop.contains("Finish the work")) {
    ASSERT_TRUE(wait_until(comes_to_next_commit)) << stop;
    daemon.kill9();
    daemon.start();
    // Its driver looks again first, and what is not held yet is not let go.
    ASSERT_TRUE(wait_until([&] { return daemon.cli({"show", name(id)}).out.contains(stop); }));
    if (stop.contains("Finish the work")) break;
    EXPECT_EQ(daemon.cli({"resume", name(id)}).exit, 0);
    ++kills;
  }
  EXPECT_EQ(kills, 2);
  EXPECT_EQ(daemon.cli({"break", name(id), "--clear", "1"}).exit, 0);
  EXPECT_EQ(daemon.cli({"resume", name(id)}).exit, 0);
  (void)daemon.wait_for_question(id);
  daemon.kill9();
  daemon.start();
  EXPECT_EQ(daemon.approve_until_end(id).at("state"), "completed");
  EXPECT_EQ(git({"rev-list", "--count", "HEAD"}), "3");
}

/// HAZARDS S20, S21: whatever the repository names.
TEST_F(GitTest, NothingThatTheRepositoryNamesRuns) {
  fs::create_directory(fs::path(daemon.workspace()) / "canaries");
  daemon.put(".git/info/exclude", "canaries/\n");
  const auto planted = [&](const std::string& canary) {
    return "touch " + daemon.workspace() + "/canaries/" + canary + "; cat";
  };
  git({"config", "core.pager", planted("pager")});
  git({"config", "diff.external", planted("external")});
  git({"config", "user.email", "\"$(" + planted("email") + ")\""});
  git({"config", "commit.gpgSign", "true"});
  git({"config", "gpg.program", planted("gpg")});
  for (const std::string hook :
       {"pre-commit", "post-commit", "post-checkout", "post-index-change"}) {
    daemon.put(".git/hooks/" + hook, "#!/bin/sh\n" + planted(hook) + "\n", true);
  }
  git({"config", "core.fsmonitor", planted("fsmonitor")});
  const auto canaries = [&] {
    std::vector<std::string> names;
    const std::string draft = daemon.state_dir() + "/drafts/1/tree/canaries";
    for (const std::string& place : {daemon.workspace() + "/canaries", draft}) {
      std::error_code none;
      for (const auto& entry : fs::directory_iterator(place, none))
        names.push_back(entry.path().filename());
    }
    return names;
  };
  (void)daemon.wait_for_question(begin({"--git"}));
  EXPECT_THAT(canaries(), IsEmpty());
  EXPECT_EQ(daemon.approve_until_end(1).at("state"), "completed");
  EXPECT_THAT(canaries(), IsEmpty());
  EXPECT_EQ(daemon.commits().front(), "change things");

  (void)git({"status"});
  EXPECT_THAT(canaries(), Not(IsEmpty())) << "or the test says nothing";
}

// ---- the tools ----

class GitToolsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (usual_sandbox() == "none") GTEST_SKIP() << "git runs in a sandbox only";
    daemon.start();
  }

  ScriptedLlm model{ScriptedLlm::in_turn(
      {calls("write_file", {{"path", "new.txt"}, {"content", "new\n"}}),
       calls("git_status", Json::object()), calls("git_commit", {{"message", "Add new.txt"}}),
       calls("git_log", {{"commits", 1}}), calls("git_diff", {{"from", "HEAD~1"}}),
       calls("finish", {{"summary", "done"}})})};
  RealDaemon daemon{config_for(model, usual_sandbox()) + "[agent]\nfiles = \"draft\"\n"};
};

TEST_F(GitToolsTest, InADraftTheyAskNobody) {
  const std::uint64_t id = daemon.run("commit it");
  EXPECT_EQ(daemon.approve_until_end(id).at("questions").at("asked"), 1);
  EXPECT_EQ(daemon.commits().front(), "Add new.txt");
  std::vector<std::string> told;
  for (const auto& asked : model.ledger())
    told.push_back(asked.last());
  ASSERT_EQ(told.size(), 6U);
  EXPECT_THAT(told[2], HasSubstr("untracked new.txt"));
  EXPECT_THAT(told[3], StartsWith("made commit "));
  EXPECT_THAT(told[4], HasSubstr("Add new.txt"));
  EXPECT_THAT(told[5], HasSubstr("+++ b/new.txt"));
}

TEST_F(GitToolsTest, LiveTheyAskBeforeTheyChangeAnything) {
  const Finished begun =
      daemon.cli({"run", "commit it", "-w", daemon.workspace(), "--live", "--detach"});
  ASSERT_EQ(begun.exit, 0) << begun.err;
  std::vector<std::string> asked;
  for (int i = 0; i < 3; ++i) {
    const Json question = daemon.wait_for_question(1);
    asked.push_back(question.at("command"));
    if (i == 2) {
      EXPECT_THAT(question.at("card").get<std::string>(),
                  HasSubstr("  | Add new.txt\nwhat it is about\nadded new.txt\n"));
    }
    EXPECT_EQ(daemon.cli({"approve", "a" + std::to_string(question.at("id").get<int>())}).exit, 0);
    ASSERT_TRUE(wait_until([&] {
      const Json task = daemon.cli_json({"show", "1"});
      return task.at("questions").at("asked") > i + 1 || task.at("state") == "completed";
    }));
  }
  EXPECT_THAT(asked, ElementsAre("file.write", "git.add", "git.commit"));
  EXPECT_EQ(daemon.commits().front(), "Add new.txt");
}

}  // namespace
}  // namespace tinkerbell
