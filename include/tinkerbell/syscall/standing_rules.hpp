#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/log.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/journal/store.hpp"
#include "tinkerbell/policy/standing_rule.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <vector>

namespace tinkerbell {

/// What the one who approves for good says besides.
struct RuleWish {
  bool directory = false;             ///< Of a file: all below the directory in which it is.
  std::optional<Milliseconds> valid;  ///< Nothing: until it is removed.
};

/// The standing rules of all tasks. Loop thread only.
class StandingRules {
 public:
  static constexpr std::size_t kRulesMax = 1'000;

  /// A rule that this program cannot read allows nothing; the log says so.
  StandingRules(const std::vector<KeptRule>& kept, Logger& logger);

  /// By number.
  [[nodiscard]] std::span<const StandingRule> all() const { return rules_; }

  /// Errors: exhausted.
  [[nodiscard]] Result<void> check_room() const;

  /// From now on it allows what it says.
  void add(StandingRule rule);

  void count_use(std::uint64_t number, WallTime now);

  /// From now on it allows nothing. Nothing: there is none of that number.
  [[nodiscard]] std::optional<StandingRule> take(std::uint64_t number);

  /// Those that became another since this was last asked, for the next transaction.
  [[nodiscard]] std::vector<KeptRule> take_changed();

 private:
  std::vector<StandingRule> rules_;
  std::set<std::uint64_t> changed_;
};

}  // namespace tinkerbell
