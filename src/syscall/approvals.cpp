#include "tinkerbell/syscall/approvals.hpp"

#include "tinkerbell/base/text.hpp"

namespace tinkerbell {

namespace {

/// How much of what was found stands in a list; a question's card has all of it.
constexpr std::size_t kEvidenceShownMax = 400;

std::string displayed(ApprovalId id) {
  return "a" + std::to_string(number(id));
}

Error too_late(const Answered& answered) {
  const ApprovalPayload& decision = answered.decision;
  return {Errc::conflict, displayed(answered.question.id) +
                              " was already answered: " + std::string(name_of(decision.answer)) +
                              " by " + in_words(decision.by) + " at " + rfc3339(answered.when)};
}

}  // namespace

void put_in_words(Question& question, const TaskCommand& command, const Facts& facts,
                  const Doubt& doubt) {
  const bool in_doubt = question.kind == QuestionKind::outcome;
  question.line = in_doubt ? doubt_line(command) : command_line(command, facts);
  question.card = in_doubt ? doubt_card(command, facts, doubt) : approval_card(command, facts);
  if (const auto* answer = std::get_if<AwaitUserAnswer>(&command)) {
    question.choices = answer->choices;
  }
}

std::string asks_for(ApprovalId question, QuestionKind kind, const TaskCommand& command,
                     const Doubt& doubt) {
  if (kind == QuestionKind::outcome) {
    return "resolve " + displayed(question) + ": " + doubt_line(command) + " (" +
           shortened(visible_line(doubt.evidence), kEvidenceShownMax) + ")";
  }
  return "approval " + displayed(question) + ": " + command_line(command);
}

void ApprovalBook::open(Question question, Lsn lsn) {
  const ApprovalId id = question.id;
  open_.insert_or_assign(id, Open{std::move(question), lsn, std::nullopt});
}

void ApprovalBook::durable(Lsn lsn) {
  durable_ = lsn;
  while (!undurable_.empty() && undurable_.front().first <= durable_) {
    auto closed = open_.extract(undurable_.front().second);
    undurable_.pop_front();
    remember(*std::move(closed.mapped().answer));
  }
}

void ApprovalBook::remember(Answered answered) {
  const ApprovalId id = answered.question.id;
  card_bytes_ += answered.question.card.size();
  oldest_first_.push_back(id);
  answered_.emplace(id, std::move(answered));
  while (answered_.size() > kAnsweredMax || card_bytes_ > kCardBytesMax) {
    const auto oldest = answered_.extract(oldest_first_.front());
    oldest_first_.pop_front();
    card_bytes_ -= oldest.mapped().question.card.size();
  }
}

std::vector<const Question*> ApprovalBook::shown() const {
  std::vector<const Question*> questions;
  for (const auto& [id, each] : open_) {
    if (each.lsn <= durable_) questions.push_back(&each.question);
  }
  return questions;
}

const Question* ApprovalBook::find_open(ApprovalId id) const {
  const auto found = open_.find(id);
  const bool shown = found != open_.end() && found->second.lsn <= durable_;
  return shown ? &found->second.question : nullptr;
}

const Answered* ApprovalBook::find_answered(ApprovalId id) const {
  const auto found = answered_.find(id);
  return found == answered_.end() ? nullptr : &found->second;
}

Result<const Question*> ApprovalBook::find_unanswered(ApprovalId id) const {
  if (const Answered* const answered = find_answered(id)) return too_late(*answered);
  const auto found = open_.find(id);
  if (found == open_.end() || found->second.lsn > durable_) {
    return Error{Errc::not_found, "no open question " + displayed(id)};
  }
  if (found->second.answer) return too_late(*found->second.answer);
  return &found->second.question;
}

void ApprovalBook::answered(ApprovalId id, ApprovalPayload decision, WallTime when, Lsn lsn) {
  Open& open = open_.at(id);
  open.answer = Answered{open.question, std::move(decision), when};
  undurable_.emplace_back(lsn, id);
}

void ApprovalBook::withdraw(ApprovalId id) {
  open_.erase(id);
}

}  // namespace tinkerbell
