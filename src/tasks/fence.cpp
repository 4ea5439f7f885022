#include "tasks/fence.hpp"

namespace tinkerbell {

std::string fenced(std::string_view sha256, std::string_view label, std::string_view text) {
  constexpr std::size_t kMarkDigits = 16;
  const std::string mark(sha256.substr(0, kMarkDigits));
  std::string block = "<<< " + mark;
  block += label;
  block += '\n';
  block += text;
  return block + "\n>>> " + mark + "\n";
}

}  // namespace tinkerbell
