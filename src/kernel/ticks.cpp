#include "tinkerbell/kernel/ticks.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tinkerbell {

namespace {

std::uint64_t monotonic_nanoseconds() noexcept {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                                    Nanoseconds{1});
}

#if defined(__x86_64__)
constexpr std::uint64_t kCalibrationNanoseconds = 2'000'000;

/// Whether the counter runs at one rate whatever the processor does.
bool is_invariant() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  constexpr unsigned kInvariantTsc = 1U << 8U;
  return __get_cpuid(0x8000'0007, &eax, &ebx, &ecx, &edx) != 0 && (edx & kInvariantTsc) != 0;
}

TickSource calibrated() {
  const std::uint64_t began = monotonic_nanoseconds();
  const std::uint64_t first = __builtin_ia32_rdtsc();
  std::uint64_t now = began;
  while (now - began < kCalibrationNanoseconds)
    now = monotonic_nanoseconds();
  const std::uint64_t ticks = __builtin_ia32_rdtsc() - first;
  return {.read = nullptr,
          .nanoseconds_per_tick = static_cast<double>(now - began) / static_cast<double>(ticks)};
}
#endif

TickSource best() {
#if defined(__x86_64__)
  if (is_invariant()) return calibrated();
#endif
  return {.read = &monotonic_nanoseconds, .nanoseconds_per_tick = 1.0};
}

}  // namespace

const TickSource& TickSource::of_machine() {
  static const TickSource source = best();
  return source;
}

}  // namespace tinkerbell
