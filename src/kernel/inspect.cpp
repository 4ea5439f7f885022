#include "tinkerbell/kernel/inspect.hpp"

#include "kernel/task_details.hpp"

#include "tinkerbell/kernel/scheduler.hpp"

#include <algorithm>

namespace tinkerbell {

TaskInspection Scheduler::inspection_of(const TaskControl& task) const {
  const TickSource& ticks = options_.ticks;
  TaskInspection seen;
  seen.task = task.id;
  seen.state = task.state;
  seen.priority = task.priority;
  seen.turns = task.turns;
  seen.cpu = ticks.nanoseconds(task.cpu_ticks);
  seen.longest_turn =
      ticks.nanoseconds(std::uint64_t{task.longest_turn} << TaskControl::kLongestUnitBits);
  if (task.details != nullptr) {
    seen.name = task.details->name;
    seen.parent = task.details->parent;
  }
  if (task.trap == nullptr) return seen;
  seen.waits_at = task.trap->where;
  seen.calls = await_chain(task);
  seen.waits_for = ticks.nanoseconds(ticks.now() - task.stopped_at);
  seen.deadline = timers_.deadline_of(*task.trap);
  return seen;
}

std::vector<TaskInspection> Scheduler::inspect() const {
  std::vector<TaskInspection> all;
  for_each_task([&](const TaskControl& task) { all.push_back(inspection_of(task)); });
  std::ranges::sort(all, {}, &TaskInspection::task);
  return all;
}

std::optional<TaskInspection> Scheduler::inspect(TaskId task) const {
  const TaskControl* const control = find(task);
  return control == nullptr ? std::nullopt : std::optional(inspection_of(*control));
}

SchedulerCounters Scheduler::counters() const {
  SchedulerCounters now{.turns = turns_, .in_state = in_state_};
  for (std::size_t state = 0; state < in_state_.size(); ++state)
    (has_ended(static_cast<TaskState>(state)) ? now.ended : now.tasks) += in_state_[state];
  now.spawned = now.tasks + now.ended;
  const TaskControl* const turn = watch_.task.load(std::memory_order_relaxed);
  if (turn != nullptr && turn->state == TaskState::running) {
    --now.in_state[static_cast<std::size_t>(TaskState::ready)];
    ++now.in_state[static_cast<std::size_t>(TaskState::running)];
  }
  now.ready = ready_count_;
  now.timers = timers_.size();
  return now;
}

std::vector<TaskId> Scheduler::stuck() const {
  std::vector<TaskId> ids;
  if (has_ready() || next_deadline() != kNever) return ids;
  bool waits_for_outside = false;
  for_each_task([&](const TaskControl& task) {
    ids.push_back(task.id);
    waits_for_outside |= task.trap != nullptr && task.trap->kind == Trap::Kind::command;
  });
  if (waits_for_outside) ids.clear();
  std::ranges::sort(ids);
  return ids;
}

std::vector<std::source_location> await_chain(const TaskControl& task) {
  std::vector<std::source_location> chain;
  if (task.trap != nullptr) chain.push_back(task.trap->where);
  for (const detail::CallLink* link = detail::PromiseBase::of(task.leaf).link; link != nullptr;
       link = link->caller->link) {
    chain.push_back(link->where);
  }
  return chain;
}

}  // namespace tinkerbell
