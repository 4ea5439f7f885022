#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/shim/run_directory.hpp"

#include <sys/types.h>

namespace tinkerbell {

/// What a program gets as 0, 1 and 2.
struct ProgramDescriptors {
  int input = -1;  ///< Below zero: /dev/null.
  int output = -1;
  int complaints = -1;
};

/// Starts the program of `spec` in a process group of its own, with these descriptors and no other
/// but the sandbox's report, default signals, and a kernel that kills it should the shim die.
/// Returns once execve(2) has succeeded. Errors: what execve(2) or chdir(2) said.
[[nodiscard]] Result<pid_t> launch(const RunSpec& spec, const ProgramDescriptors& descriptors,
                                   int sandbox_report);

}  // namespace tinkerbell
