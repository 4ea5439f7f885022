#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tinkerbell {

/// `tinkerbelld debug FILE`: no daemon, but a look at a core file.
struct DebugOptions {
  std::string file;
  std::uint64_t task = 0;  ///< 0: the one that the core was taken of.
  std::uint64_t step = 0;  ///< Show this one and end; 0: take commands.
};

/// The command line of tinkerbelld.
struct Options {
  std::string config_file;  ///< Empty: the usual place.
  std::string state_dir;    ///< Overrides the config.
  std::string socket;       ///< Overrides the config.
  bool check_config = false;
  bool accept_rollback = false;
  std::optional<DebugOptions> debug;
};

/// Reads the command line. Without a value: the program is to end with `exit_code` (help and
/// version were printed, or what is wrong with it).
struct ParsedOptions {
  std::optional<Options> options;
  int exit_code = 0;
};

[[nodiscard]] ParsedOptions parse_options(int argc, const char* const* argv);

}  // namespace tinkerbell
