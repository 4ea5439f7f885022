#include "journal/watched_file.hpp"

#include <sys/stat.h>

#include <cerrno>

namespace tinkerbell {

Result<WatchedFile> WatchedFile::at(std::filesystem::path path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return os_error("stat " + path.string(), errno);
  return WatchedFile(std::move(path), status.st_dev, status.st_ino);
}

Result<void> WatchedFile::still_there() const {
  struct stat status{};
  if (::lstat(path_.c_str(), &status) != 0 || status.st_dev != device_ || status.st_ino != inode_) {
    return Error{Errc::conflict, path_.string() + " was deleted or replaced while in use"};
  }
  return {};
}

}  // namespace tinkerbell
