#include "journal/reserve.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace tinkerbell {

Result<void> Reserve::take() {
  if (taken_) return {};
  const UniqueFd file(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return failure(errno);
  struct stat before{};
  if (::fstat(file.get(), &before) != 0) return failure(errno);
  const int failed = ::posix_fallocate(file.get(), 0, kBytes);
  taken_ = failed == 0;
  if (taken_) return {};
  (void)::ftruncate(file.get(), before.st_size);  // what it had it keeps
  return failure(failed);
}

Error Reserve::failure(int errno_value) const {
  if (errno_value != ENOSPC && errno_value != EDQUOT) {
    return os_error("keep space back in " + file_.string(), errno_value);
  }
  return {Errc::storage_full, "the disk of " + file_.parent_path().string() +
                                  " is full: it has less than 1 MiB left, or no more files"};
}

void Reserve::give_up_half() {
  (void)::truncate(file_.c_str(), kBytes / 2);
  taken_ = false;
}

void Reserve::give_up() {
  (void)::unlink(file_.c_str());
  taken_ = false;
}

}  // namespace tinkerbell
