#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include <cstdint>
#include <deque>

namespace tinkerbell {

/// What a service was asked in the last minute, against what it allows: no minute has more,
/// whenever it begins. A question that is larger than the whole bound goes when nothing else is
/// counted.
class RateWindow {
 public:
  explicit RateWindow(const RateLimits& limits) : limits_(limits) {}

  /// From when on there is room for one more of so many tokens: not after `now`, if there is now.
  [[nodiscard]] SteadyTime room_at(std::uint64_t tokens, SteadyTime now);

  void add(CommandId id, std::uint64_t tokens, SteadyTime now);

  /// What it did use is known.
  void correct(CommandId id, std::uint64_t tokens);

 private:
  struct Question {
    SteadyTime at;
    CommandId id;
    std::uint64_t tokens;
  };

  void forget_before(SteadyTime time);

  RateLimits limits_;
  std::deque<Question> questions_;  ///< The oldest first.
  std::uint64_t tokens_ = 0;        ///< Of all of them.
};

}  // namespace tinkerbell
