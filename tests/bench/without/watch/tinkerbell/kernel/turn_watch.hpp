#pragma once

#include "tinkerbell/kernel/task_control.hpp"

#include <atomic>
#include <cstdint>

namespace tinkerbell {

/// A slot that nobody fills.
struct TurnWatch {
  std::atomic<TaskControl*> task = nullptr;

  void begin(TaskControl& /*whose*/, std::uint64_t /*ticks*/) {}

  void end() {}

  void end_of(const TaskControl& /*whose*/) {}
};

}  // namespace tinkerbell
