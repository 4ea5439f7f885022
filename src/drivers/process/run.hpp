#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/shim/run_directory.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

/// The daemon's end of a run directory: start a shim, find it again, read what it left. All of it
/// blocks for as long as a disk does.

namespace tinkerbell {

/// Where the run of an attempt lives. The key must be one (is_run_key).
[[nodiscard]] std::filesystem::path run_directory(const std::filesystem::path& runs_directory,
                                                  const std::string& key, std::uint32_t attempt);

/// Where the probe of that run lives; it goes with the run.
[[nodiscard]] std::filesystem::path probe_directory(const std::filesystem::path& run_directory);

/// The key in the name of a run directory.
[[nodiscard]] std::string key_of_run(const std::filesystem::path& run_directory);

/// 1–64 hexadecimal digits: fit for a file name.
[[nodiscard]] bool is_run_key(const std::string& key);

/// Makes the directory of all runs, durably and for its owner alone, if it is missing. Errors: io,
/// denied, not_found (its parent).
[[nodiscard]] Result<void> make_runs_directory(const std::filesystem::path& directory);

/// Makes a run directory, durably, and starts its shim. `tree`: for the file of that name; empty:
/// there is to be none. Returns the shim as a pidfd. On an error nothing has run and nothing is
/// left. Errors: conflict (that attempt was made before), io, not_found or denied (the shim).
[[nodiscard]] Result<UniqueFd> start_run(const std::filesystem::path& shim,
                                         const std::filesystem::path& directory,
                                         const RunSpec& spec, std::string_view tree = {});

/// The shim of a run as a pidfd, also if another daemon started it; an invalid one if none lives.
/// Errors: io.
[[nodiscard]] Result<UniqueFd> find_shim(const std::filesystem::path& directory);

/// How a run went whose shim lives no more. Errors: not_started (certainly, and it never will:
/// a late shim finds nothing to run), unavailable (it could not be executed), cancelled,
/// unknown_outcome (the shim was killed, the machine went down, or what it left cannot be read),
/// conflict (a shim lives after all: find it).
[[nodiscard]] Result<AwaitProcess::Reply> outcome_of(const std::filesystem::path& directory);

/// Removes a run in which no shim lives, so that none can come late; also directories that its
/// program has closed to us. Errors: conflict (a shim lives), not_found, io, denied.
[[nodiscard]] Result<void> remove_run(const std::filesystem::path& directory);

/// The same where a shim may live: it is killed, with its program. Nothing to do is no error.
/// Errors: timed_out (it does not end), and as remove_run.
[[nodiscard]] Result<void> discard_run(const std::filesystem::path& directory);

/// Holds a process, so that its number is nobody else's; an invalid one if there is none (errno).
[[nodiscard]] UniqueFd open_pidfd(pid_t pid);

/// Whether a shim (a pidfd) has ended.
[[nodiscard]] bool has_ended(int shim);

/// Takes the exit status of a shim (a pidfd) if it is a child of ours, so that no zombie stays.
void reap(int shim);

/// SIGTERM asks a shim (a pidfd) to end its program; SIGKILL ends both at once, without a status.
void send_signal(int shim, int signal_number);

/// Waits until all of these have ended, at most so long; says whether they have.
[[nodiscard]] bool wait_for_end(std::span<const UniqueFd> shims, std::chrono::milliseconds most);

}  // namespace tinkerbell
