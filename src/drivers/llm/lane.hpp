#pragma once

#include "drivers/llm/breaker.hpp"
#include "drivers/llm/rate_window.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

namespace tinkerbell {

/// Who may ask a service now: so many at once and in a minute, the others in the order in which
/// they came, past those whose model is not to be asked. Loop thread; does no I/O, and has no
/// timer: whoever owns it calls let_in() at next_look().
class Lane {
 public:
  using Start = std::move_only_function<void()>;

  struct Caller {
    CommandId id;
    std::uint64_t tokens = 0;    ///< That it may use.
    Breaker* breaker = nullptr;  ///< Of the model that it asks; outlives the lane.
    Start start;
  };

  /// `at_once` from 1.
  Lane(std::uint32_t at_once, const RateLimits& limits) : at_once_(at_once), window_(limits) {}

  /// Calls its start when it is its turn: now, from let_in(), or from ended() of another.
  void enter(Caller caller, SteadyTime now);

  /// One that has not been started goes away. False: it has, or was never here.
  bool leave(CommandId id);

  /// One that was started is over.
  void ended(CommandId id, const Attempt& attempt, SteadyTime now);

  void let_in(SteadyTime now);

  /// When time alone lets somebody in; kNever: it does not.
  [[nodiscard]] SteadyTime next_look(SteadyTime now);

  /// Those who are not started, the first one first.
  [[nodiscard]] std::vector<CommandId> waiting() const;

  struct Place {
    std::size_t ahead = 0;  ///< How many are before it.
    SteadyTime not_before;  ///< Its turn does not come earlier, as far as is known; may be past.
  };

  /// Nothing: it has been started, or was never here.
  [[nodiscard]] std::optional<Place> place_of(CommandId id, SteadyTime now);

 private:
  using Line = std::list<Caller>;

  /// The first one whose model may be asked.
  [[nodiscard]] Line::iterator next(SteadyTime now);
  [[nodiscard]] Line::iterator find(CommandId id);

  std::uint32_t at_once_;
  RateWindow window_;
  std::unordered_map<CommandId, Breaker*> inside_;
  Line line_;
};

}  // namespace tinkerbell
