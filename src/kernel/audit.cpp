#include "kernel/task_details.hpp"

#include "tinkerbell/kernel/scheduler.hpp"

namespace tinkerbell {

namespace {

using Place = TaskControl::Place;

std::string named(const TaskControl& task, std::string_view what) {
  return "task " + std::to_string(number(task.id)) + " (" + std::string(name_of(task.state)) +
         ") " + std::string(what);
}

bool neighbours_know(const Waiter& waiter) {
  const ListLink* const link = &waiter;
  return link->previous->next == link && link->next->previous == link && link->next != link;
}

/// What is wrong with a task that waits.
std::optional<std::string> wrong_with_wait(const Scheduler& scheduler, const TaskControl& task) {
  using enum TaskState;
  if (task.trap == nullptr) return named(task, "waits for nothing");
  if (task.state == ready || task.state == running)
    return named(task, "waits, and does not say so");
  const Trap& trap = *task.trap;
  if (trap.kind == Trap::Kind::yield) return named(task, "waits at a yield");
  if (trap.kind == Trap::Kind::command) return std::nullopt;
  if (trap.task != &task) return named(task, "waits at a call that another made");
  if (task.interrupted) return named(task, "was asked to end and still waits");
  if (!trap.waits_in_list && !trap.armed()) return named(task, "waits where nothing can wake it");
  if (trap.waits_in_list && !neighbours_know(static_cast<const Waiter&>(trap)))
    return named(task, "stands in a list that does not know it");
  if (static_cast<const CallTrap&>(trap).perform == &kernel::JoinTrap::run &&
      scheduler.find(static_cast<const kernel::JoinTrap&>(trap).target) == nullptr)
    return named(task, "waits for the end of a task that has ended");
  return std::nullopt;
}

}  // namespace

std::optional<std::string> Scheduler::contradiction() const {
  std::size_t queued = 0;
  for (const ReadyQueue& queue : ready_) {
    const TaskControl* last = nullptr;
    for (const TaskControl* task = queue.first; task != nullptr; task = task->next) {
      if (++queued > ready_count_) return "the ready queue holds more tasks than were put there";
      if (task->place != Place::ready_queue)
        return named(*task, "is in the ready queue by mistake");
      if (find(task->id) != task) return named(*task, "is in the ready queue and unknown");
      last = task;
    }
    if (last != nullptr && queue.last != last) return "the ready queue's end is not its end";
  }
  if (queued != ready_count_) return "the ready queue holds fewer tasks than were put there";
  if (!timers_.consistent()) return "the timers are out of order";

  std::optional<std::string> wrong;
  std::size_t in_queue = 0;
  std::size_t armed = 0;
  std::size_t in_grace = 0;
  std::uint64_t tasks = 0;
  auto in_state = in_state_;
  for_each_task([&](const TaskControl& task) {
    ++tasks;
    --in_state[counted_as(task.state)];
    if (task.details != nullptr) {
      for (const CancelScope* scope = task.details->scopes; scope != nullptr; scope = scope->outer_)
        armed += scope->armed() ? 1U : 0U;
      if (task.details->kill != nullptr && task.details->kill->linked()) ++in_grace;
    }
    if (has_ended(task.state)) wrong = named(task, "has ended and is still there");
    if (task.place == Place::turn) wrong = named(task, "has the turn between turns");
    if (task.place == Place::ready_queue) ++in_queue;
    if (task.place != Place::wait) return;
    armed += task.trap != nullptr && task.trap->armed() ? 1U : 0U;
    if (std::optional<std::string> found = wrong_with_wait(*this, task)) wrong = std::move(found);
  });
  if (wrong) return wrong;
  if (in_queue != queued) return "a task that is ready is in no queue";
  if (armed != timers_.size()) return "there is a timer of nobody";
  for (const LinkedList<KillRequest>* line : {&asked_to_end_, &in_grace_}) {
    for (const KillRequest* each = line->first(); each != nullptr; each = line->after(*each))
      --in_grace;
  }
  if (in_grace != 0) return "a task that was asked to end stands in no line for it";
  if (tasks != counters().tasks) return "the count of tasks is wrong";
  for (std::size_t state = 0; state < in_state.size(); ++state) {
    if (in_state[state] != 0 && !has_ended(static_cast<TaskState>(state)))
      return "the counts of states are wrong";
  }
  return std::nullopt;
}

}  // namespace tinkerbell
