#include "tinkerbell/kernel/group.hpp"

#include <ranges>

namespace tinkerbell {

TaskGroup::~TaskGroup() {
  members_->owner.scheduler.remove_dependants(members_->owner.id, *members_);
}

void TaskGroup::Members::began(std::uint64_t place, TaskId task) {
  live.emplace(place, task);
  if (cancel_reason) (void)owner.scheduler.kill(task, *cancel_reason, owner.id);
}

void TaskGroup::Members::ended(TaskId task, const std::string& name, const Exit& exit) {
  const bool only_followed = cancel_reason && exit.state == TaskState::cancelled;
  if (exit.error && !only_followed) {
    failures.push_back({.task = task, .name = name, .error = *exit.error});
    if (on_failure == OnFailure::cancel_rest) cancel(name + " failed");
  }
  if (!live.empty()) return;
  while (Waiter* const waiter = waiting.first())
    owner.scheduler.answer(*waiter);
}

void TaskGroup::Members::cancel(const std::string& reason) {
  if (cancel_reason) return;
  cancel_reason = reason;
  const auto asked = live;  // one that ends at once leaves it
  for (const TaskId task : asked | std::views::values)
    (void)owner.scheduler.kill(task, reason, owner.id);
}

bool TaskGroup::AllEndedTrap::run(Scheduler& scheduler, TaskControl& task, Trap& trap) {
  auto& call = static_cast<AllEndedTrap&>(trap);
  if (call.members->live.empty()) return true;
  if (scheduler.may_wait(task, call)) call.members->waiting.push(call);
  return false;
}

Task<void> end_group(TaskGroup* group) {
  if (co_await group->all_ended()) co_return;
  group->cancel("the group's owner was asked to end");
  const auto shield = co_await kernel::shield();
  (void)co_await group->all_ended();
}

}  // namespace tinkerbell
