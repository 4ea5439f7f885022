#pragma once

#include "torture/findings.hpp"
#include "torture/outcome.hpp"
#include "torture/person.hpp"
#include "torture/scenario.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace tinkerbell::torture {

/// Before which call a life ends.
struct KillPoint {
  std::uint64_t at = 0;
  bool every_call = false;              ///< Counts calls without an effect, too.
  std::chrono::milliseconds linger{0};  ///< So long the other threads go on.
};

/// One daemon with its workspace and its model, from its first life to the end of all tasks.
class Trial {
 public:
  Trial(const Scenario& scenario, std::string daemon, std::string_view sandbox);

  /// A life that ends before a call; which one that was. Nothing, if all was over before.
  [[nodiscard]] std::optional<std::string> life_until(const KillPoint& point);

  /// A life that ends after a time; false, if all was over before.
  [[nodiscard]] bool life_for(std::chrono::microseconds time);

  /// The last life, in which nobody kills it; looks at what is left when all is over.
  void live_on();

  /// A trial without a kill: how many calls the daemon made until all was over.
  [[nodiscard]] std::uint64_t count_calls(bool every_call);

  [[nodiscard]] const Outcome& outcome() const { return outcome_; }

  [[nodiscard]] const Findings& findings() const { return findings_; }

  /// With what the run has otherwise than `wanted`.
  void compare_with(const Outcome& wanted) {
    compare(outcome_, wanted, person_.outcomes_asked(), findings_);
    if (scenario_.one_by_one) compare_stages(outcome_, wanted, findings_);
  }

  /// Between two lives: whether each file of the workspace is as in one of the stages of `wanted`.
  void look_between_lives(const Outcome& wanted) {
    if (!scenario_.in_one_go) return;
    check_in_one_go(tree_of(daemon_.workspace()), wanted.stages, findings_);
  }

  /// As Person::under_way().
  [[nodiscard]] const std::string& under_way() const { return person_.under_way(); }

  /// The newest lines of the daemon's log.
  [[nodiscard]] std::string log() const { return home_.read("daemon.log"); }

 private:
  [[nodiscard]] std::vector<std::string> under(const KillPoint& point) const;
  [[nodiscard]] bool live(const Child& life);

  const Scenario& scenario_;
  Findings findings_;
  TempDir home_;
  ScriptedLlm model_;
  RealDaemon daemon_;
  Person person_;
  Outcome outcome_;
};

}  // namespace tinkerbell::torture
