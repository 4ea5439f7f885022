#pragma once

#include "tinkerbell/protocol/approval.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tinkerbell::cli {

/// One question on a terminal: pages of its card, then the decision. A decision that allows
/// something is understood only when the whole card has been shown (HAZARDS S29). Knows no terminal
/// and no daemon.
class Question {
 public:
  /// `rows` and `columns` of the terminal; 0 columns: unbounded.
  Question(protocol::ApprovalView approval, std::size_t rows, std::size_t columns);

  [[nodiscard]] const protocol::ApprovalView& approval() const { return approval_; }

  /// The next lines of the card, as many as fit; empty once everything was shown.
  [[nodiscard]] std::string next_page();

  /// Shows the card again from its beginning.
  void rewind() { shown_ = 0; }

  [[nodiscard]] bool fully_shown() const { return shown_ == lines_.size(); }

  /// What to ask at the bottom.
  [[nodiscard]] std::string prompt() const;

  struct ShowMore {};

  struct ShowAgain {};

  struct Repeat {
    std::string why;
  };

  using Meaning = std::variant<ShowMore, ShowAgain, Repeat, protocol::DecisionRequest>;

  /// What a line that the person typed means.
  [[nodiscard]] Meaning understand(std::string_view typed) const;

 private:
  [[nodiscard]] Meaning understand_words(std::string_view words) const;
  [[nodiscard]] Meaning understand_verdict(std::string_view words) const;
  [[nodiscard]] Meaning understand_outcome(std::string_view words) const;
  [[nodiscard]] protocol::DecisionRequest decision(protocol::Answer answer) const;

  protocol::ApprovalView approval_;
  std::vector<std::string> lines_;
  std::size_t page_lines_;
  std::size_t shown_ = 0;
};

}  // namespace tinkerbell::cli
