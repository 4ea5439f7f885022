#pragma once

#include "drivers/llm/provider.hpp"

#include "tinkerbell/drivers/llm/llm_driver.hpp"
#include "tinkerbell/io/http_message.hpp"

#include <string>

namespace tinkerbell {

/// The version of the API, and the key where there is one.
[[nodiscard]] HttpHeaders anthropic_headers(const ProviderSettings& settings);

/// The body of POST {base}/v1/messages, streamed. The system prompt stands apart; what follows one
/// another with one role is one message, results of calls first in it. Cache breakpoints are behind
/// the system prompt, where the last question ended, and where this one ends: so each question
/// reads what the one before it wrote. No sampling parameter is sent: newer versions refuse them;
/// and no budget for thinking, which newer models refuse.
/// Source: Anthropic API reference, "Create a message", "Prompt caching", "Extended thinking",
/// "Adaptive thinking", "Effort", "Structured outputs".
[[nodiscard]] std::string anthropic_body(const ModelQuestion& question,
                                         const ProviderSettings& settings);

}  // namespace tinkerbell
