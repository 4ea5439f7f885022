#pragma once

#include "tinkerbell/base/error.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/json.hpp"
#include "tinkerbell/command/effect.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Several commands as one.

namespace tinkerbell {

/// A command by its name and its arguments (pure_command).
struct PartCommand {
  std::string name;
  Json arguments;

  static constexpr auto fields() {
    return described(field("name", &PartCommand::name),
                     field("arguments", &PartCommand::arguments));
  }
};

/// What came of one: its reply (outcome_of_part), or null and an error.
struct PartOutcome {
  Json reply;
  Errc code = Errc::internal;
  std::string message;
  bool alone = false;  ///< It was not done, since a person is asked about it: ask for it alone.

  static constexpr auto fields() {
    return described(field("reply", &PartOutcome::reply), field("code", &PartOutcome::code),
                     field("message", &PartOutcome::message), field("alone", &PartOutcome::alone));
  }
};

/// Perform several commands at once that change nothing: those whose effect is pure and that a
/// driver performs. Each is prepared and judged by itself, as if it had been asked for alone; one
/// that is refused or fails does not keep the others. A rule that asks about it as a whole denies
/// it: its parts are asked for one by one then. Errors: invalid (no part), too_large (more than
/// kPartsMax), denied, cancelled.
struct Together {
  static constexpr std::string_view kName = "task.together";
  static constexpr EffectClass kEffect = EffectClass::pure;
  static constexpr std::size_t kPartsMax = 32;

  struct Reply {
    std::vector<PartOutcome> parts;  ///< One for each, in their order.

    static constexpr auto fields() { return described(field("parts", &Reply::parts)); }
  };

  std::vector<PartCommand> parts;

  static constexpr auto fields() { return described(field("parts", &Together::parts)); }
};

}  // namespace tinkerbell
