#pragma once

#include "support/fake_clock.hpp"
#include "support/memory_store.hpp"
#include "support/scripted_driver.hpp"

#include "tinkerbell/syscall/syscalls.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {

/// A daemon without sockets, disk and programs: the system calls over a journal in memory, one
/// scripted driver for all families, a clock that stands still. crash() ends it as kill -9 would
/// and starts the next run on the same memory.
class SyscallWorld : public SyscallObserver, public KernelObserver {
 public:
  /// Chance that is none.
  class CountingRandom final : public RandomSource {
   public:
    [[nodiscard]] std::uint64_t next() override { return ++drawn_; }

   private:
    std::uint64_t drawn_ = 0;
  };

  SyscallWorld() { (void)begin(); }

  ~SyscallWorld() override { end(); }

  /// Registers a kind of task; for this run and the next ones.
  void add_kind(const std::string& name, std::function<Task<Result<Json>>(TaskStart)> start) {
    registry.add(name, {.freeze = [](const Json&) -> Result<Json> { return Json::object(); },
                        .start = std::move(start),
                        .title = [](const Json&) { return std::string("a task"); }});
  }

  TaskId submit(const std::string& kind, bool approve_all = false,
                Json arguments = Json::object()) {
    TaskId id = kNoTask;
    calls->submit({.kind = kind,
                   .workspace = "/work",
                   .arguments = std::move(arguments),
                   .approve_all = approve_all,
                   .by = {.via = "test", .uid = 7}},
                  Completion<TaskId>([&id](Result<TaskId> task) {
                    if (task) id = *task;
                  }));
    settle();
    return id;
  }

  /// A task that begins with the first steps of another one; its draft is made by nobody.
  Result<TaskId> fork(TaskId from, std::uint32_t step, std::string say = {}) {
    const Result<ForkPlan> plan = plan_fork(head(from), records_of(from), Seq{step});
    if (!plan) return plan.error();
    Result<TaskId> told = Error{Errc::internal, "never told"};
    begin_fork(*plan, std::move(say), told);
    settle();
    return told;
  }

  /// The same up to where it is to be written; `told` once it is there.
  void begin_fork(const ForkPlan& plan, std::string say, Result<TaskId>& told) {
    calls->fork({.kind = plan.task.kind,
                 .say = std::move(say),
                 .by = {.via = "test", .uid = 7},
                 .plan =
                     [this, plan](TaskId task, Completion<ForkPlan> planned) {
                       ForkPlan its_own = plan;
                       become(task, clock.wall(), its_own);
                       planned(std::move(its_own));
                     }},
                Completion<TaskId>([&told](const Result<TaskId>& task) { told = task; }));
  }

  /// Answers a question and returns what the person is told.
  Result<void> answer(ApprovalId id, Answer answer, std::string text = "",
                      Scope scope = Scope::once) {
    return decide({.approval = id, .answer = answer, .scope = scope, .text = std::move(text)});
  }

  Result<void> decide(ApprovalPayload answer) {
    Result<void> told = Error{Errc::internal, "never told"};
    answer.by = {.via = "test", .uid = 7};
    calls->answer(std::move(answer),
                  Completion<ApprovalPayload>([&told](const Result<ApprovalPayload>& decided) {
                    told = decided ? Result<void>() : Result<void>(decided.error());
                  }));
    settle();
    return told;
  }

  /// Turns until nothing happens any more by itself.
  void settle() {
    while (true) {
      calls->scheduler().run(10'000, clock.steady());
      if (calls->scheduler().has_ready()) continue;
      const bool wrote = journal->write(1);  // crash_with() parts no append from its charges
      if (!run_posted() && !wrote) return;
    }
  }

  void pass(Nanoseconds time) {
    clock.pass(time);
    calls->scheduler().run(0, clock.steady());
    settle();
  }

  /// kill -9 at a moment when all is written, and a new run with a new driver.
  void crash() {
    settle();
    crash_with(memory->records.size());
  }

  /// kill -9 when only so many records were durable.
  void crash_with(std::size_t records_durable) {
    end();
    memory->forget_after(records_durable);
    const Survivors survivors = begin();
    if (before_recovery) before_recovery(*driver);
    programs_known.clear();
    for (const auto& [head, records] : survivors) {
      if (lets_rest && head.rest) {
        programs_known.merge(calls->keys_under_way(head));
        calls->rest(head);
        continue;
      }
      programs_known.merge(calls->keys_under_way(records));
      if (poisonous.erase(head.task) != 0) {
        calls->quarantine(head, "it ends the daemon");
        continue;
      }
      recoveries.push_back(calls->recover(head, records));
    }
    calls->replay_all();
    if (before_listening) before_listening();
    settle();
  }

  /// "intent task.x" lines of a task, in order.
  [[nodiscard]] std::vector<std::string> kinds_of(TaskId task) {
    settle();
    std::vector<std::string> kinds;
    for (const Record& record : memory->records) {
      if (record.task == task) kinds.emplace_back(name_of(record.kind));
    }
    return kinds;
  }

  [[nodiscard]] std::vector<Record> records_of(TaskId task) {
    settle();
    std::vector<Record> records;
    for (const Record& record : memory->records) {
      if (record.task == task) records.push_back(record);
    }
    return records;
  }

  /// The newest record of this kind; an empty one if the task has none.
  [[nodiscard]] Record newest(TaskId task, RecordKind kind) {
    settle();
    Record newest;
    for (const Record& record : memory->records) {
      if (record.task == task && record.kind == kind) newest = record;
    }
    return newest;
  }

  /// What it says; empty if the task has none.
  template <class T>
  [[nodiscard]] T payload_of(TaskId task, RecordKind kind) {
    const Record record = newest(task, kind);
    return record.payload.empty() ? T{} : *from_canonical<T>(record.payload);
  }

  /// How a task ended; empty if it has not.
  [[nodiscard]] DonePayload end_of(TaskId task) {
    return payload_of<DonePayload>(task, RecordKind::done);
  }

  [[nodiscard]] const TaskHead& head(TaskId task) { return memory->tasks.at(task); }

  void recorded(const Record& record) override { shown.push_back(record); }

  void progressed(CommandId /*id*/, ProgressKind /*kind*/, std::string_view /*text*/) override {}

  void awoke(const TaskHead& head, const std::vector<Record>& /*records*/) override {
    awakened.push_back(head.task);
  }

  void task_state_changed(TaskId /*task*/, TaskState /*from*/, TaskState /*to*/) override {}

  std::shared_ptr<StoreMemory> memory = std::make_shared<StoreMemory>();
  FakeClock clock;
  CountingRandom random;
  Registry registry;
  Rules rules;
  Masker masker;
  std::size_t tasks_max = 1'000;   ///< From the next run on.
  std::size_t idle_max = 1'000;    ///< From the next run on.
  std::uint32_t depth_max = 3;     ///< From the next run on.
  std::uint32_t children_max = 8;  ///< From the next run on.
  bool lets_rest = false;          ///< At a restart, those that only wait are not brought back.
  SilentLogger logger;
  std::unique_ptr<ScriptedDriver> driver;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<SystemCalls> calls;
  std::vector<Record> shown;                             ///< What the outside was told, in order.
  std::function<void(ScriptedDriver&)> before_recovery;  ///< Prepares the next run's driver.
  std::function<void()> before_listening;                ///< When everything was replayed.
  std::set<TaskId> poisonous;  ///< Put into quarantine at the next restart.
  std::vector<Result<void>> recoveries;
  std::vector<TaskId> awakened;          ///< From rest, in order.
  std::set<std::string> programs_known;  ///< What keys_under_way() said at the last restart.

 private:
  using Survivors = std::vector<std::pair<TaskHead, std::vector<Record>>>;

  [[nodiscard]] Survivors begin() {
    auto store = std::make_unique<MemoryStore>(memory);
    Survivors survivors;
    for (const TaskHead& head : *store->claim(Store::kAll, clock.wall()))
      survivors.emplace_back(head, *store->records_from_snapshot(head.task));
    driver = std::make_unique<ScriptedDriver>();
    journal = std::make_unique<Journal>(
        std::move(store),
        Journal::Callbacks{
            .post = [this](auto work) { posted_.push_back(std::move(work)); },
            .durable = [this](const std::vector<Record>& records) { calls->durable(records); },
            .failed = [](const Error&) {}});
    calls = std::make_unique<SystemCalls>(SystemCalls::Parts{.journal = *journal,
                                                             .clock = clock,
                                                             .random = random,
                                                             .registry = registry,
                                                             .rules = rules,
                                                             .masker = masker,
                                                             .logger = logger,
                                                             .observer = *this,
                                                             .kernel_observer = *this,
                                                             .tasks_max = tasks_max,
                                                             .depth_max = depth_max,
                                                             .children_max = children_max,
                                                             .idle_max = idle_max});
    calls->set_driver<AwaitFileRead>(*driver);
    calls->set_driver<AwaitFileWrite>(*driver);
    calls->set_driver<AwaitFileEdit>(*driver);
    calls->set_driver<AwaitFileList>(*driver);
    calls->set_driver<AwaitFileSearch>(*driver);
    calls->set_driver<AwaitFileStat>(*driver);
    calls->set_driver<AwaitFileMove>(*driver);
    calls->set_driver<AwaitFileRemove>(*driver);
    calls->set_driver<AwaitFileRestore>(*driver);
    calls->set_driver<AwaitGuidance>(*driver);
    calls->set_driver<AwaitSkill>(*driver);
    calls->set_driver<AwaitFilePatch>(*driver);
    calls->set_driver<AwaitFileSave>(*driver);
    calls->set_driver<AwaitContentRead>(*driver);
    calls->set_driver<AwaitToolList>(*driver);
    calls->set_driver<AwaitToolTrust>(*driver);
    calls->set_driver<AwaitTool>(*driver);
    calls->set_driver<AwaitDraftOpen>(*driver);
    calls->set_driver<AwaitDraftAccept>(*driver);
    calls->set_driver<AwaitDraftDrop>(*driver);
    calls->set_driver<AwaitProcess>(*driver);
    calls->set_driver<AwaitLLMResponse>(*driver);
    calls->set_driver<AwaitHttp>(*driver);
    calls->set_driver<AwaitGitStatus>(*driver);
    calls->set_driver<AwaitGitDiff>(*driver);
    calls->set_driver<AwaitGitLog>(*driver);
    calls->set_driver<AwaitGitAdd>(*driver);
    calls->set_driver<AwaitGitCommit>(*driver);
    calls->set_driver<AwaitGitBranch>(*driver);
    calls->set_driver<AwaitGitPush>(*driver);
    return survivors;
  }

  void end() {
    calls->stop();
    calls.reset();
    journal.reset();
    posted_.clear();
  }

  bool run_posted() {
    auto work = std::exchange(posted_, {});
    for (auto& each : work)
      each();
    return !work.empty();
  }

  std::deque<std::move_only_function<void()>> posted_;
};

}  // namespace tinkerbell
