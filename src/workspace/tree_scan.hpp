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
};

/// Shows `visit` what lies below a directory of a workspace, by the rules of Tree, in byte order of
/// the paths. Descriptors are held for a bounded number of levels, so that depth costs none.
/// An error of `visit` ends it.
[[nodiscard]] Result<void> scan_tree(int root, const std::string& directory,
                                     const ScanBounds& bounds,
                                     const std::function<Result<void>(const ScannedEntry&)>& visit);

/// The directory that Tree leaves to others.
inline constexpr std::string_view kGitObjects = ".git/objects";

}  // namespace tinkerbell
