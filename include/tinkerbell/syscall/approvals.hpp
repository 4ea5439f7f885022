#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/render.hpp"
#include "tinkerbell/syscall/payloads.hpp"

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {

/// A question to a person.
struct Question {
  ApprovalId id = kNoApproval;
  CommandId command;
  QuestionKind kind = QuestionKind::permission;
  std::string name;  ///< Of the command.
  std::string line;  ///< One line, rendered.
  std::string card;  ///< All of it, rendered.
  Sha256 hash;       ///< Of what an approval is bound to.
  std::string rule;  ///< Which rule asks for permission; empty for other questions.
  std::vector<std::string> choices;
  WallTime opened{};
  RuleOffer offer = {};  ///< Of a permission: what an approval for good would make.
};

/// Fills in what the question says of a command: its line, its card and its choices. `doubt` is for
/// outcomes only.
void put_in_words(Question& question, const TaskCommand& command, const Facts& facts,
                  const Doubt& doubt);

/// What a task waits for that asks this, in one line. `doubt` is for outcomes only.
[[nodiscard]] std::string asks_for(ApprovalId question, QuestionKind kind,
                                   const TaskCommand& command, const Doubt& doubt);

/// A question that was answered.
struct Answered {
  Question question;
  ApprovalPayload decision;
  WallTime when{};
};

/// The book of questions: open ones wait for ever, the first answer wins, each is used once.
/// Questions and answers are shown only once they are durable.
class ApprovalBook {
 public:
  void open(Question question, Lsn lsn);

  /// All up to this one are durable.
  void durable(Lsn lsn);

  /// The open questions as people may see them, by id: one stays until its answer is durable.
  [[nodiscard]] std::vector<const Question*> shown() const;

  /// One of those; null if it is none.
  [[nodiscard]] const Question* find_open(ApprovalId id) const;

  /// Null if it was never asked in this run, is open, or was answered long ago.
  [[nodiscard]] const Answered* find_answered(ApprovalId id) const;

  /// A question that nobody has answered. Errors: not_found, conflict (somebody was faster; the
  /// message says who, when and what, and may go out once everything appended so far is durable).
  [[nodiscard]] Result<const Question*> find_unanswered(ApprovalId id) const;

  /// An open question was answered; `lsn` is that of the answer.
  void answered(ApprovalId id, ApprovalPayload decision, WallTime when, Lsn lsn);

  /// The question is void: its command ended without an answer.
  void withdraw(ApprovalId id);

 private:
  struct Open {
    Question question;
    Lsn lsn;
    std::optional<Answered> answer;  ///< Not durable yet.
  };

  void remember(Answered answered);

  /// Answers are remembered, so that a second one is told of the first: so many of the newest,
  /// whose cards have no more bytes than this together.
  static constexpr std::size_t kAnsweredMax = 1'000;
  static constexpr std::size_t kCardBytesMax = 8 << 20;

  std::map<ApprovalId, Open> open_;
  std::deque<std::pair<Lsn, ApprovalId>> undurable_;  ///< Answers, in the order of their lsn.
  std::map<ApprovalId, Answered> answered_;
  std::deque<ApprovalId> oldest_first_;  ///< Of `answered_`.
  std::size_t card_bytes_ = 0;           ///< Of `answered_`.
  Lsn durable_{0};
};

}  // namespace tinkerbell
