#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// A run directory is all that the daemon and the shim of one program share; each outlives the
/// other.
///
///     spec      what to run, there before the shim is started. The shim reads it under the
///               lock, so that whoever holds that and removes it has made sure that nothing will
///               run.
///     lock      an fcntl(2) record lock, held by the shim for as long as it lives. The kernel
///               names the holder (F_GETLK), so that no stale process id is ever believed.
///     started   durable before the program is executed: without it nothing has happened.
///     output    stdout and, unless that goes into the status, stderr (output_file.hpp).
///     status    durable after the last process has ended: how it went.
///     tree      what stood where the program works, as it found it: the daemon's alone, which
///               compares. None: nobody compares. Durable with `started`.
///     shim.log  complaints of the shim itself.
///     home      HOME of a program that runs without a sandbox.

namespace tinkerbell {

inline constexpr std::string_view kSpecFile = "spec";
inline constexpr std::string_view kLockFile = "lock";
inline constexpr std::string_view kStartedFile = "started";
inline constexpr std::string_view kStatusFile = "status";
inline constexpr std::string_view kTreeFile = "tree";
inline constexpr std::string_view kShimLogFile = "shim.log";
inline constexpr std::string_view kHomeDirectory = "home";

/// What bubblewrap reports (--json-status-fd), and kEntryRefused: tells a program that failed from
/// one that was not executed. A file in the shim's memory.
inline constexpr std::string_view kSandboxReport = "sandbox";

/// The descriptor on which the shim hands it to bubblewrap, which keeps it from the program.
inline constexpr int kSandboxReportFd = 3;

/// The same file, for `tinkerbell-shim --enter` inside the sandbox (entry.hpp), and what it appends
/// where it does not execute the program.
inline constexpr int kEntryReportFd = 4;
inline constexpr std::string_view kEntryRefused = "{ \"refused\": true }\n";

inline constexpr std::size_t kComplaintsBytesMax = 8 << 10;

/// What the shim is to run, complete: it looks nothing up and adds nothing.
struct RunSpec {
  std::string program;            ///< Absolute path to execute.
  std::vector<std::string> argv;  ///< With argv[0].
  std::map<std::string, std::string> env;
  std::string cwd;         ///< Absolute.
  bool sandboxed = false;  ///< `program` is bubblewrap and reports on kSandboxReportFd.
  Milliseconds timeout{0};
  std::uint64_t output_bytes_max = 0;
  bool complaints_apart = false;  ///< What it writes to stderr is no output.

  static constexpr auto fields() {
    return described(field("program", &RunSpec::program), field("argv", &RunSpec::argv),
                     field("env", &RunSpec::env), field("cwd", &RunSpec::cwd),
                     field("sandboxed", &RunSpec::sandboxed),
                     field("timeout_ms", &RunSpec::timeout),
                     field("output_bytes_max", &RunSpec::output_bytes_max),
                     field("complaints_apart", &RunSpec::complaints_apart));
  }
};

/// That the program was about to be executed, and under which boot: for the person who must say
/// what became of it.
struct RunStarted {
  std::int64_t unix_ns = 0;
  std::string boot_id;

  static constexpr auto fields() {
    return described(field("unix_ns", &RunStarted::unix_ns),
                     field("boot_id", &RunStarted::boot_id));
  }
};

/// How it went. Nothing of the program lives any more when this is written.
struct RunStatus {
  int exit_code = 0;  ///< 0–255; 128 + signal if it was killed.
  bool timed_out = false;
  bool cancelled = false;
  std::string failure;  ///< Why the program was never executed; empty if it was.
  Milliseconds duration{0};
  std::string complaints;  ///< The first kComplaintsBytesMax bytes of them, where they are apart.

  static constexpr auto fields() {
    return described(
        field("exit_code", &RunStatus::exit_code), field("timed_out", &RunStatus::timed_out),
        field("cancelled", &RunStatus::cancelled), field("failure", &RunStatus::failure),
        field("duration_ms", &RunStatus::duration), field("complaints", &RunStatus::complaints));
  }
};

/// Makes a file of a run directory appear whole or not at all, also across a power loss: temporary
/// name, fsync, rename. Until the directory is synced the loss may take it. Errors: io, denied,
/// not_found.
[[nodiscard]] Result<void> write_whole(const std::filesystem::path& directory,
                                       std::string_view name, std::string_view bytes);

/// The same, and it stays. Errors: as write_whole.
[[nodiscard]] Result<void> write_durably(const std::filesystem::path& directory,
                                         std::string_view name, std::string_view bytes);

/// A whole file of at most `bytes_max` bytes. Errors: not_found, denied, too_large, io.
[[nodiscard]] Result<std::string> read_whole_file(const std::filesystem::path& file,
                                                  std::size_t bytes_max);

/// A described struct from a run directory. Errors: as read_whole_file, and invalid.
template <Described T>
[[nodiscard]] Result<T> read_record(const std::filesystem::path& directory, std::string_view name) {
  Result<std::string> text = read_whole_file(directory / name, JsonLimits{}.bytes_max);
  if (!text) return text.error();
  Result<Json> json = parse_json(*text);
  if (!json) return json.error().with(name);
  return from_json_value<T>(*json);
}

template <Described T>
[[nodiscard]] Result<void> write_record(const std::filesystem::path& directory,
                                        std::string_view name, const T& record) {
  return write_durably(directory, name, dump_json(to_json_value(record)));
}

/// Takes the lock of a run directory for as long as the descriptor is open. Errors: conflict (the
/// shim or somebody else holds it), not_found, io.
[[nodiscard]] Result<UniqueFd> take_run_lock(const std::filesystem::path& directory);

/// The process that holds the lock; nullopt if nobody does.
[[nodiscard]] std::optional<pid_t> run_lock_holder(const std::filesystem::path& directory);

/// This boot of the machine, as the kernel names it (random(4)); empty where /proc is missing.
[[nodiscard]] std::string current_boot_id();

}  // namespace tinkerbell
