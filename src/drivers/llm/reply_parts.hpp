#pragma once

#include "drivers/llm/provider.hpp"

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// The parts of a reply while its stream is read, with the bounds that hold for all of them: 256
/// tool calls, 8 MiB of all that is said and kept.
class ReplyParts {
 public:
  /// `text` takes the pieces of the answer.
  ReplyParts(ProviderType type, const ModelQuestion& question, Provider::TextHandler text);

  /// Adds a piece of the text, made valid UTF-8, and shows it. Errors: too_large.
  [[nodiscard]] Result<void> add_text(std::string_view piece);

  /// Shows a piece of a text that comes whole later. Errors: too_large.
  [[nodiscard]] Result<void> show(std::string_view piece);

  /// Adds a text of which the pieces were shown, if any was; else it is shown now. Errors:
  /// too_large.
  [[nodiscard]] Result<void> add_whole_text(std::string_view text);

  /// Adds a piece of what the model says instead of an answer. Errors: too_large.
  [[nodiscard]] Result<void> add_refusal(std::string_view piece);

  /// Begins a call; what is put into it is to be counted. The pointer holds until the next one.
  /// Errors: protocol (too many).
  [[nodiscard]] Result<ToolCall*> add_call();

  /// By first appearance.
  [[nodiscard]] std::vector<ToolCall>& calls() { return calls_; }

  /// Keeps a part of the answer that must go back as it is; it stands behind all that was added
  /// before it. Errors: too_large.
  [[nodiscard]] Result<void> keep(const Json& part);

  /// Counts what arrived. Errors: too_large.
  [[nodiscard]] Result<void> count(std::size_t bytes);

  /// Something that we do not know is in the answer.
  void pass_over() { ++passed_over_; }

  /// How often.
  [[nodiscard]] std::uint32_t passed_over() const { return passed_over_; }

  /// The first that is no empty one is kept.
  void set_model(std::string_view name);

  /// The reply with `finish` as the server says. What was not said to its end has no calls and
  /// keeps nothing; what has calls ends with `tool_calls`; a refusal is one however it ends. Usage
  /// without any input is unknown: there was a question, and a server that counts nothing, or that
  /// had it in its cache and does not count that, says 0.
  [[nodiscard]] ModelReply take(FinishReason finish, const TokenUsage& usage);

 private:
  [[nodiscard]] Result<void> show_valid(const std::string& valid);

  ProviderType type_;
  std::set<std::string> earlier_ids_;  ///< Of the calls in the conversation.
  Provider::TextHandler text_handler_;
  std::size_t bytes_ = 0;
  std::uint32_t passed_over_ = 0;
  bool shown_ = false;
  std::string text_;
  std::string refusal_;
  std::vector<ToolCall> calls_;
  std::vector<KeptPiece> kept_;
  std::string model_;
};

/// Passes over the members of what carries an answer that are none of the known ones; null says
/// nothing.
void pass_over_others(const Json& object, std::initializer_list<std::string_view> known,
                      ReplyParts& parts);

}  // namespace tinkerbell
