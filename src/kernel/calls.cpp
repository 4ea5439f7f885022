#include "tinkerbell/kernel/calls.hpp"

#include "kernel/task_details.hpp"

#include "tinkerbell/kernel/scheduler.hpp"

#include <algorithm>
#include <iterator>
#include <ranges>
#include <set>
#include <vector>

namespace tinkerbell::kernel {

namespace {

Nanoseconds length_of(Slack slack) {
  using namespace std::chrono_literals;
  switch (slack) {
    case Slack::none:
      return 1ns;
    case Slack::fine:
      return 100us;
    case Slack::coarse:
      return 1ms;
    case Slack::lazy:
      return 100ms;
  }
  return 1ns;
}

/// The deadline, put off to the next multiple of the slack, where others meet it.
SteadyTime put_off(SteadyTime deadline, Slack slack) {
  const auto step = length_of(slack).count();
  if (kNever - deadline < length_of(slack)) return kNever;
  const auto since_epoch = deadline.time_since_epoch().count();
  return SteadyTime{Nanoseconds{(since_epoch + step - 1) / step * step}};
}

/// Whether the end of `from` waits for the end of `to`: by joins, and since the owner of a group
/// ends after its members.
bool waits_for(const Scheduler& scheduler, TaskId from, TaskId to) {
  std::vector<TaskId> ahead = {from};
  std::set<TaskId> seen;
  while (!ahead.empty()) {
    const TaskId next = ahead.back();
    ahead.pop_back();
    if (next == to) return true;
    const TaskControl* const task = seen.insert(next).second ? scheduler.find(next) : nullptr;
    if (task == nullptr) continue;
    const bool joins = task->place == TaskControl::Place::wait &&
                       task->trap->kind == Trap::Kind::call &&
                       static_cast<const CallTrap*>(task->trap)->perform == &JoinTrap::run;
    if (joins) ahead.push_back(static_cast<const JoinTrap*>(task->trap)->target);
    if (task->details == nullptr) continue;
    for (const Dependants* each = task->details->dependants; each != nullptr; each = each->next)
      std::ranges::copy(each->live | std::views::values, std::back_inserter(ahead));
  }
  return false;
}

}  // namespace

bool SelfTrap::run(Scheduler& scheduler, TaskControl& task, Trap& trap) {
  auto& call = static_cast<SelfTrap&>(trap);
  call.scheduler = &scheduler;
  call.id = task.id;
  return true;
}

bool SleepTrap::run(Scheduler& scheduler, TaskControl& task, Trap& trap) {
  auto& call = static_cast<SleepTrap&>(trap);
  if (scheduler.may_wait(task, call)) {
    scheduler.timers().arm(call, put_off(later(scheduler.now(), call.duration), call.slack));
  }
  return false;
}

bool JoinTrap::run(Scheduler& scheduler, TaskControl& task, Trap& trap) {
  auto& call = static_cast<JoinTrap&>(trap);
  if (const Exit* const outcome = scheduler.outcome_of(call.target)) {
    *call.outcome = *outcome;
    return true;
  }
  TaskControl* const target = scheduler.find(call.target);
  if (target == nullptr) {
    call.outcome = scheduler.missing("join", call.target);
    return true;
  }
  if (waits_for(scheduler, call.target, task.id)) {
    call.outcome =
        Error{Errc::invalid, target == &task ? "join: a task cannot wait for itself"
                                             : "join: the tasks would wait for each other"};
    return true;
  }
  if (scheduler.may_wait(task, call)) TaskDetails::of(*target).joiners.push(call);
  return false;
}

bool KillTrap::run(Scheduler& scheduler, TaskControl& task, Trap& trap) {
  auto& call = static_cast<KillTrap&>(trap);
  call.result = scheduler.kill(call.target, std::move(call.reason), task.id);
  return true;
}

bool ScopeTrap::run(Scheduler& scheduler, TaskControl& /*task*/, Trap& trap) {
  auto& call = static_cast<ScopeTrap&>(trap);
  call.scheduler = &scheduler;
  if (call.timeout) call.deadline = later(scheduler.now(), *call.timeout);
  return true;
}

}  // namespace tinkerbell::kernel
