#include "tinkerbell/syscall/approvals.hpp"

namespace tinkerbell {

namespace {

std::string displayed(ApprovalId id) {
  return "a" + std::to_string(number(id));
}

}  // namespace

void put_in_words(Question& question, const TaskCommand& command, const Facts& facts,
                  const Doubt& doubt) {
  const bool in_doubt = question.kind == QuestionKind::outcome;
  question.line = in_doubt ? doubt_line(command) : command_line(command);
  question.card = in_doubt ? doubt_card(command, facts, doubt) : approval_card(command, facts);
  if (const auto* answer = std::get_if<AwaitUserAnswer>(&command)) {
    question.choices = answer->choices;
  }
}

void ApprovalBook::open(Question question, Lsn lsn) {
  const ApprovalId id = question.id;
  open_.insert_or_assign(id, Open{std::move(question), lsn});
}

std::vector<const Question*> ApprovalBook::shown() const {
  std::vector<const Question*> questions;
  for (const auto& [id, each] : open_) {
    if (each.lsn <= durable_) questions.push_back(&each.question);
  }
  return questions;
}

Result<const Question*> ApprovalBook::find(ApprovalId id) const {
  if (const auto found = open_.find(id); found != open_.end() && found->second.lsn <= durable_) {
    return &found->second.question;
  }
  if (const Answered* const answered = find_answered(id)) {
    const ApprovalPayload& decision = answered->decision;
    return Error{Errc::conflict,
                 displayed(id) + " was already answered: " + std::string(name_of(decision.answer)) +
                     " by uid " + std::to_string(decision.by.uid) + " at " +
                     rfc3339(answered->when)};
  }
  return Error{Errc::not_found, "no open question " + displayed(id)};
}

const Answered* ApprovalBook::find_answered(ApprovalId id) const {
  const auto found = answered_.find(id);
  return found == answered_.end() ? nullptr : &found->second;
}

Result<Question> ApprovalBook::decide(ApprovalId id, const ApprovalPayload& decision,
                                      WallTime when) {
  const Result<const Question*> found = find(id);
  if (!found) return found.error();
  Question question = **found;
  open_.erase(id);
  answered_.emplace(id, Answered{question, decision, when});
  if (answered_.size() > kAnsweredMax) answered_.erase(answered_.begin());
  return question;
}

void ApprovalBook::withdraw(ApprovalId id) {
  open_.erase(id);
}

}  // namespace tinkerbell
