#include "support/syscall_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

/// What a restart does in the places that are easy to get wrong: a cancel around the crash, code
/// that changed in between, rules that changed in between, programs of tasks that cannot run.

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

using Kinds = std::vector<std::string>;

Task<Result<Json>> reads(TaskStart /*start*/) {
  const Result<AwaitFileRead::Reply> file = co_await AwaitFileRead{.path = "a.txt"};
  if (!file) co_return file.error();
  co_return Json(file->text);
}

Task<Result<Json>> runs(TaskStart /*start*/) {
  const Result<AwaitProcess::Reply> run = co_await AwaitProcess{.argv = {"./test.sh"}};
  if (!run) co_return run.error();
  co_return Json("ran");
}

Task<Result<Json>> runs_so_often(int times) {
  for (int i = 0; i < times; ++i) {
    Result<Json> run = co_await runs({});
    if (!run) co_return run.error();
  }
  co_return Json("ran");
}

Task<Result<Json>> runs_three_times(TaskStart /*start*/) {
  co_return co_await runs_so_often(3);
}

Task<Result<Json>> reads_and_runs(TaskStart start) {
  const Result<AwaitFileRead::Reply> file = co_await AwaitFileRead{.path = "a.txt"};
  if (!file) co_return file.error();
  co_return co_await runs(std::move(start));
}

Task<Result<Json>> asks_a_model(TaskStart /*start*/) {
  const Result<AwaitLLMResponse::Reply> reply = co_await AwaitLLMResponse{.model = "default"};
  if (!reply) co_return reply.error();
  co_return Json(reply->text);
}

Task<Result<Json>> joins(TaskStart start) {
  const TaskId other{start.arguments.at("task").get<std::uint64_t>()};
  const Result<Join::Reply> end = co_await Join{.task = other};
  if (!end) co_return end.error();
  co_return Json(end->state);
}

Task<Result<Json>> does_nothing(TaskStart /*start*/) {
  co_return Json("nothing");
}

Task<Result<Json>> sleeps(TaskStart /*start*/) {
  const Result<Sleep::Reply> slept = co_await Sleep{.duration = 10s};
  if (!slept) co_return Error{Errc::unavailable, "it could not sleep"};
  co_return Json("awake");
}

/// What it begins after it was asked to end is refused, but for what it does under its shield.
Task<Result<Json>> sleeps_and_cleans_up(TaskStart start) {
  (void)co_await Sleep{.duration = 10s};
  (void)co_await AwaitFileRead{.path = "a.txt"};
  const auto shield = co_await kernel::shield();
  co_return co_await runs(std::move(start));
}

Task<Result<Json>> yields(TaskStart /*start*/) {
  const Result<Yield::Reply> yielded = co_await Yield{};
  co_return Json(yielded ? "yielded" : "refused");
}

Task<Result<Json>> works_under_a_shield(TaskStart start) {
  const auto shield = co_await kernel::shield();
  (void)co_await Sleep{.duration = 10s};
  co_return co_await reads(std::move(start));
}

Task<Result<Json>> ends_itself_under_a_shield(TaskStart start) {
  const auto shield = co_await kernel::shield();
  const Result<Kill::Reply> killed = co_await Kill{.task = start.task, .reason = "by itself"};
  if (!killed) co_return killed.error();
  co_return co_await reads(std::move(start));
}

Task<Result<Json>> asks_and_joins(TaskStart start) {
  (void)co_await AwaitUserApproval{.question = "Now?"};
  co_return co_await joins(std::move(start));
}

class Recovery : public testing::Test {
 protected:
  Recovery() {
    world.add_kind("reader@1", reads);
    world.add_kind("runner@1", runs);
    world.add_kind("thrice@1", runs_three_times);
    world.add_kind("both@1", reads_and_runs);
    world.add_kind("model@1", asks_a_model);
    world.add_kind("joiner@1", joins);
    world.add_kind("sleeper@1", sleeps);
    world.add_kind("cleaner@1", sleeps_and_cleans_up);
    world.add_kind("shielded@1", works_under_a_shield);
    world.add_kind("suicide@1", ends_itself_under_a_shield);
    world.add_kind("late@1", asks_and_joins);
    world.add_kind("yielder@1", yields);
  }

  Errc cancel(TaskId task) {
    Errc told = Errc::internal;
    world.calls->cancel_task(task, "enough", {.via = "test"},
                             Completion<void>([&told](const Result<void>& done) {
                               told = done ? Errc{} : done.error().code;
                             }));
    world.settle();
    return told;
  }

  /// The daemon was told to end the task and died before it got any further.
  void cancel_and_crash(TaskId task) {
    const std::size_t records = world.memory->records.size();
    cancel(task);
    world.crash_with(records + 1);
    EXPECT_EQ(world.memory->records[records].kind, RecordKind::signal);
  }

  /// An upgrade puts another function under the name of a kind; null: it knows the kind no more.
  void upgrade(const std::string& kind, std::function<Task<Result<Json>>(TaskStart)> function) {
    world.registry = {};
    if (function) world.add_kind(kind, std::move(function));
  }

  [[nodiscard]] std::vector<const Question*> questions() const {
    return world.calls->approvals().shown();
  }

  [[nodiscard]] std::string state_of(TaskId task) const {
    const std::optional<LiveView> view = world.calls->view(task);
    return view ? std::string(name_of(view->state)) : "";
  }

  SyscallWorld world;
};

// ---- cancelled around the crash ----

TEST_F(Recovery, ATaskThatIsToEndDoesNotAskTheModelAgain) {
  const TaskId task = world.submit("model@1");
  cancel_and_crash(task);
  EXPECT_TRUE(world.driver->performed().empty());
  EXPECT_EQ(world.end_of(task).state, "cancelled");
  EXPECT_EQ(world.kinds_of(task), (Kinds{"task", "intent", "signal", "result", "done"}));
}

TEST_F(Recovery, ATaskThatIsToEndLeavesNoQuestionAboutAnUnknownOutcome) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Error{Errc::unknown_outcome, "the machine went down"});
  };
  cancel_and_crash(task);
  EXPECT_TRUE(questions().empty());
  EXPECT_EQ(world.end_of(task).state, "cancelled");
  EXPECT_EQ(world.kinds_of(task), (Kinds{"task", "intent", "signal", "result", "done"}));
}

TEST_F(Recovery, ATaskThatIsToEndClosesTheQuestionThatWasOpen) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Error{Errc::unknown_outcome, "the machine went down"});
  };
  world.crash();
  ASSERT_EQ(questions().size(), 1U);
  cancel_and_crash(task);
  EXPECT_TRUE(questions().empty());
  EXPECT_EQ(world.end_of(task).state, "cancelled");
}

TEST_F(Recovery, WhatNobodyKnowsStaysUnknownWhenTheTaskIsCancelled) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Error{Errc::unknown_outcome, "the machine went down"});
  };
  world.crash();
  cancel(task);
  const std::string result = world.newest(task, RecordKind::result).payload;
  EXPECT_NE(result.find("unknown_outcome"), std::string::npos) << result;
}

TEST_F(Recovery, AFailureAfterACancelIsACancelInReplayToo) {
  const TaskId task = world.submit("sleeper@1");
  cancel(task);
  ASSERT_EQ(world.end_of(task).state, "cancelled");
  world.crash_with(world.memory->records.size() - 1);
  EXPECT_EQ(world.kinds_of(task), (Kinds{"task", "intent", "signal", "result", "done"}));
  EXPECT_EQ(world.end_of(task).state, "cancelled");
  EXPECT_EQ(world.end_of(task).error, "enough");
}

TEST_F(Recovery, WhatWasRefusedToATaskThatIsToEndIsRefusedInReplayToo) {
  const TaskId task = world.submit("cleaner@1", /*approve_all=*/true);
  cancel(task);
  ASSERT_TRUE(world.driver->holds({task, Seq{2}}));  // it cleans up
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Reply(AwaitProcess::Reply{}));
  };
  world.crash();
  EXPECT_TRUE(world.driver->performed().empty());
  EXPECT_EQ(world.end_of(task).value, "ran");
}

TEST_F(Recovery, WhatLeavesNoRecordAndWasNotRefusedIsNotRefusedInReplay) {
  world.calls->submit({.kind = "yielder@1", .workspace = "/work"},
                      Completion<TaskId>([](const Result<TaskId>& /*id*/) {}));
  world.calls->scheduler().run(1, world.clock.steady());  // it has yielded
  world.calls->cancel_task(TaskId{1}, "enough", {.via = "test"},
                           Completion<void>([](Result<void>) {}));
  EXPECT_EQ(world.end_of(TaskId{1}).value, "yielded");
  world.crash_with(world.memory->records.size() - 1);
  EXPECT_EQ(world.end_of(TaskId{1}).value, "yielded");
}

TEST_F(Recovery, ATaskThatWasToEndBeforeItsFirstCommandAsksForNothingInReplay) {
  const TaskId paused = world.submit("sleeper@1");
  cancel_and_crash(paused);
  EXPECT_EQ(world.end_of(paused).state, "cancelled");
}

TEST_F(Recovery, UnderAShieldATaskThatIsToEndGoesOnWorkingInTheNextRunToo) {
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{"hello"}));
  const TaskId here = world.submit("shielded@1");
  cancel(here);
  world.pass(10s);
  EXPECT_EQ(world.end_of(here).value, "hello");

  const TaskId there = world.submit("shielded@1");
  cancel(there);
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.reply("file.read", Reply(AwaitFileRead::Reply{"hello"}));
  };
  world.crash();
  world.pass(10s);
  EXPECT_EQ(world.end_of(there).value, "hello");
}

TEST_F(Recovery, UnderAShieldATaskThatEndsItselfIsAnswered) {
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{"hello"}));
  const TaskId task = world.submit("suicide@1");
  EXPECT_EQ(world.end_of(task).value, "hello");
  world.crash_with(world.memory->records.size() - 1);
  EXPECT_EQ(world.end_of(task).value, "hello");
}

TEST_F(Recovery, TheFirstReasonToEndCountsInReplayToo) {
  const TaskId task = world.submit("cleaner@1", /*approve_all=*/true);
  cancel(task);
  world.calls->cancel_task(task, "more than enough", {.via = "test"},
                           Completion<void>([](Result<void>) {}));
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Error{Errc::unavailable, "it broke"});
  };
  world.crash();
  EXPECT_EQ(world.end_of(task).error, "enough");
}

// ---- waiting for each other ----

TEST_F(Recovery, ThoseWhoWaitForATaskAreToldOfItsEndInTheOrderInWhichTheyBegan) {
  const TaskId target = world.submit("sleeper@1");
  const TaskId first = world.submit("late@1", false, {{"task", number(target)}});
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  const TaskId second = world.submit("joiner@1", false, {{"task", number(target)}});
  world.crash();
  world.pass(10s);
  EXPECT_EQ(world.end_of(second).value, "completed");
  EXPECT_LT(number(world.newest(first, RecordKind::result).lsn),
            number(world.newest(second, RecordKind::result).lsn));
}

TEST_F(Recovery, WhatATaskHasNotSeenYetWaitsUntilAllAreThere) {
  const TaskId first = world.submit("late@1", false, {{"task", 3}});
  (void)world.submit("sleeper@1");  // in its replay the first one has turns
  ASSERT_EQ(world.submit("sleeper@1"), TaskId{3});
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  const auto told = std::ranges::find_if(world.memory->records, [&](const Record& record) {
    return record.task == first && record.kind == RecordKind::result;
  });
  ASSERT_NE(told, world.memory->records.end());
  world.crash_with(number(told->lsn));  // and it has not come to its Join
  world.pass(10s);
  EXPECT_EQ(world.end_of(first).value, "completed");
}

TEST_F(Recovery, TheOrderHoldsAlsoIfATaskEndsBeforeThoseWhoWaitAreReplayed) {
  const TaskId target = world.submit("sleeper@1");
  const TaskId second = world.submit("late@1", false, {{"task", number(target)}});
  const TaskId first = world.submit("late@1", false, {{"task", number(target)}});
  ASSERT_TRUE(world.answer(ApprovalId{2}, Answer::approve));
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  world.pass(10s);
  const Record slept = world.newest(target, RecordKind::result);
  world.crash_with(number(slept.lsn));
  EXPECT_EQ(world.end_of(first).value, "completed");
  EXPECT_EQ(world.end_of(second).value, "completed");
  EXPECT_LT(number(world.newest(first, RecordKind::result).lsn),
            number(world.newest(second, RecordKind::result).lsn));
}

TEST_F(Recovery, TheEndOfATaskAndTheNewsOfItAreOneTransaction) {
  const TaskId target = world.submit("sleeper@1");
  const TaskId first = world.submit("joiner@1", false, {{"task", number(target)}});
  const TaskId second = world.submit("joiner@1", false, {{"task", number(target)}});
  world.clock.pass(10s);
  world.calls->scheduler().run(10'000, world.clock.steady());
  const auto has = [this](TaskId task, RecordKind kind) {
    return std::ranges::any_of(world.memory->records, [&](const Record& record) {
      return record.task == task && record.kind == kind;
    });
  };
  while (!has(target, RecordKind::done))
    ASSERT_TRUE(world.journal->write(1));
  EXPECT_TRUE(has(first, RecordKind::result));
  EXPECT_TRUE(has(second, RecordKind::result));
}

// ---- approvals ----

TEST_F(Recovery, WhatIsInsideTheDaemonAndWasApprovedWhilePausedIsStillHeld) {
  world.rules.rules.push_back(
      {.name = "slow", .decision = Decision::ask, .commands = {"time.sleep"}});
  const TaskId task = world.submit("sleeper@1");
  world.calls->pause(task, {.via = "test"}, Completion<void>([](Result<void>) {}));
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  ASSERT_EQ(state_of(task), "suspended");
  world.crash();
  EXPECT_EQ(state_of(task), "suspended");
  world.calls->resume(task, {.via = "test"}, Completion<void>([](Result<void>) {}));
  world.pass(10s);
  EXPECT_EQ(world.end_of(task).value, "awake");
}

TEST_F(Recovery, ARuleThatForbidsWhatIsInsideTheDaemonHoldsAlsoIfItWasApproved) {
  world.rules.rules.push_back(
      {.name = "slow", .decision = Decision::ask, .commands = {"time.sleep"}});
  const TaskId task = world.submit("sleeper@1");
  const std::size_t records = world.memory->records.size();
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  world.rules.rules.front().decision = Decision::deny;
  world.crash_with(records + 1);  // the answer, and not that it began to sleep
  EXPECT_NE(world.newest(task, RecordKind::result).payload.find("denied"), std::string::npos);
}

TEST_F(Recovery, AnApprovalForTheTaskOutlivesALaterAnswerAboutTheSameCommand) {
  const TaskId task = world.submit("thrice@1");
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve, "", Scope::task));
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Error{Errc::unknown_outcome, "the machine went down"});
    driver.next_reply("process.run", Reply(AwaitProcess::Reply{}));
  };
  world.crash();
  ASSERT_TRUE(world.answer(ApprovalId{2}, Answer::run_again));
  ASSERT_TRUE(world.driver->holds({task, Seq{2}}));
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Reply(AwaitProcess::Reply{}));
    driver.reply("process.run", Reply(AwaitProcess::Reply{}));
  };
  world.crash();
  EXPECT_TRUE(questions().empty());
  EXPECT_EQ(world.end_of(task).value, "ran");
}

// ---- code that changed ----

TEST_F(Recovery, ADivergedTaskCanBeEnded) {
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{"hello"}));
  const TaskId task = world.submit("both@1");  // waits for an approval at its second command
  upgrade("both@1", runs);
  world.crash();
  ASSERT_EQ(state_of(task), "diverged");
  EXPECT_EQ(cancel(task), Errc{});
  EXPECT_EQ(world.end_of(task).state, "cancelled");
}

Task<Result<Json>> cleans_up_under_a_shield(TaskStart start) {
  const auto shield = co_await kernel::shield();
  const Result<Json> ran = co_await runs(start);
  (void)co_await AwaitFileWrite{.path = "cleanup", .content = ran ? "ran" : "did not run"};
  co_return Json();
}

/// What it would clean up is not what was journalled.
TEST_F(Recovery, ADivergedTaskUnderAShieldCanBeEndedAndDoesNothingMore) {
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{"hello"}));
  const TaskId task = world.submit("both@1");
  upgrade("both@1", cleans_up_under_a_shield);
  world.crash();
  ASSERT_EQ(state_of(task), "diverged");
  EXPECT_EQ(cancel(task), Errc{});
  EXPECT_EQ(world.end_of(task).state, "cancelled");
  EXPECT_TRUE(world.driver->prepared().empty());
}

Task<Result<Json>> cannot_begin(TaskStart start) {
  return runs_so_often(start.definition.at("times").get<int>());
}

TEST_F(Recovery, ATaskThatCannotBeginFailsAndTheDaemonGoesOn) {
  world.add_kind("broken@1", cannot_begin);
  const TaskId task = world.submit("broken@1");
  EXPECT_EQ(world.end_of(task).state, "failed");
  EXPECT_THAT(world.end_of(task).error, HasSubstr("it could not begin"));
  EXPECT_TRUE(world.calls->states().empty());
}

TEST_F(Recovery, AfterAnUpgradeATaskThatCannotBeginAnyMoreIsDivergedAndTheDaemonStarts) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  upgrade("runner@1", cannot_begin);
  world.crash();
  EXPECT_EQ(state_of(task), "diverged");
}

Task<Result<Json>> writes_too_much(TaskStart /*start*/) {
  const auto written =
      co_await AwaitFileWrite{.path = "a.txt", .content = std::string(9 << 20, 'x')};
  const bool refused = !written && written.error().code == Errc::too_large;
  const Result<Json> ran = co_await runs({});
  co_return Json(refused && ran);
}

/// Longer than a record may be, it would end the daemon, now and at every start.
TEST_F(Recovery, ACommandThatIsTooLongIsRefusedAndReplayed) {
  world.add_kind("writer@1", writes_too_much);
  const TaskId task = world.submit("writer@1", /*approve_all=*/true);
  EXPECT_EQ(world.kinds_of(task), (Kinds{"task", "intent", "result", "intent"}));
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Reply(AwaitProcess::Reply{}));
  };
  world.crash();
  EXPECT_EQ(world.end_of(task).value, true);
}

Task<Result<Json>> returns_too_much(TaskStart /*start*/) {
  co_return Json(std::string(9 << 20, 'x'));
}

TEST_F(Recovery, ATaskThatReturnsTooMuchFails) {
  world.add_kind("prolix@1", returns_too_much);
  const TaskId task = world.submit("prolix@1");
  EXPECT_EQ(world.end_of(task).state, "failed");
  EXPECT_EQ(world.end_of(task).error_code, to_string(Errc::too_large));
}

/// One level more than can be read back.
Json too_deep() {
  Json tree = 1;
  for (std::size_t i = 0; i <= kTreeDepthMax; ++i)
    tree = Json::array({std::move(tree)});
  return tree;
}

Task<Result<Json>> sends_too_deep(TaskStart /*start*/) {
  const auto sent = co_await Send{.task = TaskId{1}, .message = {{"x", too_deep()}}};
  const bool refused = !sent && sent.error().code == Errc::invalid &&
                       sent.error().message.find("1000 levels") != std::string::npos;
  const Result<Json> ran = co_await runs({});
  co_return Json(refused && ran);
}

/// Its task could not be read at any later start.
TEST_F(Recovery, ACommandWithJsonThatIsTooDeepIsRefusedAndReplayed) {
  world.add_kind("deep@1", sends_too_deep);
  const TaskId task = world.submit("deep@1", /*approve_all=*/true);
  EXPECT_EQ(world.kinds_of(task), (Kinds{"task", "intent", "result", "intent"}));
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Reply(AwaitProcess::Reply{}));
  };
  world.crash();
  EXPECT_EQ(world.end_of(task).value, true);
}

Task<Result<Json>> returns_too_deep(TaskStart /*start*/) {
  co_return too_deep();
}

TEST_F(Recovery, ATaskThatReturnsJsonThatIsTooDeepFails) {
  world.add_kind("abyss@1", returns_too_deep);
  const TaskId task = world.submit("abyss@1");
  EXPECT_EQ(world.end_of(task).state, "failed");
  EXPECT_EQ(world.end_of(task).error_code, to_string(Errc::invalid));
}

Task<Result<Json>> says_how_it_reads(TaskStart /*start*/) {
  const Result<AwaitFileRead::Reply> file = co_await AwaitFileRead{.path = "a.txt"};
  co_return Json(file ? "read" : to_string(file.error().code));
}

TEST_F(Recovery, AnOutcomeThatIsTooLongIsAnError) {
  world.add_kind("sayer@1", says_how_it_reads);
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{.text = std::string(33 << 20, 'x')}));
  const TaskId task = world.submit("sayer@1");
  EXPECT_EQ(world.end_of(task).value, to_string(Errc::too_large));
}

TEST_F(Recovery, ATaskThatIsToEndEndsAlsoWhereItDiverges) {
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{"hello"}));
  const TaskId task = world.submit("both@1");
  upgrade("both@1", runs);
  cancel_and_crash(task);
  EXPECT_EQ(world.end_of(task).state, "cancelled");
}

TEST_F(Recovery, ATaskThatEndsBeforeItsRecordsDoHasDiverged) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  upgrade("runner@1", does_nothing);
  const std::size_t records = world.memory->records.size();
  world.crash();
  EXPECT_EQ(world.memory->records.size(), records);
  EXPECT_EQ(state_of(task), "diverged");
  EXPECT_FALSE(world.head(task).ended);
  EXPECT_EQ(cancel(task), Errc{});
  EXPECT_EQ(world.kinds_of(task), (Kinds{"task", "intent", "signal", "done"}));
  EXPECT_EQ(world.end_of(task).state, "cancelled");
}

TEST_F(Recovery, ATaskOfAnUnknownKindKeepsItsProgramsAndComesBackWhenItsKindDoes) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  const std::set<std::string> key{world.driver->performed().front().key};
  const Registry known = world.registry;
  upgrade("runner@1", nullptr);
  world.crash();
  EXPECT_EQ(world.programs_known, key);
  EXPECT_EQ(state_of(task), "diverged");
  EXPECT_EQ(world.calls->states(), (std::map<TaskState, std::size_t>{{TaskState::diverged, 1}}));
  world.registry = known;
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Reply(AwaitProcess::Reply{}));
  };
  world.crash();
  EXPECT_EQ(world.end_of(task).value, "ran");
}

TEST_F(Recovery, ATaskOfAnUnknownKindCanBeWaitedForAndCancelled) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  const TaskId joiner = world.submit("joiner@1", false, {{"task", number(task)}});
  upgrade("joiner@1", joins);
  world.crash();
  EXPECT_EQ(state_of(joiner), "waiting");
  EXPECT_EQ(cancel(task), Errc{});
  EXPECT_EQ(world.end_of(task).state, "cancelled");
  EXPECT_EQ(world.end_of(joiner).value, "cancelled");
}

TEST_F(Recovery, QuestionsAreOpenBeforeAnybodyCanAsk) {
  std::vector<TaskId> tasks;
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{"hello"}));
  for (int i = 0; i < 200; ++i)
    world.submit("both@1");
  std::size_t open = 0;
  world.before_listening = [&] { open = questions().size(); };
  world.crash();
  EXPECT_EQ(open, 200U);
}

// ---- rules that changed ----

TEST_F(Recovery, ARuleThatForbidsWhatWasApprovedMeanwhileHolds) {
  const TaskId task = world.submit("runner@1");
  world.rules.rules.push_back(
      {.name = "no programs", .decision = Decision::deny, .commands = {"process.run"}});
  world.crash();
  ASSERT_EQ(questions().size(), 1U);
  ASSERT_TRUE(world.answer(questions().front()->id, Answer::approve));
  EXPECT_TRUE(world.driver->performed().empty());
  EXPECT_EQ(world.end_of(task).error_code, "denied");
}

TEST_F(Recovery, ARuleThatForbidsWhatNeverBeganHolds) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  world.rules.rules.push_back(
      {.name = "no programs", .decision = Decision::deny, .commands = {"process.run"}});
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Error{Errc::not_started, "no run directory"});
  };
  world.crash();
  EXPECT_TRUE(world.driver->performed().empty());
  EXPECT_EQ(world.end_of(task).error_code, "denied");
}

// ---- facts ----

TEST_F(Recovery, TheDriverComparesWithTheFactsAsTheyAreAndNotAsTheJournalMaskedThem) {
  world.masker.add("hunter2-hunter2");
  const Prepared prepared{.facts = {.object = "/opt/hunter2-hunter2/run"}, .pre_image = {}};
  world.driver->facts("process.run", prepared);
  world.submit("runner@1");
  world.before_recovery = [&](ScriptedDriver& driver) {
    driver.facts("process.run", prepared);
    driver.reply("process.run", Reply(AwaitProcess::Reply{}));
  };
  world.crash();
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  ASSERT_EQ(world.driver->performed().size(), 1U);
  EXPECT_EQ(world.driver->performed().front().facts, prepared.facts);
  for (const Call& call : world.driver->prepared()) {
    EXPECT_EQ(call.facts, Facts{}) << "driver.hpp: empty during prepare";
  }
}

}  // namespace
}  // namespace tinkerbell
