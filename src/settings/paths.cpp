#include "tinkerbell/settings/paths.hpp"

namespace tinkerbell::settings {

namespace {

/// One kind of directory, in the order of its variables.
struct Place {
  const char* ours;        ///< Names the thing itself.
  const char* systemd;     ///< Names its directory.
  const char* for_root;    ///< Its directory for root.
  const char* xdg;         ///< Names the parent of its directory.
  const char* below_home;  ///< The parent of its directory where that is unset.
};

constexpr Place kConfig{"TINKERBELL_CONFIG", "CONFIGURATION_DIRECTORY", "/etc/tinkerbell",
                        "XDG_CONFIG_HOME", "/.config"};
constexpr Place kState{"TINKERBELL_STATE_DIR", "STATE_DIRECTORY", "/var/lib/tinkerbell",
                       "XDG_STATE_HOME", "/.local/state"};

/// The path that `place` leads to; `leaf` is what it is called inside its directory.
Result<std::string> found(const Place& place, const std::string& leaf, const GetEnv& get_env,
                          bool is_root) {
  if (const char* const named = get_env(place.ours); named != nullptr && *named != '\0') {
    return std::string(named);
  }
  if (const std::string given = directory_variable(get_env, place.systemd); !given.empty()) {
    return given + leaf;
  }
  if (is_root) return place.for_root + leaf;
  if (const std::string given = directory_variable(get_env, place.xdg); !given.empty()) {
    return given + "/tinkerbell" + leaf;
  }
  if (const std::string home = directory_variable(get_env, "HOME"); !home.empty()) {
    return home + place.below_home + "/tinkerbell" + leaf;
  }
  return Error{Errc::not_found, std::string("set ") + place.ours + ", " + place.xdg + " or HOME"};
}

}  // namespace

Result<Paths> default_paths(const GetEnv& get_env, bool is_root) {
  Result<std::string> config = found(kConfig, "/tinkerbell.toml", get_env, is_root);
  if (!config) return config.error().with("config file");
  Result<std::string> state = found(kState, "", get_env, is_root);
  if (!state) return state.error().with("state directory");
  Result<std::string> socket = control_socket_path(get_env, is_root);
  if (!socket) return socket.error();
  return Paths{*std::move(config), *std::move(state), *std::move(socket)};
}

}  // namespace tinkerbell::settings
