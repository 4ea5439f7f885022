#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/ids.hpp"

#include <coroutine>
#include <cstdint>
#include <source_location>

namespace tinkerbell {

struct TaskControl;

/// What a task yields when it asks for something: PyOS's SystemCall. It lives in the frame of the
/// `co_await`, so nothing is allocated for it and nothing dangles when the task is destroyed.
struct Trap {
  enum class Kind : std::uint8_t {
    yield,    ///< Give up the turn.
    self,     ///< Who am I?
    sleep,    ///< Until a point in time.
    join,     ///< Until another task has ended.
    kill,     ///< Ask another task to end.
    command,  ///< Anything else: the kernel parks the task and hands the trap to the
              ///< CommandHandler.
  };

  explicit Trap(Kind trap_kind) : kind(trap_kind) {}

  Kind kind;
  bool cancelled = false;      ///< Set when the wait ended because the task is to end.
  std::source_location where;  ///< The `co_await` that yielded it.
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
