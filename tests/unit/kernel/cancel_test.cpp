#include "support/kernel_world.hpp"

#include "tinkerbell/kernel/mailbox.hpp"
#include "tinkerbell/kernel/semaphore.hpp"
#include "tinkerbell/kernel/within.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
