#pragma once

#include <cstdint>

namespace tinkerbell {

/// Where the daemon gets its randomness, so that a test can give it a seed.
class RandomSource {
 public:
  RandomSource() = default;
  RandomSource(const RandomSource&) = delete;
  RandomSource& operator=(const RandomSource&) = delete;
  virtual ~RandomSource() = default;

  [[nodiscard]] virtual std::uint64_t next() = 0;
};

/// getrandom(2).
class SystemRandom final : public RandomSource {
 public:
  [[nodiscard]] std::uint64_t next() override;
};

}  // namespace tinkerbell
