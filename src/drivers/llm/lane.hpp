#pragma once

#include "tinkerbell/base/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <utility>

namespace tinkerbell {

/// Who may ask a service now: so many at once, the others in the order in which they came. One that
/// cannot be reached or is overloaded is asked by one at a time, and each answer lets one more in:
/// those who have waited for it do not all come at once. Loop thread; does no I/O.
class Lane {
 public:
  using Start = std::move_only_function<void()>;

  /// `at_once` from 1.
  explicit Lane(std::uint32_t at_once) : at_once_(at_once), open_for_(at_once) {}

  /// Calls `start` when it is its turn: now, or from ended() of another.
  void enter(CommandId id, Start start);

  /// One that has not been started goes away. False: it has, or was never here.
  bool leave(CommandId id);

  enum class Health : std::uint8_t {
    well,     ///< It answered.
    unknown,  ///< Nothing can be said of it.
    failing,  ///< It cannot be reached, is overloaded or asks for a pause.
  };

  /// One that was started is over, and what that says of the service.
  void ended(CommandId id, Health seen);

  /// How many are to be started before this one; nothing: it has been, or was never here.
  [[nodiscard]] std::optional<std::size_t> ahead_of(CommandId id) const;

 private:
  void let_in();

  std::uint32_t at_once_;
  std::uint32_t open_for_;  ///< At most at_once_.
  std::set<CommandId> inside_;
  std::deque<std::pair<CommandId, Start>> line_;
};

}  // namespace tinkerbell
