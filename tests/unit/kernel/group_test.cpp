#include "tinkerbell/kernel/group.hpp"

#include "support/kernel_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

class GroupTest : public testing::Test, public KernelWorld {};

Task<Result<void>> works(KernelWorld* world, std::string name, Nanoseconds length) {
  const Result<void> slept = co_await kernel::sleep_for(length);
  world->say(name + (slept ? " done" : " cancelled"));
  co_return slept;
}

Task<Result<void>> breaks(Nanoseconds after) {
  (void)co_await kernel::sleep_for(after);
  co_return Error{Errc::io, "no disk"};
}

Task<void> says_outcome(KernelWorld* world, Task<Result<void>> body) {
  const Result<void> outcome = co_await std::move(body);
  world->say(outcome ? "group: well" : "group: " + outcome.error().message);
}

Task<Result<void>> two_workers(TaskGroup* group, KernelWorld* world) {
  group->spawn("short", works(world, "short", 1s));
  group->spawn("long", works(world, "long", 2s));
  world->say("body over");
  co_return Result<void>();
}

TEST_F(GroupTest, DoesNotEndBeforeItsTasks) {
  spawn("owner",
        says_outcome(this, in_group(TaskGroup::OnFailure::cancel_rest, two_workers, this)));
  run_all();
  pass(1s);
  EXPECT_THAT(log, ElementsAre("body over", "short done"));
  pass(1s);
  EXPECT_THAT(log, ElementsAre("body over", "short done", "long done", "group: well"));
  EXPECT_EQ(scheduler.counters().tasks, 0U);
}

Task<Result<void>> one_breaks(TaskGroup* group, KernelWorld* world) {
  group->spawn("bad", breaks(1s));
  group->spawn("good", works(world, "good", 1h));
  co_return Result<void>();
}

TEST_F(GroupTest, TheFirstFailureEndsTheRestAndIsTheOutcome) {
  spawn("owner", says_outcome(this, in_group(TaskGroup::OnFailure::cancel_rest, one_breaks, this)));
  run_all();
  pass(1s);
  EXPECT_THAT(log, ElementsAre("good cancelled", "group: bad: no disk"));
  EXPECT_EQ(scheduler.counters().timers, 0U);
}

TEST_F(GroupTest, OrTheOthersGoOn) {
  spawn("owner", says_outcome(this, in_group(TaskGroup::OnFailure::go_on, one_breaks, this)));
  run_all();
  pass(1s);
  EXPECT_TRUE(log.empty());
  pass(1h);
  EXPECT_THAT(log, ElementsAre("good done", "group: bad: no disk"));
}

Task<Result<void>> body_fails(TaskGroup* group, KernelWorld* world) {
  group->spawn("worker", works(world, "worker", 1h));
  co_await kernel::yield();
  co_return Error{Errc::conflict, "changed my mind"};
}

Task<Result<void>> body_throws(TaskGroup* group, KernelWorld* world) {
  group->spawn("worker", works(world, "worker", 1h));
  co_await kernel::yield();
  throw std::runtime_error("broken");
}

TEST_F(GroupTest, ABodyThatFailsOrThrowsEndsItsTasks) {
  spawn("fails", says_outcome(this, in_group(TaskGroup::OnFailure::go_on, body_fails, this)));
  run_all();
  EXPECT_THAT(log, ElementsAre("worker cancelled", "group: changed my mind"));
  log.clear();
  std::string error;
  scheduler.spawn({.name = "throws"}, in_group(TaskGroup::OnFailure::go_on, body_throws, this),
                  [&](TaskId, const Exit& exit) { error = exit.error->message; });
  run_all();
  EXPECT_THAT(log, ElementsAre("worker cancelled"));
  EXPECT_EQ(error, "broken");
}

Task<Result<void>> cleans_up_slowly(KernelWorld* world) {
  (void)co_await kernel::sleep_for(1h);
  const auto shield = co_await kernel::shield();
  (void)co_await kernel::sleep_for(1s);
  world->say("cleaned up");
  co_return Error{Errc::cancelled, "asked to"};
}

Task<Result<void>> one_cleaner(TaskGroup* group, KernelWorld* world) {
  group->spawn("cleaner", cleans_up_slowly(world));
  co_return Result<void>();
}

TEST_F(GroupTest, AKilledOwnerWaitsForTheCleanupOfItsTasks) {
  const TaskId owner = spawn(
      "owner", says_outcome(this, in_group(TaskGroup::OnFailure::cancel_rest, one_cleaner, this)));
  run_all();
  ASSERT_TRUE(scheduler.kill(owner, "enough"));
  run_all();
  EXPECT_TRUE(scheduler.is_live(owner));
  pass(1s);
  EXPECT_THAT(log, ElementsAre("cleaned up", HasSubstr("group:")));
  EXPECT_EQ(scheduler.counters().tasks, 0U);
}

Task<Result<int>> after(KernelWorld* world, Nanoseconds delay, int value) {
  const Result<void> slept = co_await kernel::sleep_for(delay);
  if (slept) co_return value;
  world->say(std::to_string(value) + " cancelled");
  co_return slept.error();
}

Task<Result<int>> throws() {
  co_await kernel::yield();
  throw std::runtime_error("broken");
}

Task<void> joins_all(KernelWorld* world) {
  std::vector<Task<Result<int>>> bodies;
  bodies.push_back(after(world, 2s, 2));
  bodies.push_back(throws());
  bodies.push_back(after(world, 1s, 1));
  for (const Result<int>& outcome : co_await join_all(std::move(bodies)))
    world->say(outcome ? std::to_string(*outcome) : outcome.error().message);
}

TEST_F(GroupTest, JoinAllGivesAllOutcomesInOrder) {
  spawn("owner", joins_all(this));
  run_all();
  pass(1s);
  EXPECT_TRUE(log.empty());
  pass(1s);
  EXPECT_THAT(log, ElementsAre("2", "broken", "1"));
}

Task<void> races(KernelWorld* world) {
  std::vector<Task<Result<int>>> bodies;
  bodies.push_back(after(world, 3s, 3));
  bodies.push_back(after(world, 1s, 1));
  const Raced<int> won = co_await race(std::move(bodies));
  world->say("won by " + std::to_string(*won.outcome));
}

TEST_F(GroupTest, ARacesLosersAreCancelledAndAwaited) {
  spawn("owner", races(this));
  run_all();
  pass(1s);
  EXPECT_THAT(log, ElementsAre("3 cancelled", "won by 1"));
  EXPECT_EQ(scheduler.counters().tasks, 0U);
}

Task<Result<int>> throws_a_number() {
  co_await kernel::yield();
  throw 1;
}

Task<void> races_with_one_that_throws(KernelWorld* world) {
  std::vector<Task<Result<int>>> bodies;
  bodies.push_back(after(world, 24h, 1));
  bodies.push_back(throws_a_number());
  const Raced<int> won = co_await race(std::move(bodies));
  world->say(won.outcome.error().message);
}

TEST_F(GroupTest, WhateverABodyThrowsEndsTheRace) {
  spawn("owner", races_with_one_that_throws(this));
  run_all();
  EXPECT_THAT(log, ElementsAre("1 cancelled", HasSubstr("no std::exception")));
}

Task<Result<void>> nests(TaskGroup* group, int depth);

Task<Result<void>> owns_a_group(int depth) {
  co_return co_await in_group(TaskGroup::OnFailure::go_on, nests, depth);
}

Task<Result<void>> nests(TaskGroup* group, int depth) {
  if (depth > 0) group->spawn("deeper", owns_a_group(depth - 1));
  const auto shield = co_await kernel::shield();
  co_return co_await kernel::sleep_for(24h);
}

/// 50 000 groups, each in a member of the next, would overflow any stack.
TEST_F(GroupTest, NestedGroupsEndByForceInnermostFirstAndWithoutRecursion) {
  const TaskId task = spawn("owner", owns_a_group(50'000));
  run_all();
  EXPECT_EQ(scheduler.counters().tasks, 50'001U);
  ASSERT_TRUE(scheduler.kill(task, "enough"));
  pass(5s);
  EXPECT_EQ(scheduler.counters().tasks, 0U);
}

TEST_F(GroupTest, NestedGroupsAreGoneWithTheirSchedulerWithoutRecursion) {
  spawn("owner", owns_a_group(50'000));
  run_all();
  scheduler.close();
  EXPECT_EQ(scheduler.run(1, now), 0U);
}

}  // namespace
}  // namespace tinkerbell
