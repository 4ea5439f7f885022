#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/exit.hpp"
#include "tinkerbell/kernel/trap.hpp"

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

struct SelfTrap : Trap {
  SelfTrap() : Trap(Kind::self) {}

  [[nodiscard]] TaskId await_resume() const noexcept { return self; }

  TaskId self = kNoTask;
};

/// The id of the calling task. Keeps the turn.
inline auto self() {
  return TrapAwaiter<SelfTrap>();
}

struct SleepTrap : Trap {
  explicit SleepTrap(Nanoseconds length) : Trap(Kind::sleep), duration(length) {}

  [[nodiscard]] Result<void> await_resume() const {
    if (cancelled) return Error{Errc::cancelled, "sleep: the task was asked to end"};
    return {};
  }

  Nanoseconds duration;
};

/// Sleeps. Errors: cancelled.
inline auto sleep_for(Nanoseconds duration) {
  return TrapAwaiter<SleepTrap>(duration);
}

struct JoinTrap : Trap {
  explicit JoinTrap(TaskId whom) : Trap(Kind::join), target(whom) {}

  [[nodiscard]] Result<Exit> await_resume() {
    if (cancelled) return Error{Errc::cancelled, "join: the task was asked to end"};
    if (error) return *error;
    return exit;
  }

  TaskId target;
  std::optional<Error> error;
  Exit exit;
};

/// Waits until another task has ended. Errors: not_found (unknown or ended long ago), invalid
/// (itself), cancelled.
inline auto join(TaskId target) {
  return TrapAwaiter<JoinTrap>(target);
}

struct KillTrap : Trap {
  KillTrap(TaskId whom, std::string why) : Trap(Kind::kill), target(whom), reason(std::move(why)) {}

  [[nodiscard]] Result<void> await_resume() const { return result; }

  TaskId target;
  std::string reason;
  Result<void> result;
};

/// Asks a task to end; may be the caller itself, which then ends at its next wait. Keeps the turn.
/// Errors: not_found.
inline auto kill(TaskId target, std::string reason) {
  return TrapAwaiter<KillTrap>(target, std::move(reason));
}

}  // namespace tinkerbell::kernel
