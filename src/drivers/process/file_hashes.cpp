#include "drivers/process/file_hashes.hpp"

#include "tinkerbell/base/hash.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace tinkerbell {

namespace {

/// More versions of files than are used at a time; then the memory starts anew.
constexpr std::size_t kRememberedMax = 1'000;

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Error too_large(std::string_view name, std::uint64_t bytes_max) {
  return {Errc::too_large,
          std::string(name) + " is larger than " + std::to_string(bytes_max) + " bytes"};
}

/// Piece by piece, and never beyond the bound: a file may grow while it is read.
Result<std::string> hash_content(int fd, std::uint64_t bytes_max, std::string_view name) {
  Sha256Stream hash;
  std::array<char, 64 << 10> buffer;
  std::uint64_t offset = 0;
  while (offset <= bytes_max) {
    const ssize_t count = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os_error("read " + std::string(name), errno);
    if (count == 0) return hash.finish().hex();
    hash.update({buffer.data(), static_cast<std::size_t>(count)});
    offset += static_cast<std::uint64_t>(count);
  }
  return too_large(name, bytes_max);
}

}  // namespace

Result<FileVersion> version_of(int fd, std::string_view name) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return os_error("stat " + std::string(name), errno);
  if (!S_ISREG(found.st_mode)) {
    return Error{Errc::invalid, std::string(name) + ": not a regular file"};
  }
  return FileVersion{found.st_dev, found.st_ino, static_cast<std::uint64_t>(found.st_size),
                     nanoseconds(found.st_mtim), nanoseconds(found.st_ctim)};
}

Result<std::string> FileHashes::hash_of(int fd, const FileVersion& version, std::uint64_t bytes_max,
                                        std::string_view name) {
  if (version.bytes > bytes_max) return too_large(name, bytes_max);
  if (std::string known = remembered(version); !known.empty()) return known;
  Result<std::string> hash = hash_content(fd, bytes_max, name);
  const Result<FileVersion> after = version_of(fd, name);
  // A file that changed under our hands is remembered as neither the one nor the other.
  if (hash && after && *after == version) remember(version, *hash);
  return hash;
}

std::string FileHashes::remembered(const FileVersion& version) const {
  const std::scoped_lock lock(mutex_);
  const auto found = hashes_.find(version);
  return found == hashes_.end() ? std::string() : found->second;
}

void FileHashes::remember(const FileVersion& version, const std::string& hash) {
  const std::scoped_lock lock(mutex_);
  if (hashes_.size() >= kRememberedMax) hashes_.clear();
  hashes_[version] = hash;
}

}  // namespace tinkerbell
