#pragma once

#include "tinkerbell/base/result.hpp"

#include <functional>
#include <string>

namespace tinkerbell {

/// Looks up a variable of the environment; nullptr if there is none. std::getenv in a program, a
/// table in a test.
using GetEnv = std::function<const char*(const char*)>;

/// A variable that names a directory, without its trailing slashes; empty if it is unset or not
/// absolute (which the XDG specification says to ignore). Of a list, as systemd may give one, the
/// first.
[[nodiscard]] std::string directory_variable(const GetEnv& get_env, const char* name);

/// Where the daemon listens and its clients connect: $TINKERBELL_SOCKET, else control.sock in
/// $RUNTIME_DIRECTORY or $XDG_RUNTIME_DIR/tinkerbell, else for root /run/tinkerbell/control.sock.
/// Never below /tmp, where anybody could have made it. Errors: not_found (none of these).
/// Source: systemd.exec(5) RuntimeDirectory=, XDG Base Directory Specification 0.8.
[[nodiscard]] Result<std::string> control_socket_path(const GetEnv& get_env, bool is_root);

}  // namespace tinkerbell
