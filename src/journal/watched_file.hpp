#pragma once

#include "tinkerbell/base/result.hpp"

#include <sys/types.h>

#include <filesystem>

namespace tinkerbell {

/// A file that must stay where it is: what is written into a deleted or replaced one is lost,
/// although every write succeeds.
class WatchedFile {
 public:
  /// Errors: not_found, io.
  [[nodiscard]] static Result<WatchedFile> at(std::filesystem::path path);

  /// Errors: conflict (deleted, moved away or replaced).
  [[nodiscard]] Result<void> still_there() const;

 private:
  WatchedFile(std::filesystem::path path, dev_t device, ino_t inode)
      : path_(std::move(path)), device_(device), inode_(inode) {}

  std::filesystem::path path_;
  dev_t device_;
  ino_t inode_;
};

}  // namespace tinkerbell
