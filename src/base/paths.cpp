#include "tinkerbell/base/paths.hpp"

#include <string_view>

namespace tinkerbell {

std::string directory_variable(const GetEnv& get_env, const char* name) {
  const char* const value = get_env(name);
  if (value == nullptr || *value != '/') return {};
  std::string_view directory = value;
  directory = directory.substr(0, directory.find(':'));
  while (directory.size() > 1 && directory.ends_with('/'))
    directory.remove_suffix(1);
  return std::string(directory);
}

Result<std::string> control_socket_path(const GetEnv& get_env, bool is_root) {
  if (const char* const named = get_env("TINKERBELL_SOCKET"); named != nullptr && *named != '\0') {
    return std::string(named);
  }
  if (const std::string run = directory_variable(get_env, "RUNTIME_DIRECTORY"); !run.empty()) {
    return run + "/control.sock";
  }
  if (const std::string run = directory_variable(get_env, "XDG_RUNTIME_DIR"); !run.empty()) {
    return run + "/tinkerbell/control.sock";
  }
  if (is_root) return "/run/tinkerbell/control.sock";
  return Error{Errc::not_found,
               "no place for the control socket: set TINKERBELL_SOCKET or XDG_RUNTIME_DIR"};
}

}  // namespace tinkerbell
