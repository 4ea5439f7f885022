#pragma once

#include "tinkerbell/base/json.hpp"

#include <string>

namespace tinkerbell::mcp {

/// A member that is a string, as it is; empty if there is none.
[[nodiscard]] inline std::string text_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace tinkerbell::mcp
