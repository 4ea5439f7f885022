#pragma once

#include "tinkerbell/base/names.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/workspace/changes.hpp"
#include "tinkerbell/workspace/tree.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

class ContentStore;

enum class ConflictReason : std::uint8_t {
  both_changed,  ///< In different ways that do not go together.
  no_directory,  ///< The workspace no longer has the directory that this would be put into.
  not_empty,     ///< The directory would go, but the workspace has something of its own in it.
  not_seen,      ///< Nobody could see what the workspace has there.
};

template <>
inline constexpr std::array kNames<ConflictReason> = {
    std::string_view("both_changed"), std::string_view("no_directory"),
    std::string_view("not_empty"), std::string_view("not_seen")};

struct MergeConflict {
  std::string path;
  ConflictReason reason = ConflictReason::both_changed;
  std::optional<FileState> base;
  std::optional<FileState> ours;
  std::optional<FileState> theirs;

  bool operator==(const MergeConflict&) const = default;
};

/// What is to be done to `ours` so that it also has what `theirs` changed since `base`.
struct TreeMerge {
  std::vector<FileChange> changes;       ///< In byte order; together with ours they are a tree.
  std::vector<std::string> line_merged;  ///< The files of which both sides had changed lines.
  std::vector<MergeConflict> conflicts;  ///< In byte order. The workspace stays as it is there.
};

/// The largest text that is merged line by line.
inline constexpr std::uint64_t kMergeBytesMax = 8 << 20;

/// Path by path: equal on both sides, or changed by ours alone: nothing to do. Changed by theirs
/// alone: a change. Changed by both: a conflict, except where texts can be merged line by line; the
/// merged text is put into the store. The texts come from there too; one that is missing makes it a
/// conflict. What theirs left out counts as not changed.
/// Errors: those of ContentStore.
[[nodiscard]] Result<TreeMerge> merge_trees(const Tree& base, const Tree& ours, const Tree& theirs,
                                            ContentStore& store);

}  // namespace tinkerbell
