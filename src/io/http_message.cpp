#include "tinkerbell/io/http_message.hpp"

#include <strings.h>

#include <algorithm>

namespace tinkerbell {

std::string_view header_value(const HttpHeaders& headers, std::string_view name) {
  const auto found = std::ranges::find_if(headers, [name](const auto& header) {
    return header.first.size() == name.size() &&
           ::strncasecmp(header.first.data(), name.data(), name.size()) == 0;
  });
  return found == headers.end() ? std::string_view{} : std::string_view(found->second);
}

}  // namespace tinkerbell
