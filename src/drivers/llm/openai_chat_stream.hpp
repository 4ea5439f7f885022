#pragma once

#include "drivers/llm/reply_parts.hpp"
#include "drivers/llm/wire_format.hpp"

#include "tinkerbell/base/json.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>

namespace tinkerbell {

/// The chunks of a Chat Completions stream, whichever of the compatible servers sends them. Calls
/// are trusted where the finish reason is "stop"; its end mark is "[DONE]".
/// Source: OpenAI API reference, "The chat completion chunk object".
class OpenAiChatStream final : public ReplyStream {
 public:
  OpenAiChatStream(const ModelQuestion& question, Provider::TextHandler text)
      : parts_(ProviderType::openai_chat, question, std::move(text)) {}

  [[nodiscard]] Result<void> take(const StreamEvent& event) override;
  [[nodiscard]] Result<void> take_whole(std::string_view body) override;

  [[nodiscard]] bool ended() const override { return ended_; }

  [[nodiscard]] std::uint32_t passed_over() const override { return parts_.passed_over(); }

  [[nodiscard]] Result<ModelReply> finish() override;

 private:
  [[nodiscard]] Result<void> take_object(std::string_view data, const char* content_key);
  [[nodiscard]] Result<void> take_choice(const Json& choice, const char* content_key);
  [[nodiscard]] Result<void> take_calls(const Json& pieces);
  [[nodiscard]] Result<void> take_call(const Json& piece);
  [[nodiscard]] Result<ToolCall*> call_of(const Json& piece);

  ReplyParts parts_;
  std::map<std::uint64_t, std::size_t> places_;  ///< The server's index → place of the call.
  bool ended_ = false;
  std::optional<std::string> finish_reason_;
  TokenUsage usage_;
};

}  // namespace tinkerbell
