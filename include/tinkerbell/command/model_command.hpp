#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/money.hpp"
#include "tinkerbell/command/conversation.hpp"
#include "tinkerbell/command/effect.hpp"
#include "tinkerbell/command/tool_schema.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Calls of a model.

namespace tinkerbell {

/// What a model call used, by the provider's own figures, whatever its way of counting: `input` is
/// all that it read, `output` all that it wrote. Zero and `known == false` where it gave none.
struct TokenUsage {
  std::uint64_t input = 0;
  std::uint64_t input_cached = 0;  ///< Part of `input`.
  std::uint64_t output = 0;
  bool known = false;
  std::uint64_t input_cache_write = 0;  ///< Part of `input`: what was put into the cache.
  std::uint64_t output_reasoning = 0;   ///< Part of `output`.

  static constexpr auto fields() {
    return described(field("input", &TokenUsage::input),
                     field("input_cached", &TokenUsage::input_cached),
                     field("output", &TokenUsage::output), field("known", &TokenUsage::known),
                     field("input_cache_write", &TokenUsage::input_cache_write),
                     field("output_reasoning", &TokenUsage::output_reasoning));
  }
};

enum class FinishReason : std::uint8_t {
  stop,
  tool_calls,
  length,
  refusal,
  other,
  pause,  ///< The service wants to be asked again, with what it said so far, to go on.
};

template <>
inline constexpr std::array<std::string_view, 6> kNames<FinishReason> = {
    "stop", "tool_calls", "length", "refusal", "other", "pause"};

/// Ask a model for its next message. An answer that ends without the provider's end mark is an
/// error, never a reply. Errors: not_found (no such alias), unavailable, unauthorized,
/// rate_limited, protocol, timed_out, too_large, cancelled. Source: `docs/models.md`.
struct AwaitLLMResponse {
  static constexpr std::string_view kName = "llm.response";
  static constexpr EffectClass kEffect = EffectClass::idempotent;

  struct Reply {
    std::string text;
    std::vector<ToolCall> tool_calls;
    FinishReason finish = FinishReason::stop;
    TokenUsage usage;
    std::string model;                  ///< As the server named it.
    std::int64_t received_unix_ns = 0;  ///< When its last byte came.
    std::vector<KeptPiece> kept;        ///< Belongs into the conversation with the answer.
    std::optional<Money> cost;  ///< Nothing: the model has no price, or the service gave no usage.
    std::string fallback;  ///< The alias that answered in place of the one that was asked. Empty:
                           ///< that one did.
    std::optional<Milliseconds> took;  ///< All its attempts at which the service was at work, and
                                       ///< no wait: an agent's clock. Nothing: of a time before it
                                       ///< was told.

    static constexpr auto fields() {
      return described(field("text", &Reply::text), field("tool_calls", &Reply::tool_calls),
                       field("finish", &Reply::finish), field("usage", &Reply::usage),
                       field("model", &Reply::model),
                       field("received_unix_ns", &Reply::received_unix_ns),
                       field("kept", &Reply::kept), field("cost", &Reply::cost),
                       field("fallback", &Reply::fallback), field("took_ms", &Reply::took));
    }
  };

  std::string model;  ///< An alias from the config.
  Conversation messages;
  ToolList tools;
  std::uint32_t tokens_max = 8'192;
  Json output_schema;  ///< JSON Schema: the text of a whole answer (finish: stop) is to be JSON of
                       ///< this form. That it is JSON is made sure of. Null: a text like any other.

  static constexpr auto fields() {
    return described(field("model", &AwaitLLMResponse::model),
                     field("messages", &AwaitLLMResponse::messages),
                     field("tools", &AwaitLLMResponse::tools),
                     field("tokens_max", &AwaitLLMResponse::tokens_max),
                     field("output_schema", &AwaitLLMResponse::output_schema));
  }
};

}  // namespace tinkerbell
