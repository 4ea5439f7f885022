#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/file_change.hpp"

#include <vector>

namespace tinkerbell {

class ContentStore;

/// Changes as people are shown them. Long files and what is no text are told by their sizes and
/// hashes. All contents must be in the store. Errors: those of ContentStore.
[[nodiscard]] Result<std::vector<DraftChange>> shown(const std::vector<FileChange>& changes,
                                                     const ContentStore& contents);

}  // namespace tinkerbell
