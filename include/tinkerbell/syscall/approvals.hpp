#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/render.hpp"
#include "tinkerbell/syscall/payloads.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

/// A question to a person.
struct Question {
  ApprovalId id = kNoApproval;
  CommandId command;
  QuestionKind kind = QuestionKind::permission;
  std::string line;  ///< One line, rendered.
  std::string card;  ///< All of it, rendered.
  Sha256 hash;       ///< Of what an approval is bound to.
  std::string rule;  ///< Which rule asks for permission; empty for other questions.
  std::vector<std::string> choices;
  WallTime opened{};
};

/// Fills in what the question says of a command: its line, its card and its choices. `doubt` is for
/// outcomes only.
void put_in_words(Question& question, const TaskCommand& command, const Facts& facts,
                  const Doubt& doubt);

/// A question that was answered.
struct Answered {
  Question question;
  ApprovalPayload decision;
  WallTime when{};
};

/// The book of questions: open ones wait for ever, the first answer wins, each is used once.
/// A question is shown only once it is durable.
class ApprovalBook {
 public:
  void open(Question question, Lsn lsn);

  /// All up to this one are durable.
  void durable(Lsn lsn) { durable_ = lsn; }

  /// Durable and open, by id.
  [[nodiscard]] std::vector<const Question*> shown() const;

  /// Errors: not_found, with what became of it if it is known.
  [[nodiscard]] Result<const Question*> find(ApprovalId id) const;

  /// Null if it was never asked in this run, is open, or was answered long ago.
  [[nodiscard]] const Answered* find_answered(ApprovalId id) const;

  /// Takes the question out of the book; later answers are told of `decision`. Errors: not_found,
  /// conflict (somebody was faster; the message says who, when and what).
  [[nodiscard]] Result<Question> decide(ApprovalId id, const ApprovalPayload& decision,
                                        WallTime when);

  /// The question is void: its command ended without an answer.
  void withdraw(ApprovalId id);

 private:
  struct Open {
    Question question;
    Lsn lsn;
  };

  /// Answers that are remembered so that a second one is told of the first.
  static constexpr std::size_t kAnsweredMax = 1'000;

  std::map<ApprovalId, Open> open_;
  std::map<ApprovalId, Answered> answered_;
  Lsn durable_{0};
};

}  // namespace tinkerbell
