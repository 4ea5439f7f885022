#pragma once

#include "tinkerbell/base/random.hpp"

#include <cstdint>

namespace tinkerbell {

/// All the chance of a simulation: one seed gives one sequence. Source: Vigna, SplitMix64.
class Dice final : public RandomSource {
 public:
  explicit Dice(std::uint64_t seed) { begin(seed); }

  void begin(std::uint64_t seed) { state_ = seed * 0xD1342543DE82EF95ULL; }

  [[nodiscard]] std::uint64_t next() override {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBULL;
    return mixed ^ (mixed >> 31U);
  }

  /// One of 0 … below - 1.
  [[nodiscard]] std::uint64_t pick(std::uint64_t below) { return next() % below; }

  /// Once in so many times.
  [[nodiscard]] bool chance(std::uint64_t in) { return pick(in) == 0; }

 private:
  std::uint64_t state_ = 0;
};

}  // namespace tinkerbell
