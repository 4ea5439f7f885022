#pragma once

#include "tasks/essentials.hpp"

#include "tinkerbell/command/conversation.hpp"

#include <cstddef>
#include <string>

/// How a conversation that is too long for its model becomes shorter. Pure functions.
///
///     system prompt | goal | recap | newest turns
///
/// A turn is an answer of the model with all that follows it up to the next one: so a call and its
/// result stay together or go together. The recap stands in place of the turns that were left out;
/// the next one takes its place.

namespace tinkerbell {

/// What an estimate takes a token for. Prose in English has four; code and other languages less.
inline constexpr std::size_t kBytesPerToken = 3;

[[nodiscard]] std::size_t bytes_of(const Message& message);
[[nodiscard]] std::size_t bytes_of(const Conversation& conversation);

/// Messages of a conversation, `end` not among them.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;

  [[nodiscard]] bool empty() const { return begin >= end; }
};

/// The oldest turns, which may be left out so that the turns that stay have no more than
/// `bytes_kept`; the newest one always stays. Empty: there is none but that.
[[nodiscard]] Span turns_to_leave_out(const Conversation& conversation, bool has_recap,
                                      std::size_t bytes_kept);

/// Asks a model to sum them up, with no more than about `bytes_max`. `earlier`: the summary of what
/// was left out before.
[[nodiscard]] Conversation summary_question(const Conversation& conversation, Span turns,
                                            const std::string& goal, const std::string& earlier,
                                            std::size_t bytes_max);

/// What was called in them and what came of it, line by line, where no model can be asked.
[[nodiscard]] std::string summary_without_model(const Conversation& conversation, Span turns,
                                                const std::string& earlier);

/// The conversation without these turns, and with a recap of the essentials. Where the turns that
/// stay have more than `bytes_kept`, their results are cut.
[[nodiscard]] Conversation compacted(const Conversation& conversation, Span turns,
                                     const Essentials& essentials, std::size_t bytes_kept);

}  // namespace tinkerbell
