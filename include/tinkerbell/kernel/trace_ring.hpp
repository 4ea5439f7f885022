#pragma once

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/kernel/state.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <span>
#include <vector>

namespace tinkerbell {

/// One turn of one task.
struct TraceEvent {
  std::uint64_t ended = 0;  ///< Ticks.
  TaskId task = kNoTask;
  std::source_location where;              ///< The `co_await` at which it stopped.
  std::uint64_t ticks : 56 = 0;            ///< How long the turn took.
  TaskState state : 8 = TaskState::ready;  ///< In which it left the task.
};

static_assert(sizeof(TraceEvent) == 32);

/// The flight recorder: the newest turns of all tasks, always on. Fixed size; the oldest are
/// overwritten.
class TraceRing {
 public:
  static constexpr std::size_t kEvents = 1 << 14;

  void push(const TraceEvent& event) {
    events_[written_ & (kEvents - 1)] = event;
    ++written_;
  }

  /// The newest; null if there was none.
  [[nodiscard]] const TraceEvent* newest() const {
    return written_ == 0 ? nullptr : &events_[(written_ - 1) & (kEvents - 1)];
  }

  /// What is still there, the oldest first: two pieces, as they lie. Allocates nothing, so that it
  /// can be read while the process breaks down.
  [[nodiscard]] std::array<std::span<const TraceEvent>, 2> pieces() const {
    const std::span<const TraceEvent> all(events_.get(), kEvents);
    const std::size_t next = written_ & (kEvents - 1);
    if (written_ <= kEvents) return {all.first(static_cast<std::size_t>(written_)), {}};
    return {all.subspan(next), all.first(next)};
  }

  /// A copy of it.
  [[nodiscard]] std::vector<TraceEvent> events() const {
    std::vector<TraceEvent> all;
    for (const std::span<const TraceEvent> piece : pieces())
      all.insert(all.end(), piece.begin(), piece.end());
    return all;
  }

 private:
  std::unique_ptr<TraceEvent[]> events_ = std::make_unique<TraceEvent[]>(kEvents);
  std::uint64_t written_ = 0;
};

}  // namespace tinkerbell
