#include "tinkerbell/kernel/scheduler.hpp"

#include "kernel/task_details.hpp"

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/kernel/cancel_scope.hpp"

#include <algorithm>
#include <limits>

namespace tinkerbell {

namespace {

/// Calls of coroutines and of the kernel that one turn may take.
constexpr std::uint16_t kCallsPerTurn = 256;

/// Of so many turns one goes to the ready tasks of lower priority, if there are any.
constexpr std::uint32_t kTurnsPerNormal = 4;
constexpr std::uint32_t kTurnsPerBackground = 16;

constexpr int kSlotBits = 31;
constexpr std::uint64_t kSlotMask = (1ULL << kSlotBits) - 1;

/// An entry of a slot that no task has: its next generation (32 bits), the slot that was free
/// before it (31 bits), and the lowest bit set, which no address has.
constexpr std::uint64_t free_slot(std::uint64_t generation, std::uint64_t next) {
  return generation << 32U | (next & kSlotMask) << 1U | 1U;
}

constexpr std::uint64_t generation_of(std::uint64_t free_entry) {
  return free_entry >> 32U;
}

constexpr std::uint64_t next_free(std::uint64_t free_entry) {
  return free_entry >> 1U & kSlotMask;
}

bool waits_at(const TaskControl& task, const Trap& trap) {
  return task.place == TaskControl::Place::wait && task.trap == &trap;
}

std::uint32_t saturated(std::uint64_t value) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

/// A step of a random sequence. Source: Vigna, SplitMix64.
std::uint64_t next_random(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15ULL;
  std::uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBULL;
  return mixed ^ (mixed >> 31U);
}

}  // namespace

Trap& budget_trap() noexcept {
  static thread_local constinit Trap trap(Trap::Kind::yield);
  return trap;
}

Scheduler::Scheduler(CommandHandler& commands, KernelObserver* observer, SchedulerOptions options)
    : commands_(commands),
      observer_(observer),
      options_(options),
      order_state_(options.order_seed) {}

Scheduler::~Scheduler() {
  close();
  std::vector<TaskControl*> left;
  for_each_task([&](TaskControl& task) { left.push_back(&task); });
  for (TaskControl* const task : left) {
    delete task->details;
    delete task;
  }
}

// ---- life ----

TaskControl& Scheduler::adopt(TaskId id, SpawnOptions&& options, std::coroutine_handle<> root,
                              const RootType& type, OnEnd&& on_end) {
  auto& task = *new TaskControl;
  task.id = id == kNoTask ? new_volatile_id(task) : id;
  if (id != kNoTask) {
    const bool added = durable_.emplace(id, &task).second;
    TINKERBELL_ASSERT(added);
  }
  task.leaf = root;
  task.root = &type;
  task.priority = options.priority;
  task.stopped_at = tick_;
  if (!options.name.empty() || options.parent != kNoTask || on_end) {
    task.details = new TaskDetails(std::move(options), std::move(on_end));
  }
  detail::PromiseBase::of(root).control = &task;
  ++in_state_[counted_as(TaskState::ready)];
  enqueue(task);
  return task;
}

TaskId Scheduler::new_volatile_id(TaskControl& task) {
  if (first_free_slot_ == slots_.size()) slots_.push_back(free_slot(1, slots_.size() + 1));
  const std::uint64_t slot = first_free_slot_;
  const std::uint64_t generation = generation_of(slots_[slot]);
  first_free_slot_ = next_free(slots_[slot]);
  slots_[slot] = reinterpret_cast<std::uintptr_t>(&task);
  return TaskId{kVolatileBit | (generation << kSlotBits) | slot};
}

TaskControl* Scheduler::find(TaskId task) const {
  if ((number(task) & kVolatileBit) == 0) {
    const auto found = durable_.find(task);
    return found == durable_.end() ? nullptr : found->second;
  }
  const std::uint64_t slot = number(task) & kSlotMask;
  if (slot >= slots_.size() || (slots_[slot] & 1U) != 0) return nullptr;
  auto* const control = reinterpret_cast<TaskControl*>(slots_[slot]);
  return control->id == task ? control : nullptr;
}

Error Scheduler::missing(std::string_view call, TaskId task) const {
  const std::string name = std::string(call) + ": task " + std::to_string(number(task));
  const std::uint64_t slot = number(task) & kSlotMask;
  const bool slot_used = (number(task) & kVolatileBit) != 0 && slot < slots_.size();
  if (slot_used) {
    const std::uint64_t generation = (number(task) & ~kVolatileBit) >> kSlotBits;
    const std::uint64_t entry = slots_[slot];
    const std::uint64_t newest =
        (entry & 1U) != 0
            ? generation_of(entry) - 1
            : (number(reinterpret_cast<TaskControl*>(entry)->id) & ~kVolatileBit) >> kSlotBits;
    if (generation != 0 && generation <= newest) return {Errc::abandoned, name + " has ended"};
  }
  return {Errc::not_found, name + " does not exist"};
}

/// The root has come to its end.
TaskState Scheduler::finish(TaskControl& task) {
  Exit exit;
  task.root->collect(task.leaf, exit);
  const bool was_killed = task.state == TaskState::cancelling;
  exit.state = !exit.error  ? TaskState::completed
               : was_killed ? TaskState::cancelled
                            : TaskState::failed;
  if (is_durable(task.id)) {  // this turn is not in its books yet
    exit.turns = 1;
    exit.cpu = options_.ticks.nanoseconds(options_.ticks.now() - tick_);
  }
  const TaskState state = exit.state;
  end(task, exit);
  return state;
}

void Scheduler::end(TaskControl& task, Exit& exit) {
  change_state(task, exit.state);
  task.trap = nullptr;
  exit.ended = now_;
  TaskDetails* const details = task.details;
  if (details != nullptr) {
    exit.started = details->started.value_or(now_);
    if (details->kill != nullptr) {
      details->kill->unlink();
      exit.killed_by = details->kill->by;
    }
    if (exit.state == TaskState::cancelled) {
      exit.error =
          Error{Errc::cancelled, details->kill != nullptr ? std::move(details->kill->reason)
                                                          : "what it belonged to has ended"};
    }
    if (is_durable(task.id)) {
      exit.turns += task.turns;
      exit.cpu += options_.ticks.nanoseconds(task.cpu_ticks);
    }
    if (details->on_end) details->on_end(task.id, exit);
    while (Waiter* const waiter = details->joiners.first()) {
      *static_cast<kernel::JoinTrap*>(waiter)->outcome = exit;
      answer(*waiter);
    }
  }
  watch_.end_of(task);  // who looks must not meet half a chain of frames
  destroy_frames(task);
  retire_id(task.id);
  if (details != nullptr && details->handles > 0) {
    details->outcome = std::make_unique<Exit>(std::move(exit));
    held_.emplace(task.id, &task);
  } else {
    delete details;
    delete &task;
  }
}

void Scheduler::retire_id(TaskId id) {
  if (is_durable(id)) {
    durable_.erase(id);
    return;
  }
  const std::uint64_t slot = number(id) & kSlotMask;
  const std::uint64_t generation = (number(id) & ~kVolatileBit) >> kSlotBits;
  slots_[slot] = free_slot(generation + 1, first_free_slot_);
  first_free_slot_ = slot;
}

/// Innermost frame first, in a loop: a chain of calls may be deeper than the stack.
void Scheduler::destroy_frames(TaskControl& task) {
  detail::PromiseBase* frame = &detail::PromiseBase::of(task.leaf);
  while (frame != nullptr) {
    detail::CallLink* const link = frame->link;
    detail::PromiseBase* const caller = link != nullptr ? link->caller : nullptr;
    if (link != nullptr) link->callee = nullptr;
    frame->frame().destroy();
    frame = caller;
  }
  task.leaf = nullptr;
}

void Scheduler::change_state(TaskControl& task, TaskState to) {
  const auto from = static_cast<std::size_t>(task.state);
  TINKERBELL_ASSERT((detail::kTransitions[from] >> static_cast<std::size_t>(to) & 1U) != 0);
  if (counted_as(task.state) != counted_as(to)) {
    --in_state_[counted_as(task.state)];
    ++in_state_[counted_as(to)];
  }
  const TaskState before = std::exchange(task.state, to);
  if (observer_ != nullptr) observer_->task_state_changed(task.id, before, to);
}

// ---- the ready queue ----

void Scheduler::enqueue(TaskControl& task) {
  TINKERBELL_ASSERT(task.place != TaskControl::Place::ready_queue);
  task.place = TaskControl::Place::ready_queue;
  ++ready_count_;
  ReadyQueue& queue = ready_[static_cast<std::size_t>(task.priority)];
  const bool to_the_front = options_.order_seed != 0 && (next_random(order_state_) & 1U) != 0;
  if (queue.first == nullptr) {
    task.next = nullptr;
    queue.first = &task;
    queue.last = &task;
  } else if (to_the_front) {
    task.next = queue.first;
    queue.first = &task;
  } else {
    task.next = nullptr;
    queue.last->next = &task;
    queue.last = &task;
  }
}

TaskControl& Scheduler::dequeue() {
  ++turns_by_rank_;
  std::size_t rank = 0;
  if (turns_by_rank_ % kTurnsPerBackground == 0 && ready_[2].first != nullptr) {
    rank = 2;
  } else if (turns_by_rank_ % kTurnsPerNormal == 0 && ready_[1].first != nullptr) {
    rank = 1;
  }
  while (ready_[rank].first == nullptr)
    rank = rank == 2 ? 0 : rank + 1;
  ReadyQueue& queue = ready_[rank];
  TaskControl& task = *queue.first;
  queue.first = task.next;
  task.place = TaskControl::Place::turn;
  --ready_count_;
  return task;
}

// ---- turns ----

std::size_t Scheduler::run(std::size_t turns_max, SteadyTime now, Nanoseconds time_max) {
  if (closing_) return 0;
  now_ = std::max(now_, now);
  tick_ = options_.ticks.now();
  run_began_ = tick_;
  begin_graces();
  fire_due();
  const std::uint64_t last_tick =
      tick_ + static_cast<std::uint64_t>(static_cast<double>(time_max.count()) /
                                         options_.ticks.nanoseconds_per_tick);
  std::size_t turns = 0;
  while (turns < turns_max && ready_count_ != 0) {
    run_turn(dequeue());
    ++turns;
    if (tick_ > last_tick) break;
  }
  watch_.end();
  if (observer_ != nullptr) observer_->turns_ended();
  turns_ += turns;
  return turns;
}

/// The path that every turn takes, as one piece of code.
[[gnu::flatten]] void Scheduler::run_turn(TaskControl& task) {
  const TaskId id = task.id;
  watch_.begin(task, tick_);
  if (task.state == TaskState::ready) {
    change_state(task, TaskState::running);
  } else if (observer_ != nullptr) {
    observer_->cleanup_turn_began(id);
  }
  if (task.turns == 0 && task.details != nullptr) task.details->started = now_;
  task.budget = kCallsPerTurn;
  const TaskState state = resume(task);
  const bool lives = !has_ended(state);
  const std::source_location where = lives ? task.trap->where : std::source_location();
  const std::uint64_t ended = options_.ticks.now();
  const std::uint64_t ticks = ended - tick_;
  tick_ = ended;
  trace_.push({.ended = ended, .task = id, .where = where, .ticks = ticks, .state = state});
  if (!lives) return;
  task.stopped_at = ended;
  task.cpu_ticks += ticks;
  task.longest_turn =
      std::max(task.longest_turn, saturated(ticks >> TaskControl::kLongestUnitBits));
  if (task.turns != std::numeric_limits<std::uint32_t>::max()) ++task.turns;
}

/// Runs a task until it waits, gives up its turn, or ends, and says in which state that left it.
TaskState Scheduler::resume(TaskControl& task) {
  if (is_past_refusing(task)) [[unlikely]] {
    force_end(task);
    return TaskState::cancelled;
  }
  while (true) {
    task.trap = nullptr;
    task.leaf.resume();
    Trap* const trap = task.trap;
    if (trap == nullptr) return finish(task);
    switch (trap->kind) {
      case Trap::Kind::yield:
        if (task.interrupted) count_refusal(task);
        make_ready(task);
        return task.state;
      case Trap::Kind::command:
        if (may_wait(task, *trap)) commands_.dispatch(task.id, *trap);
        return task.state;
      case Trap::Kind::call:
        trap->task = &task;
        if (!static_cast<CallTrap*>(trap)->perform(*this, task, *trap)) return task.state;
        if (--task.budget == 0) {
          make_ready(task);
          return task.state;
        }
    }
  }
}

/// Whether a task may begin to wait. If not, the wait has been answered `cancelled`.
bool Scheduler::may_wait(TaskControl& task, Trap& trap) {
  if (task.interrupted) {
    trap.cancelled = true;
    count_refusal(task);
    make_ready(task);
    return false;
  }
  task.place = TaskControl::Place::wait;
  if (task.state != TaskState::cancelling) change_state(task, TaskState::waiting);
  return true;
}

/// The wait is over: the task runs again when its turn comes.
void Scheduler::make_ready(TaskControl& task) {
  if (task.state != TaskState::cancelling) change_state(task, TaskState::ready);
  enqueue(task);
}

// ---- waits ----

[[gnu::flatten]] void Scheduler::wake(TaskId task, const Trap& trap) {
  TaskControl* const control = find(task);
  if (control == nullptr || !waits_at(*control, trap)) return;
  TINKERBELL_ASSERT(trap.kind == Trap::Kind::command);
  timers_.disarm(*control->trap);
  if (control->details != nullptr && control->details->outlived_grace()) {
    asked_to_end_.push(*control->details->kill);
  }
  make_ready(*control);
}

void Scheduler::answer(CallTrap& trap) {
  TaskControl& task = *trap.task;
  forget_wait(task);
  make_ready(task);
}

/// Takes a wait out of whatever holds it.
void Scheduler::forget_wait(TaskControl& task) {
  if (task.place != TaskControl::Place::wait) return;
  Trap* const trap = task.trap;
  timers_.disarm(*trap);
  if (trap->waits_in_list) WaitList::remove(*static_cast<Waiter*>(trap));
}

// ---- time ----

/// The time of the newest turn's end: run() was told the time when it began.
SteadyTime Scheduler::now() const {
  return now_ + options_.ticks.nanoseconds(tick_ - run_began_);
}

void Scheduler::arm(TaskId task, Trap& trap, SteadyTime deadline) {
  TaskControl* const control = find(task);
  if (control == nullptr || !waits_at(*control, trap)) return;
  trap.task = control;
  timers_.arm(trap, deadline);
}

/// In the order of time. At the same time the grace of a task comes first: it may be given anew
/// while the task waits for a command, and not when that has just been answered.
void Scheduler::fire_due() {
  while (nearest_due() <= now_) {
    KillRequest* const first = in_grace_.first();
    if (first != nullptr && first->grace_ends <= timers_.nearest()) {
      end_of_grace(*first);
    } else {
      TimerNode& due = timers_.top();
      timers_.disarm(due);
      fire(due);
    }
  }
}

SteadyTime Scheduler::next_deadline() const {
  return asked_to_end_.empty() ? nearest_due() : now_;
}

SteadyTime Scheduler::nearest_due() const {
  const KillRequest* const first = in_grace_.first();
  return std::min(timers_.nearest(), first != nullptr ? first->grace_ends : kNever);
}

void Scheduler::fire(TimerNode& due) {
  switch (due.meaning) {
    case TimerNode::Meaning::wait: {
      auto& trap = static_cast<Trap&>(due);
      if (trap.kind == Trap::Kind::command) {
        commands_.expired(trap.task->id, trap);
      } else {
        answer(static_cast<CallTrap&>(trap));
      }
      return;
    }
    case TimerNode::Meaning::scope: {
      auto& scope = static_cast<CancelScope&>(due);
      scope.expired_ = true;
      weigh_interrupts(scope.task_);
    }
  }
}

// ---- from outside ----

void Scheduler::mark(TaskId task, TaskState state) {
  TaskControl* const control = find(task);
  if (control == nullptr || control->state == state || control->state == TaskState::cancelling)
    return;
  change_state(*control, state);
}

void Scheduler::set_priority(TaskId task, Priority priority) {
  if (TaskControl* const control = find(task)) control->priority = priority;
}

Result<TaskState> Scheduler::state_of(TaskId task) const {
  const TaskControl* const control = find(task);
  if (control == nullptr) return missing("state", task);
  return control->state;
}

// ---- handles ----

TaskHandle::TaskHandle(Scheduler& scheduler, TaskControl& task)
    : scheduler_(&scheduler), task_(&task), id_(task.id) {
  ++TaskDetails::of(task).handles;
}

TaskHandle::~TaskHandle() {
  if (task_ == nullptr || --task_->details->handles > 0 || !task_->details->outcome) return;
  scheduler_->held_.erase(id_);
  delete task_->details;
  delete task_;
}

const Exit* Scheduler::outcome_of(TaskId task) const {
  const auto held = held_.find(task);
  return held == held_.end() ? nullptr : &*held->second->details->outcome;
}

}  // namespace tinkerbell
