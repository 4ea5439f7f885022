#pragma once

#include "drivers/llm/reply_parts.hpp"
#include "drivers/llm/wire_format.hpp"

#include "tinkerbell/base/json.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tinkerbell {

/// The lines of Ollama's chat stream. Its end mark is the line with "done". Calls come whole,
/// mostly without ids. Thinking is kept. Errors: also too_large, where the server has read so
/// little of the conversation that it must have dropped its beginning. Source: Ollama API
/// documentation, "Generate a chat completion".
class OllamaStream final : public ReplyStream {
 public:
  OllamaStream(const ModelQuestion& question, Provider::TextHandler text);

  [[nodiscard]] Result<void> take(const StreamEvent& event) override;
  [[nodiscard]] Result<void> take_whole(std::string_view body) override;

  [[nodiscard]] bool ended() const override { return end_.has_value(); }

  [[nodiscard]] std::uint32_t passed_over() const override { return parts_.passed_over(); }

  [[nodiscard]] Result<ModelReply> finish() override;

 private:
  [[nodiscard]] Result<void> take_object(std::string_view data);
  [[nodiscard]] Result<void> take_message(const Json& message);
  [[nodiscard]] Result<void> take_call(const Json& call);
  [[nodiscard]] Result<void> take_end(Json object);
  [[nodiscard]] bool was_truncated(std::uint64_t tokens_read) const;

  ReplyParts parts_;
  std::uint64_t prompt_bytes_;
  std::uint64_t context_tokens_;
  std::string thinking_;
  std::optional<Json> end_;  ///< The line with "done".
};

}  // namespace tinkerbell
