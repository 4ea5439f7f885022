#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/kernel/task_control.hpp"
#include "tinkerbell/kernel/trap.hpp"

namespace tinkerbell {

/// A stretch of a task's code that has a deadline of its own, or that holds a wish to end back
/// until it is over. Lives in the frame that opened it; scopes of a task nest as its frames do.
///
/// Past the deadline every wait in the scope answers `cancelled` at once, until the scope is left.
class CancelScope : public TimerNode {
 public:
  enum class Guard : std::uint8_t {
    none,
    shield,  ///< A kill, and the deadlines of scopes around this one, wait until it is left.
  };

  CancelScope(Scheduler& scheduler, TaskControl& task, Guard guard, SteadyTime deadline);
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;
  ~CancelScope();

  /// Whether the deadline has come.
  [[nodiscard]] bool expired() const { return expired_; }

 private:
  friend class Scheduler;

  Scheduler& scheduler_;
  TaskControl& task_;
  CancelScope* outer_;
  Guard guard_;
  bool expired_ = false;
};

}  // namespace tinkerbell
