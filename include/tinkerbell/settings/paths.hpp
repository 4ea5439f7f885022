#pragma once

#include "tinkerbell/base/paths.hpp"
#include "tinkerbell/base/result.hpp"

#include <string>

namespace tinkerbell::settings {

/// Where things are when neither a flag nor the config file says so.
struct Paths {
  std::string config_file;  ///< It may be absent.
  std::string state_dir;
  std::string socket;
};

/// $TINKERBELL_CONFIG, $TINKERBELL_STATE_DIR and $TINKERBELL_SOCKET, else systemd's
/// $CONFIGURATION_DIRECTORY, $STATE_DIRECTORY and $RUNTIME_DIRECTORY, else /etc, /var/lib and /run
/// for root and the XDG directories for everybody else. Errors: not_found (no such variable and no
/// $HOME). Source: systemd.exec(5), XDG Base Directory Specification 0.8, hier(7).
[[nodiscard]] Result<Paths> default_paths(const GetEnv& get_env, bool is_root);

}  // namespace tinkerbell::settings
