#include "tinkerbell/kernel/scheduler.hpp"

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/kernel/calls.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

/// A task that was asked to end may still ask for so many things in its cleanup, each answered
/// `cancelled`.
constexpr int kTrapsWhileCancellingMax = 64;

/// Traps that keep the turn (self, kill) are answered in place, so many before the others get
/// theirs.
constexpr int kTrapsPerTurnMax = 64;

constexpr int kSlotBits = 31;
constexpr std::uint64_t kSlotMask = (1ULL << kSlotBits) - 1;

}  // namespace

struct Scheduler::Entry {
  TaskId id = kNoTask;
  std::string name;
  TaskState state = TaskState::ready;
  TaskControl control;
  std::unique_ptr<Exit> exit;  // before root: the root frame points to it
  Task<void> root;
  OnEnd on_end;
  std::vector<std::pair<TaskId, kernel::JoinTrap*>> joiners;
  std::optional<Timers::iterator> timer;
  std::string kill_reason;
  bool queued = false;
  int traps_while_cancelling = 0;
  std::uint64_t turns = 0;
};

Scheduler::Scheduler(CommandHandler& commands, KernelObserver& observer)
    : commands_(commands), observer_(observer) {}

Scheduler::~Scheduler() = default;

// ---- life ----

TaskId Scheduler::adopt(TaskId id, std::string name, Task<void> root, std::unique_ptr<Exit> exit,
                        OnEnd on_end) {
  if (id == kNoTask) id = new_volatile_id();
  TINKERBELL_ASSERT(find(id) == nullptr);
  auto entry = std::make_unique<Entry>(Entry{.id = id,
                                             .name = std::move(name),
                                             .control = {},
                                             .exit = std::move(exit),
                                             .root = std::move(root),
                                             .on_end = std::move(on_end),
                                             .joiners = {},
                                             .timer = {},
                                             .kill_reason = {}});
  entry->control.leaf = entry->root.frame();
  entry->root.frame().promise().control = &entry->control;
  Entry& placed = *entry;
  entries_.emplace(id, std::move(entry));
  ++counters_.spawned;
  enqueue(placed);
  return id;
}

TaskId Scheduler::new_volatile_id() {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(generations_.size()));
    generations_.push_back(0);
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  const std::uint64_t generation = ++generations_[slot];
  return TaskId{kVolatileBit | (generation << kSlotBits) | slot};
}

void Scheduler::finish(Entry& entry) {
  Exit& exit = *entry.exit;
  const bool was_killed = entry.state == TaskState::cancelling;
  exit.state = !exit.error  ? TaskState::completed
               : was_killed ? TaskState::cancelled
                            : TaskState::failed;
  if (exit.state == TaskState::cancelled) exit.error = Error{Errc::cancelled, entry.kill_reason};
  change_state(entry, exit.state);
  disarm(entry);

  if (entry.on_end) entry.on_end(entry.id, exit);
  for (const auto& [joiner, trap] : entry.joiners) {
    trap->exit = exit;
    wake(joiner, *trap);
  }
  if (!is_durable(entry.id)) {
    free_slots_.push_back(static_cast<std::uint32_t>(number(entry.id) & kSlotMask));
  }
  ++counters_.ended;
  entries_.erase(entry.id);
}

/// Ends a task that does not stop asking: its frames are destroyed where they stand.
void Scheduler::force_end(Entry& entry) {
  entry.exit->error = Error{Errc::cancelled, entry.kill_reason};
  finish(entry);
}

Scheduler::Entry* Scheduler::find(TaskId task) const {
  const auto found = entries_.find(task);
  return found == entries_.end() ? nullptr : found->second.get();
}

void Scheduler::change_state(Entry& entry, TaskState to) {
  TINKERBELL_ASSERT(may_become(entry.state, to));
  const TaskState from = std::exchange(entry.state, to);
  observer_.task_state_changed(entry.id, from, to);
}

void Scheduler::enqueue(Entry& entry) {
  TINKERBELL_ASSERT(!entry.queued);
  entry.queued = true;
  ready_.push_back(&entry);
}

// ---- turns ----

std::size_t Scheduler::run(std::size_t turns_max, SteadyTime now) {
  now_ = now;
  fire_due(now);
  std::size_t turns = 0;
  for (; turns < turns_max && !ready_.empty(); ++turns) {
    Entry& entry = *ready_.front();
    ready_.pop_front();
    entry.queued = false;
    run_turn(entry);
  }
  counters_.turns += turns;
  return turns;
}

void Scheduler::run_turn(Entry& entry) {
  if (entry.state == TaskState::ready) change_state(entry, TaskState::running);
  ++entry.turns;
  for (int traps = 0; traps < kTrapsPerTurnMax; ++traps) {
    entry.control.trap = nullptr;
    entry.control.leaf.resume();
    Trap* const trap = entry.control.trap;
    if (trap == nullptr) {
      finish(entry);
      return;
    }
    const bool keeps_turn = trap->kind == Trap::Kind::self || trap->kind == Trap::Kind::kill;
    if (!keeps_turn) {
      dispatch(entry, *trap);
      return;
    }
    if (trap->kind == Trap::Kind::self) {
      static_cast<kernel::SelfTrap*>(trap)->self = entry.id;
    } else {
      auto& call = *static_cast<kernel::KillTrap*>(trap);
      call.result = kill(call.target, call.reason);
    }
  }
  answer(entry);
}

void Scheduler::dispatch(Entry& entry, Trap& trap) {
  if (entry.state == TaskState::cancelling) {
    if (++entry.traps_while_cancelling > kTrapsWhileCancellingMax) {
      force_end(entry);
    } else {
      answer_cancelled(entry, trap);
    }
    return;
  }
  if (trap.kind == Trap::Kind::yield) {
    answer(entry);
    return;
  }
  change_state(entry, TaskState::waiting);
  switch (trap.kind) {
    case Trap::Kind::sleep:
      arm(entry.id, trap, now_ + static_cast<kernel::SleepTrap&>(trap).duration);
      return;
    case Trap::Kind::join:
      join(entry, trap);
      return;
    case Trap::Kind::command:
      commands_.dispatch(entry.id, trap);
      return;
    case Trap::Kind::yield:
    case Trap::Kind::self:
    case Trap::Kind::kill:
      TINKERBELL_ASSERT(false);
  }
}

/// The wait is over: the task runs again when its turn comes.
void Scheduler::answer(Entry& entry) {
  if (entry.state != TaskState::cancelling) change_state(entry, TaskState::ready);
  disarm(entry);
  enqueue(entry);
}

void Scheduler::answer_cancelled(Entry& entry, Trap& trap) {
  trap.cancelled = true;
  answer(entry);
}

void Scheduler::join(Entry& joiner, Trap& trap) {
  auto& call = static_cast<kernel::JoinTrap&>(trap);
  Entry* const target = find(call.target);
  if (target == nullptr || target == &joiner) {
    call.error = target == nullptr ? Error{Errc::not_found, "join: no such task"}
                                   : Error{Errc::invalid, "join: a task cannot wait for itself"};
    answer(joiner);
    return;
  }
  target->joiners.emplace_back(joiner.id, &call);
}

// ---- from outside ----

void Scheduler::wake(TaskId task, const Trap& trap) {
  Entry* const entry = find(task);
  if (entry == nullptr || entry->control.trap != &trap || entry->queued) return;
  answer(*entry);
}

Result<void> Scheduler::kill(TaskId task, std::string reason) {
  Entry* const entry = find(task);
  if (entry == nullptr) return Error{Errc::not_found, "kill: no such task"};
  if (entry->state == TaskState::cancelling) return {};
  const bool parked = entry->state != TaskState::running && entry->state != TaskState::ready;
  entry->kill_reason = std::move(reason);
  change_state(*entry, TaskState::cancelling);
  if (!parked) return {};  // it runs or is about to: its next wait ends at once
  Trap* const trap = entry->control.trap;
  if (trap->kind == Trap::Kind::command) {
    trap->cancelled = true;
    commands_.cancel(entry->id, *trap);
    return {};
  }
  if (trap->kind == Trap::Kind::join) {
    if (Entry* const target = find(static_cast<kernel::JoinTrap*>(trap)->target)) {
      std::erase_if(target->joiners, [&](const auto& each) { return each.second == trap; });
    }
  }
  answer_cancelled(*entry, *trap);
  return {};
}

void Scheduler::mark(TaskId task, TaskState state) {
  Entry* const entry = find(task);
  if (entry == nullptr || entry->state == state || entry->state == TaskState::cancelling) return;
  change_state(*entry, state);
}

Result<TaskState> Scheduler::state_of(TaskId task) const {
  const Entry* const entry = find(task);
  if (entry == nullptr) return Error{Errc::not_found, "no such task"};
  return entry->state;
}

// ---- time ----

void Scheduler::arm(TaskId task, const Trap& trap, SteadyTime deadline) {
  Entry* const entry = find(task);
  if (entry == nullptr || entry->control.trap != &trap) return;
  disarm(*entry);
  entry->timer = timers_.emplace(deadline, entry);
}

void Scheduler::disarm(Entry& entry) {
  if (entry.timer) timers_.erase(*std::exchange(entry.timer, std::nullopt));
}

void Scheduler::fire_due(SteadyTime now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Entry& entry = *timers_.begin()->second;
    disarm(entry);
    Trap& trap = *entry.control.trap;
    if (trap.kind == Trap::Kind::command) {
      commands_.expired(entry.id, trap);
    } else {
      answer(entry);
    }
  }
}

SteadyTime Scheduler::next_deadline() const {
  return timers_.empty() ? kNever : timers_.begin()->first;
}

// ---- inspection ----

std::vector<TaskInspection> Scheduler::inspect() const {
  std::vector<TaskInspection> all;
  all.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) {
    const Trap* const trap = entry->control.trap;
    all.push_back({.task = id,
                   .name = entry->name,
                   .state = entry->state,
                   .waits_at = trap != nullptr ? trap->where : std::source_location{},
                   .turns = entry->turns});
  }
  std::ranges::sort(all, {}, &TaskInspection::task);
  return all;
}

SchedulerCounters Scheduler::counters() const {
  SchedulerCounters now = counters_;
  now.tasks = entries_.size();
  now.ready = ready_.size();
  now.timers = timers_.size();
  return now;
}

}  // namespace tinkerbell
