#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/workspace/tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace tinkerbell {

/// An entry as its directory has it. Good for the length of a call.
struct ScannedEntry {
  int directory;  ///< Open; `name` is in it.
  const std::string& name;
  const std::string& path;
  const struct statx& status;
};

/// What a scan passes over, and what it has passed over.
struct ScanBounds {
  const std::function<bool(std::string_view path)>& excludes;
  const std::stop_token& stop;
  std::vector<LeftOut>& left_out;
  bool all = false;  ///< Also what a Tree leaves to others.
};

/// Shows `visit` what lies below a directory of a workspace, by the rules of Tree, in byte order of
/// the paths. Descriptors are held for a bounded number of levels, so that depth costs none.
/// An error of `visit` ends it.
[[nodiscard]] Result<void> scan_tree(int root, const std::string& directory,
                                     const ScanBounds& bounds,
                                     const std::function<Result<void>(const ScannedEntry&)>& visit);

/// Shows `visit` one entry of the workspace, if it is not passed over, and if it is a directory
/// what lies below it. Errors: not_found.
[[nodiscard]] Result<void> scan_part(int root, const std::string& path, const ScanBounds& bounds,
                                     const std::function<Result<void>(const ScannedEntry&)>& visit);

/// The directory that Tree leaves to others.
inline constexpr std::string_view kGitObjects = ".git/objects";

}  // namespace tinkerbell
