#pragma once

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/kernel/state.hpp"

namespace tinkerbell {

/// Is told of every transition of every task. Called inside the scheduler: must be quick and must
/// not call back.
class KernelObserver {
 public:
  KernelObserver() = default;
  KernelObserver(const KernelObserver&) = delete;
  KernelObserver& operator=(const KernelObserver&) = delete;
  virtual ~KernelObserver() = default;

  virtual void task_state_changed(TaskId task, TaskState from, TaskState to) = 0;
};

}  // namespace tinkerbell
