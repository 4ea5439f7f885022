#include "meter.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/kernel/calls.hpp"
#include "tinkerbell/kernel/mailbox.hpp"
#include "tinkerbell/kernel/scheduler.hpp"
#include "tinkerbell/kernel/semaphore.hpp"
#include "tinkerbell/kernel/task.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

/// The scheduler alone, turned in batches as the reactor turns it: a clock reading and 256 turns.

namespace tinkerbell {
namespace {

using bench::Arguments;
using bench::expect_equal;
using bench::Meter;
using bench::report;

/// A command whose reply is a number.
struct NumberTrap : Trap {
  NumberTrap() : Trap(Kind::command) {}

  [[nodiscard]] std::uint64_t await_resume() const { return reply; }

  std::uint64_t reply = 0;
};

auto ask_number() {
  return TrapAwaiter<NumberTrap>();
}

/// A scheduler whose commands are answered as soon as they are asked, or never.
struct Kernel final : CommandHandler {
  enum class Answers : std::uint8_t { at_once, never };

  explicit Kernel(Answers when = Answers::at_once) : answers(when) {}

  void dispatch(TaskId task, Trap& trap) override {
    if (answers == Answers::never) return;
    static_cast<NumberTrap&>(trap).reply = 7;
    scheduler.wake(task, trap);
  }

  void cancel(TaskId task, Trap& trap) override { scheduler.wake(task, trap); }

  void expired(TaskId task, Trap& trap) override { scheduler.wake(task, trap); }

  void run_until_idle() {
    constexpr std::size_t kTurnsPerBatch = 256;
    while (scheduler.has_ready())
      scheduler.run(kTurnsPerBatch, clock.steady());
  }

  Answers answers;
  SystemClock clock;
  Scheduler scheduler{*this};
};

// ---- turns ----

Task<void> yields(std::uint64_t times, std::uint64_t* done) {
  for (std::uint64_t i = 0; i < times; ++i)
    co_await kernel::yield();
  *done += times;
}

/// Processor seconds for so many yields of each of so many tasks.
double seconds_of_yields(std::uint64_t tasks, std::uint64_t times) {
  Kernel kernel;
  std::uint64_t done = 0;
  for (std::uint64_t i = 0; i < tasks; ++i)
    kernel.scheduler.spawn({}, yields(times, &done));
  const Meter meter;
  kernel.run_until_idle();
  const double seconds = meter.seconds();
  expect_equal(done, tasks * times, "yields");
  expect_equal(kernel.scheduler.counters().turns, tasks * (times + 1), "turns");
  return seconds;
}

/// yield TASKS TURNS
void yield(const Arguments& arguments) {
  const std::uint64_t tasks = arguments.number(1);
  const std::uint64_t times = arguments.number(2) / tasks;
  report("rate", static_cast<double>(tasks * times) / seconds_of_yields(tasks, times));
}

/// turn TASKS TURNS: the quickest of some slices, for differences of a nanosecond.
void turn(const Arguments& arguments) {
  constexpr std::uint64_t kSlices = 20;
  const std::uint64_t tasks = arguments.number(1);
  const std::uint64_t times = arguments.number(2) / kSlices / tasks;
  double seconds = seconds_of_yields(tasks, times);
  for (std::uint64_t i = 1; i < kSlices; ++i)
    seconds = std::min(seconds, seconds_of_yields(tasks, times));
  report("turn", seconds / static_cast<double>(tasks * times));
}

Task<void> asks(std::uint64_t times, std::uint64_t* sum) {
  for (std::uint64_t i = 0; i < times; ++i)
    *sum += co_await ask_number();
}

/// command TIMES
void command(const Arguments& arguments) {
  const std::uint64_t times = arguments.number(1);
  Kernel kernel;
  std::uint64_t sum = 0;
  kernel.scheduler.spawn({}, asks(times, &sum));
  const Meter meter;
  kernel.run_until_idle();
  const double seconds = meter.seconds();
  expect_equal(sum, 7 * times, "sum of the replies");
  report("rate", static_cast<double>(times) / seconds);
}

// ---- calls ----

Task<std::uint64_t> add(std::uint64_t left, std::uint64_t right) {
  co_return left + right;
}

Task<void> calls(std::uint64_t times, std::uint64_t* sum) {
  for (std::uint64_t i = 0; i < times; ++i)
    *sum = co_await add(*sum, 1);
}

/// call TIMES
void call(const Arguments& arguments) {
  const std::uint64_t times = arguments.number(1);
  Kernel kernel;
  std::uint64_t sum = 0;
  kernel.scheduler.spawn({}, calls(times, &sum));
  const Meter meter;
  kernel.run_until_idle();
  const double seconds = meter.seconds();
  expect_equal(sum, times, "sum of the calls");
  report("rate", static_cast<double>(times) / seconds);
}

Task<std::uint64_t> descend(std::uint64_t depth, std::uint64_t yields_there) {
  if (depth > 1) co_return 1 + co_await descend(depth - 1, yields_there);
  for (std::uint64_t i = 0; i < yields_there; ++i)
    co_await kernel::yield();
  co_return 1;
}

Task<void> descends(std::uint64_t depth, std::uint64_t times, std::uint64_t* reached) {
  *reached += co_await descend(depth, times);
}

double seconds_at_depth(std::uint64_t depth, std::uint64_t times) {
  Kernel kernel;
  std::uint64_t reached = 0;
  kernel.scheduler.spawn({}, descends(depth, times, &reached));
  const Meter meter;
  kernel.run_until_idle();
  const double seconds = meter.seconds();
  expect_equal(reached, depth, "depth");
  return seconds;
}

/// deep DEPTH TURNS: in slices, so that a disturbance meets both depths.
void deep(const Arguments& arguments) {
  constexpr int kSlices = 10;
  const std::uint64_t times = arguments.number(2) / kSlices;
  double shallow_seconds = 0;
  double deep_seconds = 0;
  for (int i = 0; i < kSlices; ++i) {
    shallow_seconds += seconds_at_depth(1, times);
    deep_seconds += seconds_at_depth(arguments.number(1), times);
  }
  report("rate", static_cast<double>(times * kSlices) / deep_seconds);
  report("ratio", shallow_seconds / deep_seconds);
}

// ---- beginnings and ends ----

Task<void> leaf() {
  co_return;
}

/// Children in batches, told of each one's outcome.
Task<void> spawns(std::uint64_t total, std::uint64_t batch, std::uint64_t* completed) {
  const kernel::Self self = co_await kernel::self();
  for (std::uint64_t i = 0; i < total; i += batch) {
    for (std::uint64_t k = 0; k < batch; ++k) {
      self.scheduler.spawn({.name = "leaf", .parent = self.id}, leaf(),
                           [completed](TaskId /*task*/, const Exit& exit) {
                             if (exit.state == TaskState::completed) ++*completed;
                           });
    }
    co_await kernel::yield();
  }
}

/// Children in batches, held and then joined: all outcomes are kept until then.
Task<void> spawns_and_joins(std::uint64_t total, std::uint64_t batch, std::uint64_t* completed) {
  const kernel::Self self = co_await kernel::self();
  std::vector<TaskHandle> children;
  for (std::uint64_t i = 0; i < total; i += batch) {
    for (std::uint64_t k = 0; k < batch; ++k) {
      children.push_back(self.scheduler.spawn_held({.name = "leaf", .parent = self.id}, leaf()));
    }
    co_await kernel::yield();
    for (const TaskHandle& child : children) {
      const Result<Exit> exit = co_await kernel::join(child.id());
      if (exit && exit->state == TaskState::completed) ++*completed;
    }
    children.clear();
  }
}

using Spawner = Task<void> (*)(std::uint64_t, std::uint64_t, std::uint64_t*);

void measure_spawner(const Arguments& arguments, Spawner spawner) {
  const std::uint64_t batch = arguments.number(1);
  const std::uint64_t total = arguments.number(2) / batch * batch;
  Kernel kernel;
  std::uint64_t completed = 0;
  kernel.scheduler.spawn({}, spawner(total, batch, &completed));
  const Meter meter;
  kernel.run_until_idle();
  const double seconds = meter.seconds();
  expect_equal(completed, total, "completed tasks");
  expect_equal(kernel.scheduler.counters().tasks, 0, "tasks that are left");
  report("rate", static_cast<double>(total) / seconds);
}

/// spawn BATCH TOTAL
void spawn(const Arguments& arguments) {
  measure_spawner(arguments, &spawns);
}

/// spawn_held BATCH TOTAL
void spawn_held(const Arguments& arguments) {
  measure_spawner(arguments, &spawns_and_joins);
}

struct Counted {
  std::uint64_t* destroyed;

  explicit Counted(std::uint64_t* counter) : destroyed(counter) {}

  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  ~Counted() { ++*destroyed; }
};

/// Everything that a victim may wait for.
struct Waits {
  Mailbox<int> mailbox{1};
  Semaphore semaphore{0};
  TaskId other = kNoTask;
  std::uint64_t destroyed = 0;
};

Task<Result<void>> waits_for_time(Waits* what) {
  const Counted counted(&what->destroyed);
  co_return co_await kernel::sleep_for(std::chrono::hours{1});
}

Task<Result<void>> waits_for_task(Waits* what) {
  const Counted counted(&what->destroyed);
  const Result<Exit> exit = co_await kernel::join(what->other);
  co_return exit.error();
}

Task<Result<void>> waits_for_message(Waits* what) {
  const Counted counted(&what->destroyed);
  const Result<int> message = co_await what->mailbox.receive();
  co_return message.error();
}

Task<Result<void>> waits_for_permit(Waits* what) {
  const Counted counted(&what->destroyed);
  const Result<Semaphore::Permit> permit = co_await what->semaphore.acquire();
  co_return permit.error();
}

Task<Result<void>> waits_for_reply(Waits* what) {
  const Counted counted(&what->destroyed);
  (void)co_await ask_number();
  co_return Error{Errc::cancelled, "number: the task was asked to end"};
}

using Waiting = Task<Result<void>> (*)(Waits*);

constexpr std::array<Waiting, 5> kWaitings{&waits_for_time, &waits_for_task, &waits_for_message,
                                           &waits_for_permit, &waits_for_reply};

/// The victim waits one call deep, so that a chain has to unwind.
Task<Result<void>> victim(Waiting waiting, Waits* what) {
  const Counted counted(&what->destroyed);
  co_return co_await waiting(what);
}

Task<void> joins(TaskId target, std::uint64_t* woken) {
  const Result<Exit> exit = co_await kernel::join(target);
  if (exit && exit->state == TaskState::cancelled) ++*woken;
}

/// kill TASKS BATCH: of all that are parked, batch after batch; as many victims of each kind of
/// wait, each with a joiner.
void kill(const Arguments& arguments) {
  const std::uint64_t tasks = arguments.number(1);
  const std::uint64_t batch = arguments.number(2);
  const std::uint64_t stride = arguments.number(3);
  Kernel kernel(Kernel::Answers::never);
  Waits what;
  what.other = kernel.scheduler.spawn({}, victim(&waits_for_reply, &what));
  std::uint64_t woken = 0;
  std::vector<TaskId> victims;
  for (std::uint64_t i = 0; i < tasks; ++i) {
    victims.push_back(kernel.scheduler.spawn({}, victim(kWaitings[i % kWaitings.size()], &what)));
    kernel.scheduler.spawn({}, joins(victims.back(), &woken));
  }
  kernel.run_until_idle();
  std::uint64_t killed = 0;
  const Meter meter;
  for (std::uint64_t i = 0; i < tasks; ++i) {
    if (kernel.scheduler.kill(victims[i * stride % tasks], "enough")) ++killed;
    if ((i + 1) % batch == 0) kernel.run_until_idle();
  }
  kernel.run_until_idle();
  const double seconds = meter.seconds();
  expect_equal(killed, tasks, "kills");
  expect_equal(woken, tasks, "joiners that were told");
  expect_equal(what.destroyed, 2 * tasks, "destructors");
  expect_equal(kernel.scheduler.counters().tasks, 1, "tasks that are left");
  report("rate", static_cast<double>(tasks) / seconds);
}

// ---- memory ----

Task<void> parks() {
  (void)co_await ask_number();
}

/// parked TASKS
void parked(const Arguments& arguments) {
  const std::uint64_t tasks = arguments.number(1);
  Kernel kernel(Kernel::Answers::never);
  const double before = bench::resident_bytes();
  for (std::uint64_t i = 0; i < tasks; ++i)
    kernel.scheduler.spawn({}, parks());
  kernel.run_until_idle();
  const double bytes = bench::resident_bytes() - before;
  const SchedulerCounters counters = kernel.scheduler.counters();
  expect_equal(counters.in_state[static_cast<std::size_t>(TaskState::waiting)], tasks,
               "waiting tasks");
  report("bytes", bytes / static_cast<double>(tasks));
}

constexpr std::array<std::pair<std::string_view, void (*)(const Arguments&)>, 9> kBenchmarks{
    {{"yield", &yield},
     {"turn", &turn},
     {"command", &command},
     {"call", &call},
     {"deep", &deep},
     {"spawn", &spawn},
     {"spawn_held", &spawn_held},
     {"kill", &kill},
     {"parked", &parked}}};

}  // namespace
}  // namespace tinkerbell

int main(int argc, char** argv) {
  return bench::run_named(bench::Arguments(argc, argv), tinkerbell::kBenchmarks);
}
