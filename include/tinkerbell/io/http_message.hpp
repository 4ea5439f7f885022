#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tinkerbell {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// The value of the first header of that name, compared without case; empty if there is none.
[[nodiscard]] std::string_view header_value(const HttpHeaders& headers, std::string_view name);

/// Status line and headers of an answer.
struct HttpHead {
  int status = 0;
  HttpHeaders headers;
};

}  // namespace tinkerbell
