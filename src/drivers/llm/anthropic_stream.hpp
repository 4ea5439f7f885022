#pragma once

#include "drivers/llm/reply_parts.hpp"
#include "drivers/llm/wire_format.hpp"

#include "tinkerbell/base/json.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace tinkerbell {

/// The events of an Anthropic Messages stream. Its end mark is "message_stop". What is neither text
/// nor a call (thinking with its signature, redacted thinking, blocks of the server's own tools) is
/// kept. Usage comes at the start and, cumulative, with each "message_delta".
/// Source: Anthropic API reference, "Streaming messages"; "Extended thinking".
class AnthropicStream final : public ReplyStream {
 public:
  AnthropicStream(const ModelQuestion& question, Provider::TextHandler text)
      : parts_(ProviderType::anthropic, question, std::move(text)) {}

  [[nodiscard]] Result<void> take(const StreamEvent& event) override;
  [[nodiscard]] Result<void> take_whole(std::string_view body) override;

  [[nodiscard]] bool ended() const override { return ended_; }

  [[nodiscard]] std::uint32_t passed_over() const override { return parts_.passed_over(); }

  [[nodiscard]] Result<ModelReply> finish() override;

 private:
  /// A block between its start and its stop.
  struct Block {
    Json start;              ///< As it began.
    std::string input_json;  ///< Pieces of what is an object when they are together.
    std::string thinking;
    std::string signature;
  };

  [[nodiscard]] Result<void> start_block(const Json& event);
  [[nodiscard]] Result<void> add_to_block(const Json& event);
  [[nodiscard]] Result<void> stop_block(const Json& event);
  [[nodiscard]] Result<void> take_block(Block block);
  [[nodiscard]] Result<void> take_call(const Block& block);
  void take_message(const Json& message);
  void take_end(const Json& delta);
  void take_usage(const Json& usage);

  ReplyParts parts_;
  std::map<std::uint64_t, Block> open_;  ///< By the server's index.
  bool ended_ = false;
  std::optional<std::string> stop_reason_;
  std::string explanation_;  ///< Of a refusal.
  Json usage_ = Json::object();
};

}  // namespace tinkerbell
