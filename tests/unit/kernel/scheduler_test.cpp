#include "tinkerbell/kernel/scheduler.hpp"

#include "support/kernel_world.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;

class SchedulerTest : public testing::Test, public KernelWorld {};

Task<void> repeat(std::vector<std::string>* log, std::string name, int times) {
  for (int i = 0; i < times; ++i) {
    log->push_back(name);
    co_await kernel::yield();
  }
}

TEST_F(SchedulerTest, RunsReadyTasksInTurnsFirstInFirstOut) {
  scheduler.spawn({.name = "a"}, repeat(&log, "a", 2));
  scheduler.spawn({.name = "b"}, repeat(&log, "b", 2));
  run_all();
  EXPECT_EQ(log, (std::vector<std::string>{"a", "b", "a", "b"}));
  EXPECT_EQ(scheduler.counters().tasks, 0U);
}

Task<int> sum(int depth) {
  if (depth == 0) {
    co_await kernel::yield();
    co_return 0;
  }
  co_return 1 + co_await sum(depth - 1);
}

Task<void> keep_sum(std::vector<std::string>* log, int depth) {
  log->push_back(std::to_string(co_await sum(depth)));
}

TEST_F(SchedulerTest, YieldsFromAnyDepthOfNestedCalls) {
  scheduler.spawn({.name = "deep"}, keep_sum(&log, 1'000));
  run_all();
  EXPECT_EQ(log, std::vector<std::string>{"1000"});
}

Task<void> throws() {
  co_await kernel::yield();
  throw std::runtime_error("broken");
}

Task<void> catches(std::vector<std::string>* log) {
  try {
    co_await throws();
  } catch (const std::runtime_error& error) {
    log->push_back(error.what());
  }
}

TEST_F(SchedulerTest, ExceptionsReachTheCallerThroughTheCallChain) {
  scheduler.spawn({.name = "catches"}, catches(&log));
  run_all();
  EXPECT_EQ(log, std::vector<std::string>{"broken"});
}

Task<void> joins(std::vector<std::string>* log, TaskId target) {
  const Result<Exit> exit = co_await kernel::join(target);
  if (!exit) {
    log->push_back(exit.error().message);
  } else {
    log->push_back(std::string(name_of(exit->state)) +
                   (exit->error ? " " + exit->error->message : ""));
  }
}

TEST_F(SchedulerTest, ATaskThatThrowsFailsAloneAndItsJoinersHearOfIt) {
  const TaskId bad = scheduler.spawn({.name = "bad"}, throws());
  scheduler.spawn({.name = "joiner"}, joins(&log, bad));
  scheduler.spawn({.name = "other"}, repeat(&log, "other", 1));
  run_all();
  EXPECT_EQ(log, (std::vector<std::string>{"other", "failed broken"}));
}

Task<Result<std::unique_ptr<int>>> returns_value() {
  co_await kernel::yield();  // so that the reader can begin to wait
  co_return std::make_unique<int>(42);
}

Task<void> reads_value(std::vector<std::string>* log, TaskId target) {
  const Result<Exit> exit = co_await kernel::join(target);
  log->push_back(std::to_string(**exit->value_as<std::unique_ptr<int>>()));
}

TEST_F(SchedulerTest, JoinGivesTheValue) {
  const TaskId target = scheduler.spawn({.name = "value"}, returns_value());
  scheduler.spawn({.name = "reader"}, reads_value(&log, target));
  run_all();
  EXPECT_EQ(log, std::vector<std::string>{"42"});
}

TEST_F(SchedulerTest, JoiningATaskThatEndedIsAnError) {
  const TaskId gone = scheduler.spawn({.name = "gone"}, repeat(&log, "x", 0));
  run_all();
  scheduler.spawn({.name = "late"}, joins(&log, gone));
  run_all();
  ASSERT_EQ(log.size(), 1U);
  EXPECT_TRUE(log[0].ends_with(" has ended")) << log[0];
}

Task<void> joins_itself(std::vector<std::string>* log) {
  const TaskId me = (co_await kernel::self()).id;
  const Result<Exit> exit = co_await kernel::join(me);
  log->push_back(exit.error().message);
}

TEST_F(SchedulerTest, JoiningItselfIsAnErrorAndNoHang) {
  scheduler.spawn({.name = "narcissus"}, joins_itself(&log));
  run_all();
  EXPECT_EQ(log, std::vector<std::string>{"join: a task cannot wait for itself"});
}

TEST_F(SchedulerTest, VolatileIdsAreNeverUsedAgain) {
  const TaskId first = scheduler.spawn({.name = "a"}, repeat(&log, "a", 0));
  run_all();
  const TaskId second = scheduler.spawn({.name = "b"}, repeat(&log, "b", 0));
  EXPECT_NE(first, second);
  EXPECT_FALSE(is_durable(first));
  EXPECT_FALSE(scheduler.kill(first, "stale"));
}

Task<void> sleeps(std::vector<std::string>* log, std::string name, Nanoseconds length) {
  const Result<void> slept = co_await kernel::sleep_for(length);
  log->push_back(name + (slept ? "" : " " + slept.error().message));
}

TEST_F(SchedulerTest, SleepersWakeInTheOrderOfTheirDeadlines) {
  scheduler.spawn({.name = "long"}, sleeps(&log, "long", 20ms));
  scheduler.spawn({.name = "short"}, sleeps(&log, "short", 10ms));
  run_all();
  EXPECT_EQ(scheduler.next_deadline(), now + 10ms);
  pass(9ms);
  EXPECT_TRUE(log.empty());
  pass(1ms);
  pass(10ms);
  EXPECT_EQ(log, (std::vector<std::string>{"short", "long"}));
  EXPECT_EQ(scheduler.next_deadline(), kNever);
}

struct Guard {
  std::vector<std::string>* log;
  std::string name;

  ~Guard() { log->push_back("~" + name); }
};

Task<void> inner(std::vector<std::string>* log) {
  const Guard guard{log, "inner"};
  const Result<void> slept = co_await kernel::sleep_for(1h);
  log->push_back(slept ? "slept" : "cancelled");
}

Task<void> outer(std::vector<std::string>* log) {
  const Guard guard{log, "outer"};
  co_await inner(log);
}

TEST_F(SchedulerTest, KillUnwindsTheWholeChainInnermostFirst) {
  const TaskId victim = scheduler.spawn({.name = "victim"}, outer(&log));
  scheduler.spawn({.name = "joiner"}, joins(&log, victim));
  run_all();
  ASSERT_TRUE(scheduler.kill(victim, "enough"));
  run_all();
  EXPECT_EQ(log, (std::vector<std::string>{"cancelled", "~inner", "~outer", "completed"}));
  EXPECT_EQ(scheduler.counters().timers, 0U);
}

Task<void> stubborn(std::vector<std::string>* log) {
  const Guard guard{log, "stubborn"};
  while (true)
    co_await kernel::yield();
}

TEST_F(SchedulerTest, ATaskThatGoesOnAfterItsKillIsDestroyed) {
  const TaskId victim = scheduler.spawn({.name = "victim"}, stubborn(&log));
  scheduler.spawn({.name = "joiner"}, joins(&log, victim));
  scheduler.run(4, now);
  ASSERT_TRUE(scheduler.kill(victim, "enough"));
  run_all();
  EXPECT_EQ(log, (std::vector<std::string>{"~stubborn", "cancelled enough"}));
}

TEST_F(SchedulerTest, KillingAJoinerLeavesNothingBehind) {
  const TaskId target = scheduler.spawn({.name = "target"}, sleeps(&log, "target", 10ms));
  const TaskId joiner = scheduler.spawn({.name = "joiner"}, joins(&log, target));
  run_all();
  ASSERT_TRUE(scheduler.kill(joiner, "enough"));
  run_all();
  pass(10ms);
  EXPECT_EQ(log, (std::vector<std::string>{"asked to end", "target"}));
}

Task<void> asks(std::vector<std::string>* log) {
  log->push_back(co_await ask());
}

TEST_F(SchedulerTest, ACommandParksTheTaskUntilItIsWoken) {
  const TaskId task = scheduler.spawn({.name = "asks"}, asks(&log));
  run_all();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(*scheduler.state_of(task), TaskState::waiting);
  static_cast<QuestionTrap*>(asked[0].second)->answer = "yes";
  scheduler.wake(task, *asked[0].second);
  scheduler.wake(task, *asked[0].second);  // a second wake-up changes nothing
  run_all();
  EXPECT_EQ(log, std::vector<std::string>{"yes"});
}

TEST_F(SchedulerTest, AWakeUpForAnOlderWaitIsIgnored) {
  QuestionTrap older;
  const TaskId task = scheduler.spawn({.name = "asks"}, asks(&log));
  run_all();
  scheduler.wake(task, older);
  run_all();
  EXPECT_TRUE(log.empty());
  EXPECT_TRUE(scheduler.is_live(task));
}

TEST_F(SchedulerTest, KillAsksTheCommandHandlerToCancel) {
  const TaskId task = scheduler.spawn({.name = "asks"}, asks(&log));
  run_all();
  ASSERT_TRUE(scheduler.kill(task, "enough"));
  run_all();
  EXPECT_EQ(cancels, 1);
  EXPECT_EQ(log, std::vector<std::string>{"cancelled"});
}

TEST_F(SchedulerTest, ADeadlineOnACommandExpiresThroughTheHandler) {
  const TaskId task = scheduler.spawn({.name = "asks"}, asks(&log));
  run_all();
  scheduler.arm(task, *asked[0].second, now + 5ms);
  pass(5ms);
  EXPECT_EQ(expirations, 1);
}

Task<void> kills_itself(std::vector<std::string>* log) {
  const TaskId me = (co_await kernel::self()).id;
  EXPECT_TRUE(co_await kernel::kill(me, "done with it"));
  const Result<void> slept = co_await kernel::sleep_for(1h);
  log->push_back(slept ? "slept" : "ended at the next wait");
}

TEST_F(SchedulerTest, ATaskMayKillItself) {
  scheduler.spawn({.name = "self"}, kills_itself(&log));
  run_all();
  EXPECT_EQ(log, std::vector<std::string>{"ended at the next wait"});
}

Task<int&> reference(int* value) {
  co_return *value;
}

Task<void> changes(int* value) {
  int& there = co_await reference(value);
  there = 7;
}

TEST_F(SchedulerTest, ReferencesComeBackThroughCalls) {
  int value = 0;
  scheduler.spawn({.name = "changes"}, changes(&value));
  run_all();
  EXPECT_EQ(value, 7);
}

TEST_F(SchedulerTest, ASchedulerThatGoesAwayDestroysTheFramesOfItsTasks) {
  {
    Scheduler other(*this);
    other.spawn({.name = "left"}, outer(&log));
    other.run(10, now);
  }
  EXPECT_EQ(log, (std::vector<std::string>{"~inner", "~outer"}));
}

TEST_F(SchedulerTest, InspectionSaysWhereATaskWaits) {
  scheduler.spawn({.name = "sleeper"}, sleeps(&log, "x", 1h));
  run_all();
  const auto all = scheduler.inspect();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].state, TaskState::waiting);
  EXPECT_TRUE(std::string_view(all[0].waits_at.file_name()).ends_with("scheduler_test.cpp"));
  EXPECT_GT(all[0].waits_at.line(), 0U);
}

TEST_F(SchedulerTest, OneTaskIsInspectedByItsId) {
  const TaskId sleeper =
      scheduler.spawn({.name = "sleeper", .parent = TaskId{3}}, sleeps(&log, "x", 1h));
  run_all();
  const std::optional<TaskInspection> seen = scheduler.inspect(sleeper);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->name, "sleeper");
  EXPECT_EQ(seen->parent, TaskId{3});
  EXPECT_EQ(seen->turns, 1U);
  EXPECT_EQ(seen->deadline, now + 1h);
  EXPECT_FALSE(scheduler.inspect(TaskId{9}));
  pass(1h);
  EXPECT_FALSE(scheduler.inspect(sleeper));
}

TEST(Scheduler, TheEndOfADurableTaskTellsWhatItUsed) {
  KernelWorld world(TickSource::of_machine());
  std::uint64_t turns = 0;
  Nanoseconds cpu{};
  world.scheduler.spawn_as(TaskId{1}, {.name = "a"}, repeat(&world.log, "a", 2),
                           [&](TaskId, const Exit& exit) {
                             turns = exit.turns;
                             cpu = exit.cpu;
                           });
  world.run_all();
  EXPECT_EQ(turns, 3U);
  EXPECT_GT(cpu, 0ns);
  EXPECT_LT(cpu, 10s);
}

}  // namespace
}  // namespace tinkerbell
