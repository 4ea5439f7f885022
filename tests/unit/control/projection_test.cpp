#include "control/projection.hpp"

#include "support/syscall_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace tinkerbell::control {
namespace {

Task<Result<Json>> writes(TaskStart /*start*/) {
  const Result<AwaitFileWrite::Reply> written =
      co_await AwaitFileWrite{.path = "a.txt", .content = "new"};
  if (!written) co_return written.error();
  co_return Json{{"summary", "written"}};
}

Task<Result<Json>> counts(TaskStart /*start*/) {
  co_return Json{{"output", {{"summary", "s"}}}};
}

Task<Result<Json>> runs(TaskStart /*start*/) {
  const Result<AwaitProcess::Reply> run = co_await AwaitProcess{.argv = {"./test.sh"}};
  if (!run) co_return run.error();
  co_return Json();
}

Task<Result<Json>> asks(TaskStart /*start*/) {
  const Result<AwaitUserAnswer::Reply> words = co_await AwaitUserAnswer{.question = "To whom?"};
  if (!words) co_return words.error();
  co_return Json(words->text);
}

Task<Result<Json>> sleeps(TaskStart /*start*/) {
  const Result<Sleep::Reply> slept = co_await Sleep{.duration = std::chrono::seconds(10)};
  if (!slept) co_return slept.error();
  co_return Json();
}

Task<Result<Json>> spawns_two(TaskStart /*start*/) {
  for (int i = 0; i < 2; ++i) {
    const Result<Spawn::Reply> child = co_await Spawn{.kind = "writer@1"};
    if (!child) co_return child.error();
  }
  co_return Json();
}

/// Sends to the first task.
Task<Result<Json>> sends(TaskStart /*start*/) {
  const Result<Send::Reply> sent = co_await Send{.task = TaskId{1}, .message = "hello"};
  if (!sent) co_return sent.error();
  co_return Json();
}

class ProjectionTest : public testing::Test {
 protected:
  ProjectionTest() {
    world.add_kind("writer@1", writes);
    world.driver->facts("file.write", {.facts = {.object = "a.txt", .diff = "+new\n"}});
    world.driver->reply("file.write", Reply(AwaitFileWrite::Reply{.bytes = 3, .created = true}));
  }

  std::vector<protocol::EventView> events() {
    std::vector<protocol::EventView> all;
    Projection projection;
    for (const Record& record : world.memory->records) {
      for (protocol::EventView& event : projection.apply(record))
        all.push_back(std::move(event));
    }
    return all;
  }

  std::vector<Json> opened_approvals() {
    std::vector<Json> opened;
    for (const protocol::EventView& event : events()) {
      if (event.name == protocol::event_name::kApprovalOpened) opened.push_back(event.data);
    }
    return opened;
  }

  SyscallWorld world;
};

TEST_F(ProjectionTest, TheRecordsOfATaskTellItsWholeStory) {
  world.submit("writer@1");
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  world.settle();
  std::vector<std::string> names;
  for (const protocol::EventView& event : events())
    names.push_back(event.name);
  EXPECT_EQ(names, (std::vector<std::string>{"task.created", "step.asked", "approval.opened",
                                             "approval.decided", "step.started", "step.done",
                                             "task.ended"}));
}

/// Says what it does, and notes its state as an agent does.
Task<Result<Json>> plans(TaskStart /*start*/) {
  (void)co_await UpdatePlan{.steps = {{"look", PlanState::pending}}};
  (void)co_await UpdatePlan{.steps = {{"look", PlanState::done}, {"fix", PlanState::doing}}};
  const Json steps =
      Json::array({{{"text", "look"}, {"state", "done"}}, {{"text", "fix"}, {"state", "doing"}}});
  (void)co_await Checkpoint{.state = {{"essentials", {{"plan", steps}}}}};
  const Result<Sleep::Reply> slept = co_await Sleep{.duration = std::chrono::seconds(10)};
  if (!slept) co_return slept.error();
  co_return Json();
}

TEST_F(ProjectionTest, ShowsThePlanAlsoWhereThePastIsNotRead) {
  world.add_kind("planner@1", plans);
  const TaskId task = world.submit("planner@1");
  const std::vector<protocol::PlanStepView> plan = {{"look", "done"}, {"fix", "doing"}};
  EXPECT_EQ(task_of(world.memory->records).plan, plan);
  const std::vector<Record> newest = *MemoryStore(world.memory).records_from_snapshot(task);
  ASSERT_LT(newest.size(), world.memory->records.size());
  EXPECT_EQ(task_of(newest).plan, plan);
}

TEST_F(ProjectionTest, AnOutputIsShownAsJsonThoughItHasASummary) {
  world.add_kind("counter@1", counts);
  world.submit("counter@1");
  EXPECT_EQ(events().back().data.at("result"), R"({"summary":"s"})");
}

TEST_F(ProjectionTest, EventNumbersRiseStrictly) {
  world.submit("writer@1");
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  std::uint64_t last = 0;
  for (const protocol::EventView& event : events()) {
    EXPECT_GT(event.seq, last);
    last = event.seq;
  }
}

TEST_F(ProjectionTest, TheCardInAnEventIsTheOneThatIsAsked) {
  world.submit("writer@1");
  const Question& question = *world.calls->approvals().shown().at(0);
  const std::vector<Json> opened = opened_approvals();
  ASSERT_EQ(opened.size(), 1U);
  EXPECT_EQ(opened[0]["card"], question.card);
  EXPECT_EQ(opened[0]["hash"], question.hash.hex());
}

TEST_F(ProjectionTest, TheQuestionAboutAnOutcomeIsInTheEventAsItIsInTheBook) {
  world.add_kind("runner@1", runs);
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Error{Errc::unknown_outcome, "the machine went down"});
  };
  world.submit("runner@1", /*approve_all=*/true);
  world.crash();
  const Question& question = *world.calls->approvals().shown().at(0);
  const std::vector<Json> opened = opened_approvals();
  ASSERT_EQ(opened.size(), 1U);
  EXPECT_EQ(opened[0]["kind"], "outcome");
  EXPECT_EQ(opened[0]["line"], question.line);
  EXPECT_EQ(opened[0]["card"], question.card);
  EXPECT_EQ(opened[0]["hash"], question.hash.hex());
}

TEST_F(ProjectionTest, ARulesQuestionAboutAQuestionIsAPermission) {
  world.add_kind("person@1", asks);
  world.rules.rules.push_back({.name = "talk", .decision = Decision::ask, .commands = {"user.*"}});
  world.submit("person@1");
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  const std::vector<Json> opened = opened_approvals();
  ASSERT_EQ(opened.size(), 2U);
  EXPECT_EQ(opened[0]["kind"], "permission");
  EXPECT_EQ(opened[1]["kind"], "answer");
}

TEST_F(ProjectionTest, ASecondIntentOfACommandDoesNotOpenItsQuestionAgain) {
  world.add_kind("sleeper@1", sleeps);
  world.rules.rules.push_back(
      {.name = "awake", .decision = Decision::ask, .commands = {std::string(Sleep::kName)}});
  world.submit("sleeper@1");
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  EXPECT_EQ(opened_approvals().size(), 1U);
  EXPECT_EQ(steps_of(world.memory->records, {}).steps.at(0).state, "started");
}

TEST_F(ProjectionTest, StepsShowWhatWasDecidedAndWhatCameOfIt) {
  world.submit("writer@1");
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  world.settle();
  const StepHistory history = steps_of(world.memory->records, {.payloads = true});
  ASSERT_EQ(history.steps.size(), 1U);
  const protocol::StepView& step = history.steps[0];
  EXPECT_EQ(step.line, "write a.txt (3 bytes)");
  EXPECT_EQ(step.state, "done");
  EXPECT_EQ(step.verdict, "ask");
  EXPECT_EQ(step.approval, ApprovalId{1});
  EXPECT_EQ(step.attempt, 1U);
  EXPECT_EQ(step.outcome, "created, 3 bytes");
  ASSERT_TRUE(step.reply);
  EXPECT_EQ((*step.reply)["bytes"], 3);
}

TEST_F(ProjectionTest, AStepSaysWhenItsNextAttemptIsMade) {
  const WallTime next = world.clock.wall() + std::chrono::minutes{5};
  world.driver->next_reply("file.write", Error{Errc::unavailable, "busy", next});
  world.submit("writer@1", /*approve_all=*/true);
  const protocol::StepView deferred = steps_of(world.memory->records, {}).steps.at(0);
  EXPECT_EQ(deferred.state, "deferred");
  EXPECT_EQ(deferred.outcome, "busy");
  EXPECT_EQ(deferred.next_attempt, rfc3339(next));
  EXPECT_EQ(deferred.attempt, 1U);

  world.pass(std::chrono::minutes{5});
  const protocol::StepView done = steps_of(world.memory->records, {}).steps.at(0);
  EXPECT_EQ(done.state, "done");
  EXPECT_EQ(done.outcome, "created, 3 bytes");
  EXPECT_EQ(done.next_attempt, "");
  EXPECT_EQ(done.attempt, 2U);
  std::vector<std::string> names;
  for (const protocol::EventView& event : events())
    names.push_back(event.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"task.created", "step.asked", "step.started", "step.deferred",
                                      "step.started", "step.done", "task.ended"}));
}

TEST_F(ProjectionTest, WhoFollowsFromItsStepsOnMissesNoLiveText) {
  world.submit("writer@1");
  const StepHistory history = steps_of(world.memory->records, {});
  EXPECT_GE(history.last_event, events().back().seq);
  EXPECT_LT(history.last_event, event_number(world.memory->records.back().lsn, kFirstPiece));
}

TEST_F(ProjectionTest, AMessageLeavesAHeldTaskAsItIs) {
  world.add_kind("sender@1", sends);
  world.calls->submit(
      {.kind = "writer@1", .workspace = "/work", .stepping = true, .by = {.via = "test"}},
      Completion<TaskId>([](const Result<TaskId>&) {}));
  world.settle();
  world.submit("sender@1");
  EXPECT_EQ(world.kinds_of(TaskId{1}),
            (std::vector<std::string>{"task", "signal", "signal", "signal"}));
  std::vector<Record> records = world.memory->records;
  std::erase_if(records, [](const Record& record) { return record.task != TaskId{1}; });
  const protocol::TaskView task = task_of(records);
  EXPECT_EQ(task.title, "a task");
  EXPECT_EQ(task.state, "suspended");
  EXPECT_NE(task.waiting_for, "");
}

TEST_F(ProjectionTest, AStopThatIsStillToComeIsKnown) {
  const auto to_stop = [this] {
    std::vector<Record> records = world.memory->records;
    return task_of(records).to_stop;
  };
  const auto none = [] { return Completion<void>([](const Result<void>&) {}); };
  world.add_kind("asker@1", asks);
  world.submit("asker@1");
  EXPECT_FALSE(to_stop());
  world.calls->pause(TaskId{1}, {}, none());
  world.settle();
  EXPECT_TRUE(to_stop());
  world.calls->resume(TaskId{1}, {}, none());
  world.settle();
  EXPECT_FALSE(to_stop());
  world.calls->step(TaskId{1}, {}, none());
  world.settle();
  EXPECT_TRUE(to_stop());
  world.calls->cancel_task(TaskId{1}, "", {}, none());
  world.settle();
  EXPECT_FALSE(to_stop());
}

TEST_F(ProjectionTest, ATaskThatStandsStillHasNoStopToCome) {
  world.calls->submit(
      {.kind = "writer@1", .workspace = "/work", .stepping = true, .by = {.via = "test"}},
      Completion<TaskId>([](const Result<TaskId>&) {}));
  world.settle();
  EXPECT_EQ(task_of(world.memory->records).state, "suspended");
  EXPECT_FALSE(task_of(world.memory->records).to_stop);
  world.calls->pause(TaskId{1}, {}, Completion<void>([](const Result<void>&) {}));
  world.settle();
  EXPECT_FALSE(task_of(world.memory->records).to_stop);
}

TEST_F(ProjectionTest, TheWaitForAPersonEndsWithTheAnswerThoughTheTaskIsHeld) {
  world.submit("writer@1");
  world.pass(std::chrono::milliseconds(300));
  world.calls->pause(TaskId{1}, {}, Completion<void>([](const Result<void>&) {}));
  world.settle();
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  world.settle();
  world.pass(std::chrono::milliseconds(700));
  world.calls->resume(TaskId{1}, {}, Completion<void>([](const Result<void>&) {}));
  world.settle();
  const protocol::StepView step = steps_of(world.memory->records, {}).steps.at(0);
  EXPECT_EQ(step.state, "done");
  EXPECT_EQ(step.answered_us, 300'000U);
  EXPECT_EQ(step.waited_us, 1'000'000U);
}

TEST(Names, OfStatesAndCommandsAreKnownToClients) {
  EXPECT_THAT(protocol::kTaskStates, testing::ElementsAreArray(kNames<TaskState>));
  std::vector<std::string_view> commands;
  [&]<class... Commands>(std::type_identity<std::variant<Commands...>>) {
    (commands.push_back(Commands::kName), ...);
  }(std::type_identity<CommandVariant>{});
  EXPECT_THAT(protocol::kCommandNames, testing::UnorderedElementsAreArray(commands));
}

TEST_F(ProjectionTest, ADeniedStepSaysSo) {
  world.submit("writer@1");
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::deny, "no"));
  world.settle();
  const StepHistory history = steps_of(world.memory->records, {});
  EXPECT_EQ(history.steps.at(0).state, "denied");
  EXPECT_FALSE(history.steps.at(0).reply);
}

TEST_F(ProjectionTest, AStepIsToldAsASystemCallIfAsked) {
  world.submit("writer@1");
  world.pass(std::chrono::milliseconds(1'500));
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  world.settle();
  const protocol::StepView step = steps_of(world.memory->records, {.calls = 2}).steps.at(0);
  EXPECT_EQ(step.call, "file.write(path=\"a.\"... (5 bytes), content=\"ne\"... (3 bytes))");
  EXPECT_EQ(step.result, "created, 3 bytes");
  EXPECT_EQ(step.waited_us, 1'500'000U);
  EXPECT_LT(step.asked, step.started);
  EXPECT_FALSE(steps_of(world.memory->records, {}).steps.at(0).call);
}

TEST_F(ProjectionTest, ATaskKnowsItsChildrenAndWhatItUsed) {
  world.add_kind("parent@1", spawns_two);
  const TaskId parent = world.submit("parent@1");
  std::vector<Record> records;
  for (const Record& record : world.memory->records) {
    if (record.task == parent) records.push_back(record);
  }
  const protocol::TaskView task = task_of(records);
  EXPECT_EQ(task.children, (std::vector<TaskId>{TaskId{2}, TaskId{3}}));
  ASSERT_TRUE(task.scheduling);
  EXPECT_GT(task.scheduling->turns, 0U);
  EXPECT_EQ(task.scheduling->priority, "");
  EXPECT_FALSE(task.scheduling->longest_turn_us);
}

/// Does a bit of everything that is counted, notes its state, and waits for a person.
Task<Result<Json>> notes_its_state(TaskStart start) {
  if (!start.state) {
    (void)co_await AwaitLLMResponse{.model = "default"};
    (void)co_await Spawn{.kind = "writer@1"};
    (void)co_await AwaitUserApproval{.question = "note it?"};
    (void)co_await Checkpoint{.state = "all of it"};
  }
  (void)co_await AwaitUserApproval{.question = "go on?"};
  co_return Json();
}

TEST_F(ProjectionTest, OfATaskWhosePastIsNotReadShowsTheSame) {
  world.add_kind("noter@1", notes_its_state);
  world.driver->reply("llm.response",
                      Reply(AwaitLLMResponse::Reply{.usage = {.input = 30, .output = 4}}));
  const TaskId task = world.submit("noter@1", /*approve_all=*/true, {{"goal", "note it"}});
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  MemoryStore store(world.memory);
  const std::vector<Record> all = *store.records(task);
  const std::vector<Record> newest = *store.records_from_snapshot(task);
  ASSERT_LT(newest.size(), all.size());
  const protocol::TaskView view = task_of(newest);
  EXPECT_EQ(view, task_of(all));
  EXPECT_EQ(view.usage.input, 30U);
  EXPECT_EQ(view.questions.asked, 2U);
  EXPECT_EQ(view.children.size(), 1U);

  world.crash();  // and so it counts on
  ASSERT_TRUE(world.answer(ApprovalId{2}, Answer::approve));
  EXPECT_EQ(task_of(*MemoryStore(world.memory).records_from_snapshot(task)),
            task_of(*MemoryStore(world.memory).records(task)));
}

TEST_F(ProjectionTest, AStateThatIsNotedIsAStepLikeOthersAndTellsNothingElse) {
  world.add_kind("noter@1", notes_its_state);
  world.driver->reply("llm.response", Reply(AwaitLLMResponse::Reply{}));
  const TaskId task = world.submit("noter@1", /*approve_all=*/true);
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  const StepHistory history =
      steps_of(*MemoryStore(world.memory).records(task), {.payloads = true, .calls = 32});
  ASSERT_EQ(history.steps.size(), 5U);
  const protocol::StepView& step = history.steps.at(3);
  EXPECT_EQ(step.command, "task.checkpoint");
  EXPECT_EQ(step.line, "note its state");
  EXPECT_EQ(step.state, "done");
  EXPECT_EQ(step.call, "task.checkpoint()");
}

TEST_F(ProjectionTest, WhatAForkHasFromAnotherTaskIsShownAndNeitherToldNorCounted) {
  world.add_kind("parent@1", spawns_two);
  world.submit("writer@1");
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  const TaskId writer = *world.fork(TaskId{1}, 1);
  std::vector<std::string> names;
  for (const protocol::EventView& event : events()) {
    if (event.task == writer) names.push_back(event.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"task.created", "task.ended"}));
  const protocol::TaskView view = task_of(world.records_of(writer));
  EXPECT_EQ(view.forked_from, TaskId{1});
  EXPECT_EQ(view.forked_step, 1U);
  EXPECT_EQ(view.questions.asked, 0U);
  EXPECT_EQ(view.steps, 1U);
  EXPECT_EQ(steps_of(world.records_of(writer), {}).steps.at(0).state, "done");

  const TaskId parent = world.submit("parent@1");
  const TaskId fork = *world.fork(parent, 1);
  const protocol::TaskView forked = task_of(world.records_of(fork));
  ASSERT_EQ(forked.children.size(), 1U);
  EXPECT_GT(forked.children.front(), fork);
}

}  // namespace
}  // namespace tinkerbell::control
