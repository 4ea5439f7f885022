#include "support/dice.hpp"
#include "support/fake_clock.hpp"
#include "support/findings.hpp"
#include "support/journal_audit.hpp"
#include "support/memory_store.hpp"
#include "support/seeds.hpp"
#include "support/simulated_driver.hpp"
#include "support/simulated_outside.hpp"
#include "support/trace_hash.hpp"

#include "tinkerbell/syscall/syscalls.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// The middle of the daemon in one thread, from one seed: kernel, system calls and journal over a
/// store in memory, with drivers, people, time and crashes as the dice say. Which of those that can
/// act does so next, is a throw as well: the writer, the loop's inbox, a driver, a person, a turn.
///
/// TINKERBELL_SEEDS, TINKERBELL_FIRST_SEED and TINKERBELL_SEED: see support/seeds.hpp.
namespace tinkerbell {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kKind = "life@1";

class Simulation;

Task<Result<Json>> lives(Simulation* simulation, TaskStart start);

class Simulation : public SyscallObserver, public KernelObserver {
 public:
  explicit Simulation(std::uint64_t seed)
      : dice_(seed),
        chance_(seed + 1),
        audit_(findings_),
        outside_(findings_, audit_),
        calm_at_(100 + dice_.pick(300)) {
    registry_.add(std::string(kKind),
                  {.freeze = [](const Json&) -> Result<Json> { return Json::object(); },
                   .start = [this](TaskStart start) { return lives(this, std::move(start)); },
                   .title = [](const Json&) { return std::string("a life"); }});
    change_rules();
    begin();
    for (int i = 0; i < 3; ++i)
      submit();
  }

  ~Simulation() override { end(); }

  /// Runs to the end; what is wrong, if something is.
  std::optional<std::string> run() {
    for (; step_ < kStepsMax && !findings_.first(); ++step_) {
      if (is_calm() && is_over()) break;
      step();
      check();
    }
    if (!findings_.first()) check_end();
    if (!findings_.first()) return std::nullopt;
    return "step " + std::to_string(step_) + ": " + *findings_.first();
  }

  /// The journal, a line a record, for whoever looks into a failing seed.
  [[nodiscard]] std::string story() const {
    std::string lines;
    for (const Record& record : memory_->records) {
      lines += std::to_string(number(record.lsn)) + ": run " +
               std::to_string(std::to_underlying(record.epoch)) + ", task " +
               std::to_string(number(record.task)) + ", command " +
               std::to_string(number(record.seq)) + ", attempt " + std::to_string(record.attempt) +
               ": " + std::string(name_of(record.kind)) + " " +
               record.payload.substr(0, kPayloadShown) + "\n";
    }
    return lines;
  }

  [[nodiscard]] std::uint64_t trace_hash() const { return trace_.value(); }

  // ---- what tasks tell ----

  /// A task begins, or is entered with a state that it noted after so many commands.
  void begins(TaskId task, std::size_t told_before) {
    told_[task].assign(told_before, std::nullopt);
  }

  /// A task has got the outcome of a command that leaves a record.
  void told(TaskId task, const Result<Reply>& outcome) {
    std::vector<std::optional<std::string>>& seen = told_[task];
    seen.push_back(canonical_outcome(outcome));
    check_told(task, seen.size() - 1);
  }

  // ---- what the daemon tells ----

  void recorded(const Record& record) override {
    const bool next = number(record.lsn) == ++shown_;
    findings_.expect(next, "a record was shown out of its order", {record.task, record.seq});
    const bool durable = number(record.lsn) <= memory_->records.size();
    findings_.expect(durable, "a record was shown that may be lost", {record.task, record.seq});
    trace_.mix(number(record.lsn));
    trace_.mix(record.payload);
  }

  void progressed(CommandId /*id*/, ProgressKind /*kind*/, std::string_view /*text*/) override {}

  /// It was told everything, and will be again.
  void rests(TaskId task) override {
    for (std::size_t i = 0; i < told_[task].size(); ++i)
      check_told(task, i);
    told_.erase(task);
    trace_.mix(number(task));
  }

  void task_state_changed(TaskId task, TaskState from, TaskState to) override {
    findings_.expect(may_become(from, to), "a transition that is none", {task, {}});
    findings_.expect(to != TaskState::diverged, "a task diverged", {task, {}});
    trace_.mix(number(task));
    trace_.mix(static_cast<std::uint64_t>(to));
  }

 private:
  static constexpr std::size_t kPayloadShown = 300;
  static constexpr std::size_t kTurnsMax = 1'000;
  static constexpr std::size_t kStepsMax = 6'000;
  static constexpr std::size_t kSubmittedMax = 6;
  static constexpr std::size_t kCrashesMax = 5;

  // ---- one run of the daemon after the other ----

  void begin() {
    auto store = std::make_unique<MemoryStore>(memory_);
    if (!is_calm() && dice_.chance(10)) store->fail_next_append({Errc::io, "the disk is gone"});
    std::vector<std::pair<TaskHead, std::vector<Record>>> survivors;
    for (const TaskHead& head : *store->claim(Store::kAll, clock_.wall()))
      survivors.emplace_back(head, *store->records_from_snapshot(head.task));
    driver_ = std::make_unique<SimulatedDriver>(
        SimulatedDriver::World{outside_, findings_, audit_, clock_, dice_, trace_});
    journal_ = std::make_unique<Journal>(
        std::move(store),
        Journal::Callbacks{
            .post = [this](auto work) { posted_.push_back(std::move(work)); },
            .durable = [this](const std::vector<Record>& records) { calls_->durable(records); },
            .failed = [this](const Error& /*error*/) { store_failed_ = true; }});
    calls_ = std::make_unique<SystemCalls>(SystemCalls::Parts{
        .journal = *journal_,
        .clock = clock_,
        .random = chance_,
        .registry = registry_,
        .rules = rules_,
        .masker = masker_,
        .logger = logger_,
        .observer = *this,
        .kernel_observer = *this,
        .tasks_max = 12,
        .idle_max = dice_.chance(2) ? 12 : dice_.pick(3),
        .scheduling = {.ticks = TickSource::still(), .order_seed = dice_.next() | 1U}});
    calls_->set_driver<AwaitFileRead>(*driver_);
    calls_->set_driver<AwaitFileWrite>(*driver_);
    calls_->set_driver<AwaitFileEdit>(*driver_);
    calls_->set_driver<AwaitFileList>(*driver_);
    calls_->set_driver<AwaitFileSearch>(*driver_);
    calls_->set_driver<AwaitProcess>(*driver_);
    calls_->set_driver<AwaitLLMResponse>(*driver_);
    shown_ = memory_->records.size();
    recover(survivors);
  }

  void recover(const std::vector<std::pair<TaskHead, std::vector<Record>>>& survivors) {
    std::set<std::string> programs;
    for (const auto& [head, records] : survivors) {
      programs.merge(calls_->keys_under_way(records));
      if (head.rest && dice_.chance(2)) {
        findings_.expect(calls_->keys_under_way(head) == calls_->keys_under_way(records),
                         "a head and its records know different programs", {head.task, {}});
        calls_->rest(head);
        continue;
      }
      const Result<void> back = calls_->recover(head, records);
      findings_.expect(back.ok(), "a task could not be recovered", {head.task, {}});
    }
    outside_.end_leftovers(programs);
    recovered_ = is_calm() || !dice_.chance(8);
    if (!recovered_) return;  // the next crash comes in the middle of it
    calls_->replay_all();
    audit_.replay_ended(journal_->store_state().epoch, journal_->last_lsn());
  }

  /// As kill -9 would.
  void end() {
    ending_ = true;
    calls_->stop();
    calls_.reset();
    journal_.reset();
    driver_.reset();
    posted_.clear();
    ending_ = false;
    store_failed_ = false;
    waiting_people_ = 0;
  }

  void crash() {
    ++crashes_;
    check_all_told();
    end();
    told_.clear();
    if (dice_.chance(6)) outside_.lose_runs();
    if (dice_.chance(4)) change_rules();
    if (dice_.chance(2)) clock_.pass(some_time());
    begin();
  }

  void change_rules() {
    rules_.rules.clear();
    const auto add = [this](Decision decision, std::string commands) {
      rules_.rules.push_back(
          {.name = commands, .decision = decision, .commands = {std::move(commands)}});
    };
    if (dice_.chance(3)) add(Decision::ask, "user.*");
    if (dice_.chance(3)) add(Decision::ask, "time.*");
    if (dice_.chance(4)) add(Decision::ask, "file.read");
    if (dice_.chance(4)) add(Decision::ask, "llm.*");
    if (dice_.chance(4)) add(Decision::ask, "task.join");
    if (dice_.chance(3)) add(Decision::allow, "file.*");
    if (dice_.chance(3)) add(Decision::allow, "process.run");
    if (dice_.chance(8)) add(Decision::deny, "file.edit");
  }

  // ---- steps ----

  /// From here on nothing breaks any more, and people help everybody to the end.
  [[nodiscard]] bool is_calm() const { return step_ >= calm_at_; }

  [[nodiscard]] bool is_over() const {
    return calls_->live_tasks() == 0 && posted_.empty() &&
           journal_->last_lsn() == journal_->durable_lsn();
  }

  void step() {
    if (store_failed_ || !recovered_ ||
        (!is_calm() && crashes_ < kCrashesMax && dice_.chance(60))) {
      crash();
      return;
    }
    const std::uint64_t what = dice_.pick(16);
    trace_.mix(what);
    switch (what) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        calls_->scheduler().run(1 + dice_.pick(3), clock_.steady());
        return;
      case 5:
      case 6:
      case 7:
        write();
        return;
      case 8:
      case 9:
        run_posted();
        return;
      case 10:
      case 11:
      case 12:
        driver_->act();
        return;
      case 13:
        clock_.pass(some_time());
        return;
      case 14:
        person_answers();
        return;
      case 15:
        is_calm() ? person_helps() : person_meddles();
        return;
      default:
        return;
    }
  }

  void write() {
    journal_->write(dice_.chance(2) ? Journal::kAllOfThem : 1 + dice_.pick(3));
    audit_.read(memory_->records);
  }

  void run_posted() {
    if (posted_.empty()) return;
    auto work = std::move(posted_.front());
    posted_.pop_front();
    work();
  }

  [[nodiscard]] Nanoseconds some_time() { return Milliseconds(dice_.pick(40)); }

  // ---- people ----

  /// Counts those who wait for an answer, and looks whether it may go out.
  template <class T>
  Completion<T> person(std::move_only_function<void(const Result<T>&)> then = nullptr) {
    ++waiting_people_;
    return Completion<T>(
        [this, from = journal_->last_lsn(), then = std::move(then)](const Result<T>& told) mutable {
          if (ending_) return;
          --waiting_people_;
          const bool durable = memory_->records.size() > number(from);
          findings_.expect(!told.ok() || durable, "a person was told what may be lost");
          findings_.expect(told.ok() || told.error().code != Errc::abandoned, "nobody was told");
          if (then) then(told);
        });
  }

  void submit() {
    if (submitted_ == kSubmittedMax) return;
    ++submitted_;
    calls_->submit({.kind = std::string(kKind),
                    .workspace = "/work",
                    .arguments = {{"seed", dice_.pick(1'000'000)}, {"depth", 0}},
                    .approve_all = dice_.chance(2),
                    .stepping = dice_.chance(8),
                    .budget = any_budget(),
                    .by = {.via = "simulation"}},
                   person<TaskId>([this](const Result<TaskId>& task) {
                     if (!task) return;
                     findings_.expect(audit_.books().contains(*task),
                                      "a task was confirmed that may be lost", {*task, {}});
                     confirmed_.push_back(*task);
                   }));
  }

  Budget any_budget() {
    if (dice_.chance(3)) return {};
    return {.cost = SimulatedOutside::kUnit * dice_.pick(25), .asks = !dice_.chance(4)};
  }

  /// One of the open questions, or one that is not open.
  void person_answers() {
    const std::vector<ApprovalId> open = calls_->open_questions(kNoTask);
    if (open.empty() || (!is_calm() && dice_.chance(8))) {
      calls_->answer(answer_to(ApprovalId{1 + dice_.pick(9)}, Answer::approve),
                     person<ApprovalPayload>());
      return;
    }
    const ApprovalId id = open[dice_.pick(open.size())];
    const Question* const question = calls_->approvals().find_open(id);  // else its task rests
    const auto kind =
        question != nullptr ? question->kind : static_cast<QuestionKind>(dice_.pick(4));
    calls_->answer(answer_to(id, any_answer(kind)),
                   person<ApprovalPayload>([this, id](const Result<ApprovalPayload>& told) {
                     if (told) findings_.expect(audit_.answered(id), "an answer that may be lost");
                   }));
  }

  ApprovalPayload answer_to(ApprovalId id, Answer answer) {
    return {.approval = id,
            .answer = answer,
            .scope = answer == Answer::approve && dice_.chance(4) ? Scope::task : Scope::once,
            .text = dice_.chance(2) ? "words" : "",
            .by = {.via = "simulation"}};
  }

  Answer any_answer(QuestionKind kind) {
    if (!is_calm() && dice_.chance(8)) return static_cast<Answer>(dice_.pick(6));
    switch (kind) {
      case QuestionKind::permission:
      case QuestionKind::question:
        return dice_.chance(4) ? Answer::deny : Answer::approve;
      case QuestionKind::answer:
        return dice_.chance(4) ? Answer::deny : Answer::text;
      case QuestionKind::outcome:
        return dice_.chance(2)   ? Answer::run_again
               : dice_.chance(2) ? Answer::happened
                                 : Answer::abort;
    }
    return Answer::deny;
  }

  [[nodiscard]] TaskId any_task() { return TaskId{1 + dice_.pick(12)}; }

  void person_meddles() {
    const TaskId task = any_task();
    const Person by{.via = "simulation"};
    switch (dice_.pick(9)) {
      case 0:
        calls_->cancel_task(task, "enough " + std::to_string(dice_.pick(3)), by, person<void>());
        return;
      case 1:
        calls_->pause(task, by, person<void>());
        return;
      case 2:
        calls_->resume(task, by, person<void>());
        return;
      case 3:
        calls_->step(task, by, person<void>());
        return;
      case 4:
        calls_->set_breakpoint(task, dice_.chance(2) ? "file.*" : "run p1", by, person<void>());
        return;
      case 5:
        calls_->clear_breakpoints(task, static_cast<std::uint32_t>(dice_.pick(2)), by,
                                  person<void>());
        return;
      case 6:
        outside_.replace_programs();
        return;
      case 7:
        submit();
        return;
      case 8:
        calls_->raise_budget(task, {.cost = SimulatedOutside::kUnit * dice_.pick(9)}, by,
                             person<Budget>());
        return;
      default:
        return;
    }
  }

  /// Lets go what was held.
  void person_helps() {
    const TaskId task = any_task();
    const Person by{.via = "simulation"};
    calls_->clear_breakpoints(task, 0, by, person<void>());
    calls_->resume(task, by, person<void>());
    calls_->raise_budget(task, {.cost = SimulatedOutside::kUnit * 9}, by, person<Budget>());
  }

  // ---- looking ----

  /// After each step.
  void check() {
    if (const std::optional<std::string> wrong = calls_->scheduler().contradiction())
      findings_.expect(false, *wrong);
    if (!recovered_) return;
    const std::vector<TaskInspection> tasks = calls_->scheduler().inspect();
    const auto awake = static_cast<std::size_t>(std::ranges::count_if(tasks, [](const auto& each) {
      return is_durable(each.task);  // without alarms
    }));
    findings_.expect(calls_->live_tasks() == awake + calls_->resting_tasks(),
                     "a task is known to the system calls or to the kernel only");
    for (const Question* const question : calls_->approvals().shown()) {
      const JournalAudit::Command* const command = audit_.find(question->command);
      const bool durable =
          command != nullptr && (question->kind != QuestionKind::outcome || command->doubted);
      findings_.expect(durable, "a question was shown that may be lost", question->command);
    }
  }

  /// What a task was told is what the journal holds, in its order; in replay too.
  void check_told(TaskId task, std::size_t index) {
    const CommandId id{task, Seq{static_cast<std::uint32_t>(index + 1)}};
    const JournalAudit::Command* const command = audit_.find(id);
    if (command == nullptr || command->result == Lsn{0} || !told_[task][index]) return;
    findings_.expect(command->outcome == told_[task][index],
                     "a task was told otherwise than the journal says", id);
  }

  void check_all_told() {
    for (const auto& [task, seen] : told_) {
      for (std::size_t i = 0; i < seen.size(); ++i)
        check_told(task, i);
    }
  }

  void check_end() {
    check_all_told();
    findings_.expect(is_over(), "it does not come to its end: " + who_waits());
    findings_.expect(waiting_people_ == 0, "a person was never answered");
    for (const TaskId task : confirmed_)
      findings_.expect(audit_.books().contains(task), "a confirmed task was lost", {task, {}});
    audit_.check_end();
    check_money();
    if (!findings_.first()) check_that_replay_ends_alike();
  }

  /// No family has spent more than people allowed it, and the ledger has all that was paid.
  void check_money() {
    std::map<TaskId, TaskId> roots;
    std::map<TaskId, std::optional<Money>> budgets;
    for (const Record& record : memory_->records) {
      if (record.kind == RecordKind::task) {
        const auto task = *from_canonical<TaskPayload>(record.payload);
        roots[record.task] = task.root == kNoTask ? record.task : task.root;
        if (task.root == kNoTask) budgets[record.task] = task.budget.cost;
      } else if (record.kind == RecordKind::signal) {
        const auto signal = *from_canonical<SignalPayload>(record.payload);
        if (signal.signal == Signal::budget) budgets[roots[record.task]] = signal.budget->cost;
      }
    }
    std::map<TaskId, Money> spent;
    for (const auto& [records, charge] : memory_->charges)
      spent[charge.root] += charge.spent.cost;
    std::map<TaskId, Money> paid;
    for (const auto& [task, cost] : outside_.paid())
      paid[roots[task]] += cost;
    for (const auto& [root, budget] : budgets) {
      findings_.expect(!budget || spent[root] <= *budget, "a family spent more than its budget",
                       {root, {}});
      findings_.expect(paid[root] <= spent[root], "a call was paid and not charged", {root, {}});
    }
  }

  [[nodiscard]] std::string who_waits() const {
    std::string names;
    for (const auto& [task, head] : memory_->tasks) {
      if (const std::optional<LiveView> view = calls_->view(task)) {
        names += std::to_string(number(task)) + " (" + std::string(name_of(view->state)) +
                 ") waits for: " + view->waiting_for + "; ";
      }
    }
    return names;
  }

  /// How a task ended, without what it took: from a state that it noted there are fewer turns.
  static std::string end_in(const std::string& done) {
    DonePayload end = *from_canonical<DonePayload>(done);
    end.turns.reset();
    end.cpu_us.reset();
    return canonical_bytes(end);
  }

  /// The daemon dies before the end of some task is durable, and comes back: it ends as before.
  void check_that_replay_ends_alike() {
    if (audit_.books().empty()) return;
    auto chosen = audit_.books().begin();
    std::advance(chosen, dice_.pick(audit_.books().size()));
    const auto& [task, book] = *chosen;
    if (book.done == Lsn{0}) return;
    end();
    const Findings found_before = findings_;  // the others go on in a world that has gone on
    memory_->forget_after(number(book.done) - 1);
    begin();
    while (calls_->scheduler().has_ready())
      calls_->scheduler().run(kTurnsMax, clock_.steady());
    while (journal_->write()) {
    }
    findings_ = found_before;
    // Its first new record: DONE again, unless another task told it something else this time.
    const auto again = std::ranges::find_if(memory_->records, [&](const Record& record) {
      return record.task == task && record.lsn >= book.done;
    });
    const bool came = again != memory_->records.end();
    if (came && again->kind == RecordKind::signal) return;
    const bool alike =
        came && again->kind == RecordKind::done && end_in(again->payload) == end_in(book.end);
    findings_.expect(alike, "in replay the task ended otherwise", {task, {}});
  }

  Dice dice_;
  Dice chance_;  ///< The tasks': its values are journalled.
  FakeClock clock_;
  TraceHash trace_;
  Findings findings_;
  std::shared_ptr<StoreMemory> memory_ = std::make_shared<StoreMemory>();
  JournalAudit audit_;
  SimulatedOutside outside_;
  Registry registry_;
  Rules rules_;
  Masker masker_;
  SilentLogger logger_;
  const std::size_t calm_at_;
  std::size_t step_ = 0;
  std::size_t crashes_ = 0;
  std::size_t submitted_ = 0;
  std::size_t waiting_people_ = 0;
  std::uint64_t shown_ = 0;  ///< The newest record that the observer was told of.
  bool ending_ = false;
  bool recovered_ = false;  ///< This run of the daemon has brought all back.
  bool store_failed_ = false;
  std::vector<TaskId> confirmed_;

  /// By tasks of this run of the daemon; nothing: it was told in an earlier one.
  std::map<TaskId, std::vector<std::optional<std::string>>> told_;

  // Of one run of the daemon.
  std::deque<std::move_only_function<void()>> posted_;
  std::unique_ptr<SimulatedDriver> driver_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<SystemCalls> calls_;
};

// ---- the workload ----

/// What a task does next follows from its arguments and from the replies that it got, from nothing
/// else: in replay it does the same.
class Life {
 public:
  explicit Life(const TaskStart& start)
      : dice_(start.arguments.at("seed")),
        depth_(start.arguments.at("depth")),
        left_(2 + dice_.pick(5)) {
    if (start.state) enter(*start.state);
  }

  /// All that it is, as it will be after the command that notes this.
  [[nodiscard]] Json state() {
    Json children = Json::array();
    for (const TaskId child : children_)
      children.push_back(number(child));
    return {{"seed", dice_.next()}, {"left", left_}, {"told", told_ + 1}, {"children", children}};
  }

  void enter(const Json& state) {
    dice_.begin(state.at("seed"));
    left_ = state.at("left");
    told_ = state.at("told");
    children_.clear();
    for (const Json& child : state.at("children"))
      children_.push_back(TaskId{child.get<std::uint64_t>()});
  }

  /// Whether it goes on once more.
  [[nodiscard]] bool lasts() { return left_ > 0 && left_-- > 0; }

  /// Outcomes that are in the journal.
  [[nodiscard]] std::size_t told() const { return told_; }

  void count_told() { ++told_; }

  [[nodiscard]] std::uint64_t pick(std::uint64_t below) { return dice_.pick(below); }

  void learn(const Result<Reply>& outcome) {
    TraceHash seen;
    seen.mix(dice_.next());
    seen.mix(canonical_outcome(outcome));
    dice_.begin(seen.value());
    if (!outcome) return;
    if (const auto* const child = std::get_if<Spawn::Reply>(&*outcome)) {
      children_.push_back(child->task);
    }
  }

  TaskCommand next_command() {
    switch (pick(20)) {
      case 0:
        return AwaitFileRead{.path = file()};
      case 1:
        return AwaitFileList{};
      case 2:
        return AwaitFileSearch{.text = "x"};
      case 3:
        return AwaitFileWrite{.path = file(), .content = std::to_string(pick(1'000))};
      case 4:
        return AwaitFileEdit{.path = file(), .old_text = "", .new_text = "more"};
      case 5:
      case 6:
        return AwaitProcess{.argv = {"p" + std::to_string(pick(3))}};
      case 7:
      case 8:
        return question_to_model();
      case 9:
        return Now{};
      case 10:
        return Random{};
      case 11:
        return Sleep{.duration = Milliseconds(pick(40))};
      case 12:
        return spawn();
      case 13:
        return join();
      case 14:
      case 18:
      case 19:
        return join_any();
      case 15:
        return Kill{.task = any_task(), .reason = "by a task"};
      case 16:
        return AwaitUserApproval{.question = "May I?", .preview = "it"};
      default:
        return AwaitUserAnswer{.question = "Which?", .choices = {"this", "that"}};
    }
  }

 private:
  std::string file() { return "f" + std::to_string(pick(3)); }

  TaskCommand question_to_model() {
    AwaitLLMResponse ask{.model = "default"};
    ask.messages.add({.role = Role::user, .text = std::to_string(pick(1'000'000))});
    return ask;
  }

  TaskCommand spawn() {
    if (depth_ == 2 || children_.size() == 3) return Yield{};
    return Spawn{.kind = std::string(kKind),
                 .arguments = {{"seed", pick(1'000'000)}, {"depth", depth_ + 1}}};
  }

  /// For ever only for a child: then nobody waits in a circle.
  TaskCommand join() {
    if (children_.empty()) return GetTid{};
    return Join{.task = children_[pick(children_.size())]};
  }

  /// Mostly for one of the first, so that several wait for the same.
  TaskCommand join_any() {
    const TaskId whom = pick(4) == 0 ? any_task() : TaskId{1 + pick(2)};
    return Join{.task = whom, .timeout = Milliseconds(pick(1'500))};
  }

  TaskId any_task() {
    const bool child = !children_.empty() && pick(2) == 0;
    return child ? children_[pick(children_.size())] : TaskId{1 + pick(12)};
  }

  Dice dice_;
  std::uint64_t depth_;
  std::uint64_t left_;
  std::size_t told_ = 0;
  std::vector<TaskId> children_;
};

/// Whether it is the answer to a command, not the kernel's refusal to let a task wait that is to
/// end.
bool is_recorded_outcome(const TaskCommand& command, const Result<Reply>& outcome) {
  const bool refused = !outcome && outcome.error().code == Errc::cancelled &&
                       outcome.error().message == "the task was asked to end";
  return is_recorded(command) && !refused;
}

Task<Result<Reply>> does(Simulation* simulation, TaskId self, Life* life) {
  TaskCommand command = life->next_command();
  Result<Reply> outcome = co_await AnyCommand{command};
  if (is_recorded_outcome(command, outcome)) {
    simulation->told(self, outcome);
    life->count_told();
  }
  life->learn(outcome);
  co_return outcome;
}

/// From here on it is what it is after a restart that enters it with this state.
Task<void> notes_state(Simulation* simulation, TaskId self, Life* life) {
  const Json state = life->state();
  const TaskCommand command = Checkpoint{.state = state};
  const Result<Reply> noted = co_await AnyCommand{command};
  if (!is_recorded_outcome(command, noted)) co_return;
  simulation->told(self, noted);
  noted ? life->enter(state) : life->count_told();
}

/// What must be done before the end, also if somebody asks for that.
Task<void> cleans_up(Simulation* simulation, TaskId self, Life* life) {
  const auto shield = co_await kernel::shield();
  for (std::uint64_t i = life->pick(3); i > 0; --i)
    (void)co_await does(simulation, self, life);
}

Task<Result<Json>> lives(Simulation* simulation, TaskStart start) {
  Life life(start);
  simulation->begins(start.task, life.told());
  while (life.lasts()) {
    const Result<Reply> outcome = co_await does(simulation, start.task, &life);
    if (!outcome) {
      if (life.pick(3) == 0) co_await cleans_up(simulation, start.task, &life);
      switch (life.pick(6)) {
        case 0:
          throw std::runtime_error("a task throws");
        case 1:
          co_return Json("gave up");
        case 2:
        case 3:
          co_return outcome.error();
        default:
          break;
      }
    }
    if (life.pick(6) == 0) co_await notes_state(simulation, start.task, &life);
  }
  co_return Json(life.pick(1'000));
}

// ---- the tests ----

constexpr std::uint64_t kShards = 16;  ///< So that they can run side by side.

class SyscallSimulation : public testing::TestWithParam<std::uint64_t> {};

std::string repeat(std::uint64_t seed) {
  return how_to_repeat(seed, "*SyscallSimulation*");
}

TEST_P(SyscallSimulation, G15_NoSeedLosesOrDoublesAStep) {
  const Seeds seeds = seeds_to_run(10'000);
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    if (seed % kShards != GetParam()) continue;
    name_if_aborted(repeat(seed));
    Simulation simulation(seed);
    const std::optional<std::string> wrong = simulation.run();
    ASSERT_FALSE(wrong) << simulation.story() << "seed " << seed << ", " << *wrong << "\n"
                        << repeat(seed);
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, SyscallSimulation, testing::Range(std::uint64_t{0}, kShards));

TEST(SyscallSimulationTrace, G15_OneSeedGivesOneRun) {
  std::vector<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Simulation first(seed);
    Simulation second(seed);
    EXPECT_EQ(first.run(), second.run()) << repeat(seed);
    EXPECT_EQ(first.trace_hash(), second.trace_hash()) << repeat(seed);
    hashes.push_back(first.trace_hash());
  }
  std::ranges::sort(hashes);
  EXPECT_EQ(std::ranges::adjacent_find(hashes), hashes.end()) << "two seeds gave the same run";
}

}  // namespace
}  // namespace tinkerbell
