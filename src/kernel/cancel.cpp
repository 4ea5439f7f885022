#include "kernel/task_details.hpp"

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/kernel/cancel_scope.hpp"
#include "tinkerbell/kernel/scheduler.hpp"

/// How tasks end that do not end by themselves.
namespace tinkerbell {

namespace {

/// Waits of a task that was asked to end are refused; one that goes on asking is ended by force.
constexpr std::uint8_t kRefusedWaitsMax = 64;

}  // namespace

// ---- asking ----

Result<void> Scheduler::kill(TaskId task, std::string reason, TaskId by) {
  if (closing_) return {};
  TaskControl* const control = find(task);
  if (control == nullptr || has_ended(control->state)) return missing("kill", task);
  TaskDetails& details = TaskDetails::of(*control);
  if (details.kill != nullptr) return {};
  details.kill = std::make_unique<KillRequest>(*control, std::move(reason), by);
  asked_to_end_.push(*details.kill);
  weigh_interrupts(*control);
  return {};
}

/// Between two runs nobody knows how late it is: a time that was stamped then could be over before
/// the task has had a turn.
void Scheduler::begin_graces() {
  while (KillRequest* const request = asked_to_end_.first()) {
    request->unlink();
    request->grace_ends = later(now_, options_.grace);
    in_grace_.push(*request);
  }
}

/// Works out whether the waits of a task are to end at once: it was asked to end or is past a
/// deadline, and no shield stands between. Whose time is over has no shield any more.
void Scheduler::weigh_interrupts(TaskControl& task) {
  const TaskDetails& details = *task.details;
  bool expired = false;
  bool shielded = false;
  for (const CancelScope* scope = details.scopes; scope != nullptr && !expired && !shielded;
       scope = scope->outer_) {
    expired = scope->expired_;
    shielded = scope->guard_ == CancelScope::Guard::shield;
  }
  const bool out_of_time = task.refused_waits >= kRefusedWaitsMax;
  const bool ends = details.kill != nullptr && (!shielded || out_of_time);
  const bool already = std::exchange(task.interrupted, expired || ends);
  if (ends && task.state != TaskState::cancelling) change_state(task, TaskState::cancelling);
  if (task.interrupted && !already) interrupt(task);
}

/// Ends the wait of a task that waits.
void Scheduler::interrupt(TaskControl& task) {
  if (task.place != TaskControl::Place::wait) return;  // its next wait is refused
  Trap* const trap = task.trap;
  trap->cancelled = true;
  if (trap->kind == Trap::Kind::command) {
    commands_.cancel(task.id, *trap);
  } else {
    answer(*static_cast<CallTrap*>(trap));
  }
}

void Scheduler::count_refusal(TaskControl& task) {
  if (task.state == TaskState::cancelling) ++task.refused_waits;
}

bool Scheduler::is_past_refusing(const TaskControl& task) {
  return task.refused_waits > kRefusedWaitsMax;
}

// ---- by force ----

/// One that was woken has its turn, and ends at the next wait. One that waits for a command is
/// given time anew when that is answered: its handler owes it.
void Scheduler::end_of_grace(KillRequest& request) {
  request.unlink();
  TaskControl& task = request.task;
  if (task.place == TaskControl::Place::ready_queue) {
    task.refused_waits = kRefusedWaitsMax;
    weigh_interrupts(task);
  } else if (task.trap->kind != Trap::Kind::command) {
    force_end(task);
  }
}

void Scheduler::end_by_force(TaskId task) {
  TaskControl* const control = find(task);
  if (control == nullptr || has_ended(control->state)) return;
  control->refused_waits = kRefusedWaitsMax + 1;
  control->interrupted = true;
  if (control->state != TaskState::cancelling) change_state(*control, TaskState::cancelling);
  interrupt(*control);
  if (control->place != TaskControl::Place::wait) return;
  forget_wait(*control);  // who owes it an answer will find nobody
  make_ready(*control);
}

/// Ends a task where it stands, and before it those that use its frames.
void Scheduler::force_end(TaskControl& task) {
  dependants_first(
      task, [](const TaskControl& each) { return has_ended(each.state); },
      [this](TaskControl& each) { destroy(each); });
}

/// A task after those that use its frames, and these after theirs; in a loop, for groups may be
/// nested deeper than the stack.
template <class Gone, class Act>
void Scheduler::dependants_first(TaskControl& task, Gone is_gone, Act act) {
  std::vector<TaskId> ahead = {task.id};
  while (!ahead.empty()) {
    TaskControl* const next = find(ahead.back());
    if (next == nullptr || is_gone(*next)) {
      ahead.pop_back();
      continue;
    }
    const std::size_t before = ahead.size();
    const TaskDetails* const details = next->details;
    for (const Dependants* each = details != nullptr ? details->dependants : nullptr;
         each != nullptr; each = each->next) {
      for (const auto& [place, member] : each->live) {
        const TaskControl* const control = find(member);
        if (control != nullptr && !is_gone(*control)) ahead.push_back(member);
      }
    }
    if (ahead.size() > before) continue;
    ahead.pop_back();
    act(*next);
  }
}

void Scheduler::destroy(TaskControl& task) {
  if (task.place == TaskControl::Place::ready_queue) take_out_of_queue(task);
  if (task.place == TaskControl::Place::wait && task.trap->kind == Trap::Kind::command) {
    task.trap->cancelled = true;
    commands_.cancel(task.id, *task.trap);  // it may stop; its answer will find nobody
    if (task.place == TaskControl::Place::ready_queue) take_out_of_queue(task);
  }
  forget_wait(task);
  task.place = TaskControl::Place::turn;
  if (task.state != TaskState::cancelling) change_state(task, TaskState::cancelling);
  Exit exit;
  exit.state = TaskState::cancelled;
  end(task, exit);
}

/// A search: it happens only by force.
void Scheduler::take_out_of_queue(TaskControl& task) {
  for (ReadyQueue& queue : ready_) {
    TaskControl* before = nullptr;
    for (TaskControl* each = queue.first; each != nullptr; before = each, each = each->next) {
      if (each != &task) continue;
      (before != nullptr ? before->next : queue.first) = task.next;
      if (queue.last == &task) queue.last = before;
      task.place = TaskControl::Place::turn;
      --ready_count_;
      return;
    }
  }
}

void Scheduler::force_all(Dependants& dependants) {
  while (!dependants.live.empty()) {
    const auto [place, last] = *dependants.live.rbegin();
    TaskControl* const task = find(last);
    TINKERBELL_ASSERT(task != nullptr && task->place != TaskControl::Place::turn);
    force_end(*task);
    dependants.live.erase(place);
  }
}

// ---- to be begun anew ----

bool Scheduler::can_forget(TaskId task) const {
  const TaskControl* const control = find(task);
  if (control == nullptr || control->place != TaskControl::Place::wait) return false;
  if (control->trap->kind != Trap::Kind::command) return false;
  const TaskDetails* const details = control->details;
  return details == nullptr || (details->kill == nullptr && details->scopes == nullptr &&
                                details->dependants == nullptr && details->handles == 0 &&
                                details->joiners.first() == nullptr);
}

void Scheduler::forget(TaskId task) {
  TINKERBELL_ASSERT(can_forget(task));
  TaskControl& control = *find(task);
  forget_wait(control);
  --in_state_[counted_as(control.state)];
  destroy_frames(control);
  retire_id(task);
  delete control.details;
  delete &control;
}

// ---- all at once ----

/// The control blocks stay: frames may hold handles and scopes.
void Scheduler::close() {
  closing_ = true;
  std::vector<TaskControl*> left;
  for_each_task([&](TaskControl& task) { left.push_back(&task); });
  for (TaskControl* const task : left)
    drop_frames(*task);
}

/// Without a word to anybody, and first those of its dependants.
void Scheduler::drop_frames(TaskControl& task) {
  dependants_first(
      task, [](const TaskControl& each) { return each.leaf == nullptr; },
      [this](TaskControl& each) {
        forget_wait(each);
        destroy_frames(each);
      });
}

// ---- those that end before their owner ----

void Scheduler::add_dependants(TaskId owner, Dependants& dependants) {
  TaskControl* const task = find(owner);
  TINKERBELL_ASSERT(task != nullptr);
  TaskDetails& details = TaskDetails::of(*task);
  dependants.next = std::exchange(details.dependants, &dependants);
}

void Scheduler::remove_dependants(TaskId owner, Dependants& dependants) {
  if (!closing_) force_all(dependants);
  TaskControl* const task = find(owner);
  if (task == nullptr) return;
  Dependants** place = &task->details->dependants;
  while (*place != nullptr && *place != &dependants)
    place = &(*place)->next;
  if (*place != nullptr) *place = dependants.next;
}

// ---- scopes ----

CancelScope::CancelScope(Scheduler& scheduler, TaskControl& task, Guard guard, SteadyTime deadline)
    : TimerNode(Meaning::scope),
      scheduler_(scheduler),
      task_(task),
      outer_(TaskDetails::of(task).scopes),
      guard_(guard) {
  task.details->scopes = this;
  if (deadline != kNever) scheduler.timers_.arm(*this, deadline);
  scheduler.weigh_interrupts(task);
}

CancelScope::~CancelScope() {
  scheduler_.timers_.disarm(*this);
  task_.details->scopes = outer_;
  if (!has_ended(task_.state) && !scheduler_.closing_) scheduler_.weigh_interrupts(task_);
}

}  // namespace tinkerbell
