#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell::protocol {

/// GET /v1/approvals/{id}: a question to a person. `line` and `card` have passed visible_text on
/// the server: a client shows them as they are, whole, and changes nothing.
struct ApprovalView {
  static constexpr std::string_view kSchema = "tinkerbell.approval/1";

  std::string schema{kSchema};
  ApprovalId id = kNoApproval;  ///< Written "a3" for people.
  TaskId task = kNoTask;
  Seq seq{0};
  std::string kind;  ///< "permission" (a rule asks), "question" (the task asks yes or no), "answer"
                     ///< (the task asks for words) or "outcome" (did an effect happen?).
  std::string state;                 ///< "open", or what a DecisionView says.
  std::string line;                  ///< "run ./test.sh --fast".
  std::string card;                  ///< Everything that the decision is about, several lines.
  std::string hash;                  ///< What a decision is bound to: 64 hexadecimal digits.
  std::string rule;                  ///< Which rule asks for permission; empty for other questions.
  std::vector<std::string> choices;  ///< Of "answer": what the task suggests; empty: any text.
  std::string opened;
  std::string requested_by;  ///< "task 12".
  std::string decided_by;    ///< Empty while open.
  std::string decided_at;
  std::string text;                   ///< What the person said with it: the reason, or the answer.
  std::optional<std::string> result;  ///< What a program wrote, as the person stated it.
  std::string command;                ///< The name of what it is about: "process.run".
  /// The standing rule that scope `always` would make, in words; empty: none can be made.
  std::string always;
  std::string always_directory;  ///< The same with `directory`; empty: it is about no file.
  std::string always_not;        ///< Of a permission: why no standing rule can be made.

  static constexpr auto fields() {
    return described(
        field("schema", &ApprovalView::schema), field("id", &ApprovalView::id),
        field("task", &ApprovalView::task), field("seq", &ApprovalView::seq),
        field("kind", &ApprovalView::kind), field("state", &ApprovalView::state),
        field("line", &ApprovalView::line), field("card", &ApprovalView::card),
        field("hash", &ApprovalView::hash), field("rule", &ApprovalView::rule),
        field("choices", &ApprovalView::choices), field("opened", &ApprovalView::opened),
        field("requested_by", &ApprovalView::requested_by),
        field("decided_by", &ApprovalView::decided_by),
        field("decided_at", &ApprovalView::decided_at), field("text", &ApprovalView::text),
        field("result", &ApprovalView::result), field("command", &ApprovalView::command),
        field("always", &ApprovalView::always),
        field("always_directory", &ApprovalView::always_directory),
        field("always_not", &ApprovalView::always_not));
  }

  bool operator==(const ApprovalView&) const = default;
};

/// Which answers a question takes.
enum class AnswerForm : std::uint8_t {
  verdict,  ///< approve or deny.
  words,    ///< answer or deny.
  outcome,  ///< happened, run_again or abort.
};

/// A kind that this build does not know is taken for one that wants a verdict.
[[nodiscard]] AnswerForm form_of(const ApprovalView& approval);

/// GET /v1/approvals?task=: the open ones, the oldest first.
struct ApprovalList {
  static constexpr std::string_view kSchema = "tinkerbell.approvals/1";

  std::string schema{kSchema};
  std::vector<ApprovalView> approvals;

  static constexpr auto fields() {
    return described(field("schema", &ApprovalList::schema),
                     field("approvals", &ApprovalList::approvals));
  }

  bool operator==(const ApprovalList&) const = default;
};

enum class Answer : std::uint8_t {
  approve,
  deny,       ///< With words for the model in `text`.
  answer,     ///< `text` is the answer.
  happened,   ///< The effect took place; the task is told so, with `result` if that is stated.
  run_again,  ///< It is started once more.
  abort,      ///< It stays as it is; the task is told that nobody knows.
};

enum class Scope : std::uint8_t {
  once,
  task,    ///< The same request again in this task needs no further question.
  always,  ///< It makes the standing rule that the question shows.
};

/// POST /v1/approvals/{id} → DecisionView. Unknown keys are refused. 409: it was decided before;
/// the message says by whom and when. 409 too when `hash` is not the hash of what is asked. 400:
/// the question takes another form of answer.
struct DecisionRequest {
  static constexpr std::size_t kTextBytesMax = 64 << 10;
  static constexpr std::size_t kResultBytesMax = 64 << 10;
  static constexpr std::uint64_t kValidMsMax = std::uint64_t{10} * 365 * 24 * 3'600'000;

  std::optional<Answer> answer;  ///< Must be said.
  Scope scope = Scope::once;
  std::string text;  ///< The reason, for the task; or the answer.
  std::string hash;  ///< Of the card that was seen; empty: not given.
  /// Only with `happened`, and only of a program: what it wrote. The task gets it as the output of
  /// a program that ended with 0, and is told that a person stated it.
  std::optional<std::string> result;
  bool directory = false;                 ///< Only with `always`, and only of a file: all below the
                                          ///< directory in which it is.
  std::optional<std::uint64_t> valid_ms;  ///< Only with `always`: how long the rule holds.

  static constexpr auto fields() {
    return described(
        field("answer", &DecisionRequest::answer), field("scope", &DecisionRequest::scope),
        field("text", &DecisionRequest::text), field("hash", &DecisionRequest::hash),
        field("result", &DecisionRequest::result), field("directory", &DecisionRequest::directory),
        field("valid_ms", &DecisionRequest::valid_ms));
  }

  bool operator==(const DecisionRequest&) const = default;
};

/// Whether a request keeps its bounds. Errors: invalid, too_large.
[[nodiscard]] Result<void> check(const DecisionRequest& request);

/// The decision as it now stands in the journal.
struct DecisionView {
  static constexpr std::string_view kSchema = "tinkerbell.decision/1";

  std::string schema{kSchema};
  ApprovalId id = kNoApproval;
  std::string state;  ///< "approved", "denied", "answered", "happened", "run_again" or "abort".
  std::string by;     ///< "uid 1000".
  std::string at;
  std::string rule;  ///< The standing rule that it made: "standing rule 3: edit a.txt; in /w".

  static constexpr auto fields() {
    return described(field("schema", &DecisionView::schema), field("id", &DecisionView::id),
                     field("state", &DecisionView::state), field("by", &DecisionView::by),
                     field("at", &DecisionView::at), field("rule", &DecisionView::rule));
  }

  bool operator==(const DecisionView&) const = default;
};

}  // namespace tinkerbell::protocol

namespace tinkerbell {

template <>
inline constexpr std::array<std::string_view, 6> kNames<protocol::Answer> = {
    "approve", "deny", "answer", "happened", "run_again", "abort"};

template <>
inline constexpr std::array<std::string_view, 3> kNames<protocol::Scope> = {"once", "task",
                                                                            "always"};

}  // namespace tinkerbell
