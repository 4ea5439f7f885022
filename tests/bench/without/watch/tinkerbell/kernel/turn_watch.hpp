#pragma once

#include "tinkerbell/kernel/task_control.hpp"

#include <cstdint>

namespace tinkerbell {

/// A slot that nobody fills.
struct TurnWatch {
  void begin(TaskControl& /*whose*/, std::uint64_t /*ticks*/) {}

  void end() {}
};

}  // namespace tinkerbell
