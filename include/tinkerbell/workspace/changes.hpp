#pragma once

#include "tinkerbell/command/file_change.hpp"
#include "tinkerbell/workspace/tree.hpp"

#include <vector>

namespace tinkerbell {

[[nodiscard]] FileState state_of(const TreeEntry& entry);

/// What makes `after` of `before`, in byte order of the paths. Where one of the trees has left
/// something out nobody knows what changed, so nothing is said about it.
[[nodiscard]] std::vector<FileChange> changes_between(const Tree& before, const Tree& after);

/// The way back.
[[nodiscard]] std::vector<FileChange> reversed(std::vector<FileChange> changes);

}  // namespace tinkerbell
