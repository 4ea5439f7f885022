#pragma once

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <concepts>

namespace tinkerbell {

/// Turns the loop until the condition holds. False: it did not within a minute, which only a test
/// that fails waits for.
template <std::predicate Condition>
[[nodiscard]] bool run_until(boost::asio::io_context& loop, Condition condition) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    loop.restart();
    loop.run_one_for(std::chrono::milliseconds(5));  // others may bring the condition about
  }
  return true;
}

}  // namespace tinkerbell
