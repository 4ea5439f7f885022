#pragma once

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/names.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// How a model service is spoken to, from the service's side. The names are those of the config.
enum class Wire : std::uint8_t { openai_chat, openai_responses, anthropic, ollama };

template <>
inline constexpr std::array<std::string_view, 4> kNames<Wire> = {"openai-chat", "openai-responses",
                                                                 "anthropic", "ollama"};

/// The one whose questions come to this target; nothing: none's.
[[nodiscard]] std::optional<Wire> wire_of(std::string_view target);

/// What an answer of it is, in HTTP's words.
[[nodiscard]] std::string_view content_type_of(Wire wire);

/// A call of a tool.
struct LlmCall {
  std::string tool;
  std::string arguments;  ///< As they are, JSON or not; Ollama's must be.
};

/// What a model answers, in the words of no service.
struct LlmWords {
  std::string text;
  std::vector<LlmCall> calls{};
  std::string model = "scripted-1";
  std::string reason{};   ///< Why it ends; empty: as the service has it for such an answer.
  bool has_usage = true;  ///< Says the figures that follow.
  std::uint64_t tokens_in = 10;
  std::uint64_t tokens_out = 5;
};

/// The answer as the service sends it: the text, each call, the end.
[[nodiscard]] std::vector<std::string> in_words_of(Wire wire, const LlmWords& words);

/// A message of a question, in the words of no service.
struct LlmMessage {
  std::string role;
  std::string text;
};

/// The messages of a question but for the system's. Of several messages of one answer it makes one.
[[nodiscard]] std::vector<LlmMessage> messages_in(Wire wire, const Json& question);

}  // namespace tinkerbell
