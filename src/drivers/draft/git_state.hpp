#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/file_change.hpp"
#include "tinkerbell/workspace/content_store.hpp"
#include "tinkerbell/workspace/merge.hpp"

#include <string_view>
#include <vector>

namespace tinkerbell {

/// Whether a path holds what a commit changes: branches and tags, HEAD, the index; with the logs
/// and messages that git keeps for people. All else below `.git` is settings, and no work of a
/// task.
[[nodiscard]] bool is_git_state(std::string_view path);

/// Those of them that tell people nothing which the branches and the files do not tell: the index,
/// logs, messages.
[[nodiscard]] bool is_git_bookkeeping(std::string_view path);

/// Settles what a draft and its workspace have done to their repositories, by what it means instead
/// of by its bytes: an index that says the same is the same, and logs follow their branches.
/// Commits come over together with all that names them, or not at all: what cannot be is added to
/// `left`. Errors: those of ContentStore.
[[nodiscard]] Result<void> settle_git(TreeMerge& merge, const ContentStore& contents,
                                      std::vector<LeftInDraft>& left);

/// Whether two versions of `.git/index` list the same files in the same states; what they say of
/// times and inodes does not count. One that cannot be read is the same as none.
/// Source: git's Documentation/gitformat-index.
[[nodiscard]] bool is_same_index(std::string_view one, std::string_view other);

}  // namespace tinkerbell
