#pragma once

#include "drivers/llm/provider.hpp"

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/io/sse_parser.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

/// Puts one reply together from the chunks of a Chat Completions stream, whichever of the
/// compatible servers sends them. Bounded: 32 tool calls, 8 MiB of text and arguments.
/// Source: PROTOCOLS §1.1; OpenAI API reference, "The chat completion chunk object".
class OpenAiChatStream {
 public:
  /// `calls_before`: of the conversation, for the ids that have to be minted. `text` takes the
  /// pieces of the answer.
  OpenAiChatStream(std::size_t calls_before, Provider::TextHandler text)
      : calls_before_(calls_before), text_handler_(std::move(text)) {}

  /// Takes the next event. Errors: protocol, too_large, or what the server's error object says.
  [[nodiscard]] Result<void> take(const SseParser::Event& event);

  /// Takes the whole answer of a server that does not stream. Errors: as take.
  [[nodiscard]] Result<void> take_whole(std::string_view body);

  /// Whether any of the answer has arrived: from then on an attempt is never repeated.
  [[nodiscard]] bool has_content() const { return bytes_ > 0; }

  /// Whether the end mark has arrived. Events after it are ignored.
  [[nodiscard]] bool ended() const { return ended_; }

  /// The reply. Tool calls of an answer that was cut short (finish reason length or unknown) are
  /// dropped: they must not run. Errors: protocol (no end mark, or no finish reason).
  [[nodiscard]] Result<ModelReply> finish();

 private:
  [[nodiscard]] Result<void> take_object(std::string_view data, const char* content_key);
  [[nodiscard]] Result<void> take_choice(const Json& choice, const char* content_key);
  [[nodiscard]] Result<void> take_text(const Json& content);
  [[nodiscard]] Result<void> take_refusal(const Json& refusal);
  [[nodiscard]] Result<void> take_calls(const Json& pieces);
  [[nodiscard]] Result<void> take_call(const Json& piece);
  [[nodiscard]] Result<ToolCall*> call_of(const Json& piece);
  [[nodiscard]] Result<ToolCall*> add_call();
  [[nodiscard]] Result<void> count(std::size_t bytes);

  std::size_t calls_before_;
  Provider::TextHandler text_handler_;
  std::size_t bytes_ = 0;  ///< Of text, refusal, names and arguments.
  bool ended_ = false;
  std::string text_;
  std::string refusal_;
  std::vector<ToolCall> calls_;                  ///< By first appearance.
  std::map<std::uint64_t, std::size_t> places_;  ///< The server's index → place in calls_.
  std::optional<std::string> finish_reason_;
  TokenUsage usage_;
  std::string model_;
};

}  // namespace tinkerbell
