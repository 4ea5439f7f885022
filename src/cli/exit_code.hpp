#pragma once

#include "tinkerbell/base/error.hpp"
#include "tinkerbell/protocol/task.hpp"

namespace tinkerbell::cli {

/// How `tinkerbell` ends (docs/cli.md). From 64 on: sysexits.h; 124 as timeout(1), 130 as after
/// Ctrl-C.
enum class ExitCode : int {
  ok = 0,
  failed = 1,  ///< The task or the request failed.
  not_found = 3,
  waiting = 4,    ///< `--wait`: the task waits for a person.
  denied = 5,     ///< By a rule or a person.
  exhausted = 6,  ///< A budget is used up.
  usage = 64,
  bad_input = 65,
  unavailable = 69,  ///< The daemon cannot be reached.
  internal = 70,
  io = 74,
  try_again = 75,
  version_mismatch = 76,
  no_permission = 77,
  timed_out = 124,
  interrupted = 130,
};

/// Of a request that failed.
[[nodiscard]] ExitCode exit_code_of(Errc code);

/// Of a task that has ended or is stuck.
[[nodiscard]] ExitCode exit_code_of(const protocol::TaskView& task);

}  // namespace tinkerbell::cli
