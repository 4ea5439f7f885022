#pragma once

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/kernel/state.hpp"

namespace tinkerbell {

/// Is told of every transition of every task, and whose turn it is. Called inside the scheduler:
/// must be quick and must not call back.
class KernelObserver {
 public:
  KernelObserver() = default;
  KernelObserver(const KernelObserver&) = delete;
  KernelObserver& operator=(const KernelObserver&) = delete;
  virtual ~KernelObserver() = default;

  virtual void task_state_changed(TaskId task, TaskState from, TaskState to) = 0;

  /// A task that was asked to end has the turn: it stays `cancelling`, so that there is no
  /// transition to see.
  virtual void cleanup_turn_began(TaskId /*task*/) {}

  /// Nobody has the turn any more, for a while.
  virtual void turns_ended() {}
};

}  // namespace tinkerbell
