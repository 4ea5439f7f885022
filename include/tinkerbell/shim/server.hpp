#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/shim/run_directory.hpp"

#include <cstdint>
#include <string_view>

namespace tinkerbell {

/// `tinkerbell-shim --serve`: runs a program that talks with the daemon on its stdin and stdout,
/// and that is of no use without it. So it leaves nothing on disk, and ends with the daemon: with
/// whatever its program has started, whether it is asked to (SIGTERM), the daemon dies, or the
/// program ends by itself.
inline constexpr std::string_view kServeOption = "--serve";

/// The descriptor from which it reads its ServeSpec, a file in memory: environments may hold
/// secrets, and command lines are for all to see.
inline constexpr int kServeSpecFd = 3;

struct ServeSpec {
  RunSpec run;              ///< Without time or output limits.
  std::int64_t daemon = 0;  ///< The process that it is for.

  static constexpr auto fields() {
    return described(field("run", &ServeSpec::run), field("daemon", &ServeSpec::daemon));
  }
};

}  // namespace tinkerbell
