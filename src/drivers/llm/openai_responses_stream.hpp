#pragma once

#include "drivers/llm/reply_parts.hpp"
#include "drivers/llm/wire_format.hpp"

#include "tinkerbell/base/json.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace tinkerbell {

/// The events of an OpenAI Responses stream. Pieces of text are shown as they come; what counts are
/// the items, each of which comes whole when it is done. Its end mark is the event with the whole
/// response: completed, incomplete or failed. Encrypted reasoning is kept.
/// Source: OpenAI API reference, "Streaming events" of Responses.
class OpenAiResponsesStream final : public ReplyStream {
 public:
  OpenAiResponsesStream(const ModelQuestion& question, Provider::TextHandler text)
      : parts_(ProviderType::openai_responses, question, std::move(text)) {}

  [[nodiscard]] Result<void> take(const StreamEvent& event) override;
  [[nodiscard]] Result<void> take_whole(std::string_view body) override;

  [[nodiscard]] bool ended() const override { return finish_.has_value(); }

  [[nodiscard]] std::uint32_t passed_over() const override { return parts_.passed_over(); }

  [[nodiscard]] Result<ModelReply> finish() override;

 private:
  [[nodiscard]] Result<void> take_piece(std::string_view type, const Json& event);
  [[nodiscard]] Result<void> take_begun(const Json& event);
  [[nodiscard]] Result<void> take_done(const Json& event);
  [[nodiscard]] Result<void> take_response(const Json& response, std::string_view status);
  [[nodiscard]] Result<void> take_item(const Json& item);
  [[nodiscard]] Result<void> take_content(const Json& content);
  [[nodiscard]] Result<void> take_call(const Json& item);

  ReplyParts parts_;
  std::map<std::uint64_t, Json> items_;  ///< By the server's index; null until it is done.
  bool has_cut_call_ = false;
  std::optional<FinishReason> finish_;
  TokenUsage usage_;
};

}  // namespace tinkerbell
