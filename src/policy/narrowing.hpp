#pragma once

#include "tinkerbell/policy/policy.hpp"

#include <optional>

namespace tinkerbell {

/// Why a task that is narrowed so may not use a command at all; nothing if it may. Pure.
[[nodiscard]] std::optional<Verdict> left_out(const TaskCommand& command, const Facts& facts,
                                              const Narrowing& narrowing);

}  // namespace tinkerbell
