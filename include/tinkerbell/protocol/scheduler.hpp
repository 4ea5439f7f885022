#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/protocol/state_count.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell::protocol {

/// A turn that took long.
struct TurnView {
  TaskId task = kNoTask;
  std::uint64_t us = 0;

  static constexpr auto fields() {
    return described(field("task", &TurnView::task), field("us", &TurnView::us));
  }

  bool operator==(const TurnView&) const = default;
};

/// GET /v1/scheduler: counts of this run of the daemon. Tasks here are all that the scheduler has,
/// the daemon's own included.
struct SchedulerView {
  static constexpr std::string_view kSchema = "tinkerbell.scheduler/1";

  std::string schema{kSchema};
  std::uint64_t spawned = 0;
  std::uint64_t ended = 0;
  std::uint64_t turns = 0;
  std::uint64_t tasks = 0;               ///< Live now.
  std::uint64_t ready = 0;               ///< In the ready queue now.
  std::uint64_t timers = 0;              ///< Armed now.
  std::vector<StateCount> states;        ///< Of the live ones and, for how tasks end, of all that
                                         ///< ended so; states with no task are left out.
  std::uint64_t frames = 0;              ///< Blocks of the frame pool in use.
  std::uint64_t frame_slabs = 0;         ///< Pieces of 256 KiB that it holds.
  std::uint64_t turns_recorded = 0;      ///< What the flight recorder holds now.
  std::optional<TurnView> longest_turn;  ///< Among these; absent: there was none yet.

  static constexpr auto fields() {
    return described(
        field("schema", &SchedulerView::schema), field("spawned", &SchedulerView::spawned),
        field("ended", &SchedulerView::ended), field("turns", &SchedulerView::turns),
        field("tasks", &SchedulerView::tasks), field("ready", &SchedulerView::ready),
        field("timers", &SchedulerView::timers), field("states", &SchedulerView::states),
        field("frames", &SchedulerView::frames), field("frame_slabs", &SchedulerView::frame_slabs),
        field("turns_recorded", &SchedulerView::turns_recorded),
        field("longest_turn", &SchedulerView::longest_turn));
  }

  bool operator==(const SchedulerView&) const = default;
};

}  // namespace tinkerbell::protocol
