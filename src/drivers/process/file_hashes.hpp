#pragma once

#include "tinkerbell/base/result.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace tinkerbell {

/// What changes with a file's content. The change time cannot be set back.
struct FileVersion {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;

  auto operator<=>(const FileVersion&) const = default;
};

/// Of a regular file. `name` stands in the messages. Errors: invalid (not a regular file), io.
[[nodiscard]] Result<FileVersion> version_of(int fd, std::string_view name);

/// Hashes files and remembers the hash for as long as a file stays what it was. Any thread.
class FileHashes {
 public:
  /// SHA-256 in hexadecimal of what a descriptor gives from its beginning, read at most once.
  /// `version` is what version_of said of it. Errors: too_large (the file is larger than
  /// `bytes_max`, or has grown beyond), io.
  [[nodiscard]] Result<std::string> hash_of(int fd, const FileVersion& version,
                                            std::uint64_t bytes_max, std::string_view name);

 private:
  [[nodiscard]] std::string remembered(const FileVersion& version) const;
  void remember(const FileVersion& version, const std::string& hash);

  mutable std::mutex mutex_;
  std::map<FileVersion, std::string> hashes_;
};

}  // namespace tinkerbell
