#include "support/syscall_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

/// An attempt that came to nothing for a reason that passes: the command waits, in the journal, for
/// the next one.

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Task<Result<Json>> asks_model(TaskStart /*start*/) {
  const Result<AwaitLLMResponse::Reply> answer = co_await AwaitLLMResponse{.model = "default"};
  if (!answer) co_return answer.error();
  co_return Json(answer->text);
}

Task<Result<Json>> runs(TaskStart /*start*/) {
  const Result<AwaitProcess::Reply> ran = co_await AwaitProcess{.argv = {"make"}};
  if (!ran) co_return ran.error();
  co_return Json(ran->output);
}

class DeferTest : public testing::Test {
 protected:
  DeferTest() {
    world.add_kind("asks@1", asks_model);
    world.add_kind("runs@1", runs);
  }

  [[nodiscard]] Error busy_for(Nanoseconds time) const {
    return {Errc::rate_limited, "slow down", world.clock.wall() + time};
  }

  /// A task whose first attempt came to nothing.
  TaskId deferred_for(Nanoseconds time) {
    world.driver->next_reply("llm.response", busy_for(time));
    world.driver->reply("llm.response", Reply(AwaitLLMResponse::Reply{.text = "hello"}));
    const TaskId task = world.submit("asks@1");
    EXPECT_THAT(world.driver->performed(), SizeIs(1));
    return task;
  }

  /// The daemon is killed; the next run's driver answers at once.
  void crash() {
    world.before_recovery = [](ScriptedDriver& driver) {
      driver.reply("llm.response", Reply(AwaitLLMResponse::Reply{.text = "hello"}));
    };
    world.crash();
  }

  std::string waits_for(TaskId task) {
    const std::optional<LiveView> view = world.calls->view(task);
    return view ? view->waiting_for : "";
  }

  void cancel(TaskId task) {
    world.calls->cancel_task(task, "enough", {.via = "test"}, Completion<void>([](auto) {}));
    world.settle();
  }

  SyscallWorld world;
};

TEST_F(DeferTest, F43_TheNextAttemptIsMadeWhenItsTimeHasCome) {
  const TaskId task = deferred_for(10min);
  EXPECT_EQ(waits_for(task), "ask model default (0 messages): attempt 2 at " +
                                 rfc3339(world.clock.wall() + 10min) + ", after: slow down");
  world.pass(10min - 1ms);
  EXPECT_THAT(world.driver->performed(), SizeIs(1));

  world.pass(1ms);
  ASSERT_THAT(world.driver->performed(), SizeIs(2));
  const Call& first = world.driver->performed()[0];
  const Call& second = world.driver->performed()[1];
  EXPECT_EQ(second.attempt, 2U);
  EXPECT_EQ(second.key, first.key);
  EXPECT_EQ(second.asked, first.asked);
  EXPECT_EQ(world.end_of(task).value, Json("hello"));
  EXPECT_THAT(world.kinds_of(task),
              ElementsAre("task", "intent", "deferred", "start", "result", "done"));
  EXPECT_EQ(world.newest(task, RecordKind::deferred).attempt, 1U);
  EXPECT_EQ(world.newest(task, RecordKind::result).attempt, 2U);
}

TEST_F(DeferTest, TheNextAttemptMayComeToNothingToo) {
  const TaskId task = deferred_for(1min);
  world.driver->next_reply("llm.response", busy_for(3min));
  world.driver->next_reply("llm.response", Error{Errc::unauthorized, "no key"});
  world.pass(1min);
  EXPECT_THAT(waits_for(task), HasSubstr("attempt 3 at "));
  world.pass(2min);
  EXPECT_EQ(world.end_of(task).error, "no key");
  EXPECT_THAT(world.driver->performed(), SizeIs(3));
}

TEST_F(DeferTest, F43_ARestartDoesNotBeginTheWaitAnew) {
  const TaskId task = deferred_for(10min);
  world.pass(6min);
  crash();
  EXPECT_THAT(waits_for(task), HasSubstr("attempt 2 at "));
  EXPECT_THAT(waits_for(task), HasSubstr("after: slow down"));
  world.pass(4min - 1ms);
  EXPECT_THAT(world.driver->performed(), IsEmpty());
  world.pass(1ms);
  ASSERT_THAT(world.driver->performed(), SizeIs(1));
  EXPECT_EQ(world.driver->performed()[0].attempt, 2U);
  EXPECT_EQ(world.end_of(task).value, Json("hello"));
}

TEST_F(DeferTest, ATimeThatCameWhileThereWasNoDaemonHasCome) {
  const TaskId task = deferred_for(10min);
  world.clock.pass(1h);
  crash();
  world.pass(0ms);
  EXPECT_EQ(world.end_of(task).value, Json("hello"));
}

TEST_F(DeferTest, ACrashInTheNextAttemptIsFollowedByAnotherOne) {
  const TaskId task = deferred_for(1min);
  world.driver = std::make_unique<ScriptedDriver>();  // holds what it is given
  world.calls->set_driver<AwaitLLMResponse>(*world.driver);
  world.pass(1min);
  EXPECT_THAT(world.driver->performed(), SizeIs(1));
  crash();
  ASSERT_THAT(world.driver->performed(), SizeIs(1)) << "the wait was over";
  EXPECT_EQ(world.driver->performed()[0].attempt, 3U);
  EXPECT_EQ(world.end_of(task).value, Json("hello"));
}

TEST_F(DeferTest, WhatEarlierAttemptsWorkedIsKnownToTheNextOneOverCrashesToo) {
  Error broken = busy_for(1min);
  broken.took = 4s;
  world.driver->next_reply("llm.response", broken);
  const TaskId task = world.submit("asks@1");
  broken.retry_at = world.clock.wall() + 2min;
  broken.took = 5s;
  world.driver->next_reply("llm.response", broken);
  world.pass(1min);
  crash();
  world.driver = std::make_unique<ScriptedDriver>();  // holds what it is given
  world.calls->set_driver<AwaitLLMResponse>(*world.driver);
  world.pass(1min);
  ASSERT_THAT(world.driver->performed(), SizeIs(1));
  EXPECT_EQ(world.driver->performed()[0].worked, 9s);
  crash();  // in the middle of it: how long that one worked is not known
  ASSERT_THAT(world.driver->performed(), SizeIs(1));
  EXPECT_EQ(world.driver->performed()[0].attempt, 4U);
  EXPECT_EQ(world.driver->performed()[0].worked, 9s);
  EXPECT_EQ(world.end_of(task).value, Json("hello"));
}

TEST_F(DeferTest, ANextAttemptThatACrashCutOffMayHaveHadItsEffect) {
  world.driver->next_reply("process.run", busy_for(1min));
  const TaskId task = world.submit("runs@1", /*approve_all=*/true);
  world.pass(1min);
  ASSERT_THAT(world.driver->performed(), SizeIs(2)) << "and the second is under way";
  crash();
  EXPECT_THAT(world.driver->performed(), IsEmpty());
  ASSERT_THAT(world.driver->recovered(), SizeIs(1));
  world.driver->release(world.driver->recovered()[0].id,
                        Reply(AwaitProcess::Reply{.output = "made"}));
  world.settle();
  EXPECT_EQ(world.end_of(task).value, Json("made"));
}

TEST_F(DeferTest, ACommandThatWaitsInTheDriverSaysForWhat) {
  const TaskId task = world.submit("asks@1");
  EXPECT_EQ(waits_for(task), "ask model default (0 messages)");
  world.driver->waits_for("its turn");
  EXPECT_EQ(waits_for(task), "its turn: ask model default (0 messages)");
}

TEST_F(DeferTest, ItsTaskCanBeCancelled) {
  const TaskId task = deferred_for(10min);
  cancel(task);
  EXPECT_EQ(world.end_of(task).state, "cancelled");
  world.pass(1h);
  EXPECT_THAT(world.driver->performed(), SizeIs(1));
}

TEST_F(DeferTest, ItsTaskCanBeCancelledAfterARestart) {
  const TaskId task = deferred_for(10min);
  crash();
  cancel(task);
  EXPECT_EQ(world.end_of(task).state, "cancelled");
  EXPECT_THAT(world.driver->performed(), IsEmpty());
}

TEST_F(DeferTest, AWishToEndThatWasWrittenBeforeACrashIsHeard) {
  const TaskId task = deferred_for(10min);
  cancel(task);
  const auto signal = std::ranges::find(world.memory->records, RecordKind::signal, &Record::kind);
  world.crash_with(static_cast<std::size_t>(signal - world.memory->records.begin()) + 1);
  EXPECT_EQ(world.end_of(task).state, "cancelled");
  EXPECT_THAT(world.driver->performed(), IsEmpty());
}

TEST_F(DeferTest, TheRulesAreAskedBeforeTheNextAttempt) {
  const TaskId task = deferred_for(10min);
  world.rules.rules = {
      {.name = "no models", .decision = Decision::deny, .commands = {"llm.response"}}};
  world.pass(10min);
  EXPECT_EQ(world.end_of(task).error_code, "denied");
  EXPECT_THAT(world.driver->performed(), SizeIs(1));
}

TEST_F(DeferTest, ATaskThatIsPausedMakesNoAttempt) {
  const TaskId task = deferred_for(10min);
  world.calls->pause(task, {.via = "test"}, Completion<void>([](auto) {}));
  world.settle();
  world.pass(1h);
  EXPECT_THAT(world.driver->performed(), SizeIs(1));
  world.calls->resume(task, {.via = "test"}, Completion<void>([](auto) {}));
  world.settle();
  EXPECT_EQ(world.end_of(task).value, Json("hello"));
}

TEST_F(DeferTest, ItMayRestUntilThen) {
  world.lets_rest = true;
  const TaskId task = deferred_for(10min);
  ASSERT_TRUE(world.head(task).rest);
  EXPECT_THAT(world.head(task).rest->waiting_for, HasSubstr("attempt 2 at "));
  crash();
  EXPECT_TRUE(world.calls->is_resting(task));
  world.pass(10min - 1ms);
  EXPECT_TRUE(world.calls->is_resting(task));
  world.pass(1ms);
  EXPECT_EQ(world.end_of(task).value, Json("hello"));
}

TEST_F(DeferTest, ASecretInTheReasonIsWrittenNowhere) {
  world.masker.add("s3cr3t-value");
  world.driver->next_reply("llm.response",
                           Error{Errc::unavailable, "no s3cr3t-value", world.clock.wall() + 1min});
  const TaskId task = world.submit("asks@1");
  EXPECT_THAT(waits_for(task), HasSubstr("after: no [secret]"));
  EXPECT_EQ(world.payload_of<DeferredPayload>(task, RecordKind::deferred).error, "no [secret]");
  EXPECT_THAT(world.head(task).rest->waiting_for, HasSubstr("after: no [secret]"));
}

}  // namespace
}  // namespace tinkerbell
