#pragma once

#include "tinkerbell/kernel/scheduler.hpp"

#include <memory>
#include <string>

namespace tinkerbell {

/// A task was asked to end.
struct KillRequest : TimerNode, Pooled {
  KillRequest(TaskControl& whom, std::string why, TaskId who)
      : TimerNode(Meaning::grace), task(whom), reason(std::move(why)), by(who) {}

  TaskControl& task;
  std::string reason;
  TaskId by;
  std::uint32_t refused_waits = 0;
};

/// What few tasks have, or what is needed seldom.
struct TaskDetails : Pooled {
  /// The details of a task, made at first use.
  static TaskDetails& of(TaskControl& task) {
    if (task.details == nullptr) task.details = new TaskDetails;
    return *task.details;
  }

  std::string name;
  TaskId parent = kNoTask;
  Scheduler::OnEnd on_end;
  SteadyTime started{};
  CancelScope* scopes = nullptr;  ///< The innermost.
  WaitList joiners;
  Dependants* dependants = nullptr;
  std::unique_ptr<KillRequest> kill;
  std::unique_ptr<Exit> outcome;  ///< Once it has ended while handles are left.
  std::uint32_t handles = 0;
};

}  // namespace tinkerbell
