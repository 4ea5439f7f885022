#include "tinkerbell/workspace/find_text.hpp"

#include <cstring>

namespace tinkerbell {

std::size_t find_text(std::string_view content, std::string_view text, std::size_t from) {
  if (from > content.size()) return std::string_view::npos;
  const std::string_view rest = content.substr(from);
  const void* found = ::memmem(rest.data(), rest.size(), text.data(), text.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - content.data());
}

}  // namespace tinkerbell
