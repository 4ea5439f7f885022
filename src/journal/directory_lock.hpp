#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <filesystem>

namespace tinkerbell {

/// Holds a directory for one process, through flock(2) on `directory`/lock. The kernel drops the
/// lock with the process, however it ends; the file stays and says who held it last.
class DirectoryLock {
 public:
  /// Does not wait. Errors: conflict (held; the message has the holder's pid), io, denied.
  [[nodiscard]] static Result<DirectoryLock> take(const std::filesystem::path& directory);

 private:
  explicit DirectoryLock(UniqueFd file) : file_(std::move(file)) {}

  UniqueFd file_;
};

}  // namespace tinkerbell
