#pragma once

#include "tinkerbell/command/conversation.hpp"

#include <set>
#include <string>
#include <vector>

namespace tinkerbell {

/// The ids of all tool calls that a conversation holds.
[[nodiscard]] std::set<std::string> call_ids_in(const Conversation& conversation);

/// Gives the calls of one answer an id each of their own: those without one, and those that repeat
/// one, of this answer or of the `earlier` ones of the conversation, become "call_<n>", where n
/// counts on from those. The results of calls are told apart by nothing else.
void ensure_unique_ids(std::vector<ToolCall>& calls, const std::set<std::string>& earlier);

}  // namespace tinkerbell
