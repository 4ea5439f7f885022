#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// The directory of our own in a workspace, where what is new waits for its name and what was
/// replaced waits for its end. In it:
///
///     N         what the N-th path of the plan becomes, or was
///     opened    directories that were opened up, and their modes: who finishes gives them back
///
/// Nothing of it is removed unless clear() is called.
class Staging {
 public:
  /// Modes of directories, by their paths.
  using Modes = std::map<std::string, std::uint32_t>;

  Staging(int root, std::string_view key);

  /// What an earlier attempt has opened up. Errors: io (not readable).
  [[nodiscard]] Result<Modes> opened() const;

  /// Makes the directory, with nothing in it but the list of an earlier attempt.
  [[nodiscard]] Result<void> begin();

  [[nodiscard]] Result<UniqueFd> create_file(std::size_t place);
  [[nodiscard]] Result<void> create_link(std::size_t place, const std::string& target);
  [[nodiscard]] Result<void> create_directory(std::size_t place);

  /// Whether two names can be exchanged here. Errors: unsupported.
  [[nodiscard]] Result<void> check_exchange();

  /// Puts what was created, and the list of what is or will be opened up, on the disk.
  [[nodiscard]] Result<void> finish(const Modes& to_open);

  /// Gives what waits at a place its name, as renameat2(2) has `flags`.
  [[nodiscard]] Result<void> rename_to(std::size_t place, int directory, const std::string& leaf,
                                       unsigned flags, const std::string& path);

  /// Removes it all; also what a crash left behind. Errors: io (a stranger's file in a directory
  /// that was replaced).
  [[nodiscard]] Result<void> clear();

 private:
  [[nodiscard]] Result<void> list_opened(const Modes& to_open) const;

  int root_;
  std::string name_;
  UniqueFd directory_;
  std::vector<std::string> files_;
};

}  // namespace tinkerbell
