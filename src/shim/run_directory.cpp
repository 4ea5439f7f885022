#include "tinkerbell/shim/run_directory.hpp"

#include "tinkerbell/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace tinkerbell {

namespace {

Result<UniqueFd> open_file(const std::filesystem::path& file, int flags) {
  UniqueFd fd(::open(file.c_str(), flags | O_CLOEXEC, 0600));
  if (!fd) return os_error("open " + file.string(), errno);
  return fd;
}

Result<void> write_and_sync(const std::filesystem::path& file, std::string_view bytes) {
  Result<UniqueFd> fd = open_file(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
  if (!fd) return fd.error();
  if (Result<void> written = write_all(fd->get(), bytes, file.string()); !written) return written;
  if (::fsync(fd->get()) != 0) return os_error("fsync " + file.string(), errno);
  return {};
}

/// A write lock on the whole file.
struct flock whole_file_lock() {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

Result<void> write_whole(const std::filesystem::path& directory, std::string_view name,
                         std::string_view bytes) {
  const std::filesystem::path file = directory / name;
  const std::filesystem::path temporary = directory / (std::string(name) + ".new");
  if (Result<void> written = write_and_sync(temporary, bytes); !written) return written;
  if (::rename(temporary.c_str(), file.c_str()) != 0) {
    return os_error("rename " + temporary.string(), errno);
  }
  return {};
}

Result<void> write_durably(const std::filesystem::path& directory, std::string_view name,
                           std::string_view bytes) {
  if (Result<void> written = write_whole(directory, name, bytes); !written) return written;
  return sync_directory(directory);
}

Result<std::string> read_whole_file(const std::filesystem::path& file, std::size_t bytes_max) {
  Result<UniqueFd> fd = open_file(file, O_RDONLY | O_NOFOLLOW);
  if (!fd) return fd.error();
  return read_all(fd->get(), bytes_max, file.string());
}

Result<UniqueFd> take_run_lock(const std::filesystem::path& directory) {
  Result<UniqueFd> fd = open_file(directory / kLockFile, O_RDWR | O_CREAT | O_NOFOLLOW);
  if (!fd) return fd.error();
  struct flock lock = whole_file_lock();
  if (::fcntl(fd->get(), F_SETLK, &lock) == 0) return fd;
  if (errno == EACCES || errno == EAGAIN) {
    return Error{Errc::conflict, "lock " + directory.string() + ": somebody holds it"};
  }
  return os_error("lock " + directory.string(), errno);
}

std::optional<pid_t> run_lock_holder(const std::filesystem::path& directory) {
  Result<UniqueFd> fd = open_file(directory / kLockFile, O_RDWR | O_NOFOLLOW);
  if (!fd) return std::nullopt;
  struct flock lock = whole_file_lock();
  if (::fcntl(fd->get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  return lock.l_pid;
}

std::string current_boot_id() {
  Result<std::string> text = read_whole_file("/proc/sys/kernel/random/boot_id", 64);
  if (!text) return {};
  if (text->ends_with('\n')) text->pop_back();
  return *text;
}

}  // namespace tinkerbell
