#include "tasks/git_work.hpp"

#include "support/syscall_world.hpp"

#include "tinkerbell/command/render.hpp"
#include "tinkerbell/tasks/agent.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

/// Agents whose work becomes commits.
namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class GitWorkTest : public testing::Test {
 protected:
  GitWorkTest() {
    world.registry.add(std::string(kAgentKind),
                       {.freeze = [](const Json& arguments) { return freeze_agent(arguments, {}); },
                        .start = run_agent,
                        .title = agent_title,
                        .accepted_at_end = true});
    lay_out();
  }

  /// Of this run and the next ones.
  void lay_out() {
    ScriptedDriver& driver = *world.driver;
    driver.reply("guidance.read", Reply(AwaitGuidance::Reply{}));
    driver.reply("draft.open", Reply(AwaitDraftOpen::Reply{}));
    driver.reply("draft.accept", Reply(AwaitDraftAccept::Reply{}));
    driver.reply("process.run", Reply(AwaitProcess::Reply{}));
    driver.reply("file.write", Reply(AwaitFileWrite::Reply{.changes = {{.path = "a"}}}));
    driver.reply("git.status",
                 Reply(AwaitGitStatus::Reply{.branch = "tinkerbell/1", .commit = kBase}));
    driver.reply("git.branch", Reply(AwaitGitBranch::Reply{.name = "tinkerbell/1"}));
    driver.reply("git.add", Reply(AwaitGitAdd::Reply{.changes = {{.path = ".git/index"}}}));
    driver.reply("git.commit", Reply(AwaitGitCommit::Reply{.commit = "new"}));
    const Prepared in_draft{.facts = {.sandbox = "bubblewrap", .draft = TaskId{1}},
                            .pre_image = {}};
    for (const char* const name :
         {"process.run", "file.write", "git.branch", "git.add", "git.commit"})
      driver.facts(name, in_draft);
  }

  TaskId run(const Json& git, Files files = Files::draft) {
    TaskId id = kNoTask;
    if (!git.is_null()) world.driver->next_reply("git.status", Reply(begins));
    world.calls->submit({.kind = std::string(kAgentKind),
                         .workspace = "/work",
                         .arguments = {{"goal", "Mend the adder\nIt is off by one."},
                                       {"git", git},
                                       {"checkpoint_records", 1}},
                         .by = {.via = "test"},
                         .files = files},
                        Completion<TaskId>([&id](Result<TaskId> task) {
                          if (task) id = *task;
                        }));
    world.settle();
    return id;
  }

  void model_calls(std::string tool, Json arguments) {
    ToolCall call{"c" + std::to_string(++calls_), std::move(tool), dump_json(arguments)};
    world.driver->next_reply("llm.response",
                             Reply(AwaitLLMResponse::Reply{.tool_calls = {std::move(call)},
                                                           .finish = FinishReason::tool_calls}));
  }

  void model_writes() { model_calls("write_file", {{"path", "a"}, {"content", "x"}}); }

  void model_ends() { model_calls("finish", {{"summary", "It adds."}}); }

  /// The commands of git, in words; a commit with the end of its message.
  [[nodiscard]] std::vector<std::string> git() const {
    std::vector<std::string> words;
    for (const Call& call : world.driver->performed()) {
      if (runs_git(call.command)) words.push_back(command_line(call.command));
    }
    return words;
  }

  [[nodiscard]] std::vector<AwaitGitCommit> commits() const {
    std::vector<AwaitGitCommit> commits;
    for (const Call& call : world.driver->performed()) {
      if (const auto* const commit = std::get_if<AwaitGitCommit>(&call.command)) {
        commits.push_back(*commit);
      }
    }
    return commits;
  }

  [[nodiscard]] DonePayload done() const {
    const Record& last = world.memory->records.back();
    return last.kind == RecordKind::done ? *from_canonical<DonePayload>(last.payload)
                                         : DonePayload{};
  }

  static inline const std::string kBase = std::string(40, 'b');
  AwaitGitStatus::Reply begins{.branch = "main", .commit = kBase};  ///< As it finds the workspace.
  SyscallWorld world;
  int calls_ = 0;
};

TEST_F(GitWorkTest, EachStepThatChangesFilesIsACommitAndAtTheEndThereIsOne) {
  model_calls("run_program", {{"argv", {"make"}}});  // it changes nothing
  model_writes();
  model_ends();
  run(Json::object());
  EXPECT_THAT(
      git(),
      ElementsAre("git status", "change to the branch of the task, made at HEAD", "git add all",
                  "git commit: write a (1 byte)",  //
                  "git status", "git add all", "git commit: Finish the work", "git status",
                  "take the branch back to " + kBase, "git add all", "git commit: Mend the adder",
                  "change to the branch main, made at HEAD, also if there is one",
                  "remove the branch tinkerbell/1"));
  EXPECT_EQ(commits()[0].trailers, GitTrailers::step);
  EXPECT_EQ(commits()[2].trailers, GitTrailers::task);
  EXPECT_EQ(commits()[2].message, "Mend the adder\n\nIt adds.");
  EXPECT_EQ(done().value.at("branch"), "main");
}

TEST_F(GitWorkTest, CommitsThatAreToStayAreLeftAsTheyAre) {
  model_writes();
  model_ends();
  run({{"keep", true}});
  EXPECT_EQ(commits().size(), 2U);
  EXPECT_THAT(git(), testing::Not(testing::Contains(HasSubstr("take the branch back"))));
  EXPECT_EQ(git().back(), "remove the branch tinkerbell/1");
}

TEST_F(GitWorkTest, ABranchOfThePersonsChoiceStays) {
  world.driver->reply("git.branch", Reply(AwaitGitBranch::Reply{.name = "topic"}));
  world.driver->reply("git.status",
                      Reply(AwaitGitStatus::Reply{.branch = "topic", .commit = kBase}));
  model_writes();
  model_ends();
  run({{"branch", "topic"}});
  EXPECT_EQ(git()[1], "change to the branch topic, made at HEAD");
  EXPECT_EQ(git().back(), "git commit: Mend the adder");
  EXPECT_EQ(done().value.at("branch"), "topic");
}

TEST_F(GitWorkTest, WhereNoBranchWasCheckedOutItsOwnStays) {
  begins = {.commit = kBase};
  model_ends();
  run(Json::object());
  EXPECT_EQ(git().back(), "git commit: Mend the adder");
  EXPECT_EQ(done().value.at("branch"), "tinkerbell/1");
}

TEST_F(GitWorkTest, ThereIsNothingToTakeBackToBeforeTheFirstCommit) {
  begins = {.branch = "main"};
  model_writes();
  model_ends();
  run(Json::object());
  EXPECT_EQ(commits().size(), 2U);
  EXPECT_EQ(git().back(), "remove the branch tinkerbell/1");
}

TEST_F(GitWorkTest, AndNothingToBringAnywhereWhereNothingWasCommitted) {
  begins = {.branch = "main"};
  world.driver->reply("git.status", Reply(AwaitGitStatus::Reply{.branch = "tinkerbell/1"}));
  model_ends();
  run(Json::object());
  EXPECT_EQ(git().back(), "git status");
  EXPECT_EQ(done().state, "completed");
}

TEST_F(GitWorkTest, WhatIsNotCommittedBeforeIsAnErrorThatNamesIt) {
  for (const char* const path : {"a", "b", "c", "d", "e", "f"})
    begins.entries.push_back({.path = path, .from = {}, .tracked = false});
  run(Json::object());
  EXPECT_EQ(done().state, "failed");
  EXPECT_THAT(done().error, HasSubstr("changes that are not committed: a, b, c, d, e …."));
}

TEST_F(GitWorkTest, WithoutADraftThereIsNone) {
  run(Json::object(), Files::live);
  EXPECT_EQ(done().error, "make commits: it has no draft of its own");
  EXPECT_THAT(git(), IsEmpty());
}

TEST_F(GitWorkTest, AStepThatCannotBeCommittedIsSoWithTheNext) {
  world.driver->next_reply("git.add", Error{Errc::invalid, "locked"});
  model_writes();
  model_writes();
  model_ends();
  run({{"keep", true}});
  EXPECT_EQ(done().state, "completed");
  EXPECT_EQ(commits().size(), 2U);
}

TEST_F(GitWorkTest, WhatCannotBeGatheredIsTheModelsToPutInOrder) {
  model_writes();
  world.driver->next_reply("git.commit", Reply(AwaitGitCommit::Reply{.commit = "new"}));
  world.driver->next_reply("git.commit", Error{Errc::invalid, "conflicts"});
  model_ends();
  model_ends();
  run({{"keep", true}});
  EXPECT_EQ(done().state, "completed");
  bool told = false;
  for (const Call& call : world.driver->performed()) {
    const auto* const question = std::get_if<AwaitLLMResponse>(&call.command);
    if (question == nullptr) continue;
    told = told ||
           question->messages.back().text == "error: its commits cannot be gathered: conflicts";
  }
  EXPECT_TRUE(told);
}

TEST_F(GitWorkTest, S89_OnAnotherBranchNothingIsGatheredAndInTheEndAPersonIsAsked) {
  world.driver->reply("git.status",
                      Reply(AwaitGitStatus::Reply{.branch = "release", .commit = kBase}));
  model_writes();
  for (int i = 0; i < 3; ++i)
    model_ends();
  run(Json::object());
  EXPECT_THAT(git(), testing::Not(testing::Contains(HasSubstr("take the branch back"))));
  EXPECT_EQ(commits().size(), 1U);
  ASSERT_EQ(world.calls->open_questions(kNoTask).size(), 1U);
  EXPECT_THAT(world.calls->approvals().shown().front()->line, HasSubstr("git add all"));
}

TEST_F(GitWorkTest, WordsAtTheEndSendItBackToItsBranch) {
  const Facts changed{.draft = TaskId{1}, .changes = {{.change = {.path = "a"}}}};
  world.driver->facts("draft.accept", {.facts = changed, .pre_image = {}});
  model_writes();
  model_ends();
  run(Json::object());
  ASSERT_EQ(world.calls->open_questions(kNoTask).size(), 1U);
  const std::size_t before = git().size();
  model_writes();
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::deny, "more"));
  world.settle();
  EXPECT_EQ(git()[before], "change to the branch tinkerbell/1, made at HEAD, also if there is one");
  EXPECT_EQ(git()[before + 2], "git commit: write a (1 byte)");
}

TEST_F(GitWorkTest, ACommitOfTheModelsNamesItsTask) {
  model_calls("git_commit", {{"message", "Mend it"}, {"paths", {"a"}}});
  model_ends();
  run(Json::object());
  EXPECT_EQ(git()[2], "git add a");
  EXPECT_EQ(commits()[0].message, "Mend it");
  EXPECT_EQ(commits()[0].trailers, GitTrailers::task);
}

TEST_F(GitWorkTest, AnAgentWithoutThisCommitsNothingByItself) {
  model_writes();
  model_calls("git_commit", {{"message", "Mend it"}});
  model_ends();
  run(nullptr);
  EXPECT_THAT(git(), ElementsAre("git add all", "git commit: Mend it"));
  EXPECT_EQ(commits()[0].trailers, GitTrailers::none);
}

TEST_F(GitWorkTest, AfterACrashNoCommitIsMadeTwice) {
  world.before_recovery = [this](ScriptedDriver&) { lay_out(); };
  model_writes();
  run({{"keep", true}});  // the model is asked again, and silent
  EXPECT_EQ(commits().size(), 1U);
  world.crash();
  EXPECT_THAT(commits(), IsEmpty());
  model_ends();
  const auto asked = world.driver->performed();
  ASSERT_FALSE(asked.empty());
  EXPECT_TRUE(std::holds_alternative<AwaitLLMResponse>(asked.back().command));
}

TEST_F(GitWorkTest, WhatItNotedSaysWhereItsCommitsGo) {
  std::size_t model_calls_left = 2;
  const auto next_call = [&](ScriptedDriver&) {
    lay_out();
    if (model_calls_left-- > 0) model_writes();
  };
  world.before_recovery = next_call;
  next_call(*world.driver);
  run({{"keep", true}, {"branch", "topic"}});
  ASSERT_TRUE(std::ranges::any_of(
      world.memory->records, [](const Record& each) { return each.kind == RecordKind::snapshot; }));
  world.crash();
  EXPECT_THAT(git(), ElementsAre("git add all", "git commit: write a (1 byte)"));
}

TEST(CommitMessage, IsTheGoalAndWhatWasDone) {
  EXPECT_EQ(commit_message("Mend it\nsoon", ""), "Mend it");
  EXPECT_EQ(commit_message("Mend it", "Done.\nWell."), "Mend it\n\nDone.\nWell.");
  EXPECT_LT(commit_message(std::string(1'000, 'x'), "").size(), 120U);
}

}  // namespace
}  // namespace tinkerbell
