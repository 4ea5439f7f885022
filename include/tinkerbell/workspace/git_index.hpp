#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/file_change.hpp"

#include <optional>
#include <string_view>

namespace tinkerbell {

class ContentStore;

/// Whether two versions of `.git/index` list the same files in the same states; what they say of
/// times and inodes does not count. One that cannot be read is the same as none.
/// Source: git's Documentation/gitformat-index.
[[nodiscard]] bool is_same_index(std::string_view one, std::string_view other);

/// The same of what stands or stood there: what is no file is the same as its equal. Errors: those
/// of ContentStore.
[[nodiscard]] Result<bool> is_same_index(const std::optional<FileState>& one,
                                         const std::optional<FileState>& other,
                                         const ContentStore& contents);

}  // namespace tinkerbell
