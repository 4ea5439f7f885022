#pragma once

#include "tinkerbell/base/result.hpp"

namespace tinkerbell {

/// `tinkerbell-shim --serve` (tinkerbell/shim/server.hpp). Returns when nothing of the program
/// lives any more. Errors: invalid (no spec), cancelled (the daemon is gone), and what executing
/// said.
[[nodiscard]] Result<void> serve();

}  // namespace tinkerbell
