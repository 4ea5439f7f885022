#pragma once

#include "drivers/llm/provider.hpp"

#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include <string>

namespace tinkerbell {

/// The body of POST {base}/responses, streamed. The server stores nothing: the whole conversation
/// is sent, with the encrypted reasoning that it gave, in its place. Schemas of tools are not
/// `strict`: those have rules of their own.
/// Source: OpenAI API reference, "Create a model response"; guide "Reasoning", "Encrypted
/// reasoning items".
[[nodiscard]] std::string openai_responses_body(const ModelQuestion& question,
                                                const ProviderSettings& settings);

}  // namespace tinkerbell
