#pragma once

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/command/file_change.hpp"

#include <span>

namespace tinkerbell {

/// For the result of a task: the paths that it changed, the first thousand of them. Its step has
/// all.
[[nodiscard]] Json changed_paths(std::span<const FileChange> changes);

}  // namespace tinkerbell
