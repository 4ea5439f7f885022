#include "cli/question.hpp"

#include "cli/print.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>

namespace tinkerbell::cli {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string header_of(const protocol::ApprovalView& approval) {
  std::string text =
      "? approval " + approval_name(approval.id) + "  " + visible_line(approval.line);
  if (!approval.requested_by.empty()) text += "\n  for " + visible_line(approval.requested_by);
  if (!approval.rule.empty()) text += "\n  by rule: " + visible_line(approval.rule);
  for (const std::string& line : always_lines(approval))
    text += "\n  " + line;
  return text;
}

/// What can be answered before all of the card was shown: whatever allows nothing.
std::string_view way_out(const protocol::ApprovalView& approval) {
  switch (form_of(approval)) {
    case protocol::AnswerForm::verdict:
      return ", [n]o";
    case protocol::AnswerForm::outcome:
      return ", [a]bort";
    case protocol::AnswerForm::words:
      break;
  }
  return {};
}

std::string choices_of(const protocol::ApprovalView& approval) {
  std::string text;
  for (const std::string& choice : approval.choices) {
    if (!text.empty()) text += " / ";
    text += visible_line(choice);
  }
  return text.empty() ? text : " (" + text + ")";
}

}  // namespace

Question::Question(protocol::ApprovalView approval, std::size_t rows, std::size_t columns)
    : approval_(std::move(approval)), page_lines_(std::max<std::size_t>(rows, 5) - 2) {
  lines_ = framed(header_of(approval_), columns);
  for (std::string& line : framed(approval_.card, columns))
    lines_.push_back(std::move(line));
}

std::string Question::next_page() {
  const std::size_t end = std::min(shown_ + page_lines_, lines_.size());
  std::string page;
  for (; shown_ < end; ++shown_) {
    if (!page.empty()) page += '\n';
    page += lines_[shown_];
  }
  return page;
}

std::string Question::prompt() const {
  const std::string name = approval_name(approval_.id);
  if (!fully_shown()) {
    return "-- " + name + ": " + std::to_string(shown_) + " of " + std::to_string(lines_.size()) +
           " lines, " + std::to_string(approval_.card.size()) +
           " bytes, not fully shown -- [Enter] shows more" + std::string(way_out(approval_)) + ": ";
  }
  switch (form_of(approval_)) {
    case protocol::AnswerForm::words:
      return "Answer " + name + choices_of(approval_) + ": ";
    case protocol::AnswerForm::outcome:
      return "What became of " + name + "? [h]appened, [r]un again, [a]bort, [s]how again: ";
    case protocol::AnswerForm::verdict:
      break;
  }
  const std::string_view for_task = approval_.kind == "permission" ? "for this [t]ask, " : "";
  const std::string_view for_good = approval_.always.empty() ? "" : "[a]lways, ";
  return "Approve " + name + "? [y]es, " + std::string(for_task) + std::string(for_good) +
         "[n]o or n WHY, [s]how again: ";
}

Question::Meaning Question::understand(std::string_view typed) const {
  const std::string_view words = trimmed(typed);
  if (!fully_shown() && words.empty()) return ShowMore{};
  switch (form_of(approval_)) {
    case protocol::AnswerForm::words:
      return understand_words(words);
    case protocol::AnswerForm::outcome:
      return understand_outcome(words);
    case protocol::AnswerForm::verdict:
      break;
  }
  return understand_verdict(words);
}

Question::Meaning Question::understand_words(std::string_view words) const {
  if (!fully_shown()) return Repeat{"the question is not fully shown yet"};
  if (words.empty()) return Repeat{"an answer needs words"};
  protocol::DecisionRequest request = decision(protocol::Answer::answer);
  request.text = valid_utf8(words);
  return request;
}

Question::Meaning Question::understand_verdict(std::string_view words) const {
  const std::string_view verdict = words.substr(0, words.find(' '));
  if (verdict == "n" || verdict == "no") {
    protocol::DecisionRequest request = decision(protocol::Answer::deny);
    request.text = valid_utf8(trimmed(words.substr(verdict.size())));
    return request;
  }
  if (words == "s" || words == "show") return ShowAgain{};
  const bool once = words == "y" || words == "yes";
  const bool covers_task = approval_.kind == "permission";
  const bool for_task = covers_task && (words == "t" || words == "task");
  const bool offered = !approval_.always.empty();
  const bool for_good = offered && (words == "a" || words == "always");
  if (!once && !for_task && !for_good) {
    if (offered) return Repeat{"please answer y, t, a, n or s"};
    return Repeat{covers_task ? "please answer y, t, n or s" : "please answer y, n or s"};
  }
  if (!fully_shown()) return Repeat{"the request is not fully shown yet"};
  protocol::DecisionRequest request = decision(protocol::Answer::approve);
  if (for_task) request.scope = protocol::Scope::task;
  if (for_good) request.scope = protocol::Scope::always;
  return request;
}

Question::Meaning Question::understand_outcome(std::string_view words) const {
  const auto is = [words](std::string_view letter, std::string_view word) {
    return words == letter || words == word;
  };
  if (is("s", "show")) return ShowAgain{};
  if (is("a", "abort")) return decision(protocol::Answer::abort);
  const bool happened = is("h", "happened");
  if (!happened && !is("r", "run again")) return Repeat{"please answer h, r, a or s"};
  if (!fully_shown()) return Repeat{"the question is not fully shown yet"};
  return decision(happened ? protocol::Answer::happened : protocol::Answer::run_again);
}

protocol::DecisionRequest Question::decision(protocol::Answer answer) const {
  return {.answer = answer, .hash = approval_.hash};
}

}  // namespace tinkerbell::cli
