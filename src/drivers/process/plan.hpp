#pragma once

#include "drivers/process/program.hpp"
#include "drivers/process/sandbox.hpp"

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/drivers/process/process_settings.hpp"
#include "tinkerbell/shim/run_directory.hpp"
#include "tinkerbell/syscall/driver.hpp"

#include <filesystem>

namespace tinkerbell {

/// A command that was checked against this machine: what would run, and where.
struct Plan {
  Program program;
  SandboxView view;
  std::filesystem::path directory;  ///< In which it starts where there is no sandbox.
  EntryCheck start;                 ///< That one.
  Facts facts;
};

/// Checks limits, environment, directory and program of an AwaitProcess. Reads the disk, changes
/// nothing. Errors: those of ProcessDriver::prepare.
[[nodiscard]] Result<Plan> plan_run(const Call& call, const ProcessSettings& settings,
                                    FileHashes& hashes, PrivatePathsLook& private_paths,
                                    const SandboxAccess& access = {});

/// What the shim is told: the program itself, or bubblewrap around it. `directory` is the run's.
[[nodiscard]] RunSpec spec_of(const Call& call, const Plan& plan, const ProcessSettings& settings,
                              PrivatePathsLook& private_paths, const RunManner& manner,
                              const std::filesystem::path& directory);

}  // namespace tinkerbell
