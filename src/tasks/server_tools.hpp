#pragma once

#include "tinkerbell/kernel/task.hpp"
#include "tinkerbell/syscall/await.hpp"
#include "tinkerbell/tools/catalogue.hpp"

#include <string>
#include <vector>

namespace tinkerbell {

/// The tools of MCP servers that an agent has for its life, and what it is told of those that it
/// has not; empty: nothing.
struct ServerTools {
  std::vector<ServerTool> tools;
  std::string remarks;
};

/// Asks each server for its tools, and a person for those that nobody has approved yet. A server
/// that does not answer, and what is not approved, is left out. Errors: cancelled.
[[nodiscard]] Task<Result<ServerTools>> tools_of_servers(std::vector<std::string> servers);

/// Calls a tool; where it wants to know something first it asks a person, and goes on.
[[nodiscard]] Task<Result<Reply>> call_server_tool(AwaitTool call);

}  // namespace tinkerbell
