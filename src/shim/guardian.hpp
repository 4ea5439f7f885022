#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <sys/types.h>

/// What every shim does around its program.

namespace tinkerbell {

/// What a program gets between SIGTERM and SIGKILL.
inline constexpr Milliseconds kGrace{2'000};

/// SIGTERM and SIGCHLD as something to poll(2).
[[nodiscard]] Result<UniqueFd> signals_as_descriptor();

/// Takes the signals that wait; whether one of them asked us to end the program.
[[nodiscard]] bool end_is_asked(const UniqueFd& signals);

/// Orphans come to us, and nobody of us leaves a core file.
[[nodiscard]] Result<void> become_guardian();

/// Sends SIGTERM to all that descend from `program`, and not to itself: bubblewrap would die at
/// once and take the program with it, without a grace.
void ask_descendants_to_end(pid_t program);

}  // namespace tinkerbell
