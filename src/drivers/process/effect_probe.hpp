#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/drivers/process/process_settings.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tinkerbell {

/// The recipe for such a program: the first that fits, of these and then of the built-in ones; null
/// if there is none.
[[nodiscard]] const ProbeRecipe* recipe_for(const AwaitProcess& command,
                                            std::span<const ProbeRecipe> recipes);

/// What is run to find out about `command`.
[[nodiscard]] AwaitProcess probe_of(const ProbeRecipe& recipe, const AwaitProcess& command);

/// Whether an effect happened.
enum class Happened : std::uint8_t { yes, no, unknown };

/// What a probe has found.
struct Finding {
  Happened happened = Happened::unknown;
  std::string evidence;  ///< In words, one line.
};

[[nodiscard]] Finding finding_of(const ProbeRecipe& recipe,
                                 const Result<AwaitProcess::Reply>& outcome);

}  // namespace tinkerbell
