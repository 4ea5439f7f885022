#pragma once

#include "tinkerbell/base/fields.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell::protocol {

/// An MCP server that the config names, or of which people have approved tools.
struct McpServerView {
  std::string name;
  std::string command;                ///< How it is started; empty: the config does not name it.
  std::uint64_t running = 0;          ///< Of it, for different workspaces and drafts.
  std::uint64_t crashes = 0;          ///< In a row; the next start waits.
  std::vector<std::string> approved;  ///< Names of its tools whose definition people approved.

  static constexpr auto fields() {
    return described(field("name", &McpServerView::name), field("command", &McpServerView::command),
                     field("running", &McpServerView::running),
                     field("crashes", &McpServerView::crashes),
                     field("approved", &McpServerView::approved));
  }

  bool operator==(const McpServerView&) const = default;
};

/// GET /v1/mcp: all, by name.
struct McpServerList {
  static constexpr std::string_view kSchema = "tinkerbell.mcp/1";

  std::string schema{kSchema};
  std::vector<McpServerView> servers;

  static constexpr auto fields() {
    return described(field("schema", &McpServerList::schema),
                     field("servers", &McpServerList::servers));
  }

  bool operator==(const McpServerList&) const = default;
};

/// POST /v1/mcp/forget → ForgottenTools: people are asked again before a model sees these tools,
/// and until then no call of them is made. 404: nothing of that is approved.
struct ForgetTools {
  std::string server;
  std::string tool;  ///< Empty: all of the server.

  static constexpr auto fields() {
    return described(field("server", &ForgetTools::server), field("tool", &ForgetTools::tool));
  }

  bool operator==(const ForgetTools&) const = default;
};

struct ForgottenTools {
  static constexpr std::string_view kSchema = "tinkerbell.mcp.forgotten/1";

  std::string schema{kSchema};
  std::string server;
  std::vector<std::string> tools;

  static constexpr auto fields() {
    return described(field("schema", &ForgottenTools::schema),
                     field("server", &ForgottenTools::server),
                     field("tools", &ForgottenTools::tools));
  }

  bool operator==(const ForgottenTools&) const = default;
};

}  // namespace tinkerbell::protocol
