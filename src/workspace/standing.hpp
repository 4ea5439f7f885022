#pragma once

#include "workspace/change_plan.hpp"

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <optional>
#include <string>

namespace tinkerbell {

/// What stands at a path now.
struct Standing {
  std::optional<FileState> state;
  struct statx status{};  ///< Of what stands there.
  bool other = false;     ///< Something that no change has: a socket, a mount, an unreadable file.
};

/// Follows no link: what a link leads to is not there. The content of a file is only read if its
/// size is one of those that the plan has for it; else it is none. Errors: those of path_error.
[[nodiscard]] Result<Standing> standing_at(int root, const PlannedPath& planned);

/// Whether nobody has touched a path since. Errors: those of path_error.
[[nodiscard]] Result<bool> still_stands(int root, const std::string& path,
                                        const Standing& standing);

/// The directory that a path is in. Nothing if there is none, or a link or a mount
/// on the way.
[[nodiscard]] Result<std::optional<UniqueFd>> directory_above(int root, const std::string& path);

}  // namespace tinkerbell
