#pragma once

#include <cstdint>
#include <string_view>

namespace tinkerbell {

/// One number for all that happened in a run, in its order. Source: FNV-1a.
class TraceHash {
 public:
  void mix(std::uint64_t value) { value_ = (value_ ^ value) * 0x100000001B3ULL; }

  void mix(std::string_view text) {
    for (const char each : text)
      mix(static_cast<std::uint64_t>(static_cast<unsigned char>(each)));
  }

  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325ULL;
};

}  // namespace tinkerbell
