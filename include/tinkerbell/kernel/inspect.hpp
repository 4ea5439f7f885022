#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/kernel/state.hpp"
#include "tinkerbell/kernel/task_control.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

namespace tinkerbell {

/// One task as the scheduler sees it.
struct TaskInspection {
  TaskId task = kNoTask;
  TaskId parent = kNoTask;  ///< The task that spawned it, if one did.
  std::string name;
  TaskState state = TaskState::ready;
  Priority priority = Priority::normal;
  std::source_location waits_at;            ///< The `co_await` it stands at, if it waits.
  std::vector<std::source_location> calls;  ///< The `co_await`s that led there, innermost first.
  Nanoseconds waits_for{};                  ///< How long already.
  SteadyTime deadline = kNever;             ///< Of what it waits for.
  std::uint64_t turns = 0;
  Nanoseconds cpu{};
  Nanoseconds longest_turn{};
};

/// Of all tasks together, since the scheduler began.
struct SchedulerCounters {
  std::uint64_t spawned = 0;
  std::uint64_t ended = 0;
  std::uint64_t turns = 0;
  std::uint64_t tasks = 0;  ///< Live now.
  std::size_t ready = 0;    ///< In the ready queue now.
  std::size_t timers = 0;   ///< Armed now.

  /// Live tasks by state; for a state in which tasks end, how many have ended so.
  std::array<std::uint64_t, kNames<TaskState>.size()> in_state{};
};

}  // namespace tinkerbell
