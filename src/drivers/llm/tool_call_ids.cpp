#include "drivers/llm/tool_call_ids.hpp"

#include <cstddef>

namespace tinkerbell {

std::set<std::string> call_ids_in(const Conversation& conversation) {
  std::set<std::string> ids;
  for (std::size_t i = 0; i < conversation.size(); ++i) {
    for (const ToolCall& call : conversation.at(i).tool_calls)
      ids.insert(call.id);
  }
  return ids;
}

void ensure_unique_ids(std::vector<ToolCall>& calls, const std::set<std::string>& earlier) {
  std::set<std::string> taken = earlier;
  for (const ToolCall& call : calls)
    taken.insert(call.id);
  std::set<std::string> used = earlier;
  std::size_t calls_before = earlier.size();
  for (ToolCall& call : calls) {
    ++calls_before;
    if (!call.id.empty() && used.insert(call.id).second) continue;
    std::size_t number = calls_before;
    do {
      call.id = "call_" + std::to_string(number++);
    } while (!taken.insert(call.id).second);
    used.insert(call.id);
  }
}

}  // namespace tinkerbell
