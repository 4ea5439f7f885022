#pragma once

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/journal/record.hpp"
#include "tinkerbell/journal/store.hpp"
#include "tinkerbell/protocol/approval.hpp"
#include "tinkerbell/protocol/event.hpp"
#include "tinkerbell/protocol/task.hpp"
#include "tinkerbell/syscall/approvals.hpp"
#include "tinkerbell/syscall/payloads.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell::control {

/// The journal of one task as clients see it. Fed record by record, live or from the store: the
/// same records always give the same views and events.
class Projection {
 public:
  Projection() = default;

  /// Of a task whose records cannot be read.
  explicit Projection(const TaskHead& head);

  /// Takes the next record of the task and returns the events that it means.
  /// A record whose payload cannot be read gives none, and neither does what a fork has copied:
  /// that was told when it happened, and counted as another task's.
  std::vector<protocol::EventView> apply(const Record& record);

  [[nodiscard]] const protocol::TaskView& task() const { return task_; }

  /// The newest command.
  [[nodiscard]] const protocol::StepView& step() const { return step_; }

  /// From now on, and for the newest command, steps are told as system calls too (StepView::call),
  /// texts cut to so many bytes; 0: not at all.
  void show_calls(std::size_t text_max);

  /// Arguments and replies are kept in the steps only on request: they can be large.
  void keep_payloads() { keep_payloads_ = true; }

 private:
  using Events = std::vector<protocol::EventView>;

  void task_begun(const Record& record, Events& events);
  void begin(TaskId task, const TaskPayload& payload, WallTime created);
  void resumed(const Record& record);
  void asked(const Record& record, Events& events);
  void started(const Record& record, Events& events);
  void deferred(const Record& record, Events& events);
  void answered(const Record& record, Events& events);
  void concluded(const Record& record, Events& events);
  void doubted(const Record& record, Events& events);
  void signalled(const Record& record, Events& events);
  void ended(const Record& record, Events& events);
  void open_approval(const Record& record, ApprovalId id, QuestionKind kind,
                     const std::string& hash, const Doubt& doubt, Events& events);
  void count(const Reply& reply);
  void add_cost(Money cost);
  void emit(const Record& record, std::string_view name, Json data, Events& events) const;
  [[nodiscard]] Json shown_arguments() const;

  protocol::TaskView task_;
  protocol::StepView step_;
  Money cost_;            ///< Of its calls, as far as it is known.
  IntentPayload intent_;  ///< Its arguments are moved on into the command.
  std::optional<TaskCommand> command_;
  bool is_copy_ = false;        ///< The newest record is one of another task.
  bool has_arguments_ = false;  ///< They were not too long for the journal.
  WallTime asked_at_{};
  WallTime started_at_{};
  WallTime question_at_{};  ///< When the newest question was opened.
  bool keep_payloads_ = false;
  std::optional<std::size_t> calls_;  ///< What show_calls() said.
};

/// Event numbers: the record's lsn, and room below it for what is not journalled.
inline constexpr int kEventBitsPerRecord = 20;

/// Pieces of live text get the numbers from here on, after the few events that a record can mean.
inline constexpr std::uint64_t kFirstPiece = 16;

[[nodiscard]] constexpr std::uint64_t event_number(Lsn lsn, std::uint64_t index) {
  return (number(lsn) << kEventBitsPerRecord) | index;
}

/// An open question as clients see it.
[[nodiscard]] protocol::ApprovalView approval_view(const Question& question);

/// The standing rule that an answer made, in words; empty: none.
[[nodiscard]] std::string rule_made(const ApprovalPayload& decision);

/// What a question is called once a person has given this answer.
[[nodiscard]] std::string decided_state(Answer answer);

/// All steps of a task, and the newest event that they hold: whoever follows from there on misses
/// nothing, live text of the step that is on its way included.
struct StepHistory {
  std::vector<protocol::StepView> steps;
  std::uint64_t last_event = 0;
};

/// What is told of each step beside the ordinary.
struct StepDetail {
  bool payloads = false;
  std::optional<std::size_t> calls;  ///< As for Projection::show_calls.
};

[[nodiscard]] StepHistory steps_of(const std::vector<Record>& records, const StepDetail& detail);

/// A task as its records show it.
[[nodiscard]] protocol::TaskView task_of(const std::vector<Record>& records);

/// A task as its head shows it, for lists.
[[nodiscard]] protocol::TaskView task_view(const TaskHead& head);

}  // namespace tinkerbell::control
