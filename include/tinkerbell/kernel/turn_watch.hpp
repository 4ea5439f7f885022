#pragma once

#include "tinkerbell/kernel/task_control.hpp"

#include <atomic>
#include <cstdint>

namespace tinkerbell {

/// What the loop thread is at, for another thread or a signal handler to look at: two relaxed
/// stores a turn.
struct alignas(64) TurnWatch {
  std::atomic<TaskControl*> task = nullptr;  ///< Whose turn it is; null: nobody's.
  std::atomic<std::uint64_t> began = 0;      ///< Ticks.

  void begin(TaskControl& whose, std::uint64_t ticks) {
    began.store(ticks, std::memory_order_relaxed);
    task.store(&whose, std::memory_order_relaxed);
  }

  void end() { task.store(nullptr, std::memory_order_relaxed); }

  /// The same if it is the turn of this one.
  void end_of(const TaskControl& whose) {
    if (task.load(std::memory_order_relaxed) == &whose) end();
  }
};

}  // namespace tinkerbell
