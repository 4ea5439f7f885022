#pragma once

#include "tinkerbell/base/clock.hpp"

#include <cstdint>

namespace tinkerbell {

/// A clock that stands: no reading a turn, and accounts of nothing.
struct TickSource {
  std::uint64_t (*read)() noexcept;
  double nanoseconds_per_tick;

  [[nodiscard]] static std::uint64_t now() noexcept { return 0; }

  [[nodiscard]] Nanoseconds nanoseconds(std::uint64_t ticks) const {
    return Nanoseconds{
        static_cast<Nanoseconds::rep>(static_cast<double>(ticks) * nanoseconds_per_tick)};
  }

  [[nodiscard]] static const TickSource& of_machine();
};

}  // namespace tinkerbell
