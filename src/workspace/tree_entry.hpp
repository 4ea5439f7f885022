#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/workspace/tree.hpp"

#include <sys/stat.h>

#include <optional>
#include <string>

namespace tinkerbell {

/// The entry without its content; nothing for what a tree does not take.
[[nodiscard]] std::optional<TreeEntry> entry_from(std::string path, const struct statx& status);

/// Where a link leads to. Errors: those of path_error, conflict (it is none any more).
[[nodiscard]] Result<std::string> link_target(int directory, const std::string& name,
                                              std::string_view path);

}  // namespace tinkerbell
