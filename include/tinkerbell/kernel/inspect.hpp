#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/kernel/state.hpp"

#include <cstdint>
#include <source_location>
#include <string>

namespace tinkerbell {

/// One task as the scheduler sees it.
struct TaskInspection {
  TaskId task = kNoTask;
  std::string name;
  TaskState state = TaskState::ready;
  std::source_location waits_at;  ///< The `co_await` it stands at, if it waits.
  std::uint64_t turns = 0;
};

struct SchedulerCounters {
  std::uint64_t spawned = 0;
  std::uint64_t ended = 0;
  std::uint64_t turns = 0;
  std::size_t tasks = 0;   ///< Live now.
  std::size_t ready = 0;   ///< In the ready queue now.
  std::size_t timers = 0;  ///< Armed now.
};

}  // namespace tinkerbell
