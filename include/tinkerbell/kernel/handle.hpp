#pragma once

#include "tinkerbell/base/ids.hpp"

#include <utility>

namespace tinkerbell {

class Scheduler;
struct TaskControl;

/// Keeps what became of a task until the last handle to it is gone: a join by its id then succeeds
/// however late it comes. Must not outlive the scheduler.
class TaskHandle {
 public:
  TaskHandle() = default;
  TaskHandle(Scheduler& scheduler, TaskControl& task);

  TaskHandle(TaskHandle&& other) noexcept
      : scheduler_(std::exchange(other.scheduler_, nullptr)),
        task_(std::exchange(other.task_, nullptr)),
        id_(other.id_) {}

  TaskHandle& operator=(TaskHandle&& other) noexcept {
    std::swap(scheduler_, other.scheduler_);
    std::swap(task_, other.task_);
    std::swap(id_, other.id_);
    return *this;
  }

  TaskHandle(const TaskHandle&) = delete;
  TaskHandle& operator=(const TaskHandle&) = delete;
  ~TaskHandle();

  [[nodiscard]] TaskId id() const { return id_; }

 private:
  Scheduler* scheduler_ = nullptr;
  TaskControl* task_ = nullptr;
  TaskId id_ = kNoTask;
};

}  // namespace tinkerbell
