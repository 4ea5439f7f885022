#pragma once

#include "tinkerbell/telemetry/chrome_trace.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tinkerbell {

/// Writes JSON by hand, where nothing may be allocated. What it has not passed on goes out with
/// flush().
class JsonText {
 public:
  explicit JsonText(TextOutput& output) : output_(output) {}

  /// As it is.
  JsonText& raw(std::string_view text) noexcept;

  /// What is to stand between quotes, escaped (RFC 8259, section 7). Takes it to be UTF-8.
  JsonText& escaped(std::string_view text) noexcept;

  /// In quotes, escaped.
  JsonText& text(std::string_view text) noexcept;

  JsonText& integer(std::int64_t value) noexcept;

  /// Microseconds with three decimals, of nanoseconds.
  JsonText& microseconds(std::int64_t nanoseconds) noexcept;

  /// "2026-11-22T20:33:35.123Z", in quotes.
  JsonText& time(std::int64_t unix_us) noexcept;

  void flush() noexcept;

 private:
  JsonText& digits(std::int64_t value, std::size_t count) noexcept;
  void put(char c) noexcept;

  TextOutput& output_;
  std::array<char, 4096> buffer_{};
  std::size_t used_ = 0;
};

}  // namespace tinkerbell
