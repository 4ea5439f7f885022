#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace tinkerbell {

/// What happens to a symbolic link on the way.
enum class Links : std::uint8_t {
  follow,  ///< As long as it stays beneath. Only to find out where a path leads.
  refuse,  ///< Errc::conflict: the path was resolved before, so a link is new there.
};

/// Whether a path may lead into another mount within the workspace.
enum class Mounts : std::uint8_t {
  cross,
  refuse,  ///< Errc::outside_workspace.
};

/// openat2(2), never leaving `directory`. `flags` as of open(2); O_CLOEXEC is added.
/// Errors: those of path_error, unsupported.
[[nodiscard]] Result<UniqueFd> open_beneath(int directory, const std::string& path,
                                            std::uint64_t flags, Links links,
                                            Mounts mounts = Mounts::cross);

/// A directory, to read or to sync.
[[nodiscard]] Result<UniqueFd> open_directory(int root, const std::string& path);

struct OpenFile {
  UniqueFd fd;
  struct stat status{};
};

/// A regular file, to read. Never waits for anybody: FIFOs, devices, sockets and directories are
/// Errc::invalid at once (HAZARDS S42).
[[nodiscard]] Result<OpenFile> open_regular(int root, const std::string& path);

/// fstat(2).
[[nodiscard]] Result<struct stat> status_of(int fd, std::string_view path);

/// All that a file holds, at most `bytes_max` bytes. Errors: too_large, io.
[[nodiscard]] Result<std::string> read_all(const OpenFile& file, std::uint64_t bytes_max,
                                           std::string_view path);

/// The failure of an operation on a path: os_error with the codes that callers tell apart.
[[nodiscard]] Error path_error(std::string_view operation, std::string_view path, int errno_value);

}  // namespace tinkerbell
