#include "settings/trusted_file.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

namespace tinkerbell::settings {

namespace {

std::string octal(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode & 07777U);
  return text.data();
}

Result<void> check_trusted(int fd, const std::string& path, mode_t forbidden) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return os_error("stat " + path, errno);
  if (!S_ISREG(status.st_mode)) return Error{Errc::invalid, path + " is not a regular file"};
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return Error{Errc::denied, path + " belongs to user " + std::to_string(status.st_uid) +
                                   ", not to root or to us"};
  }
  if ((status.st_mode & forbidden) != 0) {
    return Error{Errc::denied, path + " has mode " + octal(status.st_mode) + ", too open: chmod " +
                                   octal(status.st_mode & ~forbidden)};
  }
  return {};
}

}  // namespace

Result<std::string> read_trusted_file(const std::string& path, mode_t forbidden,
                                      std::size_t bytes_max) {
  // Non-blocking, or a FIFO would hold us here.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return os_error("open " + path, errno);
  if (Result<void> trusted = check_trusted(fd.get(), path, forbidden); !trusted) {
    return trusted.error();
  }
  return read_all(fd.get(), bytes_max, path);
}

}  // namespace tinkerbell::settings
