#include "tinkerbell/tools/catalogue.hpp"

#include "tools/tool_table.hpp"

#include "tinkerbell/base/json.hpp"

#include <algorithm>

namespace tinkerbell {

ToolList agent_tools(const std::optional<Json>& output_schema) {
  std::vector<ToolSchema> schemas;
  for (const Tool& tool : tool_table()) {
    schemas.push_back({.name = std::string(tool.name),
                       .description = std::string(tool.description),
                       .parameters = *parse_json(tool.parameters)});
  }
  if (output_schema) {
    ToolSchema& finish = *std::ranges::find(schemas, "finish", &ToolSchema::name);
    finish.description = "End the work. The arguments are its result.";
    finish.parameters = *output_schema;
  }
  return schemas;
}

}  // namespace tinkerbell
