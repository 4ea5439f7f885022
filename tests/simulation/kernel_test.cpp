#include "support/kernel_world.hpp"
#include "support/seeds.hpp"

#include "tinkerbell/kernel/group.hpp"
#include "tinkerbell/kernel/mailbox.hpp"
#include "tinkerbell/kernel/semaphore.hpp"
#include "tinkerbell/kernel/within.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <utility>
#include <vector>

/// Runs a mixed workload in many orders and looks at the whole scheduler between all turns. One
/// seed gives one run: the same turns of the same tasks in the same order.
///
/// TINKERBELL_SEEDS, TINKERBELL_FIRST_SEED and TINKERBELL_SEED: see support/seeds.hpp.
namespace tinkerbell {
namespace {

using namespace std::chrono_literals;

class Simulation;

Task<Result<void>> lives(Simulation* simulation, int depth);

class Simulation : public CommandHandler {
 public:
  explicit Simulation(std::uint64_t seed)
      : random_(seed),
        scheduler_(*this, nullptr,
                   {.ticks = TickSource::still(), .order_seed = seed, .grace = 50ms}) {
    for (int i = 0; i < 6; ++i)
      begin_task();
  }

  // ---- what the world does ----

  void dispatch(TaskId task, Trap& trap) override {
    mix(number(task));
    if (chance(4)) scheduler_.arm(task, trap, now_ + some_time());
    open_.push_back({task, &trap});
    if (!chance(3)) return;
    answer(open_.size() - 1);
    if (chance(2)) scheduler_.wake(task, trap);  // a second answer must not count
  }

  void cancel(TaskId task, Trap& /*trap*/) override {
    if (chance(2)) answer(place_of(task));  // else its driver takes a while to stop
  }

  void expired(TaskId task, Trap& /*trap*/) override { answer(place_of(task)); }

  /// Runs to the end; what is wrong, if something is.
  std::optional<std::string> run() {
    for (int step = 0; step < 3'000; ++step) {
      if (step < 300) disturb();
      if (scheduler_.has_ready()) {
        scheduler_.run(1, now_);
      } else if (!pass_on()) {
        break;
      }
      if (const TraceEvent* const event = scheduler_.trace().newest()) {
        mix(number(event->task));
        mix(static_cast<std::uint64_t>(event->state));
      }
      if (std::optional<std::string> wrong = scheduler_.contradiction())
        return "step " + std::to_string(step) + ": " + *wrong;
    }
    return wrong_at_the_end();
  }

  [[nodiscard]] std::uint64_t trace_hash() const { return hash_; }

  // ---- what tasks use ----

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  bool chance(std::uint64_t in) { return pick(in) == 0; }

  Nanoseconds some_time() { return std::chrono::milliseconds(pick(20)); }

  TaskId any_task() { return known_.empty() ? kNoTask : known_[pick(known_.size())]; }

  TaskId begin_task() {
    if (known_.size() >= 60) return kNoTask;
    const auto rank = static_cast<Priority>(pick(3));
    ++begun_;
    known_.push_back(scheduler_.spawn({.name = "task", .priority = rank}, lives(this, 0),
                                      [this](TaskId, const Exit&) { ++ended_; }));
    return known_.back();
  }

  Mailbox<int>& box() { return box_; }

  Semaphore& semaphore() { return semaphore_; }

  Scheduler& scheduler() { return scheduler_; }

  void entered() { ++inside_; }

  void left() { --inside_; }

  [[nodiscard]] int inside() const { return inside_; }

 private:
  static constexpr std::size_t kPermits = 2;

  /// A command that is not answered yet.
  struct Open {
    TaskId task;
    Trap* trap;
  };

  void disturb() {
    if (chance(6)) begin_task();
    if (chance(8)) (void)scheduler_.kill(any_task(), "random");
    if (chance(3)) answer_one();
    if (chance(5)) now_ += some_time();
    if (chance(5)) scheduler_.run(0, now_);
  }

  bool answer_one() {
    if (open_.empty()) return false;
    answer(pick(open_.size()));
    return true;
  }

  void answer(std::size_t which) {
    const Open open = open_[which];
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(which));
    scheduler_.wake(open.task, *open.trap);  // the task may have been ended by force
  }

  std::size_t place_of(TaskId task) const {
    return static_cast<std::size_t>(std::ranges::find(open_, task, &Open::task) - open_.begin());
  }

  /// Nothing is ready: something outside happens, or time passes. False: neither can.
  bool pass_on() {
    if (answer_one()) return true;
    const SteadyTime next = scheduler_.next_deadline();
    if (next == kNever) {
      if (box_closed_) return false;
      box_closed_ = true;
      box_.close();
      return true;
    }
    now_ = std::max(now_, next);
    scheduler_.run(0, now_);
    return true;
  }

  /// All have ended, each once, and left nothing.
  std::optional<std::string> wrong_at_the_end() {
    if (const std::size_t left = scheduler_.counters().tasks; left != 0) {
      return std::to_string(left) + " tasks wait for ever; the first: " +
             std::to_string(number(scheduler_.inspect().front().task));
    }
    if (begun_ != ended_)
      return "begun " + std::to_string(begun_) + ", ended " + std::to_string(ended_);
    if (scheduler_.counters().timers != 0) return "timers are left";
    if (semaphore_.free() != kPermits) return "a permit was lost";
    if (inside_ != 0) return "somebody is still inside";
    return std::nullopt;
  }

  void mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001B3ULL; }

  std::mt19937_64 random_;
  SteadyTime now_{1s};
  std::uint64_t hash_ = 0xCBF29CE484222325ULL;
  std::deque<Open> open_;
  std::vector<TaskId> known_;
  std::uint64_t begun_ = 0;
  std::uint64_t ended_ = 0;
  int inside_ = 0;
  bool box_closed_ = false;
  Mailbox<int> box_{2};
  Semaphore semaphore_{kPermits};
  Scheduler scheduler_;  // last: its tasks' frames use the others
};

/// In, while it lives: whatever ends the task.
struct Inside {
  explicit Inside(Simulation* whose) : simulation(whose) { simulation->entered(); }

  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  ~Inside() { simulation->left(); }

  Simulation* simulation;
};

Task<Result<void>> holds_a_permit(Simulation* simulation) {
  const auto permit = co_await simulation->semaphore().acquire();
  if (!permit) co_return permit.error();
  const Inside inside(simulation);
  EXPECT_LE(simulation->inside(), 2);
  co_return co_await kernel::sleep_for(simulation->some_time());
}

Task<Result<void>> has_members(TaskGroup* group, Simulation* simulation, int depth) {
  for (std::uint64_t i = simulation->pick(4); i > 0; --i)
    group->spawn("member", lives(simulation, depth));
  co_await kernel::yield();
  if (simulation->chance(4)) co_return Error{Errc::conflict, "the body fails"};
  co_return Result<void>();
}

Task<Result<void>> asks_once() {
  (void)co_await ask();
  co_return Result<void>();
}

Task<Result<void>> acts(Simulation* simulation, int depth) {
  switch (simulation->pick(depth < 3 ? 13 : 9)) {
    case 0:
      co_await kernel::yield();
      break;
    case 1:
      co_return co_await kernel::sleep_for(simulation->some_time());
    case 2:
      (void)co_await ask();
      break;
    case 3:
      (void)co_await simulation->box().send(1);
      break;
    case 4:
      (void)co_await simulation->box().receive();
      break;
    case 5:
      (void)co_await kernel::join(simulation->any_task());
      break;
    case 6:
      (void)co_await kernel::kill(simulation->any_task(), "by a task");
      break;
    case 7:
      co_return co_await holds_a_permit(simulation);
    case 8: {
      const auto shield = co_await kernel::shield();
      (void)co_await kernel::sleep_for(simulation->some_time() * 5);
      break;
    }
    case 9:
      (void)co_await within(simulation->some_time(), acts(simulation, depth + 1));
      break;
    case 10:
      co_return co_await in_group(
          simulation->chance(2) ? TaskGroup::OnFailure::cancel_rest : TaskGroup::OnFailure::go_on,
          has_members, simulation, depth + 1);
    case 11: {
      std::vector<Task<Result<void>>> racers;
      racers.push_back(acts(simulation, depth + 1));
      racers.push_back(asks_once());
      (void)co_await race(std::move(racers));
      break;
    }
    case 12:
      throw std::runtime_error("a task throws");
    default:
      break;
  }
  co_return Result<void>();
}

Task<Result<void>> lives(Simulation* simulation, int depth) {
  for (std::uint64_t i = 1 + simulation->pick(6); i > 0; --i) {
    if (const Result<void> done = co_await acts(simulation, depth); !done) co_return done;
  }
  co_return Result<void>();
}

std::string repeat(std::uint64_t seed) {
  return how_to_repeat(seed, "SimulationTest.*");
}

TEST(SimulationTest, G15_NoSeedFindsAContradiction) {
  const Seeds seeds = seeds_to_run(10'000);
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    name_if_aborted(repeat(seed));
    Simulation simulation(seed);
    const std::optional<std::string> wrong = simulation.run();
    ASSERT_FALSE(wrong) << "seed " << seed << ", " << *wrong << "\n" << repeat(seed);
    ASSERT_FALSE(testing::Test::HasFailure()) << repeat(seed);
  }
}

TEST(SimulationTest, G15_OneSeedGivesOneRun) {
  std::vector<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Simulation first(seed);
    Simulation second(seed);
    EXPECT_FALSE(first.run());
    EXPECT_FALSE(second.run());
    EXPECT_EQ(first.trace_hash(), second.trace_hash()) << "seed " << seed;
    hashes.push_back(first.trace_hash());
  }
  std::ranges::sort(hashes);
  EXPECT_EQ(std::ranges::adjacent_find(hashes), hashes.end()) << "two seeds gave the same run";
}

}  // namespace
}  // namespace tinkerbell
