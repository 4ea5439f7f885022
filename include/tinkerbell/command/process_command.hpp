#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/command/effect.hpp"
#include "tinkerbell/command/file_change.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Programs.

namespace tinkerbell {

/// Run a program to its end, in the sandbox, with the workspace as its root. No shell is ever
/// implied. Errors: not_found (no such program), denied, unsupported (no sandbox here), timed_out
/// (with the output so far in the message), too_large (argv), cancelled, unknown_outcome. A program
/// that fails is an ordinary reply. Source: execve(2); policy key "process.run".
struct AwaitProcess {
  static constexpr std::string_view kName = "process.run";
  static constexpr EffectClass kEffect = EffectClass::probeable;

  struct Reply {
    int exit_code = 0;       ///< 0–255; 128 + signal if it was killed.
    bool timed_out = false;  ///< It was ended because its time was up.
    std::string output;      ///< stdout and stderr as they came; head and tail if it was long.
    std::uint64_t output_bytes = 0;  ///< All that it wrote, also what `output` leaves out.
    Milliseconds duration{0};
    std::string note;  ///< Whence all this is known, where the program was not there to tell: from
                       ///< a probe or a person; and what of its changes is not known.
    std::vector<FileChange> changes;  ///< What in the workspace became another while it ran.
    std::string output_sha256;  ///< Of what AwaitContentRead reads: the output, where `output` has
                                ///< not all of it. Empty: nothing else is kept.

    static constexpr auto fields() {
      return described(field("exit_code", &Reply::exit_code), field("timed_out", &Reply::timed_out),
                       field("output", &Reply::output), field("output_bytes", &Reply::output_bytes),
                       field("duration_ms", &Reply::duration), field("note", &Reply::note),
                       field("changes", &Reply::changes),
                       field("output_sha256", &Reply::output_sha256));
    }
  };

  std::vector<std::string> argv;
  std::string cwd = ".";                   ///< Relative to the workspace.
  std::map<std::string, std::string> env;  ///< Added to the clean environment.
  Milliseconds timeout{120'000};
  std::uint64_t output_bytes_max =
      64 << 10;  ///< In the reply of the output; the program itself is not stopped.
  /// Kept beside it of an output that is longer than that, masked and as valid UTF-8; head and tail
  /// of one that is still longer. Nothing: only the reply has it.
  std::optional<std::uint64_t> output_kept_max;

  static constexpr auto fields() {
    return described(field("argv", &AwaitProcess::argv), field("cwd", &AwaitProcess::cwd),
                     field("env", &AwaitProcess::env), field("timeout_ms", &AwaitProcess::timeout),
                     field("output_bytes_max", &AwaitProcess::output_bytes_max),
                     field("output_kept_max", &AwaitProcess::output_kept_max));
  }
};

}  // namespace tinkerbell
