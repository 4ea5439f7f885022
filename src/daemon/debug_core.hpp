#pragma once

#include "daemon/options.hpp"

#include "tinkerbell/daemon/run.hpp"

namespace tinkerbell {

/// `tinkerbelld debug FILE`: takes commands from standard input, or shows one step. Reads nothing
/// but the file: no config, no state directory. Returns the exit status: 1 where the task does not
/// come to that step as it did then.
[[nodiscard]] int debug_core(const DebugOptions& options, const AddKinds& add_kinds);

}  // namespace tinkerbell
