#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/exit.hpp"
#include "tinkerbell/kernel/inspect.hpp"
#include "tinkerbell/kernel/observer.hpp"
#include "tinkerbell/kernel/state.hpp"
#include "tinkerbell/kernel/task.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace tinkerbell {

/// Answers the traps that the kernel does not know itself. Loop thread.
class CommandHandler {
 public:
  CommandHandler() = default;
  CommandHandler(const CommandHandler&) = delete;
  CommandHandler& operator=(const CommandHandler&) = delete;
  virtual ~CommandHandler() = default;

  /// The task is parked at `trap`. It goes on when somebody calls Scheduler::wake(task, trap), now
  /// or later.
  virtual void dispatch(TaskId task, Trap& trap) = 0;

  /// The task is to end while it waits at `trap`: stop what is under way and wake it soon.
  virtual void cancel(TaskId task, Trap& trap) = 0;

  /// The deadline that Scheduler::arm set for this wait has come.
  virtual void expired(TaskId task, Trap& trap) = 0;
};

/// The explicit scheduler: the only owner of tasks and of their state. Single-threaded, without
/// clock and I/O of its own: somebody else turns it (`run`) and tells it the time, so that a test
/// can drive it step by step.
///
/// Ready tasks run in FIFO order, one turn each: from resume to the next trap.
class Scheduler {
 public:
  Scheduler(CommandHandler& commands, KernelObserver& observer);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Destroys the frames of all tasks that are left, without running them.
  ~Scheduler();

  /// Called when a task has ended, before its joiners run and its frames are gone.
  using OnEnd = std::move_only_function<void(TaskId, const Exit&)>;

  /// Starts a volatile task: it gets an id of its own and is gone with the process.
  template <class T>
  TaskId spawn(std::string name, Task<T> body, OnEnd on_end = nullptr) {
    return start(kNoTask, std::move(name), std::move(body), std::move(on_end));
  }

  /// Starts a durable task under the id that the store gave it. The id must not be live.
  template <class T>
  void spawn_as(TaskId id, std::string name, Task<T> body, OnEnd on_end = nullptr) {
    start(id, std::move(name), std::move(body), std::move(on_end));
  }

  /// Runs ready tasks for at most `turns_max` turns, and what is due at `now`. Returns the turns
  /// that were run.
  std::size_t run(std::size_t turns_max, SteadyTime now);

  /// Whether run() would do something now.
  [[nodiscard]] bool has_ready() const { return !ready_.empty(); }

  /// The nearest deadline; kNever if none is armed.
  [[nodiscard]] SteadyTime next_deadline() const;

  /// Puts a task that waits at `trap` into the ready queue. A wake-up for an older wait is ignored.
  void wake(TaskId task, const Trap& trap);

  /// Sets (or moves) the deadline of the current wait of a task.
  void arm(TaskId task, const Trap& trap, SteadyTime deadline);

  /// Asks a task to end: whatever it waits for answers `cancelled`, its cleanup runs, then it is
  /// gone. A task that goes on asking for things all the same is destroyed after a while. Errors:
  /// not_found (unknown id or already ended).
  [[nodiscard]] Result<void> kill(TaskId task, std::string reason);

  /// Moves a waiting task to another state of waiting and back (suspended, unsure, diverged,
  /// quarantined, waiting).
  void mark(TaskId task, TaskState state);

  [[nodiscard]] bool is_live(TaskId task) const { return find(task) != nullptr; }

  /// Errors: not_found.
  [[nodiscard]] Result<TaskState> state_of(TaskId task) const;

  [[nodiscard]] std::vector<TaskInspection> inspect() const;
  [[nodiscard]] SchedulerCounters counters() const;

 private:
  struct Entry;
  using Timers = std::multimap<SteadyTime, Entry*>;

  template <class T>
  TaskId start(TaskId id, std::string name, Task<T> body, OnEnd on_end) {
    auto exit = std::make_unique<Exit>();
    Task<void> root = run_to_exit(std::move(body), exit.get());
    return adopt(id, std::move(name), std::move(root), std::move(exit), std::move(on_end));
  }

  TaskId adopt(TaskId id, std::string name, Task<void> root, std::unique_ptr<Exit> exit,
               OnEnd on_end);
  [[nodiscard]] TaskId new_volatile_id();
  [[nodiscard]] Entry* find(TaskId task) const;
  void change_state(Entry& entry, TaskState to);
  void enqueue(Entry& entry);
  void run_turn(Entry& entry);
  void dispatch(Entry& entry, Trap& trap);
  void answer(Entry& entry);
  void answer_cancelled(Entry& entry, Trap& trap);
  void join(Entry& joiner, Trap& trap);
  void fire_due(SteadyTime now);
  void disarm(Entry& entry);
  void finish(Entry& entry);
  void force_end(Entry& entry);

  CommandHandler& commands_;
  KernelObserver& observer_;
  SteadyTime now_{};
  std::unordered_map<TaskId, std::unique_ptr<Entry>> entries_;
  std::deque<Entry*> ready_;
  Timers timers_;
  std::vector<std::uint32_t> generations_;  ///< Of each slot for volatile ids.
  std::vector<std::uint32_t> free_slots_;
  SchedulerCounters counters_;
};

}  // namespace tinkerbell
