#include "workspace/beneath.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/text.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tinkerbell {

namespace {

/// A rename elsewhere in the tree makes the kernel give up on ".." with EAGAIN (openat2(2)).
constexpr int kAttemptsMax = 128;

/// Debian 12's C library has no wrapper.
int openat2(int directory, const char* path, const open_how& how) {
  return static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof how));
}

Error not_regular(std::string_view path) {
  return {Errc::invalid, visible_line(path) + " is not a regular file"};
}

}  // namespace

Error path_error(std::string_view operation, std::string_view path, int errno_value) {
  Error error = os_error(std::string(operation) + " " + visible_line(path), errno_value);
  switch (errno_value) {
    case EXDEV:
      error.message = "path " + visible_line(path) + " leaves the workspace";
      break;
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ENXIO:  // a socket, or a FIFO or device that nobody serves
    case ENODEV:
      error.code = Errc::invalid;
      break;
    case ELOOP:
    case EAGAIN:
    case EEXIST:
      error.code = Errc::conflict;
      break;
    case ENOSYS:
      error.code = Errc::unsupported;
      break;
    default:
      break;
  }
  return error;
}

Result<UniqueFd> open_beneath(int directory, const std::string& path, std::uint64_t flags,
                              Links links, Mounts mounts) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  if (links == Links::refuse) how.resolve |= RESOLVE_NO_SYMLINKS;
  if (mounts == Mounts::refuse) how.resolve |= RESOLVE_NO_XDEV;
  int fd = -1;
  for (int attempt = 1; attempt <= kAttemptsMax; ++attempt) {
    fd = openat2(directory, path.c_str(), how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  if (fd < 0) return path_error("open", path, errno);
  return UniqueFd(fd);
}

Result<UniqueFd> open_directory(int root, const std::string& path) {
  return open_beneath(root, path, O_RDONLY | O_DIRECTORY, Links::refuse);
}

Result<OpenFile> open_regular(int root, const std::string& path) {
  Result<UniqueFd> fd = open_beneath(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, Links::refuse);
  if (!fd) return fd.error();
  Result<struct stat> status = status_of(fd->get(), path);
  if (!status) return status.error();
  if (!S_ISREG(status->st_mode)) return not_regular(path);
  return OpenFile{*std::move(fd), *status};
}

Result<struct stat> status_of(int fd, std::string_view path) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return path_error("stat", path, errno);
  return status;
}

Result<std::string> read_all(const OpenFile& file, std::uint64_t bytes_max, std::string_view path) {
  return read_all(file.fd.get(), bytes_max, visible_line(path));
}

}  // namespace tinkerbell
