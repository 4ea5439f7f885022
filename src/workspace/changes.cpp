#include "tinkerbell/workspace/changes.hpp"

#include "workspace/path_union.hpp"

#include <array>
#include <utility>

namespace tinkerbell {

FileState state_of(const TreeEntry& entry) {
  return {entry.type, entry.mode, entry.content, entry.bytes};
}

std::vector<FileChange> changes_between(const Tree& before, const Tree& after) {
  std::vector<FileChange> changes;
  for_each_path(std::array{&before, &after},
                [&](const std::string& path, const std::array<const TreeEntry*, 2>& entries) {
                  const std::optional<FileState> then = state_at(entries[0]);
                  const std::optional<FileState> now = state_at(entries[1]);
                  if (then == now || before.is_left_out(path) || after.is_left_out(path)) return;
                  changes.push_back({path, then, now});
                });
  return changes;
}

std::vector<FileChange> reversed(std::vector<FileChange> changes) {
  for (FileChange& change : changes)
    std::swap(change.before, change.after);
  return changes;
}

}  // namespace tinkerbell
