#include "tasks/hand_over.hpp"

#include "support/syscall_world.hpp"

#include "tinkerbell/tasks/agent.hpp"
#include "tinkerbell/tasks/drafts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

/// Agents that work in drafts, and what people do with the drafts that they leave.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

class HandOverTest : public testing::Test {
 protected:
  HandOverTest() {
    world.registry.add(std::string(kAgentKind),
                       {.freeze = [](const Json& arguments) { return freeze_agent(arguments, {}); },
                        .start = run_agent,
                        .title = agent_title,
                        .accepted_at_end = true});
    world.registry.add(std::string(kAcceptKind),
                       {.freeze = freeze_accept, .start = run_accept, .title = accept_title});
    ScriptedDriver& driver = *world.driver;
    driver.reply("guidance.read", Reply(AwaitGuidance::Reply{}));
    driver.reply("file.list", Reply(AwaitFileList::Reply{}));
    driver.reply("draft.open", Reply(AwaitDraftOpen::Reply{}));
    driver.reply("draft.accept",
                 Reply(AwaitDraftAccept::Reply{.changes = {{.path = "a"}}, .left = {}}));
    driver.reply("process.run", Reply(AwaitProcess::Reply{.output = "b.o\0"}));
    const Facts program{.object = "/usr/bin/git", .sandbox = "bubblewrap", .draft = TaskId{1}};
    driver.facts("process.run", {.facts = program, .pre_image = {}});
    const Facts changed{.draft = TaskId{1}, .changes = {{.change = {.path = "a"}}}};
    driver.facts("draft.accept", {.facts = changed, .pre_image = {}});
  }

  TaskId submit(Submission submission) {
    TaskId id = kNoTask;
    submission.workspace = "/work";
    submission.by = {.via = "test"};
    world.calls->submit(std::move(submission),
                        Completion<TaskId>([&id](Result<TaskId> task) { id = *task; }));
    world.settle();
    return id;
  }

  TaskId run(Files files = Files::draft) {
    return submit(
        {.kind = std::string(kAgentKind), .arguments = {{"goal", "Fix it"}}, .files = files});
  }

  void model_says(AwaitLLMResponse::Reply reply) {
    world.driver->next_reply("llm.response", Reply(std::move(reply)));
  }

  void model_calls(ToolCall call) {
    model_says({.tool_calls = {std::move(call)}, .finish = FinishReason::tool_calls});
  }

  [[nodiscard]] std::vector<std::string> performed() const {
    std::vector<std::string> names;
    for (const Call& call : world.driver->performed())
      names.emplace_back(name_of(call.command));
    return names;
  }

  [[nodiscard]] DonePayload done() const {
    const Record& last = world.memory->records.back();
    return last.kind == RecordKind::done ? *from_canonical<DonePayload>(last.payload)
                                         : DonePayload{};
  }

  /// The newest command of that type that a driver was asked about.
  template <Command C>
  [[nodiscard]] Call newest() const {
    const std::vector<Call>& prepared = world.driver->prepared();
    for (auto call = prepared.rbegin(); call != prepared.rend(); ++call) {
      if (std::holds_alternative<C>(call->command)) return *call;
    }
    ADD_FAILURE() << "no " << C::kName;
    return {};
  }

  using Counted = std::pair<std::uint64_t, std::uint64_t>;

  /// How many tasks were accepted, and what they have asked.
  [[nodiscard]] Counted accepted() const {
    const AcceptedWork& counted = world.journal->accepted_work();
    return {counted.tasks, counted.questions};
  }

  SyscallWorld world;
};

TEST_F(HandOverTest, AnAgentMakesItsDraftFirstAndOffersItAtTheEndInOneQuestion) {
  model_calls({"c1", "run_program", R"({"argv":["make","test"]})"});
  model_says({.text = "done"});
  run();
  EXPECT_EQ(performed().front(), "draft.open");
  ASSERT_EQ(world.calls->open_questions(kNoTask).size(), 1U);
  const Call offer = newest<AwaitDraftAccept>();
  EXPECT_EQ(offer.draft, TaskId{1});
  const auto& command = std::get<AwaitDraftAccept>(offer.command);
  EXPECT_THAT(command.report, HasSubstr("run make test\nexit 0"));
  EXPECT_EQ(done().state, "");
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  world.settle();
  EXPECT_EQ(done().state, "completed");
  EXPECT_EQ(done().value, (Json{{"summary", "done"}, {"draft", "1 path taken over"}}));
}

TEST_F(HandOverTest, WhatGitIgnoresIsAskedOfGitInTheDraft) {
  world.driver->reply("process.run",
                      Reply(AwaitProcess::Reply{.output = std::string("build/\0a.o\0", 11)}));
  model_says({.text = "done"});
  run();
  const auto git = std::get<AwaitProcess>(newest<AwaitProcess>().command);
  EXPECT_EQ(git.argv.front(), "git");
  EXPECT_THAT(std::get<AwaitDraftAccept>(newest<AwaitDraftAccept>().command).ignored,
              testing::ElementsAre("build", "a.o"));
}

TEST_F(HandOverTest, WithoutGitNothingIsIgnored) {
  world.driver->reply("process.run", Error{Errc::not_found, "no program git"});
  model_says({.text = "done"});
  run();
  EXPECT_TRUE(std::get<AwaitDraftAccept>(newest<AwaitDraftAccept>().command).ignored.empty());
}

TEST_F(HandOverTest, WordsGoBackToTheModelWhichWorksOn) {
  model_calls({"c1", "finish", R"({"summary":"first"})"});
  run();
  model_calls({"c2", "finish", R"({"summary":"second"})"});
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::deny, "the test, too"));
  world.settle();
  const auto question = std::get<AwaitLLMResponse>(newest<AwaitLLMResponse>().command);
  EXPECT_THAT(question.messages.back().text, HasSubstr("a person said no: the test, too"));
  EXPECT_EQ(question.messages.back().tool_call_id, "c1");
  ASSERT_TRUE(world.answer(ApprovalId{2}, Answer::approve));
  world.settle();
  EXPECT_EQ(done().value.at("summary"), "second");
}

TEST_F(HandOverTest, APlainNoEndsItAndSaysThatTheDraftIsKept) {
  model_says({.text = "done"});
  run();
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::deny));
  world.settle();
  EXPECT_EQ(done().state, "completed");
  EXPECT_THAT(done().value.at("draft").get<std::string>(), HasSubstr("kept as it is"));
}

TEST_F(HandOverTest, WhatHasChangedMeanwhileIsOfferedAnew) {
  model_says({.text = "done"});
  run();
  const Facts other{.draft = TaskId{1}, .changes = {{.change = {.path = "b"}}}};
  world.driver->facts("draft.accept", {.facts = other, .pre_image = {}});
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  world.settle();
  ASSERT_EQ(world.calls->open_questions(kNoTask).size(), 1U);
  EXPECT_EQ(performed().back(), "process.run") << "nothing was accepted";
  ASSERT_TRUE(world.answer(ApprovalId{2}, Answer::approve));
  world.settle();
  EXPECT_EQ(done().state, "completed");
}

TEST_F(HandOverTest, WhereNothingWasChangedNobodyIsAsked) {
  world.driver->facts("draft.accept", {.facts = {.draft = TaskId{1}}, .pre_image = {}});
  world.driver->reply("draft.accept", Reply(AwaitDraftAccept::Reply{}));
  model_says({.text = "done"});
  run();
  EXPECT_EQ(done().value.at("draft"), "nothing was changed");
}

TEST_F(HandOverTest, LiveThereIsNoDraftAndNothingIsOffered) {
  model_says({.text = "done"});
  run(Files::live);
  EXPECT_EQ(done().value, (Json{{"summary", "done"}}));
  EXPECT_EQ(world.driver->prepared().front().draft, kNoTask);
}

TEST_F(HandOverTest, ATaskIsCountedWhenItsDraftIsAccepted) {
  model_says({.text = "done"});
  run();
  EXPECT_EQ(accepted(), Counted(0, 0));
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  EXPECT_EQ(accepted(), Counted(1, 1));
  model_says({.text = "done"});
  run(Files::live);
  EXPECT_EQ(done().state, "completed");
  EXPECT_EQ(accepted(), Counted(2, 1)) << "one that works live, when it has completed";
  world.crash();
  EXPECT_EQ(accepted(), Counted(2, 1));
}

TEST_F(HandOverTest, ATaskWhoseDraftIsNotTakenOverIsNotCountedUntilAPersonTakesItUp) {
  model_says({.text = "done"});
  run();
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::deny));
  EXPECT_EQ(done().state, "completed");
  EXPECT_EQ(accepted(), Counted(0, 0));
  world.crash();
  const Facts changed{.draft = TaskId{1}, .changes = {{.change = {.path = "a"}}}};
  world.driver->facts("draft.accept", {.facts = changed, .pre_image = {}});
  world.driver->reply("process.run", Reply(AwaitProcess::Reply{}));
  world.driver->reply("draft.accept",
                      Reply(AwaitDraftAccept::Reply{.changes = {{.path = "a"}}, .left = {}}));
  for (const ApprovalId question : {ApprovalId{3}, ApprovalId{5}}) {  // git asks as well, here
    submit({.kind = std::string(kAcceptKind),
            .arguments = {{"paths", Json::array()}},
            .draft = TaskId{1}});
    ASSERT_TRUE(world.answer(ApprovalId{number(question) - 1}, Answer::approve));
    ASSERT_TRUE(world.answer(question, Answer::approve));
    EXPECT_EQ(done().state, "completed");
    EXPECT_EQ(accepted(), Counted(1, number(question))) << "the questions of all three tasks";
  }
}

TEST_F(HandOverTest, WhereAllIsLeftInTheDraftNothingWasAccepted) {
  world.driver->reply("draft.accept", Reply(AwaitDraftAccept::Reply{
                                          .changes = {}, .left = {{.path = "a", .why = "no"}}}));
  model_says({.text = "done"});
  run();
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  EXPECT_EQ(done().state, "completed");
  EXPECT_EQ(accepted(), Counted(0, 0));
}

TEST_F(HandOverTest, ItReplaysAfterACrash) {
  model_says({.text = "done"});
  run();
  world.crash();
  world.settle();
  ASSERT_EQ(world.calls->open_questions(kNoTask).size(), 1U);
}

TEST_F(HandOverTest, APersonAcceptsTheDraftOfAnotherTaskInPart) {
  submit({.kind = std::string(kAcceptKind),
          .arguments = {{"paths", {"a", "b"}}},
          .approve_all = true,
          .draft = TaskId{1}});
  const Call accept = newest<AwaitDraftAccept>();
  EXPECT_EQ(accept.draft, TaskId{1});
  EXPECT_THAT(std::get<AwaitDraftAccept>(accept.command).paths, testing::ElementsAre("a", "b"));
  EXPECT_EQ(done().value.at("summary"), "1 path taken over");
}

TEST(WorkReport, TheSameWorkGivesTheSameReportHoweverLongItTook) {
  const auto report_of = [](Milliseconds took) {
    WorkReport report;
    report.add(AwaitProcess{.argv = {"make"}},
               Reply(AwaitProcess::Reply{.output = "ok\n", .output_bytes = 3, .duration = took}));
    return report.text();
  };
  EXPECT_EQ(report_of(Milliseconds{20}), report_of(Milliseconds{2'000}));
  EXPECT_EQ(report_of(Milliseconds{20}), "run make\nexit 0\nok");
}

TEST(WorkReport, KeepsTheNewestProgramsAndTheEndOfWhatTheyWrote) {
  WorkReport report;
  report.add(AwaitFileRead{.path = "a"}, Reply(AwaitFileRead::Reply{}));
  for (int i = 0; i < 5; ++i) {
    std::string output;
    for (int line = 0; line < 40; ++line)
      output += "line " + std::to_string(line) + "\n";
    report.add(AwaitProcess{.argv = {"test" + std::to_string(i)}},
               Reply(AwaitProcess::Reply{.exit_code = i, .output = output}));
  }
  const std::string text = report.text();
  EXPECT_THAT(text, testing::Not(HasSubstr("test1")));
  EXPECT_THAT(text, HasSubstr("run test4\nexit 4"));
  EXPECT_THAT(text, HasSubstr("line 39"));
  EXPECT_THAT(text, testing::Not(HasSubstr("line 20\n")));
  EXPECT_EQ(WorkReport(report.programs()).text(), text);
}

}  // namespace
}  // namespace tinkerbell
