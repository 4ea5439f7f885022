#include "tinkerbell/base/clock.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace tinkerbell {

SteadyTime steady_now() {
  return std::chrono::time_point_cast<Nanoseconds>(std::chrono::steady_clock::now());
}

SteadyTime SystemClock::steady() const {
  return steady_now();
}

WallTime SystemClock::wall() const {
  return std::chrono::time_point_cast<Nanoseconds>(std::chrono::system_clock::now());
}

std::string rfc3339(WallTime time) {
  const auto since_epoch = std::chrono::floor<Milliseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const std::time_t unix_seconds = seconds.count();
  std::tm utc{};
  gmtime_r(&unix_seconds, &utc);
  std::array<char, 40> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  const auto millis = static_cast<int>((since_epoch - seconds).count());
  const int more = std::snprintf(text.data() + length, text.size() - length, ".%03dZ", millis);
  return {text.data(), length + static_cast<std::size_t>(more)};
}

}  // namespace tinkerbell
