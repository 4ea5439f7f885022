#pragma once

#include "drivers/llm/provider.hpp"

#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include <cstdint>
#include <string>

namespace tinkerbell {

/// The body of POST {base}/api/chat, streamed. Says how much room to make (`num_ctx`): without it a
/// server takes a few thousand tokens and drops the oldest messages in silence. Newer servers are
/// told to refuse what does not fit (`truncate`, `shift`); older ones do not know that.
/// Source: Ollama API documentation, "Generate a chat completion".
[[nodiscard]] std::string ollama_body(const ModelQuestion& question,
                                      const ProviderSettings& settings);

/// How many bytes of text the model is to read.
[[nodiscard]] std::uint64_t ollama_prompt_bytes(const ModelQuestion& question);

}  // namespace tinkerbell
