#pragma once

#include "tinkerbell/base/result.hpp"

#include <span>
#include <string>

namespace tinkerbell {

/// Flushes files or directories below a directory. A few one by one; many by flushing the whole
/// file system (syncfs(2)), whatever else it has to write: each fsync(2) is a commit of its
/// journal. Errors: those of path_error.
[[nodiscard]] Result<void> sync_many(int directory, std::span<const std::string> paths);

}  // namespace tinkerbell
