#pragma once

#include "drivers/llm/provider.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// The parts of a reply while its stream is read, with the bounds that hold for all of them: 32
/// tool calls, 8 MiB of text, refusal, names and arguments.
class ReplyParts {
 public:
  /// `text` takes the pieces of the answer.
  ReplyParts(const ModelQuestion& question, Provider::TextHandler text);

  /// Adds a piece of the text, made valid UTF-8, and shows it. Errors: too_large.
  [[nodiscard]] Result<void> add_text(std::string_view piece);

  /// Adds a piece of what the model says instead of an answer. Errors: too_large.
  [[nodiscard]] Result<void> add_refusal(std::string_view piece);

  /// Begins a call; what is put into it is to be counted. The pointer holds until the next one.
  /// Errors: protocol (too many).
  [[nodiscard]] Result<ToolCall*> add_call();

  /// By first appearance.
  [[nodiscard]] std::vector<ToolCall>& calls() { return calls_; }

  /// Counts what arrived. Errors: too_large.
  [[nodiscard]] Result<void> count(std::size_t bytes);

  /// Whether any has arrived.
  [[nodiscard]] bool any() const { return bytes_ > 0; }

  /// The first that is no empty one is kept.
  void set_model(std::string_view name);

  /// The reply with `finish` as the server says. What was not said to its end has no calls; what
  /// has calls ends with `tool_calls`; a refusal is one however it ends.
  [[nodiscard]] ModelReply take(FinishReason finish, const TokenUsage& usage);

 private:
  std::size_t calls_before_;  ///< Of the conversation, for the ids that have to be minted.
  Provider::TextHandler text_handler_;
  std::size_t bytes_ = 0;
  std::string text_;
  std::string refusal_;
  std::vector<ToolCall> calls_;
  std::string model_;
};

}  // namespace tinkerbell
