#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace tinkerbell {

/// Makes an open file somebody's, as far as we may: who owns a file is no reason to fail its
/// change.
void give_file_to(int fd, uid_t user, gid_t group);

/// A file under a name of its own that becomes another one by a rename, or vanishes.
/// Not O_TMPFILE: linkat(2) cannot replace an existing name. Borrows the directory's descriptor.
class TemporaryFile {
 public:
  /// Named by `key`, so that what a crash left behind is found, and removed, by the next attempt
  /// with that key. `mode` as of open(2). Errors: those of path_error.
  [[nodiscard]] static Result<TemporaryFile> create(int directory, std::string_view key,
                                                    mode_t mode);

  TemporaryFile(TemporaryFile&& other) noexcept = default;
  TemporaryFile& operator=(TemporaryFile&& other) = delete;
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile();

  [[nodiscard]] Result<void> write(std::string_view content);

  [[nodiscard]] Result<void> set_mode(mode_t mode);

  [[nodiscard]] Result<std::uint32_t> mode() const;

  /// As give_file_to.
  void give_to(uid_t user, gid_t group);

  [[nodiscard]] Result<void> sync();

  /// Errors: conflict if the name is taken.
  [[nodiscard]] Result<void> rename_to_new(const std::string& name);

  [[nodiscard]] Result<void> rename_over(const std::string& name);

 private:
  TemporaryFile(int directory, std::string name, UniqueFd fd)
      : directory_(directory), name_(std::move(name)), fd_(std::move(fd)) {}

  [[nodiscard]] Result<void> rename(const std::string& name, unsigned flags);

  int directory_;
  std::string name_;
  UniqueFd fd_;  ///< Invalid once the file has its name.
};

}  // namespace tinkerbell
