#pragma once

#include "tinkerbell/command/file_change.hpp"
#include "tinkerbell/workspace/tree.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

/// What stands at paths; nothing: there is nothing.
using PathStates = std::map<std::string, std::optional<FileState>>;

[[nodiscard]] FileState state_of(const TreeEntry& entry);

/// What makes `after` of `before`, in byte order of the paths. Where one of the trees has left
/// something out nobody knows what changed, so nothing is said about it.
[[nodiscard]] std::vector<FileChange> changes_between(const Tree& before, const Tree& after);

/// What gives these paths these states in a tree as it is now, in byte order. Others change only
/// where they must: a directory that is missing above one of them is made, whatever else stands
/// there, and what stands below one that is to be a file goes. A directory that is to go stays if
/// something is in it that nobody spoke of.
[[nodiscard]] std::vector<FileChange> changes_to(const PathStates& states, const Tree& now);

/// The way back.
[[nodiscard]] std::vector<FileChange> reversed(std::vector<FileChange> changes);

}  // namespace tinkerbell
