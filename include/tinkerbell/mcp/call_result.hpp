#pragma once

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/result.hpp"

#include <cstdint>
#include <string>

namespace tinkerbell::mcp {

/// What came of a tools/call.
struct CallResult {
  std::string text;              ///< Of all content; valid UTF-8; head and tail if it was long.
  std::uint64_t text_bytes = 0;  ///< All of it.
  Json structured;               ///< Null: none, or too much of it.
  bool is_error = false;
  Json input_requests;  ///< What the server wants to know before it goes on: {key: {method,
                        ///< params}}. Null: nothing, the call is over.
  std::string request_state;
};

/// Reads the result of a tools/call. What is no text is said to be there. Errors: protocol,
/// unsupported (a result of a kind that we did not offer to understand).
[[nodiscard]] Result<CallResult> call_result_of(const Json& result);

}  // namespace tinkerbell::mcp
