#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/journal/record.hpp"
#include "tinkerbell/kernel/scheduler.hpp"
#include "tinkerbell/syscall/await.hpp"
#include "tinkerbell/syscall/payloads.hpp"
#include "tinkerbell/syscall/registry.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

namespace tinkerbell {

struct LiveTask;

/// What is to be run again: one task, with all its records.
struct RecordedTask {
  TaskId task = kNoTask;
  WallTime created{};  ///< As its head has it: the task is told.
  std::vector<Record> records;

  /// From this record on the task is told other things than it was then, because secrets were
  /// masked since: what it asks for is compared by name, and its end by its state.
  std::optional<Lsn> masked_from = {};
};

enum class ReplayFrom : std::uint8_t {
  beginning,
  snapshot,  ///< The newest state that the task noted, where a restart would begin.
};

/// Why a replay goes no further.
struct ReplayEnd {
  enum class Kind : std::uint8_t {
    same,      ///< It ended, as it did then.
    open,      ///< The records end here, and the task had not.
    diverged,  ///< It did something else than then.
  };

  Kind kind = Kind::same;
  Seq at{0};             ///< The command that differs; 0: there is none, and the end differs.
  std::string recorded;  ///< In words: what the records have there.
  std::string found;     ///< In words: what the task does now.
};

/// One command of the past.
struct ReplayedStep {
  Seq seq{0};
  TaskCommand command;  ///< As the task asks for it now, with its conversation.
  WallTime asked{};
  Facts facts;
  Verdict verdict;
  std::optional<PreImage> pre_image;
  std::optional<Result<Reply>> outcome;  ///< What is recorded; nothing: it was under way.
};

/// Runs the recorded past of a task again with the code of today, and without any effect: each
/// command is compared with the one in the journal and gets the recorded answer, as after a restart
/// (`syscall/replay.cpp`); but there is no driver, no journal and no other task to which anything
/// could go, and where the records end it stops.
///
/// Lives on the thread that makes it, with a scheduler of its own. A kind that does something else
/// than to yield commands, which durable tasks must not, does it here as well.
class OfflineReplay final : private CommandHandler {
 public:
  /// It stands before the task's first turn. `registry` outlives it. Errors: invalid (the records
  /// make no sense), not_found (its kind is not known to this program).
  [[nodiscard]] static Result<std::unique_ptr<OfflineReplay>> begin(const Registry& registry,
                                                                    RecordedTask recorded,
                                                                    ReplayFrom from);

  ~OfflineReplay() override;

  /// Gives the task the answer to the command at which it stands, and goes on to the next one that
  /// is as it was. False: there is none, and end() says why.
  [[nodiscard]] bool next();

  /// Once next() has said false.
  [[nodiscard]] const std::optional<ReplayEnd>& end() const { return end_; }

  /// Commands so far that were as they were then.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

  /// What it is started with.
  [[nodiscard]] const TaskPayload& task() const;

  /// The command at which it stands. Errors: not_found (at none), invalid (its records cannot be
  /// read).
  [[nodiscard]] Result<ReplayedStep> step() const;

  /// The `co_await`s at which it stands, innermost first.
  [[nodiscard]] std::vector<std::source_location> calls() const;

 private:
  explicit OfflineReplay(std::optional<Lsn> masked_from);

  void dispatch(TaskId task, Trap& trap) override;
  void cancel(TaskId task, Trap& trap) override;
  void expired(TaskId task, Trap& trap) override;

  void run_turns();
  void compare(const TaskCommand& command);
  void beyond_records(const TaskCommand& command);
  void give_answer();
  void pass_on_cancel();
  void pass_on_between_commands();
  void ended(const Exit& exit);
  [[nodiscard]] bool was_cancelled() const;
  void end_by_force();

  [[nodiscard]] bool is_masked(Lsn lsn) const { return masked_from_ && lsn >= *masked_from_; }

  void diverge(Seq at, std::string recorded, std::string found);

  std::unique_ptr<LiveTask> live_;
  std::optional<Lsn> masked_from_;
  std::optional<DonePayload> done_;  ///< How it ended then, if it did.
  CommandTrap* trap_ = nullptr;      ///< At which it stands.
  bool same_ = false;                ///< That one is as it was then.
  std::uint64_t steps_ = 0;
  std::optional<ReplayEnd> end_;
  SteadyTime now_{};
  Scheduler scheduler_;  // last: its tasks' frames end first
};

/// What came of running a whole past again.
struct ReplayReport {
  std::uint64_t steps = 0;
  ReplayEnd end;
  ReplayFrom from = ReplayFrom::beginning;  ///< Where it began when it diverged.
};

/// Runs all of it again, from its beginning and, if that is as it was, from its newest snapshot.
/// Errors: as OfflineReplay::begin().
[[nodiscard]] Result<ReplayReport> check_replay(const Registry& registry,
                                                const RecordedTask& recorded);

/// Why a task is not run any more, by its records: it ended the daemon too often. Nothing: it is.
/// Who runs such a task again must not be the daemon.
[[nodiscard]] std::optional<std::string> quarantine_in(const std::vector<Record>& records);

}  // namespace tinkerbell
