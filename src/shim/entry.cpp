#include "tinkerbell/shim/entry.hpp"

#include "tinkerbell/base/text.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

namespace tinkerbell {

namespace {

bool holds(const EntryCheck& check) {
  struct stat found{};
  const bool same = ::stat(check.path.c_str(), &found) == 0 && found.st_dev == check.device &&
                    found.st_ino == check.inode;
  switch (check.expected) {
    case Entry::same:
      return same;
    case Entry::read_only: {
      struct statvfs mount{};
      return same && ::statvfs(check.path.c_str(), &mount) == 0 && (mount.f_flag & ST_RDONLY) != 0;
    }
    case Entry::hidden:
      return !same;
  }
  return false;
}

}  // namespace

Result<void> check_entry(const EntryChecks& entry) {
  for (const EntryCheck& check : entry.checks) {
    if (!holds(check)) {
      return Error{Errc::conflict, visible_line(check.path) + " was replaced before the start"};
    }
  }
  return {};
}

}  // namespace tinkerbell
