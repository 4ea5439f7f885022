#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/file_change.hpp"
#include "tinkerbell/workspace/content_store.hpp"
#include "tinkerbell/workspace/merge.hpp"

#include <string_view>
#include <vector>

namespace tinkerbell {

/// Settles what a draft and its workspace have done to their repositories, by what it means instead
/// of by its bytes: an index that says the same is the same, and logs follow their branches.
/// Commits come over together with all that names them, or not at all: what cannot be is added to
/// `left`. Errors: those of ContentStore.
[[nodiscard]] Result<void> settle_git(TreeMerge& merge, const ContentStore& contents,
                                      std::vector<LeftInDraft>& left);

}  // namespace tinkerbell
