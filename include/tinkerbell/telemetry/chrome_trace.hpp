#pragma once

#include "tinkerbell/kernel/ticks.hpp"
#include "tinkerbell/kernel/trace_ring.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace tinkerbell {

/// Where a text goes, piece by piece.
class TextOutput {
 public:
  TextOutput() = default;
  TextOutput(const TextOutput&) = delete;
  TextOutput& operator=(const TextOutput&) = delete;
  virtual ~TextOutput() = default;

  virtual void write(std::string_view piece) noexcept = 0;
};

/// What is drawn.
struct TraceSource {
  std::array<std::span<const TraceEvent>, 2> turns;  ///< The oldest first.
  const TickSource& ticks;
  std::uint64_t now = 0;            ///< Ticks.
  std::int64_t now_unix_us = 0;     ///< The same moment on the calendar.
  TaskId only = kNoTask;            ///< The one task that is drawn; kNoTask: all.
  TaskId running = kNoTask;         ///< Whose turn it is, if one has it.
  std::uint64_t running_since = 0;  ///< Ticks.
  const std::map<TaskId, std::string>* names = nullptr;  ///< Of tasks; null: they have none.
};

/// Writes the flight recorder as a JSON object in the Trace Event Format, which Perfetto
/// (https://ui.perfetto.dev) and chrome://tracing read. Each task is a track; on it stand its turns
/// and, between them, where it waited ("X"), and its end ("i"). Times are in microseconds from the
/// beginning of the oldest turn; otherData says when it was written.
///
/// Allocates nothing and takes no lock: it is also what is written while the process breaks down.
/// Waits are drawn, and tracks named, for the first 2048 tasks.
/// Source: Trace Event Format, "Complete", "Instant" and "Metadata Events".
void write_chrome_trace(const TraceSource& source, TextOutput& output) noexcept;

}  // namespace tinkerbell
