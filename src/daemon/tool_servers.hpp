#pragma once

#include "tinkerbell/control/control.hpp"

namespace tinkerbell {

class McpDriver;

/// The driver's servers as the control plane shows them. `driver` outlives it.
[[nodiscard]] ToolServers tool_servers_of(McpDriver& driver);

}  // namespace tinkerbell
