#pragma once

#include "tinkerbell/base/json.hpp"

#include <string>

/// What a model got wrong in earlier turns, in a form that every server takes back: one that does
/// not would end the conversation for good, with a 400 on every later turn.

namespace tinkerbell {

/// A function's name, with "_" for what is not allowed. Never empty.
/// Source: OpenAI and Anthropic API references: ^[a-zA-Z0-9_-]{1,64}$.
[[nodiscard]] std::string sendable_name(const std::string& name);

/// Arguments as an object: llama.cpp and others parse those of earlier calls and fail on what is
/// none.
[[nodiscard]] Json sendable_object(const std::string& arguments);

/// The same as a text; what is an object already stays as it is, byte for byte.
[[nodiscard]] std::string sendable_arguments(const std::string& arguments);

}  // namespace tinkerbell
