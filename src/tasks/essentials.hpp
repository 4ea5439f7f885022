#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/command/commands.hpp"

#include <string>
#include <vector>

namespace tinkerbell {

/// What an agent is told again whenever its conversation was shortened: beside the goal, all that
/// it must not lose.
struct Essentials {
  std::vector<PlanStep> plan;
  std::vector<std::string> denied;   ///< What a person said no to, and why; each once.
  std::vector<std::string> said;     ///< What its user said, the newest last.
  std::vector<std::string> read;     ///< Files, the newest last.
  std::vector<std::string> changed;  ///< Likewise.
  std::string summary;               ///< Of what was left out; empty: nothing was.

  static constexpr auto fields() {
    return described(field("plan", &Essentials::plan), field("denied", &Essentials::denied),
                     field("said", &Essentials::said), field("read", &Essentials::read),
                     field("changed", &Essentials::changed),
                     field("summary", &Essentials::summary));
  }

  /// Takes note of what a command came to.
  void add(const TaskCommand& command, const Result<Reply>& outcome);

  /// Takes note of words of its user.
  void hear(const std::string& words);

  /// For the model.
  [[nodiscard]] std::string text() const;
};

}  // namespace tinkerbell
