#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/cancel_scope.hpp"
#include "tinkerbell/kernel/exit.hpp"
#include "tinkerbell/kernel/handle.hpp"
#include "tinkerbell/kernel/trap.hpp"
#include "tinkerbell/kernel/wait_list.hpp"

#include <optional>
#include <string>
#include <utility>

/// The kernel's own system calls: what any task may `co_await` without a command. Durable tasks use
/// the commands instead (command/commands.hpp), which are journalled.

namespace tinkerbell::kernel {

struct YieldTrap : Trap {
  YieldTrap() : Trap(Kind::yield) {}

  void await_resume() const noexcept {}
};

/// Gives up the turn: the task goes to the end of the ready queue.
inline auto yield() {
  return TrapAwaiter<YieldTrap>();
}

/// Who calls, and whom the call reached.
struct Self {
  Scheduler& scheduler;
  TaskId id = kNoTask;
};

struct SelfTrap : CallTrap {
  SelfTrap() : CallTrap(&run) {}

  static bool run(Scheduler& scheduler, TaskControl& task, Trap& trap);

  [[nodiscard]] Self await_resume() const noexcept { return {.scheduler = *scheduler, .id = id}; }

  Scheduler* scheduler = nullptr;
  TaskId id = kNoTask;
};

/// The calling task and its scheduler. Keeps the turn.
inline auto self() {
  return TrapAwaiter<SelfTrap>();
}

/// How exactly a sleep ends: it may be longer by so much, so that one wake-up serves many.
enum class Slack : std::uint8_t {
  none,
  fine,    ///< 100 µs
  coarse,  ///< 1 ms
  lazy,    ///< 100 ms
};

struct SleepTrap : CallTrap {
  SleepTrap(Nanoseconds length, Slack how_exact)
      : CallTrap(&run), duration(length), slack(how_exact) {}

  static bool run(Scheduler& scheduler, TaskControl& task, Trap& trap);

  [[nodiscard]] Result<void> await_resume() const {
    if (cancelled) return asked_to_end();
    return {};
  }

  Nanoseconds duration;
  Slack slack;
};

/// Sleeps. Errors: cancelled.
inline auto sleep_for(Nanoseconds duration, Slack slack = Slack::none) {
  return TrapAwaiter<SleepTrap>(duration, slack);
}

struct JoinTrap : Waiter {
  explicit JoinTrap(TaskId whom) : Waiter(&run), target(whom) {}

  static bool run(Scheduler& scheduler, TaskControl& task, Trap& trap);

  [[nodiscard]] Result<Exit> await_resume() {
    if (cancelled) return asked_to_end();
    return std::move(outcome);
  }

  TaskId target;
  Result<Exit> outcome = Exit();
};

/// Waits until another task has ended. Errors: not_found (no such task, ever), abandoned (it has
/// ended and nobody holds its outcome), invalid (the caller itself, or a circle of tasks that wait
/// for each other), cancelled.
inline auto join(TaskId target) {
  return TrapAwaiter<JoinTrap>(target);
}

struct KillTrap : CallTrap {
  KillTrap(TaskId whom, std::string why) : CallTrap(&run), target(whom), reason(std::move(why)) {}

  static bool run(Scheduler& scheduler, TaskControl& task, Trap& trap);

  [[nodiscard]] Result<void> await_resume() const { return result; }

  TaskId target;
  std::string reason;
  Result<void> result;
};

/// Asks a task to end; may be the caller itself, which then ends at its next wait. Keeps the turn.
/// Errors: not_found, abandoned (it has ended).
inline auto kill(TaskId target, std::string reason) {
  return TrapAwaiter<KillTrap>(target, std::move(reason));
}

struct ScopeTrap : CallTrap {
  ScopeTrap(CancelScope::Guard how, std::optional<Nanoseconds> length)
      : CallTrap(&run), guard(how), timeout(length) {}

  static bool run(Scheduler& scheduler, TaskControl& task, Trap& trap);

  [[nodiscard]] CancelScope await_resume() const {
    return CancelScope(*scheduler, *task, guard, deadline);
  }

  CancelScope::Guard guard;
  std::optional<Nanoseconds> timeout;
  Scheduler* scheduler = nullptr;
  SteadyTime deadline = kNever;
};

/// `auto scope = co_await kernel::deadline(5s);`: after that time every wait answers `cancelled`
/// until `scope` is left; scope.expired() tells why. Keeps the turn.
inline auto deadline(Nanoseconds timeout) {
  return TrapAwaiter<ScopeTrap>(CancelScope::Guard::none, timeout);
}

/// `auto shield = co_await kernel::shield();`: a wish to end is held back until `shield` is left.
/// Keeps the turn.
inline auto shield() {
  return TrapAwaiter<ScopeTrap>(CancelScope::Guard::shield, std::nullopt);
}

}  // namespace tinkerbell::kernel
