#pragma once

#include "tinkerbell/base/result.hpp"

#include <map>
#include <string>
#include <string_view>

namespace tinkerbell {

/// What a request line asks for, decoded.
struct RequestTarget {
  std::string path;
  std::map<std::string, std::string> query;
};

/// Reads an origin-form target ("/v1/tasks?state=ready"). Strict: a broken escape, a control byte
/// in the path and a parameter given twice are errors. Errors: invalid. Source: RFC 9112, 3.2.1.
[[nodiscard]] Result<RequestTarget> parse_request_target(std::string_view target);

}  // namespace tinkerbell
