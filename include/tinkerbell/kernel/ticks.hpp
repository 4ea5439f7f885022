#pragma once

#include "tinkerbell/base/clock.hpp"

#include <chrono>
#include <cstdint>

namespace tinkerbell {

/// A fine and cheap measure of time for accounting: one reading a turn. Converted to nanoseconds
/// only when somebody looks.
struct TickSource {
  std::uint64_t (*read)() noexcept;  ///< Null: the processor's counter, read in place.
  double nanoseconds_per_tick;

  [[nodiscard]] std::uint64_t now() const noexcept {
#if defined(__x86_64__)
    if (read == nullptr) return __builtin_ia32_rdtsc();
#endif
    return read();
  }

  [[nodiscard]] Nanoseconds nanoseconds(std::uint64_t ticks) const {
    return Nanoseconds{
        static_cast<Nanoseconds::rep>(static_cast<double>(ticks) * nanoseconds_per_tick)};
  }

  /// The processor's time stamp counter where it counts steadily (x86-64 with an invariant TSC, its
  /// rate measured once, in 2 ms), else CLOCK_MONOTONIC. Source: Intel SDM vol. 3, 18.17.
  [[nodiscard]] static const TickSource& of_machine();

  /// One that stands still: time passes only as Scheduler::run is told. For tests.
  [[nodiscard]] static TickSource still() {
    return {.read = []() noexcept { return std::uint64_t{0}; }, .nanoseconds_per_tick = 1.0};
  }
};

}  // namespace tinkerbell
