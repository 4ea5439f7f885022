#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/calls.hpp"
#include "tinkerbell/kernel/exit.hpp"
#include "tinkerbell/kernel/handle.hpp"
#include "tinkerbell/kernel/inspect.hpp"
#include "tinkerbell/kernel/observer.hpp"
#include "tinkerbell/kernel/state.hpp"
#include "tinkerbell/kernel/task.hpp"
#include "tinkerbell/kernel/ticks.hpp"
#include "tinkerbell/kernel/timer_heap.hpp"
#include "tinkerbell/kernel/trace_ring.hpp"
#include "tinkerbell/kernel/turn_watch.hpp"
#include "tinkerbell/kernel/wait_list.hpp"

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace tinkerbell {

struct KillRequest;

/// Answers the traps that the kernel does not know itself. Loop thread.
class CommandHandler {
 public:
  CommandHandler() = default;
  CommandHandler(const CommandHandler&) = delete;
  CommandHandler& operator=(const CommandHandler&) = delete;
  virtual ~CommandHandler() = default;

  /// The task is parked at `trap`. It goes on when somebody calls Scheduler::wake(task, trap), now
  /// or later, once: the task's next wait may be at the same address.
  virtual void dispatch(TaskId task, Trap& trap) = 0;

  /// The task is to end while it waits at `trap`: stop what is under way and wake it soon.
  virtual void cancel(TaskId task, Trap& trap) = 0;

  /// The deadline that Scheduler::arm set for this wait has come.
  virtual void expired(TaskId task, Trap& trap) = 0;
};

/// How a task begins.
struct SpawnOptions {
  std::string name;
  TaskId parent = kNoTask;
  Priority priority = Priority::normal;
};

/// Tasks that use what is in another's frames: they end before those frames are gone, by force if
/// need be. Lives in such a frame, or is held by one.
struct Dependants {
  Dependants* next = nullptr;            ///< Of the same owner.
  std::map<std::uint64_t, TaskId> live;  ///< By their number, which is the order they began in.
  std::uint64_t begun = 0;
};

/// What a test may want otherwise.
struct SchedulerOptions {
  TickSource ticks = TickSource::of_machine();

  /// Not 0: a woken task goes to the front or to the back of the ready queue as this seed's random
  /// numbers say, so that a run can be repeated and another order tried.
  std::uint64_t order_seed = 0;

  /// What a killed task gets to clean up before its frames are destroyed where they stand.
  Nanoseconds grace = std::chrono::seconds{5};
};

/// The explicit scheduler: the only owner of tasks and of their state. Single-threaded, without
/// clock and I/O of its own: somebody else turns it (`run`) and tells it the time, so that a test
/// can drive it step by step.
///
/// Ready tasks run in FIFO order within their priority, one turn each: from resume to the next wait
/// or yield, or until the turn's budget of calls is used up.
class Scheduler {
 public:
  /// Must not throw. The task has ended already: it cannot be killed or joined any more.
  using OnEnd = std::move_only_function<void(TaskId, const Exit&)>;

  /// `observer` is told of every transition; null: nobody is.
  explicit Scheduler(CommandHandler& commands, KernelObserver* observer = nullptr,
                     SchedulerOptions options = {});
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// As close().
  ~Scheduler();

  /// Destroys the frames of all tasks that are left, without running them; nothing runs any more.
  /// For who owns what frames may use (a Readiness) and goes before the scheduler.
  void close();

  /// Starts a volatile task: it gets an id of its own and is gone with the process. `on_end` is
  /// called when it has ended, before its joiners run and its frames are gone.
  template <class T>
  TaskId spawn(SpawnOptions options, Task<T> body, OnEnd on_end = nullptr) {
    return adopt(kNoTask, std::move(options), body.release(), kRootType<T>, std::move(on_end)).id;
  }

  /// The same, and keeps its outcome for as long as the handle lives.
  template <class T>
  [[nodiscard]] TaskHandle spawn_held(SpawnOptions options, Task<T> body) {
    return {*this, adopt(kNoTask, std::move(options), body.release(), kRootType<T>, OnEnd())};
  }

  /// Starts a durable task under the id that the store gave it. The id must not be live.
  template <class T>
  void spawn_as(TaskId id, SpawnOptions options, Task<T> body, OnEnd on_end = nullptr) {
    adopt(id, std::move(options), body.release(), kRootType<T>, std::move(on_end));
  }

  /// Runs what is due at `now`, then ready tasks for at most `turns_max` turns or about `time_max`.
  /// Returns the turns that were run.
  std::size_t run(std::size_t turns_max, SteadyTime now,
                  Nanoseconds time_max = std::chrono::hours{1});

  /// Whether run() would do something now.
  [[nodiscard]] bool has_ready() const { return ready_count_ != 0; }

  /// The nearest deadline; kNever if none is armed.
  [[nodiscard]] SteadyTime next_deadline() const;

  /// Puts a task that waits at `trap`, a command, into the ready queue. Ignored if the task has
  /// ended or been woken already.
  void wake(TaskId task, const Trap& trap);

  /// Sets (or moves) the deadline of the current wait of a task.
  void arm(TaskId task, Trap& trap, SteadyTime deadline);

  /// Asks a task to end: whatever it waits for answers `cancelled`, its cleanup runs, then it is
  /// gone. One that goes on asking for things all the same, or for longer than the grace period, is
  /// destroyed, innermost frame first. Errors: not_found (never was), abandoned (has ended).
  [[nodiscard]] Result<void> kill(TaskId task, std::string reason, TaskId by = kNoTask);

  /// Moves a waiting task to another state of waiting (suspended, unsure, diverged, quarantined);
  /// from the first two also back.
  void mark(TaskId task, TaskState state);

  /// Ends a task where it stands, without its cleanup, and before it those that use its frames:
  /// when its turn comes, or at its next wait if it has the turn. Nothing if it has ended.
  void end_by_force(TaskId task);

  /// Whether a task that waits for a command is all there when it is begun anew: it was not asked
  /// to end, no scope and no group stands in its frames, and nobody holds or joins it.
  [[nodiscard]] bool can_forget(TaskId task) const;

  /// Destroys the frames of such a task, and nobody is told: for who can begin it anew, and does
  /// not answer its command any more.
  void forget(TaskId task);

  [[nodiscard]] bool is_live(TaskId task) const {
    const TaskControl* const control = find(task);
    return control != nullptr && !has_ended(control->state);
  }

  /// Errors: not_found (never was), abandoned (has ended).
  [[nodiscard]] Result<TaskState> state_of(TaskId task) const;

  void set_priority(TaskId task, Priority priority);

  /// All live tasks, by id.
  [[nodiscard]] std::vector<TaskInspection> inspect() const;

  /// One of them; nothing if it is not live.
  [[nodiscard]] std::optional<TaskInspection> inspect(TaskId task) const;

  [[nodiscard]] SchedulerCounters counters() const;

  [[nodiscard]] const TraceRing& trace() const { return trace_; }

  [[nodiscard]] const TurnWatch& watch() const { return watch_; }

  [[nodiscard]] const TickSource& ticks() const { return options_.ticks; }

  /// Live tasks of which none is ready and none waits for a deadline or a command: nothing inside
  /// the kernel can wake them.
  [[nodiscard]] std::vector<TaskId> stuck() const;

  /// Looks at everything for a contradiction: a task in two places or in none, a timer of nobody, a
  /// waiter whose neighbours do not know it, counts that do not add up. Between turns only; walks
  /// all tasks. The first that it finds, in words.
  [[nodiscard]] std::optional<std::string> contradiction() const;

  // ---- for groups ----

  /// The owner has such tasks now.
  void add_dependants(TaskId owner, Dependants& dependants);

  /// It has them no more: those that are left end at once. Not from their own turns.
  void remove_dependants(TaskId owner, Dependants& dependants);

  // ---- for system calls (CallTrap::perform) and what they wait in ----

  /// Whether the caller may begin to wait: it is parked then. If not, it was asked to end, and the
  /// wait has been answered `cancelled`.
  [[nodiscard]] bool may_wait(TaskControl& task, Trap& trap);

  /// Ends a wait that is no command's.
  void answer(CallTrap& trap);

  [[nodiscard]] SteadyTime now() const;

  [[nodiscard]] TimerHeap& timers() { return timers_; }

  [[nodiscard]] TaskControl* find(TaskId task) const;

  /// Why a task of that id cannot be found.
  [[nodiscard]] Error missing(std::string_view call, TaskId task) const;

  /// The outcome of a task that has ended while somebody holds it; else null.
  [[nodiscard]] const Exit* outcome_of(TaskId task) const;

 private:
  friend class CancelScope;
  friend class TaskHandle;

  struct ReadyQueue {
    TaskControl* first = nullptr;
    TaskControl* last = nullptr;
  };

  TaskControl& adopt(TaskId id, SpawnOptions&& options, std::coroutine_handle<> root,
                     const RootType& type, OnEnd&& on_end);
  [[nodiscard]] TaskId new_volatile_id(TaskControl& task);
  void change_state(TaskControl& task, TaskState to);
  void enqueue(TaskControl& task);
  [[nodiscard]] TaskControl& dequeue();
  void run_turn(TaskControl& task);
  [[nodiscard]] TaskState resume(TaskControl& task);
  static void count_refusal(TaskControl& task);
  [[nodiscard]] static bool is_past_refusing(const TaskControl& task);
  void make_ready(TaskControl& task);
  void forget_wait(TaskControl& task);
  void interrupt(TaskControl& task);
  void weigh_interrupts(TaskControl& task);
  [[nodiscard]] SteadyTime nearest_due() const;
  void fire_due();
  void fire(TimerNode& due);
  [[nodiscard]] TaskState finish(TaskControl& task);
  void end(TaskControl& task, Exit& exit);
  void force_end(TaskControl& task);
  void destroy(TaskControl& task);
  void force_all(Dependants& dependants);
  void drop_frames(TaskControl& task);
  template <class Gone, class Act>
  void dependants_first(TaskControl& task, Gone is_gone, Act act);
  void take_out_of_queue(TaskControl& task);
  void begin_graces();
  void end_of_grace(KillRequest& request);
  void retire_id(TaskId id);
  static void destroy_frames(TaskControl& task);

  template <class Visit>
  void for_each_task(Visit visit) const;
  [[nodiscard]] TaskInspection inspection_of(const TaskControl& task) const;

  TurnWatch watch_;  // first: it has a cache line of its own
  CommandHandler& commands_;
  KernelObserver* observer_;
  SchedulerOptions options_;
  SteadyTime now_{};
  std::array<ReadyQueue, 3> ready_{};
  std::size_t ready_count_ = 0;
  std::uint64_t order_state_ = 0;
  std::uint64_t tick_ = 0;       ///< When the newest turn ended.
  std::uint64_t run_began_ = 0;  ///< Ticks: when it was now_.
  std::uint32_t turns_by_rank_ = 0;
  bool closing_ = false;  ///< All tasks are being destroyed.
  TimerHeap timers_;
  LinkedList<KillRequest> asked_to_end_;  ///< Their grace begins with the next look at the clock.
  LinkedList<KillRequest> in_grace_;      ///< The one whose time is over first comes first.
  TraceRing trace_;

  /// The slot of a volatile task holds the address of its control block; a free one holds its next
  /// generation and the next free slot (the last: one past the end).
  std::vector<std::uint64_t> slots_;
  std::uint64_t first_free_slot_ = 0;
  std::unordered_map<TaskId, TaskControl*> durable_;
  std::unordered_map<TaskId, TaskControl*> held_;  ///< Ended, but their outcome is wanted.

  /// Where a task is counted. The one that runs counts as ready until its turn is over, so that a
  /// turn that is only given up changes no count.
  static constexpr std::size_t counted_as(TaskState state) {
    return static_cast<std::size_t>(state == TaskState::running ? TaskState::ready : state);
  }

  std::array<std::uint64_t, kNames<TaskState>.size()> in_state_{};
  std::uint64_t turns_ = 0;
};

template <class Visit>
void Scheduler::for_each_task(Visit visit) const {
  for (const std::uint64_t slot : slots_) {
    if ((slot & 1U) == 0) visit(*reinterpret_cast<TaskControl*>(slot));
  }
  for (const auto& [id, task] : durable_)
    visit(*task);
}

/// The `co_await`s at which a task stands, innermost first.
[[nodiscard]] std::vector<std::source_location> await_chain(const TaskControl& task);

}  // namespace tinkerbell
