#pragma once

#include "tinkerbell/kernel/scheduler.hpp"

#include <memory>
#include <optional>
#include <string>

namespace tinkerbell {

/// A task was asked to end, and has until `grace_ends` to do so. All get the same time for it, so
/// they stand in line in the order in which their time is over.
struct KillRequest : ListLink, Pooled {
  KillRequest(TaskControl& whom, std::string why, TaskId who)
      : task(whom), reason(std::move(why)), by(who) {}

  TaskControl& task;
  std::string reason;
  TaskId by;
  SteadyTime grace_ends{};
};

/// What few tasks have, or what is needed seldom.
struct TaskDetails : Pooled {
  TaskDetails() = default;

  TaskDetails(SpawnOptions&& options, Scheduler::OnEnd&& to_tell)
      : name(std::move(options.name)), parent(options.parent), on_end(std::move(to_tell)) {}

  /// The details of a task, made at first use.
  static TaskDetails& of(TaskControl& task) {
    if (task.details == nullptr) task.details = new TaskDetails;
    return *task.details;
  }

  /// Its time to end was over while it waited for a command, which is still to be answered.
  [[nodiscard]] bool outlived_grace() const { return kill != nullptr && !kill->linked(); }

  std::string name;
  TaskId parent = kNoTask;
  Scheduler::OnEnd on_end;
  std::optional<SteadyTime> started;  ///< When it had its first turn.
  CancelScope* scopes = nullptr;      ///< The innermost.
  WaitList joiners;
  Dependants* dependants = nullptr;
  std::unique_ptr<KillRequest> kill;
  std::unique_ptr<Exit> outcome;  ///< Once it has ended while handles are left.
  std::uint32_t handles = 0;
};

}  // namespace tinkerbell
