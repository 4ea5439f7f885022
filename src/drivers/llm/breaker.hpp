#pragma once

#include "drivers/llm/provider.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include <cstdint>
#include <limits>
#include <string>

namespace tinkerbell {

/// Whether a model of a service can be asked: a circuit breaker. While it cannot be reached, is
/// overloaded, asks for a pause or has failed at several questions in a row, nobody asks it for a
/// while, longer each time. Then one does, and each answer lets one more in, so that those who have
/// waited do not all come at once. Loop thread; does no
/// I/O.
class Breaker {
 public:
  /// `name` makes its pauses differ from those of others.
  Breaker(std::string name, const RetrySettings& retry);

  /// Whether one more may ask it now.
  [[nodiscard]] bool lets_in(SteadyTime now) const;

  /// Whether one who could ask another instead should ask this one: it is well, or it is time to
  /// see whether it is and nobody does.
  [[nodiscard]] bool is_worth_asking(SteadyTime now) const;

  /// The account behind it was used up when it was asked last, not long ago.
  [[nodiscard]] bool is_used_up(SteadyTime now) const { return now < used_up_until_; }

  /// Before this nobody is let in; the past: it is open.
  [[nodiscard]] SteadyTime opens_at() const { return opens_at_; }

  void began() { ++inside_; }

  /// One that had begun is over.
  void ended(const Attempt& attempt, SteadyTime now);

 private:
  static constexpr std::uint32_t kAny = std::numeric_limits<std::uint32_t>::max();

  std::string name_;
  RetrySettings retry_;
  std::uint32_t open_for_ = kAny;  ///< Calls at once.
  std::uint32_t inside_ = 0;
  std::uint32_t failed_requests_ = 0;  ///< In a row.
  std::uint32_t pauses_ = 0;           ///< In a row.
  SteadyTime opens_at_{};
  SteadyTime used_up_until_{};
};

}  // namespace tinkerbell
