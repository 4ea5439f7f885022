#pragma once

#include <algorithm>
#include <string_view>

namespace tinkerbell {

/// Whether text holds what could end a header line or steer a terminal: ASCII 0–31 and 127.
[[nodiscard]] inline bool has_control_bytes(std::string_view text) {
  return std::ranges::any_of(
      text, [](char byte) { return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F; });
}

}  // namespace tinkerbell
