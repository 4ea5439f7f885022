#pragma once

#include "drivers/llm/provider.hpp"

#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include <string>

namespace tinkerbell {

/// The body of POST {base}/chat/completions, with streaming and usage asked for.
/// Source: OpenAI API reference, "Create chat completion".
[[nodiscard]] std::string openai_chat_body(const ModelQuestion& question,
                                           const ProviderSettings& settings);

}  // namespace tinkerbell
