#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/shim/run_directory.hpp"

#include <sys/types.h>

namespace tinkerbell {

/// Starts the program of `spec` in a process group of its own, with /dev/null as input, `output` as
/// stdout and stderr, no other descriptor but the sandbox's report, default signals, and a kernel
/// that kills it should the shim die. Returns once execve(2) has succeeded. Errors: what execve(2)
/// or chdir(2) said.
[[nodiscard]] Result<pid_t> launch(const RunSpec& spec, int output, int sandbox_report);

}  // namespace tinkerbell
