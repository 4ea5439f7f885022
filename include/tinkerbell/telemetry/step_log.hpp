#pragma once

#include "tinkerbell/base/log.hpp"
#include "tinkerbell/kernel/observer.hpp"
#include "tinkerbell/syscall/observer.hpp"

namespace tinkerbell {

/// Writes a log line for each durable record and each transition of a task, and hands records on.
/// docs/logging.md lists the events. Loop thread.
class StepLog final : public SyscallObserver, public KernelObserver {
 public:
  StepLog(Logger& logger, SyscallObserver& next) : logger_(logger), next_(next) {}

  void recorded(const Record& record) override;
  void progressed(CommandId id, ProgressKind kind, std::string_view text) override;

  void awoke(const TaskHead& head, const std::vector<Record>& records) override;
  void rests(TaskId task) override;
  void task_state_changed(TaskId task, TaskState from, TaskState to) override;

 private:
  Logger& logger_;
  SyscallObserver& next_;
};

}  // namespace tinkerbell
