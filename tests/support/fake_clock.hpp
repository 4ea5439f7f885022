#pragma once

#include "tinkerbell/base/clock.hpp"

namespace tinkerbell {

/// Time that passes only when a test says so.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime steady() const override { return SteadyTime{elapsed_}; }

  [[nodiscard]] WallTime wall() const override {
    return WallTime{std::chrono::seconds{1'700'000'000}} + elapsed_;
  }

  void pass(Nanoseconds time) { elapsed_ += time; }

 private:
  Nanoseconds elapsed_{std::chrono::seconds{1}};
};

}  // namespace tinkerbell
