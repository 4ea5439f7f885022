#include "drivers/llm/tool_call_ids.hpp"

#include <set>
#include <string>

namespace tinkerbell {

std::size_t calls_in(const Conversation& conversation) {
  std::size_t calls = 0;
  for (std::size_t i = 0; i < conversation.size(); ++i)
    calls += conversation.at(i).tool_calls.size();
  return calls;
}

void ensure_unique_ids(std::vector<ToolCall>& calls, std::size_t calls_before) {
  std::set<std::string> taken;
  for (const ToolCall& call : calls)
    taken.insert(call.id);
  std::set<std::string> used;
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
