#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tinkerbell {

using Milliseconds = std::chrono::milliseconds;
using Nanoseconds = std::chrono::nanoseconds;

/// A point on the monotonic clock: for timeouts and deadlines inside one run.
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Nanoseconds>;

/// A point in calendar time (UTC): for what survives a restart or is shown to people.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Nanoseconds>;

inline constexpr SteadyTime kNever = SteadyTime::max();

/// So long after `time`; kNever where the clock does not reach.
[[nodiscard]] constexpr SteadyTime later(SteadyTime time, Nanoseconds by) {
  return by < kNever - time ? time + by : kNever;
}

/// CLOCK_MONOTONIC now, for what is no task's time: how long a call on the network may still take.
[[nodiscard]] SteadyTime steady_now();

/// Where the daemon gets its time, so that a test can give it another.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual SteadyTime steady() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
};

/// CLOCK_MONOTONIC and CLOCK_REALTIME.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime steady() const override;
  [[nodiscard]] WallTime wall() const override;
};

/// "2026-11-22T20:33:35.123Z" (RFC 3339, UTC, milliseconds).
[[nodiscard]] std::string rfc3339(WallTime time);

[[nodiscard]] constexpr std::int64_t unix_nanoseconds(WallTime time) {
  return time.time_since_epoch().count();
}

[[nodiscard]] constexpr WallTime wall_from_unix_nanoseconds(std::int64_t nanoseconds) {
  return WallTime{Nanoseconds{nanoseconds}};
}

}  // namespace tinkerbell
