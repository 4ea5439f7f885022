#include "telemetry/json_text.hpp"

#include <charconv>
#include <chrono>

namespace tinkerbell {

void JsonText::put(char c) noexcept {
  if (used_ == buffer_.size()) flush();
  buffer_[used_++] = c;
}

void JsonText::flush() noexcept {
  output_.write({buffer_.data(), used_});
  used_ = 0;
}

JsonText& JsonText::raw(std::string_view text) noexcept {
  for (const char c : text)
    put(c);
  return *this;
}

JsonText& JsonText::text(std::string_view text) noexcept {
  return raw("\"").escaped(text).raw("\"");
}

JsonText& JsonText::escaped(std::string_view text) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      raw("\\u00").put(kDigits[byte >> 4U]);
      put(kDigits[byte & 15U]);
    } else {
      if (c == '"' || c == '\\') put('\\');
      put(c);
    }
  }
  return *this;
}

JsonText& JsonText::integer(std::int64_t value) noexcept {
  std::array<char, 24> digits{};
  const std::to_chars_result end =
      std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return raw({digits.data(), end.ptr});
}

/// With zeros in front.
JsonText& JsonText::digits(std::int64_t value, std::size_t count) noexcept {
  std::int64_t unit = 1;
  for (std::size_t i = 1; i < count; ++i)
    unit *= 10;
  for (; unit > 0; unit /= 10)
    put(static_cast<char>('0' + value / unit % 10));
  return *this;
}

JsonText& JsonText::microseconds(std::int64_t nanoseconds) noexcept {
  return integer(nanoseconds / 1000).raw(".").digits(nanoseconds % 1000, 3);
}

/// Not by gmtime_r, which takes a lock.
JsonText& JsonText::time(std::int64_t unix_us) noexcept {
  using namespace std::chrono;
  const sys_time<std::chrono::microseconds> moment{std::chrono::microseconds{unix_us}};
  const sys_days day = floor<days>(moment);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<milliseconds>(moment - day)};
  raw("\"").digits(int{date.year()}, 4).raw("-").digits(unsigned{date.month()}, 2);
  raw("-").digits(unsigned{date.day()}, 2).raw("T").digits(clock.hours().count(), 2);
  raw(":").digits(clock.minutes().count(), 2).raw(":").digits(clock.seconds().count(), 2);
  return raw(".").digits(clock.subseconds().count(), 3).raw("Z\"");
}

}  // namespace tinkerbell
