#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/drivers/process/process_settings.hpp"

namespace tinkerbell {

/// Finds out whether the sandbox works *in effect* on this machine: a probe runs in it as any
/// program would and tries what must not succeed: see the homes, the hidden paths and the
/// namespaces of the host, write to the system, reach a listener by TCP, UDP and a Unix socket,
/// make a user namespace (HAZARDS S79). Blocks, at most some seconds: for the start of the daemon.
/// Errors: unsupported, with the reason. Settings without a sandbox are fine as they are.
[[nodiscard]] Result<void> probe_sandbox(const ProcessSettings& settings);

}  // namespace tinkerbell
