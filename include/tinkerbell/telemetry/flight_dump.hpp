#pragma once

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/kernel/ticks.hpp"
#include "tinkerbell/kernel/trace_ring.hpp"
#include "tinkerbell/kernel/turn_watch.hpp"

#include <string>
#include <string_view>

namespace tinkerbell {

/// When an invariant breaks, writes the flight recorder to a file in the state directory
/// (write_chrome_trace; the file of an earlier time is replaced), and, as the log's last line,
/// which invariant it was and where that file is. Both with write(2) only. One for a process.
class FlightDump final : public InvariantHook {
 public:
  static constexpr std::string_view kFileName = "broken-invariant.trace.json";

  /// Of a scheduler that outlives this. `log_fd`: where the log goes.
  struct Parts {
    const TraceRing& ring;
    const TickSource& ticks;
    const TurnWatch& watch;
    std::string state_dir;  ///< Must exist.
    int log_fd = -1;
  };

  explicit FlightDump(Parts parts);
  ~FlightDump() override;

  void invariant_broken(const BrokenInvariant& what) noexcept override;

 private:
  [[nodiscard]] bool write_trace() const noexcept;
  void write_last_line(const BrokenInvariant& what, bool dumped) const noexcept;

  Parts parts_;
  UniqueFd directory_;
  std::string path_;
};

}  // namespace tinkerbell
