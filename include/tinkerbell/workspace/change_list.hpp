#pragma once

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/file_change.hpp"

#include <vector>

namespace tinkerbell {

class ContentStore;

/// Keeps a list of changes, which may be long, among the contents: who has its hash has it. Durable
/// after ContentStore::sync(). Errors: those of ContentStore::put.
[[nodiscard]] Result<Sha256> keep_changes(const std::vector<FileChange>& changes,
                                          ContentStore& contents);

/// Errors: invalid (what is kept under this hash is no such list); those of ContentStore::read.
[[nodiscard]] Result<std::vector<FileChange>> kept_changes(const Sha256& list,
                                                           const ContentStore& contents);

}  // namespace tinkerbell
