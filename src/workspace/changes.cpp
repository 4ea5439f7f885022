#include "tinkerbell/workspace/changes.hpp"

#include "workspace/path_union.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <ranges>
#include <set>
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

namespace {

bool is_directory(const std::optional<FileState>& state) {
  return state && state->type == FileType::directory;
}

/// A tree on its way to be another one.
class ChangingTree {
 public:
  explicit ChangingTree(const Tree& now) : now_(now) {}

  void set(const std::string& path, const std::optional<FileState>& state) {
    changed_.insert_or_assign(path, state);
  }

  [[nodiscard]] bool has_set(const std::string& path) const { return changed_.contains(path); }

  [[nodiscard]] std::optional<FileState> state_at(const std::string& path) const {
    const auto found = changed_.find(path);
    return found != changed_.end() ? found->second : state_now(path);
  }

  /// What stands below a path.
  [[nodiscard]] std::set<std::string> below(const std::string& path) const {
    const std::string prefix = path + '/';
    std::set<std::string> paths;
    for (auto at = std::ranges::lower_bound(now_.entries, prefix, {}, &TreeEntry::path);
         at != now_.entries.end() && at->path.starts_with(prefix); ++at) {
      paths.insert(at->path);
    }
    for (auto at = changed_.lower_bound(prefix);
         at != changed_.end() && at->first.starts_with(prefix); ++at) {
      if (at->second) {
        paths.insert(at->first);
      } else {
        paths.erase(at->first);
      }
    }
    return paths;
  }

  [[nodiscard]] std::vector<FileChange> changes() const {
    std::vector<FileChange> changes;
    for (const auto& [path, state] : changed_) {
      std::optional<FileState> before = state_now(path);
      if (before != state) changes.push_back({path, std::move(before), state});
    }
    return changes;
  }

 private:
  [[nodiscard]] std::optional<FileState> state_now(const std::string& path) const {
    const TreeEntry* const entry = now_.find(path);
    return entry == nullptr ? std::nullopt : std::optional(state_of(*entry));
  }

  const Tree& now_;
  PathStates changed_;
};

void make_directories_above(const std::string& path, ChangingTree& tree) {
  constexpr std::uint32_t kMode = 0755;
  for (std::size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string above = path.substr(0, at);
    if (!is_directory(tree.state_at(above))) {
      tree.set(above, FileState{.type = FileType::directory, .mode = kMode, .content = {}});
    }
  }
}

}  // namespace

std::vector<FileChange> changes_to(const PathStates& states, const Tree& now) {
  ChangingTree tree(now);
  for (const auto& [path, state] : states) {
    if (!state) continue;
    if (!is_directory(state)) {
      for (const std::string& below : tree.below(path))
        tree.set(below, std::nullopt);
    }
    tree.set(path, state);
    make_directories_above(path, tree);
  }
  for (const auto& [path, state] : std::views::reverse(states)) {
    const bool stays = state || tree.has_set(path) || !tree.below(path).empty();
    if (!stays) tree.set(path, std::nullopt);
  }
  return tree.changes();
}

std::vector<FileChange> reversed(std::vector<FileChange> changes) {
  for (FileChange& change : changes)
    std::swap(change.before, change.after);
  return changes;
}

}  // namespace tinkerbell
