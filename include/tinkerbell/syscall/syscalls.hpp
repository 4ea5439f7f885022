#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/completion.hpp"
#include "tinkerbell/base/log.hpp"
#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/base/random.hpp"
#include "tinkerbell/journal/journal.hpp"
#include "tinkerbell/kernel/scheduler.hpp"
#include "tinkerbell/policy/policy.hpp"
#include "tinkerbell/syscall/approvals.hpp"
#include "tinkerbell/syscall/await.hpp"
#include "tinkerbell/syscall/driver.hpp"
#include "tinkerbell/syscall/fork.hpp"
#include "tinkerbell/syscall/observer.hpp"
#include "tinkerbell/syscall/registry.hpp"
#include "tinkerbell/syscall/standing_rules.hpp"

#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace tinkerbell {

class Gate;
class RestingTasks;
class Account;
class Accounts;
struct LiveTask;
enum class Station : std::uint8_t;

/// In which files a new task works.
enum class Files : std::uint8_t {
  usual,  ///< As its kind says.
  live,   ///< In the workspace itself.
  draft,  ///< In a draft of its own.
};

/// A request for a new durable task.
struct Submission {
  std::string kind;
  std::string workspace;  ///< Absolute; must exist.
  Json arguments = Json::object();
  bool approve_all = false;
  bool stepping = false;  ///< It stops before its first command.
  Budget budget;
  Person by;
  std::optional<Cassette> cassette = {};  ///< Answers in place of models.
  Files files = Files::usual;
  TaskId draft = kNoTask;  ///< In this one, whatever `files` says.
};

/// A request for a task that begins where another one stood after one of its steps.
struct ForkOrder {
  std::string kind;
  std::string say;  ///< What it hears first; empty: nothing.
  Person by;
  /// Called once, with the new task's id: makes what the task is to begin with, and the draft in
  /// which it is to work; both are for nothing if the daemon ends before the task is in the
  /// journal.
  std::move_only_function<void(TaskId task, Completion<ForkPlan> planned)> plan;
};

/// What is added to a budget.
struct BudgetRaise {
  Money cost;
  std::uint64_t tokens = 0;
  std::uint64_t calls = 0;
  std::uint64_t tasks = 0;
  Milliseconds time{0};

  bool operator==(const BudgetRaise&) const = default;
};

/// What became of a person's words.
struct Said {
  Seq step{0};                        ///< The task had come so far: it hears them before the next.
  bool wakes = false;                 ///< It waited (Wait), and goes on.
  ApprovalId answered = kNoApproval;  ///< They are the answer to its question.
};

/// What a live task does now. For lists and for "why does it wait?".
struct LiveView {
  TaskState state = TaskState::ready;
  std::string waiting_for;  ///< "approval a3: edit src/a.cpp"; empty: it runs.
  WallTime waiting_since{};
  bool wants_budget = false;  ///< It is held for want of that.
};

/// The one way of a command: prepare → verdict → INTENT → [approval] → START → release … RESULT →
/// deliver. On a restart replay stands where the drivers stood. Loop thread only. One source file a
/// station, in the order of the way: dispatch, hold, judge, approve, budget, release, defer,
/// deliver; inside (commands inside the daemon), messages, signals (people), fork, replay,
/// recovery.
class SystemCalls final : public CommandHandler {
 public:
  struct Parts {
    Journal& journal;
    const Clock& clock;
    RandomSource& random;
    const Registry& registry;
    const Rules& rules;
    const Masker& masker;
    Logger& logger;
    SyscallObserver& observer;
    KernelObserver& kernel_observer;
    std::size_t tasks_max;  ///< More tasks that have not ended are refused.

    std::uint32_t depth_max = 3;     ///< A task with so many above it has no children.
    std::uint32_t children_max = 8;  ///< So many of a task's may be there at a time.

    /// So many of those that wait for a person, a timer or a message are kept awake.
    std::size_t idle_max = 1'000;
    SchedulerOptions scheduling = {};
  };

  explicit SystemCalls(const Parts& parts);
  SystemCalls(const SystemCalls&) = delete;
  SystemCalls& operator=(const SystemCalls&) = delete;
  ~SystemCalls() override;

  /// Who performs commands of type C. Every command that is not inside the daemon needs one before
  /// the first task.
  template <Command C>
  void set_driver(Driver& driver) {
    drivers_[TaskCommand(std::in_place_type<C>).index()] = &driver;
  }

  /// Brings back a task that had not ended: it is replayed up to the newest command that it has
  /// asked for, and goes on from there in replay_all(). `records`: all that it has, or those from
  /// its newest SNAPSHOT on. After an error it is there all the same, as `diverged`: it does
  /// nothing, can be waited for and ended. Errors: invalid (its records make no sense), not_found
  /// (its kind is not known to this program).
  [[nodiscard]] Result<void> recover(const TaskHead& head, std::vector<Record> records);

  /// Takes a task that had not ended and whose records are damaged: it is there, as `diverged`.
  void recover_unreadable(const TaskHead& head, const Error& why);

  /// Takes a task that had not ended and only waits (head.rest): it is brought back when what it
  /// waits for comes, or somebody wants something of it.
  void rest(const TaskHead& head);

  /// Takes a task that had not ended and that ended the daemon too often: it is there, as
  /// `quarantined`, and does nothing until it is resumed or cancelled; over restarts too. Its
  /// records are not looked at.
  void quarantine(const TaskHead& head, std::string why);

  /// Keys of the commands that were started and have no result and no attempt to come, by the
  /// records of a task; whether this program can run it or not.
  [[nodiscard]] std::set<std::string> keys_under_way(const std::vector<Record>& records) const;

  /// The same of a task that rests, by its head.
  [[nodiscard]] std::set<std::string> keys_under_way(const TaskHead& resting) const;

  /// Now that all tasks are there, each goes on from where it stood; turns the scheduler until none
  /// has anything left to replay. After the last recover() and before anybody can ask: what a
  /// person was shown before the restart is there again.
  void replay_all();

  /// The daemon ends: nothing that drivers say is taken any more. What is under way is left to the
  /// next run. Whoever calls it takes no more requests.
  void stop();

  /// Must be told of every commit: the records in it, in order.
  void durable(const std::vector<Record>& records);

  // ---- what people ask for; `done` is called once the journal has it ----

  /// Errors: invalid, not_found (no such kind), exhausted.
  void submit(Submission submission, Completion<TaskId> done);

  /// A new task with a past: the records of the plan and the task's own become durable together,
  /// then it is replayed through them and goes on. Errors: invalid (no such kind, or one that
  /// cannot be forked), exhausted; those of the plan; conflict (replayed, it asked for something
  /// else than those records have: it was cancelled).
  void fork(ForkOrder order, Completion<TaskId> done);

  /// With those that come from it and end with it. Errors: not_found, conflict (it has ended).
  void cancel_task(TaskId task, std::string reason, Person by, Completion<void> done);

  static constexpr std::size_t kWordsMax = 256;

  /// Words for a task: the answer to the question in words that it has open, or else what it hears
  /// next (Hear). Errors: as cancel_task; unavailable (it is diverged or quarantined), exhausted
  /// (it has not heard kWordsMax others yet).
  void say(TaskId task, std::string words, Person by, Completion<Said> done);

  /// It stops before its next command: that is `suspended`, over restarts too. What is under way
  /// goes on. So do those that come from it and end with it. Errors: as cancel_task.
  void pause(TaskId task, Person by, Completion<void> done);

  /// It goes on, up to the next breakpoint; from quarantine it is brought back once more. Errors:
  /// as cancel_task; those of recover().
  void resume(TaskId task, Person by, Completion<void> done);

  /// If it is held before a command, it takes that one; it stops before the next. Errors: as
  /// cancel_task.
  void step(TaskId task, Person by, Completion<void> done);

  static constexpr std::size_t kBreakpointsMax = 100;

  /// It stops before every command that matches (policy/breakpoint.hpp). Errors: as cancel_task;
  /// invalid, exhausted.
  void set_breakpoint(TaskId task, std::string pattern, Person by, Completion<void> done);

  /// Takes one away, or all (0). Errors: as cancel_task; not_found (no such breakpoint).
  void clear_breakpoints(TaskId task, std::uint32_t number, Person by, Completion<void> done);

  /// Adds to what the family of a task may use; those that were held for want of it look again.
  /// Returns what holds now. Errors: as cancel_task; invalid (there is no such bound).
  void raise_budget(TaskId task, const BudgetRaise& raise, Person by, Completion<Budget> done);

  /// Answers a question. `answer.hash`, if given, must be that of the question; `wish` is for scope
  /// `always`. Errors: not_found, conflict (answered before, or another hash), invalid (such an
  /// answer does not fit; a result, and it is no program; there can be no such standing rule),
  /// exhausted (too many of them).
  void answer(ApprovalPayload answer, Completion<ApprovalPayload> done, RuleWish wish = {});

  /// Takes a standing rule away: from now on nothing is allowed by it. Returns what it was. Errors:
  /// not_found; storage_full (it is back after a restart).
  void remove_rule(std::uint64_t number, Person by, Completion<StandingRule> done);

  /// Calls `done` with the standing rules by number, once all that they say is durable.
  void list_rules(Completion<std::vector<StandingRule>> done);

  // ---- what people look at ----

  /// Without the questions of tasks that rest.
  [[nodiscard]] const ApprovalBook& approvals() const { return book_; }

  /// Open questions by id, of one task or of all (kNoTask); of those that rest, too.
  [[nodiscard]] std::vector<ApprovalId> open_questions(TaskId of) const;

  /// An open question, once its task is awake. Errors: not_found.
  void look_at(ApprovalId question, Completion<const Question*> done);

  /// Whether a task rests: it lives, and nothing but its row in the store can be seen.
  [[nodiscard]] bool is_resting(TaskId task) const;

  /// Brings a task back if it rests. Errors: those of the store, and then it still rests.
  void awaken(TaskId task, Completion<void> done);

  /// Nothing of a task that rests.
  [[nodiscard]] std::optional<LiveView> view(TaskId task) const;

  /// Errors: not_found (never was), conflict (it has ended).
  [[nodiscard]] Result<void> check_live(TaskId task) const;

  /// What the driver of a command finds out about it, were it asked by a task that works there.
  /// Nothing is judged, written or done. Errors: those of the driver's prepare().
  void preview(TaskCommand command, std::string workspace, TaskId draft,
               Completion<Facts> done) const;

  /// The breakpoints of a live task, by number.
  [[nodiscard]] std::map<std::uint32_t, std::string> breakpoints(TaskId task) const;

  /// Of a live task that does not rest.
  [[nodiscard]] std::optional<Budget> budget_of(TaskId task) const;

  /// The newest command of a task in this run of the daemon; 0: none.
  [[nodiscard]] Seq newest_step(TaskId task) const;

  /// Whether a driver still looks what became of an effect of an earlier run.
  [[nodiscard]] bool is_recovering() const;

  [[nodiscard]] std::size_t live_tasks() const;

  /// How many of those rest.
  [[nodiscard]] std::size_t resting_tasks() const;

  /// How many of them there are in each state.
  [[nodiscard]] std::map<TaskState, std::size_t> states() const;

  [[nodiscard]] Scheduler& scheduler() { return scheduler_; }

  // ---- CommandHandler ----

  void dispatch(TaskId task, Trap& trap) override;
  void cancel(TaskId task, Trap& trap) override;
  void expired(TaskId task, Trap& trap) override;

 private:
  // dispatch
  void prepare(LiveTask& live);
  void prepared(LiveTask& live, Result<Prepared> found);

  // hold
  [[nodiscard]] bool hold(LiveTask& live);
  void stop_before(LiveTask& live, const std::string& why, std::optional<Budget> wanting = {});
  void let_go(LiveTask& live);
  [[nodiscard]] Seq held_command(TaskId task) const;
  void stop_signal(TaskId task, const SignalPayload& payload, Completion<void> done);
  void stop_family(TaskId task, SignalPayload payload, Completion<void> done);

  // judge
  void judge(LiveTask& live);
  [[nodiscard]] Verdict verdict_for(const LiveTask& live, const TaskCommand& command,
                                    const Facts& facts) const;
  [[nodiscard]] RuleOffer offer_for(const LiveTask& live) const;
  void allow(LiveTask& live);
  void ask(LiveTask& live, QuestionKind kind);
  void open_question(LiveTask& live, QuestionKind kind, Lsn lsn);
  [[nodiscard]] Charge charge_for_question(const LiveTask& live) const;
  void refuse(LiveTask& live);

  // budget
  void set_out(LiveTask& live);
  void pay(LiveTask& live);
  void use_accounts(LiveTask& live);
  [[nodiscard]] std::shared_ptr<Account> begin_account(TaskId key);
  void open_account(const std::shared_ptr<Account>& account,
                    const Result<std::vector<LedgerLine>>& lines);
  void go(LiveTask& live);
  void over_budget(LiveTask& live, std::size_t payer);
  void charge_accounts(const LiveTask& live, const Spending& spent);
  [[nodiscard]] std::vector<Charge> settle(LiveTask& live, const Result<Reply>& outcome);
  [[nodiscard]] std::vector<Charge> settle_earlier(LiveTask& live);
  [[nodiscard]] std::vector<Charge> settle_cut_off(LiveTask& live);
  void owe(LiveTask& live, std::optional<Reservation> reserved);
  void add_charge(const LiveTask& live, const std::string& model, const Spending& spent,
                  std::vector<Charge>& charges) const;
  void serve_queued(const LiveTask& live);
  void serve_line(const std::shared_ptr<Account>& account);
  void raise_awake(TaskId task, const BudgetRaise& raise, Person by, Completion<Budget> done);
  [[nodiscard]] static Seq held_for_budget(const LiveTask& live);

  // approve
  void answer_awake(ApprovalPayload answer, RuleWish wish, Completion<ApprovalPayload> done);
  [[nodiscard]] Result<StandingRule> rule_wanted(const Question& question,
                                                 const ApprovalPayload& answer,
                                                 const RuleWish& wish) const;
  void grant(LiveTask& live, const ApprovalPayload& answer, const Facts& facts);
  void resolve(LiveTask& live, const ApprovalPayload& answer, std::vector<Record> records);
  void recheck(LiveTask& live);
  void rechecked(LiveTask& live, Result<Prepared> found);
  void confirm(LiveTask& live);

  // release
  void begin_attempt(LiveTask& live);
  void start(LiveTask& live);
  void release(LiveTask& live, Lsn needed);
  void perform(LiveTask& live);
  void performed(LiveTask& live, Result<Reply> outcome);

  // defer
  void defer(LiveTask& live, const Error& why);
  void wait_for_next_attempt(LiveTask& live, const DeferredPayload& setback);

  // deliver
  void conclude(LiveTask& live, Result<Reply> outcome, std::vector<Record> before = {},
                LiveTask* other = nullptr);
  void deliver(LiveTask& live, Result<Reply> outcome);

  // inside the daemon
  void run_inside(LiveTask& live);
  [[nodiscard]] Result<void> may_have_child(LiveTask& live) const;
  void spawn_child(LiveTask& live, const Spawn& command);
  void begin_join(LiveTask& live, const Join& command);
  void joined_ended(LiveTask& live, Result<std::vector<Record>> records);
  void kill_other(LiveTask& live, const Kill& command);
  void begin_sleep(LiveTask& live, const Sleep& command);
  void note_state(LiveTask& live, const Checkpoint& command);
  void begin_to_wait(LiveTask& live, const std::optional<Milliseconds>& timeout);
  void arm_deadline(LiveTask& live);
  void stop_joining(LiveTask& live);
  void begin_wait(LiveTask& live, const Wait& command);
  void wake_waiters(const LiveTask& ended);
  [[nodiscard]] std::vector<LiveTask*> joiners_of(const LiveTask& live) const;

  // together
  template <class T>
  Completion<T> then_part(CommandId id, std::size_t part,
                          void (SystemCalls::*next)(LiveTask&, std::size_t, Result<T>));
  void begin_together(LiveTask& live, const Together& command);
  [[nodiscard]] Call call_of_part(LiveTask& live, std::size_t part) const;
  void part_prepared(LiveTask& live, std::size_t part, Result<Prepared> found);
  void part_performed(LiveTask& live, std::size_t part, Result<Reply> outcome);
  void end_part(LiveTask& live, std::size_t part, PartOutcome outcome);
  void cancel_parts(CommandId id, const std::vector<TaskCommand>& parts);

  // messages
  void send_message(LiveTask& live, const Send& command);
  void begin_receive(LiveTask& live, const Receive& command);
  [[nodiscard]] bool take_message(LiveTask& live);

  // rest
  void may_rest(LiveTask& live, Rest rest);
  [[nodiscard]] bool can_rest(const LiveTask& live) const;
  void put_idle_to_rest();
  void put_to_rest(LiveTask& live);
  void read_awake(TaskId task, Result<Journal::StoredTask> stored);
  void run_until_replayed(TaskId task);
  void awaken_due();
  [[nodiscard]] bool goes_on_when_awake(LiveTask& live, TaskId other);
  void other_awoke(LiveTask& live, Result<void> awake);

  // replay and recovery
  void replay(LiveTask& live);
  [[nodiscard]] Result<void> tell_again(LiveTask& live);
  void replay_result(LiveTask& live, const Record& result);
  void wait_at_frontier(LiveTask& live);
  void leave_frontier(LiveTask& live);
  void resume_window(LiveTask& live);
  void resume_inside(LiveTask& live);
  void ask_driver(LiveTask& live);
  void driver_answered(LiveTask& live, Result<Reply> outcome);
  void become_unsure(LiveTask& live, const Error& found);
  void diverge(LiveTask& live, std::string expected);
  void ended_early(LiveTask& live, const Exit& exit);
  LiveTask& place(const TaskHead& head, LiveTask live);
  [[nodiscard]] Result<void> bring_back(const TaskHead& head, std::vector<Record> records);
  void begin(LiveTask& live, const TaskKind& kind);
  void set_aside(LiveTask& live, std::string why);
  void put_into_quarantine(const TaskHead& head, std::string why);
  void leave_quarantine(TaskId task, Completion<void> done);

  // fork
  void begin_fork(TaskId task, ForkPlan plan, ForkOrder order, Completion<TaskId> done);
  void fork_is_there(const TaskHead& head, std::vector<Record> past, Person by,
                     Completion<TaskId> done);

  // life of a task
  LiveTask& begin_task(TaskId id, TaskPayload payload);
  void run_task(LiveTask& live, const TaskKind& kind);
  void task_ended(TaskId task, const Exit& exit);
  [[nodiscard]] bool is_accepted_at_its_end(const LiveTask& live, const DonePayload& payload) const;
  [[nodiscard]] Charge charge_for_acceptance(const LiveTask& live) const;
  void end(LiveTask& live, DonePayload payload);
  [[nodiscard]] std::vector<TaskId> led_by(TaskId task) const;
  [[nodiscard]] std::vector<LiveTask*> orphans_of(const LiveTask& ended) const;
  void say_awake(TaskId task, std::string words, Person by, Completion<Said> done);
  void request_end(LiveTask& live, const SignalPayload& signal);
  void ask_to_end(LiveTask& live);
  void pass_on_cancel(LiveTask& live);
  void pass_on_between_commands(LiveTask& live);
  [[nodiscard]] Error too_many_tasks() const;
  void signal(TaskId task, const SignalPayload& payload, Completion<void> done);
  Lsn note(LiveTask& live, const SignalPayload& payload);

  // records
  [[nodiscard]] Record make_record(const LiveTask& live, RecordKind kind,
                                   std::string payload) const;
  [[nodiscard]] Record make_command_record(const LiveTask& live, RecordKind kind,
                                           std::string payload) const;
  [[nodiscard]] Record make_intent(const LiveTask& live, bool started,
                                   std::optional<QuestionKind> question = {}) const;
  Lsn append(std::vector<Record> records, const std::vector<LiveTask*>& touched,
             std::vector<Charge> charges = {});
  Lsn append(LiveTask& live, std::vector<Record> records, std::vector<Charge> charges = {});

  [[nodiscard]] TaskState state_of(const LiveTask& live) const;
  [[nodiscard]] LiveTask* find(TaskId task) const;
  [[nodiscard]] LiveTask* find_at(CommandId id, Station station) const;
  [[nodiscard]] Driver* driver_for(const TaskCommand& command) const;
  [[nodiscard]] Call call_of(LiveTask& live) const;
  [[nodiscard]] std::string key_of(CommandId id) const;

  template <class T, class Act>
  void when_awake(TaskId task, Completion<T> done, Act act);

  template <class T>
  Completion<T> then(CommandId id, Station station,
                     void (SystemCalls::*next)(LiveTask&, Result<T>));

  Parts parts_;
  ApprovalBook book_;
  StandingRules standing_;
  std::unique_ptr<Gate> gate_;
  std::array<Driver*, std::variant_size_v<CommandVariant>> drivers_{};
  std::unordered_map<TaskId, std::unique_ptr<LiveTask>> live_;  ///< Those that are awake.
  std::unique_ptr<RestingTasks> resting_;
  std::unique_ptr<Accounts> accounts_;
  std::map<TaskId, std::vector<Completion<void>>> awakening_;  ///< Rest, and are being read.
  std::optional<SteadyTime> recovering_since_;  ///< From the first recover() to replay_all().
  std::vector<TaskId> at_frontier_;             ///< Those that have seen all they may before that.
  std::deque<CommandId> idle_;     ///< Who began to wait for what may take long, in this order.
  std::optional<WallTime> alarm_;  ///< When a volatile task looks for those whose time has come.
  TaskId last_task_;
  ApprovalId last_approval_;
  std::shared_ptr<bool> open_ = std::make_shared<bool>(true);  ///< Gone after stop().
  Scheduler scheduler_;                                        // last: its tasks' frames end first
};

}  // namespace tinkerbell
