#pragma once

#include <chrono>
#include <concepts>
#include <thread>

namespace tinkerbell {

/// Whether a condition comes true before the time is up. The machine may be busy: the usual time is
/// long, and only a test that fails waits for all of it.
template <std::predicate Condition>
[[nodiscard]] bool wait_until(Condition condition,
                              std::chrono::milliseconds timeout = std::chrono::seconds{60}) {
  constexpr std::chrono::milliseconds kBetweenLooks{5};
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kBetweenLooks);
  }
  return true;
}

}  // namespace tinkerbell
