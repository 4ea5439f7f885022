#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/drivers/process/process_settings.hpp"
#include "tinkerbell/syscall/driver.hpp"

#include <map>
#include <string>
#include <vector>

namespace tinkerbell {

/// A program that serves the daemon over its stdin and stdout.
struct ServerProgram {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;  ///< Added to the clean environment.
  SandboxAccess access;
};

/// One that runs. Its shim (`tinkerbell-shim --serve`) ends it and all that it started when it gets
/// SIGTERM, when the daemon's thread that started it ends, or when the program ends by itself.
struct ServerProcess {
  UniqueFd shim;        ///< As a pidfd: readable when nothing lives any more.
  UniqueFd input;       ///< Of the program, for writing; does not block.
  UniqueFd output;      ///< For reading; does not block.
  UniqueFd complaints;  ///< Its stderr, likewise.
};

/// Starts it for a workspace or a draft, in the same sandbox as any program, and with the same
/// limits. Blocks for as long as a disk does. Errors: those of ProcessDriver::prepare; io.
[[nodiscard]] Result<ServerProcess> start_server(const ServerProgram& program,
                                                 const std::string& workspace, TaskId draft,
                                                 const ProcessSettings& settings);

/// Asks its shim (a pidfd) to end it.
void end_server(int shim);

/// Takes the exit status of its shim (a pidfd) if that has ended; says whether it has.
bool reap_server(int shim);

}  // namespace tinkerbell
