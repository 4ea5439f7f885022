#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tinkerbell::protocol {

/// Where a task does something else than it did then.
struct DifferenceView {
  std::uint64_t step = 0;      ///< 0: at its end.
  bool from_snapshot = false;  ///< Not when it is run from its beginning, but when it goes on from
                               ///< the newest state that it noted, as after a restart.
  std::string recorded;        ///< In words: what the journal has there.
  std::string found;           ///< In words: what the task does now.

  static constexpr auto fields() {
    return described(field("step", &DifferenceView::step),
                     field("from_snapshot", &DifferenceView::from_snapshot),
                     field("recorded", &DifferenceView::recorded),
                     field("found", &DifferenceView::found));
  }

  bool operator==(const DifferenceView&) const = default;
};

/// POST /v1/tasks/{id}/replay: the recorded past of a task, run again with the code of today and
/// without any effect.
struct ReplayView {
  static constexpr std::string_view kSchema = "tinkerbell.replay/1";

  std::string schema{kSchema};
  TaskId task = kNoTask;
  std::uint64_t steps = 0;  ///< That were as they were then, from the beginning on.
  std::string end;          ///< In words, how it ended, now as then; empty: the task had not ended.
  std::optional<DifferenceView> difference;  ///< Absent: there is none.

  static constexpr auto fields() {
    return described(field("schema", &ReplayView::schema), field("task", &ReplayView::task),
                     field("steps", &ReplayView::steps), field("end", &ReplayView::end),
                     field("difference", &ReplayView::difference));
  }

  bool operator==(const ReplayView&) const = default;
};

}  // namespace tinkerbell::protocol
