#pragma once

#include "syscall/past.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/command/render.hpp"
#include "tinkerbell/journal/record.hpp"
#include "tinkerbell/journal/store.hpp"
#include "tinkerbell/policy/breakpoint.hpp"
#include "tinkerbell/syscall/await.hpp"
#include "tinkerbell/syscall/payloads.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tinkerbell {

class Account;

/// Where the outstanding command of a task stands on its way.
enum class Station : std::uint8_t {
  held,        ///< The task was told to stop before it.
  preparing,   ///< The driver gathers facts.
  asking,      ///< A person is asked.
  rechecking,  ///< Approved; the facts are gathered again.
  queued,      ///< Calls of its family hold what is left of the budget.
  gated,       ///< Released as soon as its records are durable.
  performing,  ///< The effect is under way.
  inside,      ///< Inside the daemon: a timer, another task.
  deferred,    ///< An attempt came to nothing; the next one waits for its time.
  recovering,  ///< After a restart the driver finds out what became of it.
  unsure,      ///< Nobody can tell; a person is asked.
  diverged,    ///< Replay met another command.
  replaying,   ///< Its recorded outcome is about to be delivered.
};

/// The one outstanding command of a task.
struct InFlight {
  /// One of those that are done together.
  struct Part {
    TaskCommand command;
    Facts facts;
    PartOutcome outcome;
  };

  CommandId id;
  CommandTrap* trap = nullptr;  ///< In the task's frame, alive until the task is woken.
  Station station = Station::held;
  std::string form;  ///< canonical_command of it.
  std::string key;   ///< Idempotency key, once a driver was called; a pure command has none.
  Verdict verdict;
  RuleOffer offer;  ///< Of a permission that is asked: what an approval for good would make.
  Facts facts;
  std::optional<PreImage> pre_image;
  std::optional<Reservation> reserved;  ///< What an attempt may cost, as the driver reckons.
  std::optional<Reservation> held;      ///< The same, held back for the attempt under way.
  std::optional<Reservation> owed;      ///< For an attempt of an earlier run that nobody has paid.
  ApprovalId approval = kNoApproval;
  Sha256 hash;                   ///< approval_hash of what was asked about.
  std::uint32_t attempt = 0;     ///< Releases so far.
  bool intent_recorded = false;  ///< Pure commands are recorded with their result only.
  WallTime deadline{};           ///< Of a sleep or a join; of the next attempt.
  WallTime asked{};
  Milliseconds worked{0};           ///< By earlier attempts together, without the waits.
  Lsn begun{0};                     ///< Inside the daemon: of the INTENT which says that it waits.
  Doubt doubt;                      ///< At `unsure` only.
  std::vector<FileChange> changed;  ///< By attempts that came to nothing, or nobody knows to what.
  std::string setback;              ///< At `deferred` only: why the newest attempt came to nothing.
  std::vector<Part> parts;          ///< Of a Together under way.
  std::size_t parts_left = 0;       ///< Those that are not over.

  [[nodiscard]] const TaskCommand& command() const { return trap->command; }
};

/// Whether a command is too long for the journal to keep its arguments: it is refused, and only
/// that is recorded.
[[nodiscard]] inline bool is_oversized(const InFlight& flight) {
  constexpr std::size_t kCommandBytesMax = std::size_t{8} << 20;
  return flight.form.size() > kCommandBytesMax;
}

/// Somebody asked the task to end. In replay it is told at the same place as then.
struct CancelRequest {
  std::string reason;
  Seq newest{0};                 ///< The newest command that the task had asked for.
  std::uint32_t unrecorded = 0;  ///< Those after it that leave no record.
  Lsn lsn{0};                    ///< Of the signal: says whether that command was over by then.
  bool passed_on = false;
};

/// Where a person told a task to stop.
struct Stops {
  bool before_each = false;  ///< Paused, or stepping.
  std::map<std::uint32_t, Breakpoint> breakpoints;
  std::uint32_t last_breakpoint = 0;
  Seq let_go{0};            ///< Up to here nothing is held any more.
  Seq held{0};              ///< The newest command that was held.
  std::string waits_for;    ///< Why that was, in words.
  bool for_budget = false;  ///< Why that was: for want of it.
};

/// What other tasks sent and the task has not taken yet, the oldest first.
struct MessageBox {
  std::deque<Receive::Reply> waiting;
  std::uint64_t received = 0;  ///< Since the task began.

  void put(TaskId from, Json message, bool secrets) {
    waiting.push_back(
        {.from = from, .message = std::move(message), .number = ++received, .secrets = secrets});
  }
};

/// What a person said and the task has not heard yet.
struct Words {
  WordsPayload said;
  Lsn lsn{0};  ///< Of the signal.
};

/// Of a task's payload what only its coroutine reads, and a snapshot must have.
struct BegunWith {
  Json arguments;
  Json definition;

  static constexpr auto fields() {
    return described(field("arguments", &BegunWith::arguments),
                     field("definition", &BegunWith::definition));
  }
};

/// A durable task that has not ended, and does not rest.
struct LiveTask {
  TaskHead head;
  std::optional<Rest> next_rest;  ///< What its head is to say with the next append only.
  TaskPayload payload;            ///< Once it has begun without arguments and definition:
  std::string begun_with;  ///< these, as bytes (BegunWith). As trees they take ten times as much.
  Seq last_seq{0};
  std::uint32_t unrecorded = 0;  ///< Commands after that one which leave no record.
  Lsn last_result{0};
  std::optional<InFlight> flight;
  Past past;                 ///< Still to be replayed.
  bool at_frontier = false;  ///< While others may still be missing: it has seen all it may.
  std::map<Sha256, ApprovalId> grants;  ///< repeat_hash of what was approved for the whole task.
  std::map<Lsn, CommandId> joiners;     ///< Joins that wait for its end, by when they began to.
  std::set<TaskId> waiters;             ///< Tasks with a Wait for its end.
  MessageBox messages;
  std::deque<Words> words;  ///< The oldest first.
  Totals totals;
  Taint taint;
  std::vector<TaskId> children;  ///< Its own that may not have ended.
  std::optional<Json> state;     ///< Of the snapshot from which it is to go on.
  Stops stops;
  std::optional<CancelRequest> cancel;
  /// Of its family and of each share that it is part of, once it has paid in this run.
  std::vector<std::shared_ptr<Account>> accounts;
  std::optional<std::string> set_aside;  ///< Why this program cannot run it: it has no coroutine.
  bool quarantined = false;              ///< Set aside because it ended the daemon too often.
  Lsn newest_signal{0};                  ///< Of this run.
};

/// From which all of its family come.
[[nodiscard]] inline TaskId root_of(const LiveTask& live) {
  return live.payload.root == kNoTask ? live.head.task : live.payload.root;
}

/// Whether that is one of the steps that it has from the task that it was forked from.
[[nodiscard]] inline bool is_copied(const LiveTask& live, Seq step) {
  return number(step) <= live.payload.forked_step;
}

/// Whether a fork knows this task as a child of the one that it was forked from: older than the
/// fork, it is none of its own.
[[nodiscard]] bool is_child_of_origin(const LiveTask& live, TaskId task);

/// What a fork is told that wants to change the course of such a task.
[[nodiscard]] Error child_of_origin(std::string_view command, const LiveTask& live);

/// Whose work its questions are about: that of the family whose draft it works in, or of its own.
[[nodiscard]] inline TaskId works_for(const LiveTask& live) {
  return live.payload.draft == kNoTask ? root_of(live) : live.payload.draft;
}

/// The newest command that the task has asked for, in this run or in an earlier one.
[[nodiscard]] Seq newest_command(const LiveTask& live);

/// That the task is to end, with the place where it stands.
[[nodiscard]] SignalPayload cancel_signal(const LiveTask& live, std::string reason, Person by);

/// What such a signal says; `lsn` is its own.
[[nodiscard]] CancelRequest cancel_request(const SignalPayload& signal, Lsn lsn);

/// What a signal means for where the task stops. Errors: invalid (a pattern that this program does
/// not know).
[[nodiscard]] Result<void> follow_signal(const SignalPayload& signal, Stops& stops);

/// What a Checkpoint writes down.
[[nodiscard]] SnapshotPayload snapshot_of(const LiveTask& live, Json state);

/// What the records of a live task say, before it runs again: all of them, or those from its newest
/// SNAPSHOT on.
[[nodiscard]] Result<LiveTask> live_task_from(const TaskHead& head, std::vector<Record> records);

}  // namespace tinkerbell
