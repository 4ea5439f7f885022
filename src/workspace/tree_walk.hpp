#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"

#include <functional>
#include <string>

namespace tinkerbell {

enum class Depth : std::uint8_t { one_level, all };

/// Shows `visit` what lies below a directory: parents before what is in them, each directory in
/// byte order; links are not followed, `.git` is not entered, our temporary files are left out.
/// `visit` ends the walk with false. No descriptor stays open between two directories, so depth
/// costs none. The answer: whether all was seen. Errors: those of opening the first directory.
[[nodiscard]] Result<bool> walk_tree(int root, const std::string& directory, Depth depth,
                                     const std::function<bool(FileEntry)>& visit);

}  // namespace tinkerbell
