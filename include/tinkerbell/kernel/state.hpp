#pragma once

#include "tinkerbell/base/names.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace tinkerbell {

/// Where a task stands. The names reach clients and the store.
enum class TaskState : std::uint8_t {
  ready,        ///< In the ready queue.
  running,      ///< Has the turn.
  waiting,      ///< Parked until a command is answered.
  cancelling,   ///< Asked to end; its cleanup runs.
  suspended,    ///< Held before its next command by a person or a budget.
  unsure,       ///< Nobody can tell whether its last effect happened: a person must say.
  diverged,     ///< Replay met another command than the journal holds.
  quarantined,  ///< Ended the daemon several times at one step.
  completed,    ///< Returned a value.
  failed,       ///< Returned an error or threw.
  cancelled,    ///< Ended because it was asked to.
};

template <>
inline constexpr std::array<std::string_view, 11> kNames<TaskState> = {
    "ready",    "running",     "waiting",   "cancelling", "suspended", "unsure",
    "diverged", "quarantined", "completed", "failed",     "cancelled"};

[[nodiscard]] constexpr bool has_ended(TaskState state) {
  return state == TaskState::completed || state == TaskState::failed ||
         state == TaskState::cancelled;
}

/// The one transition table: whether a task may go from one state to the other.
[[nodiscard]] constexpr bool may_become(TaskState from, TaskState to) {
  using enum TaskState;
  switch (from) {
    case ready:
      return to == running || to == cancelling;
    case running:
      return to == ready || to == waiting || to == cancelling || to == completed || to == failed;
    case waiting:
      return to == ready || to == cancelling || to == suspended || to == unsure || to == diverged ||
             to == quarantined;
    case suspended:
    case unsure:
      return to == waiting || to == ready || to == cancelling;
    case diverged:
    case quarantined:
      return to == cancelling;
    case cancelling:
      return to == completed || to == failed || to == cancelled;
    case completed:
    case failed:
    case cancelled:
      return false;
  }
  return false;
}

namespace detail {

/// may_become as a row of bits a state: the scheduler asks it several times a turn.
inline constexpr auto kTransitions = [] {
  std::array<std::uint16_t, kNames<TaskState>.size()> rows{};
  for (std::size_t from = 0; from < rows.size(); ++from) {
    for (std::size_t to = 0; to < rows.size(); ++to) {
      const bool allowed = may_become(static_cast<TaskState>(from), static_cast<TaskState>(to));
      rows[from] = static_cast<std::uint16_t>(rows[from] | (allowed ? 1U << to : 0U));
    }
  }
  return rows;
}();

}  // namespace detail

}  // namespace tinkerbell
