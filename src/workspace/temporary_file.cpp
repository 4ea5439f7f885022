#include "workspace/temporary_file.hpp"

#include "workspace/beneath.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace tinkerbell {

namespace {

UniqueFd created(int directory, const std::string& name, mode_t mode) {
  return UniqueFd(::openat(directory, name.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
}

}  // namespace

void give_file_to(int fd, uid_t user, gid_t group) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return;
  if (status.st_uid == user && status.st_gid == group) return;
  if (::fchown(fd, user, group) == 0) return;
  // Without privilege a file can still be given to another group of ours.
  [[maybe_unused]] const int kept = ::fchown(fd, static_cast<uid_t>(-1), group);
}

Result<TemporaryFile> TemporaryFile::create(int directory, std::string_view key, mode_t mode) {
  std::string name = std::string(kTemporaryPrefix) + std::string(key);
  UniqueFd fd = created(directory, name, mode);
  if (!fd && errno == EEXIST && ::unlinkat(directory, name.c_str(), 0) == 0) {
    fd = created(directory, name, mode);
  }
  if (!fd) return path_error("create", name, errno);
  return TemporaryFile(directory, std::move(name), std::move(fd));
}

TemporaryFile::~TemporaryFile() {
  if (fd_) ::unlinkat(directory_, name_.c_str(), 0);
}

Result<void> TemporaryFile::write(std::string_view content) {
  return write_all(fd_.get(), content, name_);
}

Result<void> TemporaryFile::set_mode(mode_t mode) {
  if (::fchmod(fd_.get(), mode) != 0) return path_error("set the mode of", name_, errno);
  return {};
}

Result<std::uint32_t> TemporaryFile::mode() const {
  Result<struct stat> status = status_of(fd_.get(), name_);
  if (!status) return status.error();
  return status->st_mode & 07777U;
}

void TemporaryFile::give_to(uid_t user, gid_t group) {
  give_file_to(fd_.get(), user, group);
}

Result<void> TemporaryFile::sync() {
  if (::fsync(fd_.get()) != 0) return path_error("sync", name_, errno);
  return {};
}

Result<void> TemporaryFile::rename_to_new(const std::string& name) {
  return rename(name, RENAME_NOREPLACE);
}

Result<void> TemporaryFile::rename_over(const std::string& name) {
  return rename(name, 0);
}

Result<void> TemporaryFile::rename(const std::string& name, unsigned flags) {
  if (::renameat2(directory_, name_.c_str(), directory_, name.c_str(), flags) != 0) {
    return path_error("rename to", name, errno);
  }
  fd_.reset();
  return {};
}

}  // namespace tinkerbell
