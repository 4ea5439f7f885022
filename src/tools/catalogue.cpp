#include "tinkerbell/tools/catalogue.hpp"

#include "tools/tool_table.hpp"

#include "tinkerbell/base/json.hpp"

namespace tinkerbell {

std::vector<ToolSchema> agent_tools() {
  std::vector<ToolSchema> schemas;
  for (const Tool& tool : tool_table()) {
    schemas.push_back({.name = std::string(tool.name),
                       .description = std::string(tool.description),
                       .parameters = *parse_json(tool.parameters)});
  }
  return schemas;
}

}  // namespace tinkerbell
