#pragma once

#include "drivers/llm/provider.hpp"

#include <string>
#include <string_view>

namespace tinkerbell {

/// How a server calls the bound of an answer.
enum class TokensField : std::uint8_t {
  max_tokens,             ///< What compatible servers know.
  max_completion_tokens,  ///< OpenAI's own: its reasoning models refuse the other.
};

/// The body of POST {base}/chat/completions, with streaming and usage asked for.
///
/// What a model got wrong in earlier turns is put into a form that every server takes back: names
/// in the allowed characters, arguments as a JSON object.
/// Source: OpenAI API reference, "Create chat completion".
[[nodiscard]] std::string openai_chat_body(const ModelQuestion& question, TokensField tokens_field);

}  // namespace tinkerbell
