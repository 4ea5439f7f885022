#include "support/syscall_world.hpp"

#include "tinkerbell/kernel/calls.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

/// A task that waits for a person, a timer or a message is a row in the store until that comes.

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

Task<Result<Json>> asks(TaskStart /*start*/) {
  const Result<Now::Reply> before = co_await Now{};
  const Result<AwaitUserApproval::Reply> answer = co_await AwaitUserApproval{.question = "on?"};
  if (!answer) co_return answer.error();
  co_return Json(before->unix_ns);
}

Task<Result<Json>> sleeps(TaskStart /*start*/) {
  const Result<Sleep::Reply> slept = co_await Sleep{.duration = 1h};
  if (!slept) co_return slept.error();
  co_return Json("slept");
}

Task<Result<Json>> receives(TaskStart /*start*/) {
  const Result<Receive::Reply> message = co_await Receive{};
  if (!message) co_return message.error();
  co_return message->message;
}

Task<Result<Json>> runs(TaskStart /*start*/) {
  const Result<AwaitProcess::Reply> ran = co_await AwaitProcess{.argv = {"make"}};
  if (!ran) co_return ran.error();
  co_return Json("ran");
}

Task<Result<Json>> spawns(TaskStart /*start*/) {
  const Result<Spawn::Reply> child = co_await Spawn{.kind = "asks@1"};
  if (!child) co_return child.error();
  const Result<AwaitUserApproval::Reply> answer = co_await AwaitUserApproval{.question = "on?"};
  if (!answer) co_return answer.error();
  co_return Json("done");
}

/// One of the commands that concern another task.
Task<Result<Json>> joins(TaskStart start) {
  const TaskId other{start.arguments.at("task").get<std::uint64_t>()};
  const Result<Join::Reply> end = co_await Join{.task = other};
  if (!end) co_return end.error();
  co_return Json(end->state);
}

Task<Result<Json>> sends(TaskStart start) {
  const TaskId other{start.arguments.at("task").get<std::uint64_t>()};
  const Result<Send::Reply> sent = co_await Send{.task = other, .message = "hello"};
  if (!sent) co_return sent.error();
  co_return Json("sent");
}

Task<Result<Json>> kills(TaskStart start) {
  const TaskId other{start.arguments.at("task").get<std::uint64_t>()};
  const Result<Kill::Reply> killed = co_await Kill{.task = other, .reason = "enough"};
  if (!killed) co_return killed.error();
  co_return Json("killed");
}

class RestTest : public testing::Test {
 protected:
  RestTest() {
    world.lets_rest = true;
    world.add_kind("asks@1", asks);
    world.add_kind("sleeps@1", sleeps);
    world.add_kind("receives@1", receives);
    world.add_kind("runs@1", runs);
    world.add_kind("spawns@1", spawns);
    world.add_kind("joins@1", joins);
    world.add_kind("sends@1", sends);
    world.add_kind("kills@1", kills);
  }

  /// One that rests after a restart.
  TaskId resting(const std::string& kind) {
    const TaskId task = world.submit(kind);
    world.crash();
    EXPECT_TRUE(world.calls->is_resting(task));
    return task;
  }

  TaskId submit_about(const std::string& kind, TaskId other) {
    return world.submit(kind, false, {{"task", number(other)}});
  }

  /// Asks for something that is told once it is in the journal.
  template <class Ask>
  Result<void> told(Ask ask) {
    Result<void> told = Error{Errc::internal, "never told"};
    ask(Completion<void>([&told](Result<void> done) { told = std::move(done); }));
    world.settle();
    return told;
  }

  SyscallWorld world;
  const Person person{.via = "test", .uid = 7};
};

TEST_F(RestTest, ItHasNoCoroutineUntilItsAnswerComes) {
  const TaskId task = resting("asks@1");
  EXPECT_EQ(world.calls->scheduler().counters().tasks, 0U);
  EXPECT_FALSE(world.calls->view(task));
  EXPECT_EQ(world.calls->live_tasks(), 1U);
  EXPECT_EQ(world.calls->states(), (std::map<TaskState, std::size_t>{{TaskState::waiting, 1}}));
  EXPECT_TRUE(world.calls->check_live(task));
  EXPECT_THAT(world.calls->open_questions(kNoTask), ElementsAre(ApprovalId{1}));

  EXPECT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  EXPECT_EQ(world.end_of(task).state, "completed");
  EXPECT_THAT(world.awakened, ElementsAre(task));
  EXPECT_EQ(world.calls->live_tasks(), 0U);
  EXPECT_THAT(world.calls->open_questions(kNoTask), IsEmpty());
}

TEST_F(RestTest, ItsHeadSaysWhatItWaitsFor) {
  const TaskId task = world.submit("asks@1");
  const std::optional<Rest> rest = world.head(task).rest;
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->approval, ApprovalId{1});
  EXPECT_EQ(rest->waiting_for, world.calls->view(task)->waiting_for);
  EXPECT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  EXPECT_FALSE(world.head(task).rest);
}

TEST_F(RestTest, SecretsAreMaskedInWhatItsHeadSays) {
  world.masker.add("s3cr3t-value");
  world.add_kind("leaks@1", [](TaskStart) -> Task<Result<Json>> {
    (void)co_await AwaitUserApproval{.question = "s3cr3t-value?"};
    co_return Json();
  });
  const TaskId task = world.submit("leaks@1");
  ASSERT_TRUE(world.head(task).rest);
  EXPECT_THAT(world.head(task).rest->waiting_for, testing::Not(testing::HasSubstr("s3cr3t")));
}

TEST_F(RestTest, ASecondAnswerIsToldOfTheFirst) {
  (void)resting("asks@1");
  EXPECT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  EXPECT_EQ(world.answer(ApprovalId{1}, Answer::deny).error().code, Errc::conflict);
}

TEST_F(RestTest, ItsQuestionIsTheSameWhenSomebodyLooksAtIt) {
  (void)world.submit("asks@1");
  const Question asked = *world.calls->approvals().find_open(ApprovalId{1});
  world.crash();
  EXPECT_EQ(world.calls->approvals().find_open(ApprovalId{1}), nullptr);
  std::optional<Question> seen;
  world.calls->look_at(ApprovalId{1}, Completion<const Question*>([&](const auto& question) {
                         if (question) seen = **question;
                       }));
  world.settle();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->card, asked.card);
  EXPECT_EQ(seen->line, asked.line);
  EXPECT_EQ(seen->hash, asked.hash);
  EXPECT_EQ(seen->opened, asked.opened);
}

TEST_F(RestTest, AQuestionThatNobodyAsksIsNotFound) {
  (void)resting("asks@1");
  EXPECT_EQ(world.answer(ApprovalId{2}, Answer::approve).error().code, Errc::not_found);
  EXPECT_THAT(world.awakened, IsEmpty());
}

TEST_F(RestTest, ATimerBringsItBackWhenItsTimeHasCome) {
  const TaskId early = world.submit("sleeps@1");
  world.pass(10min);
  const TaskId late = resting("sleeps@1");
  EXPECT_TRUE(world.calls->is_resting(early));
  world.pass(49min);
  EXPECT_THAT(world.awakened, IsEmpty());
  world.pass(1min);
  EXPECT_EQ(world.end_of(early).value, "slept");
  EXPECT_TRUE(world.calls->is_resting(late));
  world.pass(10min + 1s);  // the alarm was set a moment after the clock was read
  EXPECT_EQ(world.end_of(late).value, "slept");
  EXPECT_EQ(world.calls->scheduler().counters().tasks, 0U);  // no alarm is left
}

TEST_F(RestTest, ATimeThatPassedWhileNoDaemonWasThereBringsItBackAtOnce) {
  const TaskId task = world.submit("sleeps@1");
  world.clock.pass(2h);
  world.crash();
  EXPECT_EQ(world.end_of(task).value, "slept");
}

TEST_F(RestTest, AnEarlierTimeThanThatOfTheAlarmIsNotMissed) {
  world.idle_max = 0;
  world.crash();
  const TaskId late = world.submit("sleeps@1");
  world.add_kind("naps@1", [](TaskStart) -> Task<Result<Json>> {
    (void)co_await Sleep{.duration = 1min};
    co_return Json("napped");
  });
  const TaskId early = world.submit("naps@1");
  EXPECT_TRUE(world.calls->is_resting(late));
  EXPECT_TRUE(world.calls->is_resting(early));
  world.pass(1min);
  EXPECT_EQ(world.end_of(early).value, "napped");
  world.pass(59min + 1s);
  EXPECT_EQ(world.end_of(late).value, "slept");
}

TEST_F(RestTest, AMessageBringsItBack) {
  const TaskId task = resting("receives@1");
  const TaskId sender = submit_about("sends@1", task);
  EXPECT_EQ(world.end_of(sender).value, "sent");
  EXPECT_EQ(world.end_of(task).value, "hello");
}

TEST_F(RestTest, WhoJoinsItIsToldOfItsEnd) {
  const TaskId task = resting("asks@1");
  const TaskId joiner = submit_about("joins@1", task);
  EXPECT_FALSE(world.calls->is_resting(task));
  EXPECT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  EXPECT_EQ(world.end_of(joiner).value, "completed");
}

TEST_F(RestTest, WhoHadJoinedItBeforeARestartIsToldOfItsEnd) {
  const TaskId task = world.submit("asks@1");
  const TaskId joiner = submit_about("joins@1", task);
  world.crash();
  EXPECT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  EXPECT_EQ(world.end_of(joiner).value, "completed");
}

TEST_F(RestTest, AnotherTaskCanKillIt) {
  const TaskId task = resting("asks@1");
  const TaskId killer = submit_about("kills@1", task);
  EXPECT_EQ(world.end_of(killer).value, "killed");
  EXPECT_EQ(world.end_of(task).state, "cancelled");
  EXPECT_THAT(world.calls->open_questions(kNoTask), IsEmpty());
}

TEST_F(RestTest, APersonCanCancelAndPauseIt) {
  const TaskId cancelled = resting("asks@1");
  EXPECT_TRUE(told(
      [&](auto done) { world.calls->cancel_task(cancelled, "enough", person, std::move(done)); }));
  EXPECT_EQ(world.end_of(cancelled).error, "enough");

  const TaskId paused = resting("sleeps@1");
  EXPECT_TRUE(told([&](auto done) { world.calls->pause(paused, person, std::move(done)); }));
  world.crash();  // it has been told something since it began to wait: it is not a row alone
  EXPECT_FALSE(world.calls->is_resting(paused));
  world.pass(1h);
  EXPECT_EQ(world.end_of(paused).value, "slept");
}

TEST_F(RestTest, ItCanBeGivenBreakpoints) {
  const TaskId task = resting("asks@1");
  EXPECT_TRUE(told(
      [&](auto done) { world.calls->set_breakpoint(task, "file.*", person, std::move(done)); }));
  EXPECT_EQ(world.calls->breakpoints(task).size(), 1U);
}

TEST_F(RestTest, ItCountsAsOneOfThoseThatHaveNotEnded) {
  world.tasks_max = 1;
  (void)resting("asks@1");
  EXPECT_EQ(world.submit("asks@1"), kNoTask);
}

TEST_F(RestTest, OneOfAFamilyDoesNotRest) {
  const TaskId parent = world.submit("spawns@1");
  const TaskId child{number(parent) + 1};
  EXPECT_TRUE(world.head(parent).rest);
  EXPECT_FALSE(world.head(child).rest);
}

TEST_F(RestTest, WhatIsUnsureRestsAndItsProgramIsStillKnown) {
  const TaskId task = world.submit("runs@1", /*approve_all=*/true);
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Error{Errc::unknown_outcome, "the machine went down"});
  };
  world.crash();
  EXPECT_EQ(world.calls->view(task)->state, TaskState::unsure);
  const std::set<std::string> known = world.programs_known;
  EXPECT_EQ(known.size(), 1U);

  world.crash();
  EXPECT_TRUE(world.calls->is_resting(task));
  EXPECT_EQ(world.calls->states().at(TaskState::unsure), 1U);
  EXPECT_EQ(world.programs_known, known);
  EXPECT_TRUE(world.answer(ApprovalId{1}, Answer::abort));
  EXPECT_EQ(world.end_of(task).state, "failed");
}

TEST_F(RestTest, APoisonedTaskIsPutIntoQuarantineAlsoIfItRested) {
  const TaskId task = world.submit("asks@1");
  world.lets_rest = false;  // its turn has ended the daemon: its records are read
  world.poisonous.insert(task);
  world.crash();
  world.lets_rest = true;
  world.crash();
  EXPECT_FALSE(world.calls->is_resting(task));
  EXPECT_EQ(world.calls->view(task)->state, TaskState::quarantined);
}

TEST_F(RestTest, ItStaysAtRestIfTheStoreFailsAndWhoAskedIsTold) {
  (void)resting("asks@1");
  world.memory->unreadable = Error{Errc::io, "the disk is gone"};
  EXPECT_EQ(world.answer(ApprovalId{1}, Answer::approve).error().code, Errc::io);
  world.memory->unreadable.reset();
  EXPECT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
}

TEST_F(RestTest, IfItsRecordsAreDamagedItIsThereAndDoesNothing) {
  const TaskId task = resting("asks@1");
  world.memory->damaged.insert(task);
  EXPECT_EQ(world.answer(ApprovalId{1}, Answer::approve).error().code, Errc::not_found);
  ASSERT_TRUE(world.calls->view(task));
  EXPECT_EQ(world.calls->view(task)->state, TaskState::diverged);
}

TEST_F(RestTest, TheEndOfTheDaemonAnswersWhoWaitsForIt) {
  const TaskId task = resting("asks@1");
  std::optional<Result<void>> told;
  world.calls->awaken(task, Completion<void>([&](Result<void> done) { told = std::move(done); }));
  EXPECT_FALSE(told);
  world.calls->stop();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->error().code, Errc::abandoned);
}

// ---- while the daemon runs ----

class IdleTest : public RestTest {
 protected:
  IdleTest() {
    world.idle_max = 2;
    world.crash();
  }
};

TEST_F(IdleTest, ThoseThatHaveWaitedLongestGoToRestWhenThereAreTooMany) {
  std::vector<TaskId> tasks;
  for (int i = 0; i < 5; ++i)
    tasks.push_back(world.submit("asks@1"));
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_EQ(world.calls->is_resting(tasks[i]), i < 3) << i;
  EXPECT_EQ(world.calls->scheduler().counters().tasks, 2U);
  EXPECT_EQ(world.calls->approvals().shown().size(), 2U);
  EXPECT_EQ(world.calls->open_questions(kNoTask).size(), 5U);
  EXPECT_EQ(world.calls->scheduler().contradiction(), std::nullopt);
  for (std::uint64_t i = 5; i > 0; --i) {
    EXPECT_TRUE(world.answer(ApprovalId{i}, Answer::approve));
    EXPECT_EQ(world.end_of(tasks[i - 1]).state, "completed");
  }
}

TEST_F(IdleTest, OneThatWasLookedAtGoesBackToRest) {
  world.idle_max = 0;
  const TaskId task = resting("sleeps@1");
  EXPECT_TRUE(told([&](auto done) { world.calls->awaken(task, std::move(done)); }));
  EXPECT_FALSE(world.calls->is_resting(task));
  (void)world.submit("asks@1");  // the next commit
  EXPECT_TRUE(world.calls->is_resting(task));
}

TEST_F(IdleTest, ATaskThatSomebodyJoinsIsKeptAwake) {
  const TaskId task = world.submit("asks@1");
  (void)submit_about("joins@1", task);
  for (int i = 0; i < 3; ++i)
    (void)world.submit("asks@1");
  EXPECT_FALSE(world.calls->is_resting(task));
}

TEST_F(IdleTest, NothingRestsBeforeItsWaitIsDurable) {
  world.memory->full = Error{Errc::storage_full, "no room"};
  for (int i = 0; i < 4; ++i) {
    world.calls->submit({.kind = "asks@1", .workspace = "/work", .by = person},
                        Completion<TaskId>([](const Result<TaskId>&) {}));  // told much later
  }
  world.settle();
  EXPECT_EQ(world.calls->scheduler().counters().tasks, 4U);
  world.memory->full.reset();
  world.journal->try_again();
  world.settle();
  EXPECT_EQ(world.calls->scheduler().counters().tasks, 2U);
}

TEST_F(IdleTest, ATaskWithAScopeInItsFramesIsKeptAwake) {
  world.add_kind("hurries@1", [](TaskStart) -> Task<Result<Json>> {
    const CancelScope scope = co_await kernel::deadline(1h);
    const Result<AwaitUserApproval::Reply> answer = co_await AwaitUserApproval{.question = "soon?"};
    co_return answer ? Json("in time") : Json("too late");
  });
  const TaskId task = world.submit("hurries@1");
  EXPECT_FALSE(world.head(task).rest);
}

}  // namespace
}  // namespace tinkerbell
