#pragma once

#include "tinkerbell/base/paths.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/settings/settings.hpp"

#include <string>

namespace tinkerbell::settings {

/// Fetches a key from where the config says, without its trailing line break; empty for
/// KeyKind::none. A file must belong to root or to us and be closed to everybody else. The content
/// never appears in an error. Errors: not_found, denied (owner or mode), invalid (empty, or with a
/// control character inside), too_large (more than 16 KiB), io.
/// Source: systemd.exec(5) LoadCredential=.
[[nodiscard]] Result<std::string> load_key(const KeySource& source, const GetEnv& get_env);

}  // namespace tinkerbell::settings
