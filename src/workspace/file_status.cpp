#include "workspace/file_status.hpp"

#include "workspace/beneath.hpp"

#include <sys/sysmacros.h>
#include <time.h>

#include <cerrno>

namespace tinkerbell {

namespace {

constexpr unsigned kStatusWanted = STATX_BASIC_STATS | STATX_MNT_ID;
constexpr std::int64_t kNanosecondsInSecond = 1'000'000'000;

}  // namespace

Result<struct statx> statx_of(int directory, const char* name, std::string_view path) {
  struct statx status{};
  const int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if (::statx(directory, name, flags, kStatusWanted, &status) != 0) {
    return path_error("stat", path, errno);
  }
  return status;
}

std::int64_t nanoseconds(const struct statx_timestamp& time) {
  return time.tv_sec * kNanosecondsInSecond + time.tv_nsec;
}

std::uint64_t device_of(const struct statx& status) {
  return ::makedev(status.stx_dev_major, status.stx_dev_minor);
}

bool is_untouched(const struct statx& before, const struct statx& after) {
  return before.stx_ino == after.stx_ino && before.stx_size == after.stx_size &&
         before.stx_mode == after.stx_mode &&
         nanoseconds(before.stx_mtime) == nanoseconds(after.stx_mtime) &&
         nanoseconds(before.stx_ctime) == nanoseconds(after.stx_ctime);
}

std::string_view type_name(mode_t mode) {
  if (S_ISREG(mode)) return "file";
  if (S_ISDIR(mode)) return "directory";
  if (S_ISLNK(mode)) return "link";
  return "other";
}

std::int64_t file_clock_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec * kNanosecondsInSecond + now.tv_nsec;
}

}  // namespace tinkerbell
