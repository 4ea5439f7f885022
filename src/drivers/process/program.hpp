#pragma once

#include "tinkerbell/base/result.hpp"

#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace tinkerbell {

/// The program that `name` means: looked up in kProgramPath, or, if it has a slash, taken from
/// `cwd`. Links are not resolved, since some programs act by the name that they are called by.
/// Errors: not_found, denied (no execute permission), invalid (a directory).
[[nodiscard]] Result<std::filesystem::path> find_program(const std::string& name,
                                                         const std::filesystem::path& cwd);

/// Hashes programs and remembers the hash for as long as the file stays what it was. Any thread.
class ProgramHashes {
 public:
  /// SHA-256 in hexadecimal. Errors: invalid (neither ELF nor "#!": execvp(3) would hand it to a
  /// shell), not_found, denied, io.
  [[nodiscard]] Result<std::string> hash_of(const std::filesystem::path& program);

 private:
  /// What changes with a file's content. The change time cannot be set back.
  struct Version {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t bytes = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;

    auto operator<=>(const Version&) const = default;
  };

  [[nodiscard]] static Version version_of(int fd);
  [[nodiscard]] std::string remembered(const Version& version) const;
  void remember(const Version& version, const std::string& hash);

  mutable std::mutex mutex_;
  std::map<Version, std::string> hashes_;
};

}  // namespace tinkerbell
