#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <filesystem>

namespace tinkerbell {

/// Holds a directory for one process, through flock(2) on `directory`/lock. The kernel drops the
/// lock with the process, however it ends; the file stays and says who held it last. Only a program
/// that the process was about to start when it was killed has the lock a moment longer, until its
/// execve(2).
class DirectoryLock {
 public:
  /// Waits, if the holder is gone, until such a program lets go of it; at most `patience`. Errors:
  /// conflict (held; the message has the holder's pid), io, denied.
  [[nodiscard]] static Result<DirectoryLock> take(const std::filesystem::path& directory,
                                                  Milliseconds patience);

 private:
  explicit DirectoryLock(UniqueFd file) : file_(std::move(file)) {}

  UniqueFd file_;
};

}  // namespace tinkerbell
