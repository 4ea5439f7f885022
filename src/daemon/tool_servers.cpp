#include "daemon/tool_servers.hpp"

#include "tinkerbell/drivers/mcp/mcp_driver.hpp"

#include <utility>

namespace tinkerbell {

namespace {

protocol::McpServerView view_of(McpServerState state) {
  return {.name = std::move(state.name),
          .command = std::move(state.command),
          .running = state.running,
          .crashes = state.crashes,
          .approved = std::move(state.approved)};
}

}  // namespace

ToolServers tool_servers_of(McpDriver& driver) {
  return {.list =
              [&driver] {
                protocol::McpServerList list;
                for (McpServerState& server : driver.servers())
                  list.servers.push_back(view_of(std::move(server)));
                return list;
              },
          .forget =
              [&driver](const protocol::ForgetTools& wanted,
                        Completion<protocol::ForgottenTools> done) {
                driver.forget(wanted.server, wanted.tool,
                              Completion<std::vector<std::string>>(
                                  [server = wanted.server, done = std::move(done)](
                                      Result<std::vector<std::string>> tools) mutable {
                                    if (!tools) return done(tools.error());
                                    done(protocol::ForgottenTools{.server = std::move(server),
                                                                  .tools = *std::move(tools)});
                                  }));
              }};
}

}  // namespace tinkerbell
