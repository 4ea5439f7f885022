#include "support/kernel_world.hpp"

#include "tinkerbell/kernel/group.hpp"
#include "tinkerbell/kernel/mailbox.hpp"
#include "tinkerbell/kernel/semaphore.hpp"
#include "tinkerbell/kernel/within.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

/// David Beazley's PyOS, behaviour by behaviour: each test is a row of what its eight steps can do,
/// with the defect that the Python has shown gone. Rows that need descriptors are in
/// unit/reactor/pyos_io_test.cpp.
namespace tinkerbell {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

class PyOS : public testing::Test, public KernelWorld {};

struct Guard {
  KernelWorld* world;
  std::string name;

  ~Guard() { world->say("~" + name); }
};

Task<void> ends_at_once() {
  co_return;
}

Task<void> sleeps(Nanoseconds length) {
  (void)co_await kernel::sleep_for(length);
}

Task<void> joins(KernelWorld* world, TaskId target) {
  const Result<Exit> exit = co_await kernel::join(target);
  if (!exit) {
    world->say(exit.error().with("join").message);
    co_return;
  }
  world->say(std::string(name_of(exit->state)) + (exit->error ? ": " + exit->error->message : ""));
}

// ---- 1: tasks have ids ----

TEST_F(PyOS, Row01StaleIdsAreDetectedAndNeverAliased) {
  std::set<TaskId> ids;
  for (int i = 0; i < 1'000; ++i) {
    const TaskId id = spawn("short", ends_at_once());
    EXPECT_TRUE(ids.insert(id).second);
    run_all();
    EXPECT_FALSE(scheduler.is_live(id));
    EXPECT_EQ(scheduler.kill(id, "stale").error().code, Errc::abandoned);
  }
  EXPECT_EQ(scheduler.kill(TaskId{kVolatileBit | 77}, "never").error().code, Errc::not_found);
}

// ---- 2: a bare yield gives nothing back ----

Task<void> yields_after_a_call(KernelWorld* world) {
  const TaskId me = (co_await kernel::self()).id;
  static_assert(std::is_void_v<decltype(kernel::yield().await_resume())>);
  co_await kernel::yield();
  world->say(me == (co_await kernel::self()).id ? "same" : "other");
}

TEST_F(PyOS, Row02ResultsBelongToTheCallAndNotToTheTask) {
  spawn("a", yields_after_a_call(this));
  spawn("b", yields_after_a_call(this));
  run_all();
  EXPECT_THAT(log, ElementsAre("same", "same"));
}

// ---- 3: subroutines ----

struct Box {
  int value = 0;
};

Task<std::unique_ptr<int>> makes(int value) {
  co_await kernel::yield();
  co_return std::make_unique<int>(value);
}

Task<Box&> lends(Box* box) {
  co_await kernel::yield();
  co_return *box;
}

Task<int> counts_down(int depth) {
  co_await kernel::yield();
  co_return depth == 0 ? 0 : 1 + co_await counts_down(depth - 1);
}

Task<void> calls_them(KernelWorld* world) {
  Box box;
  (co_await lends(&box)).value = 5;
  world->say(std::to_string(box.value));
  world->say(std::to_string(*co_await makes(7)));
  world->say(std::to_string(co_await counts_down(1'000)));
}

TEST_F(PyOS, Row03SubroutinesReturnValuesAndYieldAtAnyDepth) {
  spawn("caller", calls_them(this));
  run_all();
  EXPECT_THAT(log, ElementsAre("5", "7", "1000"));
}

// ---- 4: calls that return at once do not hold the others up ----

Task<int> returns_at_once() {
  co_return 1;
}

Task<void> only_calls(const bool* stop) {
  while (!*stop)
    co_await returns_at_once();
}

Task<void> sets(bool* flag) {
  *flag = true;
  co_return;
}

TEST_F(PyOS, Row04ATaskThatOnlyCallsGivesUpItsTurn) {
  bool stop = false;
  spawn("calls", only_calls(&stop));
  spawn("stops it", sets(&stop));
  run_all();
  EXPECT_TRUE(stop);
  EXPECT_EQ(scheduler.counters().tasks, 0U);
}

// ---- 5, 6: exceptions ----

Task<void> throws(std::string what) {
  co_await kernel::yield();
  throw std::runtime_error(what);
}

Task<void> says_later(KernelWorld* world, std::string what) {
  for (int i = 0; i < 3; ++i)
    co_await kernel::yield();
  world->say(what);
}

TEST_F(PyOS, Row05AnExceptionEndsItsTaskAlone) {
  const TaskId bad = spawn("bad", throws("broken"));
  spawn("waits", joins(this, bad));
  spawn("other", says_later(this, "still here"));
  run_all();
  EXPECT_THAT(log, ElementsAre("failed: broken", "still here"));
}

Task<void> calls_a_thrower(KernelWorld* world) {
  try {
    co_await throws("deep");
  } catch (const std::runtime_error& error) {
    world->say(std::string("caught ") + error.what());
  }
}

TEST_F(PyOS, Row06TheCallerCanCatchASubroutinesException) {
  spawn("caller", calls_a_thrower(this));
  run_all();
  EXPECT_THAT(log, ElementsAre("caught deep"));
}

// ---- 7: GetTid ----

Task<void> keeps_its_id(TaskId* id) {
  *id = (co_await kernel::self()).id;
}

TEST_F(PyOS, Row07GetTidTellsWhoAndKeepsTheTurn) {
  TaskId told = kNoTask;
  const TaskId id = scheduler.spawn({.name = "me", .parent = TaskId{9}}, keeps_its_id(&told));
  EXPECT_EQ(scheduler.run(1, now), 1U);
  EXPECT_EQ(told, id);

  const TaskId sleeper = scheduler.spawn({.name = "nap", .parent = id}, sleeps(5s));
  run_all();
  const std::vector<TaskInspection> tasks = scheduler.inspect();
  ASSERT_EQ(tasks.size(), 1U);
  EXPECT_EQ(tasks[0].task, sleeper);
  EXPECT_EQ(tasks[0].parent, id);
  EXPECT_EQ(tasks[0].name, "nap");
  EXPECT_EQ(tasks[0].state, TaskState::waiting);
  EXPECT_EQ(tasks[0].deadline, now + 5s);
  EXPECT_EQ(tasks[0].turns, 1U);
}

// ---- 8: NewTask ----

template <class T>
concept Spawnable =
    requires(Scheduler& scheduler, T body) { scheduler.spawn({}, std::move(body)); };

Task<void> begins_a_child(KernelWorld* world) {
  const kernel::Self self = co_await kernel::self();
  const TaskId child = self.scheduler.spawn({.name = "child", .parent = self.id}, ends_at_once());
  const Result<Exit> exit = co_await kernel::join(child);
  world->say(exit ? std::string(name_of(exit->state)) : exit.error().message);
}

TEST_F(PyOS, Row08NewTaskTakesTasksOnlyAndTheyHaveParents) {
  static_assert(Spawnable<Task<int>>);
  static_assert(!Spawnable<int>);
  static_assert(!Spawnable<std::string>);
  spawn("parent", begins_a_child(this));
  run_all();
  EXPECT_THAT(log, ElementsAre("completed"));
}

// ---- 9 to 13: KillTask ----

Task<void> inner(KernelWorld* world) {
  const Guard guard{world, "inner"};
  const Result<void> slept = co_await kernel::sleep_for(1h);
  world->say(slept ? "slept" : "told");
}

Task<void> outer(KernelWorld* world) {
  const Guard guard{world, "outer"};
  co_await inner(world);
  world->say("outer goes on");
  (void)co_await kernel::sleep_for(1h);
  world->say("to its end");
}

TEST_F(PyOS, Row09KillUnwindsTheWholeChain) {
  const TaskId victim = spawn("victim", outer(this));
  run_all();
  ASSERT_TRUE(scheduler.kill(victim, "enough"));
  run_all();
  EXPECT_THAT(log, ElementsAre("told", "~inner", "outer goes on", "to its end", "~outer"));
  EXPECT_FALSE(scheduler.is_live(victim));
}

Task<void> receives(KernelWorld* world, Mailbox<int>* box) {
  const Result<int> got = co_await box->receive();
  world->say(got ? std::to_string(*got) : got.error().with("receive").message);
}

Task<void> acquires(KernelWorld* world, Semaphore* semaphore) {
  const auto permit = co_await semaphore->acquire();
  world->say(permit ? "got it" : permit.error().with("semaphore").message);
}

TEST_F(PyOS, Row10KillTakesATaskOutOfWhateverItWaitsFor) {
  Mailbox<int> box(1);
  Semaphore semaphore(0);
  const TaskId target = spawn("target", sleeps(1h));
  const std::vector<TaskId> victims = {
      spawn("sleeper", sleeps(1h)), spawn("reader", receives(this, &box)),
      spawn("second", acquires(this, &semaphore)), spawn("joiner", joins(this, target))};
  run_all();
  EXPECT_EQ(scheduler.next_deadline(), now + 1h);
  for (const TaskId victim : victims)
    ASSERT_TRUE(scheduler.kill(victim, "enough"));
  run_all();
  EXPECT_EQ(scheduler.counters().tasks, 1U);
  EXPECT_EQ(scheduler.counters().timers, 1U);  // the target's
  EXPECT_THAT(log, ElementsAre(HasSubstr("receive"), HasSubstr("semaphore"), HasSubstr("join")));
}

TEST_F(PyOS, Row11KillOfAJoinerEndsItAtOnce) {
  const TaskId target = spawn("target", sleeps(1h));
  const TaskId joiner = spawn("joiner", joins(this, target));
  run_all();
  ASSERT_TRUE(scheduler.kill(joiner, "enough"));
  run_all();
  EXPECT_FALSE(scheduler.is_live(joiner));
  EXPECT_TRUE(scheduler.is_live(target));
  pass(1h);
  EXPECT_FALSE(scheduler.is_live(target));
}

Task<void> kills_itself(KernelWorld* world) {
  const Guard guard{world, "self"};
  const TaskId me = (co_await kernel::self()).id;
  world->say(co_await kernel::kill(me, "I have had enough") ? "asked" : "refused");
  world->say(co_await kernel::sleep_for(1h) ? "slept" : "cancelled");
}

TEST_F(PyOS, Row12KillOfItselfEndsItAtItsNextWait) {
  spawn("self", kills_itself(this));
  run_all();
  EXPECT_THAT(log, ElementsAre("asked", "cancelled", "~self"));
  EXPECT_EQ(scheduler.counters().tasks, 0U);
}

Task<void> swallows(KernelWorld* world) {
  const Guard guard{world, "swallower"};
  while (true)
    (void)co_await kernel::sleep_for(1h);
}

Task<void> shields_itself(KernelWorld* world) {
  const Guard guard{world, "shielded"};
  const auto shield = co_await kernel::shield();
  (void)co_await kernel::sleep_for(24h);
}

TEST_F(PyOS, Row13ATaskThatSwallowsItsKillIsEndedByForce) {
  const TaskId swallower = spawn("swallower", swallows(this));
  const TaskId shielded = spawn("shielded", shields_itself(this));
  spawn("joiner", joins(this, swallower));
  spawn("other", says_later(this, "lives"));
  run_all();
  log.clear();
  ASSERT_TRUE(scheduler.kill(swallower, "enough"));
  ASSERT_TRUE(scheduler.kill(shielded, "enough"));
  run_all();
  EXPECT_THAT(log, ElementsAre("~swallower", "cancelled: enough"));
  EXPECT_TRUE(scheduler.is_live(shielded));
  pass(5s);  // its time to clean up is over
  EXPECT_FALSE(scheduler.is_live(shielded));
  EXPECT_EQ(log.back(), "~shielded");
  EXPECT_EQ(scheduler.counters().timers, 0U);
}

// ---- 14: the scheduler's own parts ----

TEST_F(PyOS, Row14TheSchedulersInternalsHaveNoTaskId) {
  EXPECT_TRUE(scheduler.inspect().empty());
  for (std::uint64_t id = 0; id < 64; ++id) {
    EXPECT_FALSE(scheduler.kill(TaskId{id}, "try"));
    EXPECT_FALSE(scheduler.kill(TaskId{kVolatileBit | id}, "try"));
  }
}

// ---- 15 to 17: WaitTask ----

Task<Result<std::string>> gives(std::string value) {
  (void)co_await kernel::sleep_for(1s);
  co_return value;
}

Task<Result<std::string>> fails() {
  co_return Error{Errc::io, "no disk"};
}

Task<void> reads_exit(KernelWorld* world, TaskId target) {
  const Result<Exit> exit = co_await kernel::join(target);
  if (!exit) {
    world->say(std::string(to_string(exit.error().code)));
    co_return;
  }
  const auto* const value = exit->value_as<std::string>();
  world->say(value != nullptr ? *value : exit->error->message);
  world->say(std::to_string((exit->ended - exit->started) / 1s) + " s");
  if (exit->killed_by != kNoTask) world->say("killed by a task");
}

Task<void> kills(TaskId target) {
  (void)co_await kernel::kill(target, "not needed");
}

TEST_F(PyOS, Row15WaitTaskGivesValueErrorReasonAndTimes) {
  pass(1s);
  spawn("reader", reads_exit(this, spawn("value", gives("42"))));
  run_all();
  pass(1s);
  EXPECT_THAT(log, ElementsAre("42", "1 s"));
  log.clear();

  spawn("reader", reads_exit(this, spawn("error", fails())));
  run_all();
  EXPECT_THAT(log, ElementsAre("abandoned"));  // it ran first, and nobody held its outcome
  log.clear();

  TaskHandle held = scheduler.spawn_held({.name = "error"}, fails());
  run_all();
  spawn("reader", reads_exit(this, held.id()));
  spawn("reader", reads_exit(this, held.id()));
  run_all();
  EXPECT_THAT(log, ElementsAre("no disk", "0 s", "no disk", "0 s"));
  const TaskId id = held.id();
  held = {};
  log.clear();

  spawn("late", reads_exit(this, id));
  spawn("never was", reads_exit(this, TaskId{kVolatileBit | 4'000}));
  run_all();
  EXPECT_THAT(log, ElementsAre("abandoned", "not_found"));
  log.clear();

  const TaskId victim = spawn("victim", gives("never"));
  run_all();
  spawn("reader", reads_exit(this, victim));
  spawn("killer", kills(victim));
  run_all();
  EXPECT_THAT(log, ElementsAre("never", "0 s", "killed by a task"));
}

Task<void> joins_late(KernelWorld* world, const TaskId* target) {
  co_await kernel::yield();
  co_await joins(world, *target);
}

TEST_F(PyOS, Row16WaitingForItselfOrInACircleIsAnError) {
  TaskId first = kNoTask;
  TaskId second = kNoTask;
  TaskId third = kNoTask;
  first = spawn("first", joins_late(this, &second));
  second = spawn("second", joins_late(this, &third));
  third = spawn("third", joins_late(this, &first));
  TaskId self = kNoTask;
  self = spawn("self", joins_late(this, &self));
  run_all();
  EXPECT_THAT(log, ElementsAre(HasSubstr("wait for each other"), HasSubstr("wait for itself"),
                               "completed", "completed"));
  EXPECT_EQ(scheduler.counters().tasks, 0U);
}

Task<void> joins_named(KernelWorld* world, TaskId target, std::string name) {
  (void)co_await kernel::join(target);
  world->say(name);
}

TEST_F(PyOS, Row17SeveralWaitersAreWokenInTheOrderInWhichTheyCame) {
  const TaskId target = spawn("target", sleeps(1s));
  for (const char* name : {"a", "b", "c", "d"})
    spawn(name, joins_named(this, target, name));
  run_all();
  pass(1s);
  EXPECT_THAT(log, ElementsAre("a", "b", "c", "d"));
}

// ---- 22, 23: idle and time ----

TEST_F(PyOS, Row22WithNothingToDoItStopsAndTellsOfADeadlock) {
  EXPECT_EQ(scheduler.run(1'000, now), 0U);
  Mailbox<int> box(1);
  const TaskId first = spawn("first", receives(this, &box));
  const TaskId second = spawn("second", joins(this, first));
  run_all();
  EXPECT_FALSE(scheduler.has_ready());
  EXPECT_EQ(scheduler.run(1'000, now), 0U);  // no turn is spent on those who wait
  EXPECT_EQ(scheduler.next_deadline(), kNever);
  EXPECT_EQ(scheduler.stuck(), (std::vector<TaskId>{first, second}));
  spawn("asks outside", says_later(this, "x"));
  EXPECT_TRUE(scheduler.stuck().empty());
}

Task<Result<void>> sleeps_to_the_end(Nanoseconds length) {
  co_return co_await kernel::sleep_for(length);
}

Task<void> sleeps_within(KernelWorld* world, Nanoseconds length, Nanoseconds limit) {
  const Result<void> done = co_await within(limit, sleeps_to_the_end(length));
  world->say(done ? "in time" : std::string(to_string(done.error().code)));
}

TEST_F(PyOS, Row23SleepAndDeadlinesOnAVirtualClock) {
  spawn("quick", sleeps_within(this, 10min, 1h));
  spawn("slow", sleeps_within(this, 10h, 1h));
  run_all();
  pass(10min);
  EXPECT_THAT(log, ElementsAre("in time"));
  pass(49min);
  EXPECT_EQ(log.size(), 1U);
  pass(1min);
  EXPECT_THAT(log, ElementsAre("in time", "timed_out"));
  EXPECT_EQ(scheduler.counters().timers, 0U);
}

// ---- 25: calls are not shared ----

TEST_F(PyOS, Row25ACallLivesInItsFrameAndCannotBeCopied) {
  using Sleep = decltype(kernel::sleep_for(1s));
  static_assert(!std::is_copy_constructible_v<Sleep> && !std::is_move_constructible_v<Sleep>);
  static_assert(!std::is_copy_constructible_v<Task<int>>);
}

// ---- 26: hogs ----

/// The nanoseconds that the turns of a test have taken; read by the scheduler as its ticks.
std::atomic<std::uint64_t> burnt{0};

/// Holds the turn until another thread has seen it, for what counts as @p length.
Task<void> burns(const std::atomic<bool>* seen, Nanoseconds length) {
  while (!*seen)
    std::this_thread::yield();
  burnt += static_cast<std::uint64_t>(length.count());
  co_await kernel::yield();
  (void)co_await kernel::sleep_for(1h);
}

TEST(PyOSHog, Row26TheLongestTurnOfATaskIsKnownAndWhoHasTheTurnCanBeSeen) {
  KernelWorld world({.read = []() noexcept { return burnt.load(); }, .nanoseconds_per_tick = 1.0});
  std::atomic<bool> seen = false;
  constexpr Nanoseconds kTurn{256'000};  // a multiple of what the longest turn is counted in
  const TaskId hog = world.spawn("hog", burns(&seen, kTurn));
  world.spawn("meek", sleeps(1h));
  const TaskControl* const hog_control = world.scheduler.find(hog);
  {
    const std::jthread watcher([&] {
      while (world.scheduler.watch().task != hog_control)
        std::this_thread::yield();
      seen = true;
    });
    world.run_all();
  }
  const std::vector<TaskInspection> tasks = world.scheduler.inspect();
  ASSERT_EQ(tasks.size(), 2U);
  EXPECT_EQ(tasks[0].longest_turn, kTurn);
  EXPECT_EQ(tasks[0].cpu, kTurn);
  EXPECT_EQ(tasks[1].longest_turn, Nanoseconds{0});
}

// ---- 27: nothing is printed, nothing is locked ----

TEST_F(PyOS, Row27TheEndOfATaskIsToldToAHookAndNotPrinted) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  std::string told;
  scheduler.spawn({.name = "quiet"}, fails(),
                  [&](TaskId, const Exit& exit) { told = exit.error->message; });
  run_all();
  EXPECT_EQ(told, "no disk");
  EXPECT_EQ(testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr(), "");
}

// ---- 28: what PyOS does not have ----

Task<Result<int>> after(Nanoseconds delay, int value) {
  if (const Result<void> slept = co_await kernel::sleep_for(delay); !slept) co_return slept.error();
  co_return value;
}

Task<void> races(KernelWorld* world) {
  std::vector<Task<Result<int>>> bodies;
  bodies.push_back(after(3s, 3));
  bodies.push_back(after(1s, 1));
  bodies.push_back(after(2s, 2));
  const Raced<int> won = co_await race(std::move(bodies));
  world->say(std::to_string(won.index) + " " + std::to_string(*won.outcome));
}

Task<void> says_in_turns(KernelWorld* world, std::string what, int times) {
  for (int i = 0; i < times; ++i) {
    world->say(what);
    co_await kernel::yield();
  }
}

TEST_F(PyOS, Row28GroupsPrioritiesMailboxesAndSemaphores) {
  spawn("race", races(this));
  run_all();
  pass(1s);
  EXPECT_THAT(log, ElementsAre("1 1"));
  EXPECT_EQ(scheduler.counters().tasks, 0U);
  EXPECT_EQ(scheduler.counters().timers, 0U);
  log.clear();

  scheduler.spawn({.name = "worker", .priority = Priority::background},
                  says_in_turns(this, "b", 2));
  scheduler.spawn({.name = "worker", .priority = Priority::normal}, says_in_turns(this, "n", 10));
  scheduler.spawn({.name = "worker", .priority = Priority::interactive},
                  says_in_turns(this, "i", 40));
  run_all();
  const auto first = [&](const char* what) { return std::ranges::find(log, what) - log.begin(); };
  EXPECT_EQ(first("i"), 0);
  EXPECT_LE(first("n"), 4);   // not starved
  EXPECT_LE(first("b"), 16);  // neither
  EXPECT_EQ(scheduler.counters().tasks, 0U);
}

// ---- 29 to 32: the founding sketch's loop ----

Task<void> asks(KernelWorld* world) {
  world->say(co_await ask());
}

TEST_F(PyOS, Row29AnAnswerWakesItsTaskAndNobodyPolls) {
  spawn("asks", asks(this));
  run_all();
  const std::uint64_t turns = scheduler.counters().turns;
  for (int i = 0; i < 100; ++i)
    pass(10ms);
  EXPECT_EQ(scheduler.counters().turns, turns);
  answer(0, "here");
  EXPECT_TRUE(scheduler.has_ready());
  run_all();
  EXPECT_THAT(log, ElementsAre("here"));
}

TEST_F(PyOS, Row30EveryCommandReachesAHandler) {
  spawn("asks", asks(this));
  run_all();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(scheduler.inspect().at(0).state, TaskState::waiting);
}

TEST_F(PyOS, Row31TheReplyIsTheValueOfTheAwait) {
  spawn("a", asks(this));
  spawn("b", asks(this));
  run_all();
  answer(1, "for b");
  run_all();
  answer(0, "for a");
  run_all();
  EXPECT_THAT(log, ElementsAre("for b", "for a"));
}

TEST_F(PyOS, Row32AnEndedTaskLeavesEverything) {
  const std::size_t before = frame_pool().counters().blocks;
  for (int i = 0; i < 1'000; ++i)
    spawn("short", says_in_turns(this, "x", 2));
  run_all();
  EXPECT_EQ(scheduler.counters().tasks, 0U);
  EXPECT_TRUE(scheduler.inspect().empty());
  EXPECT_EQ(frame_pool().counters().blocks, before);
}

}  // namespace
}  // namespace tinkerbell
