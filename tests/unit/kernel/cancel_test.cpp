#include "support/kernel_world.hpp"

#include "tinkerbell/kernel/mailbox.hpp"
#include "tinkerbell/kernel/semaphore.hpp"
#include "tinkerbell/kernel/within.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

class CancelTest : public testing::Test, public KernelWorld {};

Task<void> sleeps_under_shield(KernelWorld* world) {
  {
    const auto shield = co_await kernel::shield();
    world->say(co_await kernel::sleep_for(1s) ? "slept" : "cancelled");
  }
  world->say(co_await kernel::sleep_for(1s) ? "slept" : "cancelled");
}

TEST_F(CancelTest, AShieldHoldsAKillBackUntilItIsLeft) {
  const TaskId task = spawn("shielded", sleeps_under_shield(this));
  run_all();
  ASSERT_TRUE(scheduler.kill(task, "enough"));
  run_all();
  EXPECT_TRUE(log.empty());
  EXPECT_EQ(*scheduler.state_of(task), TaskState::waiting);
  pass(1s);
  EXPECT_THAT(log, ElementsAre("slept", "cancelled"));
}

Task<void> nests_deadlines(KernelWorld* world) {
  const auto outer = co_await kernel::deadline(1s);
  {
    const auto inner = co_await kernel::deadline(1h);
    world->say(co_await kernel::sleep_for(2s) ? "slept" : "cancelled");
    world->say(inner.expired() ? "inner" : outer.expired() ? "outer" : "neither");
    world->say(co_await kernel::sleep_for(1ns) ? "slept" : "cancelled");  // level, not edge
  }
  const auto shield = co_await kernel::shield();
  world->say(co_await kernel::sleep_for(1ns) ? "slept" : "cancelled");
}

TEST_F(CancelTest, TheNearestDeadlineEndsTheWaitsOfAllScopesInIt) {
  spawn("nests", nests_deadlines(this));
  run_all();
  pass(1s);
  pass(1s);
  EXPECT_THAT(log, ElementsAre("cancelled", "outer", "cancelled", "slept"));
  EXPECT_EQ(scheduler.counters().timers, 0U);
}

Task<void> waits_after_a_deadline(KernelWorld* world) {
  {
    const auto scope = co_await kernel::deadline(1s);
    (void)co_await kernel::sleep_for(1h);
  }
  world->say(co_await kernel::sleep_for(1s) ? "slept" : "cancelled");
}

TEST_F(CancelTest, ADeadlineIsOverWhenItsScopeIsLeft) {
  spawn("waits", waits_after_a_deadline(this));
  run_all();
  pass(1s);
  pass(1s);
  EXPECT_THAT(log, ElementsAre("slept"));
}

Task<void> asks_in_a_scope(KernelWorld* world) {
  const auto scope = co_await kernel::deadline(1s);
  world->say(co_await ask());
}

TEST_F(CancelTest, ADeadlineOnACommandGoesThroughItsHandler) {
  spawn("asks", asks_in_a_scope(this));
  run_all();
  pass(1s);
  EXPECT_EQ(cancels, 1);
  EXPECT_THAT(log, ElementsAre("cancelled"));
}

struct Order {
  KernelWorld* world;
  int depth;

  ~Order() {
    if (depth % 50'000 == 0) world->say(std::to_string(depth));
  }
};

Task<void> goes_deep(KernelWorld* world, int depth) {
  const Order order{world, depth};
  if (depth < 200'000) {
    co_await goes_deep(world, depth + 1);
  } else {
    const auto shield = co_await kernel::shield();
    (void)co_await kernel::sleep_for(24h);
  }
}

/// 200 000 frames, each destroyed from within the next, would overflow any stack.
TEST_F(CancelTest, ADeepChainIsDestroyedInnermostFirstAndWithoutRecursion) {
  const TaskId task = spawn("deep", goes_deep(this, 1));
  run_all();
  ASSERT_TRUE(scheduler.kill(task, "enough"));
  pass(5s);
  EXPECT_FALSE(scheduler.is_live(task));
  EXPECT_THAT(log, ElementsAre("200000", "150000", "100000", "50000"));
}

Task<void> cleans_up(KernelWorld* world) {
  (void)co_await kernel::sleep_for(24h);
  world->say("cleans up");
  const auto shield = co_await kernel::shield();
  world->say(co_await kernel::sleep_for(1s) ? "clean" : "dirty");
}

/// The loop slept for an hour, and it is the kill that wakes it.
TEST_F(CancelTest, GraceBeginsWhenTheSchedulerTurnsNotWhenItLastTurned) {
  const TaskId task = spawn("tidy", cleans_up(this));
  run_all();
  ASSERT_TRUE(scheduler.kill(task, "enough"));
  EXPECT_LE(scheduler.next_deadline(), now);
  now += 1h;
  run_all();
  pass(1s);
  EXPECT_THAT(log, ElementsAre("cleans up", "clean"));
}

Task<void> sleeps_long_under_shield(KernelWorld* world) {
  const auto shield = co_await kernel::shield();
  world->say(co_await kernel::sleep_for(2s) ? "slept" : "cancelled");
  world->say(co_await kernel::sleep_for(24h) ? "slept" : "cancelled");
}

/// What woke it and the end of its grace come in one look: it has its turn, and no further wait.
TEST_F(CancelTest, WhoseGraceEndsWhileItIsReadyHasItsTurn) {
  const TaskId task = spawn("shielded", sleeps_long_under_shield(this));
  run_all();
  ASSERT_TRUE(scheduler.kill(task, "enough"));
  pass(6s);
  EXPECT_THAT(log, ElementsAre("slept"));
  EXPECT_FALSE(scheduler.is_live(task));
}

Task<void> sleeps_for_ever_in_a_scope() {
  const auto scope = co_await kernel::deadline(6s);
  const auto shield = co_await kernel::shield();
  while (true)
    (void)co_await kernel::sleep_for(2s);
}

TEST_F(CancelTest, ADeadlineOutsideOfAShieldDoesNotGiveItsTimeBack) {
  const TaskId task = spawn("stubborn", sleeps_for_ever_in_a_scope());
  run_all();
  ASSERT_TRUE(scheduler.kill(task, "enough"));
  pass(6s);
  pass(1min);
  EXPECT_FALSE(scheduler.is_live(task));
}

Task<void> asks_under_shield(KernelWorld* world) {
  const auto shield = co_await kernel::shield();
  world->say(co_await ask());
  while (true)
    (void)co_await kernel::sleep_for(1h);
}

TEST_F(CancelTest, AnAnswerThatComesAfterTheGraceGivesItAnewOnce) {
  const TaskId task = spawn("asks", asks_under_shield(this));
  run_all();
  ASSERT_TRUE(scheduler.kill(task, "enough"));
  pass(1min);
  EXPECT_EQ(scheduler.next_deadline(), kNever);  // nothing to look at until it is answered
  answer(0, "yes");
  run_all();
  EXPECT_THAT(log, ElementsAre("yes"));
  pass(5s);
  EXPECT_FALSE(scheduler.is_live(task));
}

TEST_F(CancelTest, WhoHasEndedCannotBeKilledByWhoIsTold) {
  std::optional<Result<void>> killed;
  scheduler.spawn({}, cleans_up(this), [&](TaskId ended, const Exit&) {
    EXPECT_FALSE(scheduler.is_live(ended));
    killed = scheduler.kill(ended, "once more");
  });
  run_all();
  ASSERT_TRUE(scheduler.kill(scheduler.inspect().at(0).task, "enough"));
  run_all();
  pass(1s);
  ASSERT_TRUE(killed);
  EXPECT_EQ(killed->error().code, Errc::abandoned);
}

Task<void> waits_as_long_as_it_can(KernelWorld* world) {
  (void)co_await within(Nanoseconds::max(), [](KernelWorld* of) -> Task<Result<void>> {
    const Result<void> slept = co_await kernel::sleep_for(Nanoseconds::max(), kernel::Slack::lazy);
    of->say("woke");
    co_return slept;
  }(world));
}

TEST_F(CancelTest, ATimeThatTheClockDoesNotReachIsNever) {
  const TaskId task = spawn("patient", waits_as_long_as_it_can(this));
  run_all();
  pass(24h);
  EXPECT_TRUE(scheduler.is_live(task));
  EXPECT_TRUE(log.empty());
}

TEST_F(CancelTest, EndedByForceATaskHasNoCleanup) {
  const TaskId task = spawn("tidy", cleans_up(this));
  run_all();
  scheduler.end_by_force(task);
  run_all();
  EXPECT_FALSE(scheduler.is_live(task));
  scheduler.end_by_force(task);
  run_all();
  EXPECT_TRUE(log.empty());
}

Task<void> fails() {
  co_await kernel::yield();
  throw std::runtime_error("broken");
}

TEST_F(CancelTest, TheRecorderSaysHowATaskEnded) {
  spawn("fails", fails());
  run_all();
  ASSERT_NE(scheduler.trace().newest(), nullptr);
  EXPECT_EQ(scheduler.trace().newest()->state, TaskState::failed);
}

TEST_F(CancelTest, AwaitChainsNameEveryCallSite) {
  spawn("deep", sleeps_under_shield(this));
  run_all();
  const TaskInspection seen = scheduler.inspect().at(0);
  EXPECT_THAT(seen.waits_at.file_name(), HasSubstr("cancel_test.cpp"));
  EXPECT_EQ(seen.calls.size(), 1U);
  EXPECT_THAT(seen.calls.at(0).function_name(), HasSubstr("sleeps_under_shield"));
}

Task<void> sends(KernelWorld* world, Mailbox<std::string>* box, std::string message) {
  const Result<void> sent = co_await box->send(message);
  world->say((sent ? "sent " : sent.error().message + " ") + message);
}

Task<void> reads(KernelWorld* world, Mailbox<std::string>* box, std::string prefix) {
  const Result<std::string> message = co_await box->receive(
      [prefix](const std::string& offered) { return offered.starts_with(prefix); });
  world->say(message ? "read " + *message : message.error().message);
}

TEST_F(CancelTest, AFullMailboxHoldsItsSendersBackInOrder) {
  Mailbox<std::string> box(1);
  for (const char* message : {"a", "b", "c"})
    spawn("sender", sends(this, &box, message));
  run_all();
  EXPECT_THAT(log, ElementsAre("sent a"));
  for (int i = 0; i < 3; ++i)
    spawn("reader", reads(this, &box, ""));
  run_all();
  EXPECT_THAT(log, ElementsAre("sent a", "read a", "read b", "read c", "sent b", "sent c"));
  EXPECT_EQ(box.size(), 0U);
}

TEST_F(CancelTest, AReaderMayWantSomeMessagesOnly) {
  Mailbox<std::string> box(8);
  spawn("picky", reads(this, &box, "x"));
  run_all();
  spawn("sender", sends(this, &box, "a"));
  spawn("sender", sends(this, &box, "x1"));
  run_all();
  EXPECT_THAT(log, ElementsAre("sent a", "sent x1", "read x1"));
  EXPECT_EQ(box.size(), 1U);
}

TEST_F(CancelTest, AReaderFindsWhatASenderStillHolds) {
  Mailbox<std::string> box(1);
  for (const char* message : {"a", "x1", "b"})
    spawn("sender", sends(this, &box, message));
  run_all();
  spawn("picky", reads(this, &box, "x"));
  run_all();
  EXPECT_THAT(log, ElementsAre("sent a", "read x1", "sent x1"));
  for (int i = 0; i < 2; ++i)
    spawn("reader", reads(this, &box, ""));
  run_all();
  EXPECT_EQ(scheduler.counters().tasks, 0U);
}

Task<void> cannot_tell(KernelWorld* world, Mailbox<std::string>* box) {
  try {
    (void)co_await box->receive([](const std::string& offered) { return offered.at(5) == 'x'; });
  } catch (const std::out_of_range&) {
    world->say("cannot tell");
  }
}

TEST_F(CancelTest, AReaderThatCannotTellWhatItWantsHurtsItselfOnly) {
  Mailbox<std::string> box(1);
  spawn("first", cannot_tell(this, &box));
  run_all();
  spawn("sender", sends(this, &box, "a"));
  run_all();
  spawn("second", cannot_tell(this, &box));
  run_all();
  EXPECT_THAT(log, ElementsAre("sent a", "cannot tell", "cannot tell"));
  EXPECT_EQ(box.size(), 1U);
}

TEST_F(CancelTest, AClosedMailboxTellsThoseWhoWait) {
  Mailbox<std::string> box(1);
  spawn("reader", reads(this, &box, ""));
  run_all();
  box.close();
  spawn("sender", sends(this, &box, "late"));
  run_all();
  EXPECT_THAT(log, ElementsAre(HasSubstr("closed"), HasSubstr("closed")));
}

Task<void> works(KernelWorld* world, Semaphore* semaphore, std::string name) {
  const auto permit = co_await semaphore->acquire();
  world->say(name + (permit ? " in" : " out"));
  (void)co_await kernel::sleep_for(1s);
}

TEST_F(CancelTest, APermitThatNobodyTookGoesBack) {
  Semaphore semaphore(1);
  spawn("a", works(this, &semaphore, "a"));
  const TaskId second = spawn("b", works(this, &semaphore, "b"));
  spawn("c", works(this, &semaphore, "c"));
  run_all();
  now += 1s;
  scheduler.run(1, now);  // a ends, and b has the permit but not its turn
  ASSERT_TRUE(scheduler.kill(second, "enough"));
  run_all();
  pass(1s);
  EXPECT_THAT(log, ElementsAre("a in", "b in", "c in"));
  EXPECT_EQ(semaphore.free(), 1U);
}

}  // namespace
}  // namespace tinkerbell
