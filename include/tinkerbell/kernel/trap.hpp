#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"

#include <coroutine>
#include <cstdint>
#include <source_location>

namespace tinkerbell {

class Scheduler;
struct TaskControl;

/// What can stand in the timer heap. Knows its place there, so that it is taken out at once.
struct TimerNode {
  enum class Meaning : std::uint8_t {
    wait,   ///< The wait of a task: a Trap.
    scope,  ///< A deadline over several waits: a CancelScope.
  };

  static constexpr std::uint32_t kUnarmed = UINT32_MAX;

  constexpr explicit TimerNode(Meaning what) : meaning(what) {}

  [[nodiscard]] bool armed() const { return place != kUnarmed; }

  std::uint32_t place = kUnarmed;
  Meaning meaning;
};

/// What a task yields when it asks for something: PyOS's SystemCall. It lives in the frame of the
/// `co_await`, so nothing is allocated for it and nothing dangles when the task is destroyed.
struct Trap : TimerNode {
  enum class Kind : std::uint8_t {
    yield,    ///< Give up the turn.
    call,     ///< A system call of the kernel: a CallTrap.
    command,  ///< Anything else: the kernel parks the task and hands the trap to the
              ///< CommandHandler.
  };

  constexpr explicit Trap(Kind trap_kind) : TimerNode(Meaning::wait), kind(trap_kind) {}

  Kind kind;
  bool cancelled = false;       ///< Set when the wait ended because the task is to end.
  bool waits_in_list = false;   ///< It is a Waiter that stands in a WaitList.
  TaskControl* task = nullptr;  ///< Who waits; set when it parks.
  std::source_location where;   ///< The `co_await` that yielded it.
};

/// What a wait answers that ended because its task is to end, or is past a deadline. So short that
/// the text needs no memory of its own.
[[nodiscard]] inline Error asked_to_end() {
  return {Errc::cancelled, "asked to end"};
}

/// A system call that the kernel performs itself.
struct CallTrap : Trap {
  /// True: answered, and the task keeps its turn. False: the task is parked until somebody wakes
  /// it.
  using Perform = bool (*)(Scheduler&, TaskControl&, Trap&);

  explicit CallTrap(Perform how) : Trap(Kind::call), perform(how) {}

  Perform perform;
};

/// Suspends the calling task with `trap`; the scheduler takes it from there. Base of every awaiter
/// of this kind.
template <class TrapType>
struct TrapAwaiter : TrapType {
  using TrapType::TrapType;
  TrapAwaiter(const TrapAwaiter&) = delete;
  TrapAwaiter& operator=(const TrapAwaiter&) = delete;
  ~TrapAwaiter() = default;

  [[nodiscard]] bool await_ready() const noexcept { return false; }

  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> frame,
                     std::source_location where = std::source_location::current()) noexcept {
    this->where = where;
    frame.promise().control->stop_at(frame, *this);
  }
};

}  // namespace tinkerbell
