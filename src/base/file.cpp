#include "tinkerbell/base/file.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace tinkerbell {

namespace {

constexpr std::size_t kFirstReadBytes = 4 << 10;  // whole files of /proc, which change meanwhile
constexpr std::size_t kNextReadBytes = 256 << 10;

/// Only a hint: files of /proc say 0, and others grow while they are read.
std::uint64_t size_hint(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode)
             ? static_cast<std::uint64_t>(status.st_size)
             : 0;
}

}  // namespace

Result<std::string> read_all(int fd, std::uint64_t bytes_max, std::string_view name) {
  const auto too_large = [&] {
    return Error{Errc::too_large,
                 std::string(name) + " is larger than " + std::to_string(bytes_max) + " bytes"};
  };
  const std::uint64_t hint = size_hint(fd);
  if (hint > bytes_max) return too_large();
  std::string content(std::max<std::size_t>(hint + 1, kFirstReadBytes), '\0');
  std::size_t filled = 0;
  for (;;) {
    const ssize_t got = ::read(fd, content.data() + filled, content.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("read " + std::string(name), errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    if (filled > bytes_max) return too_large();
    if (filled == content.size()) content.resize(filled + kNextReadBytes);
  }
  content.resize(filled);
  return content;
}

Result<void> write_all(int fd, std::string_view bytes, std::string_view name) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return os_error("write " + std::string(name), errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> sync_directory(const std::filesystem::path& directory) {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return os_error("sync " + directory.string(), errno);
  return {};
}

namespace {

/// A directory that may not be written cannot be emptied. What fails here fails again where it
/// matters.
void open_directories(const std::filesystem::path& top) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::error_code ignored;
  fs::permissions(top, fs::perms::owner_all, fs::perm_options::add | fs::perm_options::nofollow,
                  ignored);
  for (fs::recursive_directory_iterator entry(top, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->symlink_status(ignored).type() != fs::file_type::directory) continue;
    fs::permissions(entry->path(), fs::perms::owner_all, fs::perm_options::add, ignored);
  }
}

}  // namespace

Result<void> remove_tree(const std::filesystem::path& directory) {
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) return {};
  open_directories(directory);
  std::filesystem::remove_all(directory, error);
  if (error) return os_error("remove " + directory.string(), error.value());
  return {};
}

}  // namespace tinkerbell
