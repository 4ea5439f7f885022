#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/kernel/scheduler.hpp"

#include <functional>
#include <memory>
#include <source_location>
#include <vector>

namespace tinkerbell {

/// A task that keeps the only loop thread for too long.
struct Hog {
  TaskId task = kNoTask;
  Nanoseconds so_far{};                     ///< Of its turn.
  std::vector<std::source_location> calls;  ///< The `co_await`s that led there, innermost first.
};

/// Tells of hogs while they hog: a thread looks at whose turn it is, and asks the loop thread, by a
/// signal (SIGURG, which is ignored by default), where in its coroutines it stands. Nothing is
/// stopped. While the loop is idle this thread sleeps too. One for a process.
class HogWatch {
 public:
  /// Called on the watching thread, once a turn.
  using Report = std::function<void(const Hog&)>;

  /// To be made on the loop thread; the scheduler outlives it. A turn is reported within 10 ms of
  /// `limit` on a machine that is not overloaded.
  HogWatch(const Scheduler& scheduler, Nanoseconds limit, Report report);
  HogWatch(const HogWatch&) = delete;
  HogWatch& operator=(const HogWatch&) = delete;
  ~HogWatch();

  /// Loop thread: it is about to wait until something happens.
  void loop_sleeps();

  /// Loop thread: it waits no more.
  void loop_woke();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tinkerbell
