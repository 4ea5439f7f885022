#pragma once

#include "tinkerbell/workspace/changes.hpp"
#include "tinkerbell/workspace/tree.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <string>

namespace tinkerbell {

[[nodiscard]] inline std::optional<FileState> state_at(const TreeEntry* entry) {
  return entry == nullptr ? std::nullopt : std::optional(state_of(*entry));
}

/// Shows each path of some trees once, in byte order, with the entry that each tree has there.
template <std::size_t kTrees, class Visit>
void for_each_path(const std::array<const Tree*, kTrees>& trees, const Visit& visit) {
  std::array<std::size_t, kTrees> next{};
  for (;;) {
    const std::string* least = nullptr;
    for (std::size_t i = 0; i < kTrees; ++i) {
      const auto& entries = trees[i]->entries;
      if (next[i] == entries.size()) continue;
      const std::string& path = entries[next[i]].path;
      if (least == nullptr || path < *least) least = &path;
    }
    if (least == nullptr) return;
    std::array<const TreeEntry*, kTrees> found{};
    for (std::size_t i = 0; i < kTrees; ++i) {
      const auto& entries = trees[i]->entries;
      if (next[i] < entries.size() && entries[next[i]].path == *least) {
        found[i] = &entries[next[i]++];
      }
    }
    visit(*least, found);
  }
}

}  // namespace tinkerbell
