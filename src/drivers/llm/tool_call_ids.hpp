#pragma once

#include "tinkerbell/command/conversation.hpp"

#include <cstddef>
#include <vector>

namespace tinkerbell {

/// How many tool calls a conversation holds.
[[nodiscard]] std::size_t calls_in(const Conversation& conversation);

/// Gives the calls of one answer an id each of their own: those without one, and those that repeat
/// one, become "call_<n>", where n counts on from the `calls_before` of the conversation. The
/// results of calls are told apart by nothing else.
void ensure_unique_ids(std::vector<ToolCall>& calls, std::size_t calls_before);

}  // namespace tinkerbell
