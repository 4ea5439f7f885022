#pragma once

#include "tinkerbell/kernel/calls.hpp"
#include "tinkerbell/kernel/scheduler.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {

/// A trap of no kernel kind: what a command is to the kernel.
struct QuestionTrap : Trap {
  QuestionTrap() : Trap(Kind::command) {}

  [[nodiscard]] std::string await_resume() const { return cancelled ? "cancelled" : answer; }

  std::string answer;
};

inline auto ask() {
  return TrapAwaiter<QuestionTrap>();
}

/// A scheduler that a test turns by hand, with a clock that stands still until it is moved.
/// Commands wait until the test answers them.
struct KernelWorld : CommandHandler, KernelObserver {
  explicit KernelWorld(TickSource ticks = TickSource::still())
      : scheduler(*this, this, {.ticks = ticks}) {}

  void dispatch(TaskId task, Trap& trap) override { asked.emplace_back(task, &trap); }

  void cancel(TaskId task, Trap& trap) override {
    ++cancels;
    scheduler.wake(task, trap);
  }

  void expired(TaskId task, Trap& trap) override {
    ++expirations;
    scheduler.wake(task, trap);
  }

  void task_state_changed(TaskId /*task*/, TaskState from, TaskState to) override {
    EXPECT_TRUE(may_become(from, to));
    ++transitions;
  }

  template <class T>
  TaskId spawn(std::string name, Task<T> body) {
    return scheduler.spawn({.name = std::move(name)}, std::move(body));
  }

  void run_all() {
    while (scheduler.has_ready())
      scheduler.run(1'000, now);
  }

  /// The scheduler was idle until now, as it is where somebody looks at its deadlines.
  void pass(Nanoseconds time) {
    scheduler.run(0, now);
    now += time;
    scheduler.run(0, now);
    run_all();
  }

  void answer(std::size_t which, std::string text) {
    auto& trap = static_cast<QuestionTrap&>(*asked.at(which).second);
    trap.answer = std::move(text);
    scheduler.wake(asked.at(which).first, trap);
  }

  void say(std::string what) { log.push_back(std::move(what)); }

  std::vector<std::pair<TaskId, Trap*>> asked;
  int cancels = 0;
  int expirations = 0;
  int transitions = 0;
  SteadyTime now{std::chrono::seconds{1}};
  std::vector<std::string> log;
  Scheduler scheduler;
};

}  // namespace tinkerbell
