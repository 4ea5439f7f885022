#pragma once

#include "tinkerbell/base/result.hpp"

#include <filesystem>

namespace tinkerbell {

/// Runs the program of a run directory to its end: takes the lock, marks the start, executes,
/// collects the output, keeps the time limit, ends whatever the program leaves behind, and writes
/// the status. SIGTERM asks it to end the program; nothing else from outside is needed or heard.
/// Errors: those before the start (nothing has run, and nothing will); afterwards all is told in
/// the status.
[[nodiscard]] Result<void> supervise(const std::filesystem::path& run_directory);

}  // namespace tinkerbell
