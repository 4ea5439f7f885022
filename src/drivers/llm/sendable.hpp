#pragma once

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/command/conversation.hpp"
#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include <string>
#include <string_view>

/// Parts of requests that several services share. What a model got wrong in earlier turns is put
/// into a form that every server takes back: otherwise the conversation would be at its end, with
/// a 400 on every later turn.

namespace tinkerbell {

/// A function's name, with "_" for what is not allowed. Never empty.
/// Source: OpenAI and Anthropic API references: ^[a-zA-Z0-9_-]{1,64}$.
[[nodiscard]] std::string sendable_name(const std::string& name);

/// Arguments as an object: llama.cpp and others parse those of earlier calls and fail on what is
/// none.
[[nodiscard]] Json sendable_object(const std::string& arguments);

/// The same as a text; what is an object already stays as it is, byte for byte.
[[nodiscard]] std::string sendable_arguments(const std::string& arguments);

/// How much to think, as OpenAI's protocols have it: an effort. They have none for Thinking::on.
[[nodiscard]] std::string_view effort_of(Thinking thinking);

/// The schema of an answer as OpenAI's protocols have it: with a name, and to be held to.
[[nodiscard]] Json named_schema(const Json& schema);

/// A tool as OpenAI's Chat Completions and Ollama have it.
[[nodiscard]] Json function_tool(const ToolSchema& tool);

}  // namespace tinkerbell
