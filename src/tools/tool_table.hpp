#pragma once

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/tools/catalogue.hpp"

#include <span>
#include <string_view>

namespace tinkerbell {

/// One tool: what the model sees of it, and what its arguments become.
struct Tool {
  std::string_view name;
  std::string_view description;
  std::string_view parameters;  ///< JSON Schema, as text.
  /// Of arguments that passed the schema. Errors: invalid, too_large (what no schema can say).
  Result<ToolRequest> (*request)(const Json& arguments);
};

inline constexpr std::string_view kReadOutputTool = "read_output";
inline constexpr std::string_view kSaveOutputTool = "save_output";

/// All tools, in the order in which a model sees them.
[[nodiscard]] std::span<const Tool> tool_table();

}  // namespace tinkerbell
