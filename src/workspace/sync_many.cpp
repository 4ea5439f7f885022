#include "workspace/sync_many.hpp"

#include "workspace/beneath.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace tinkerbell {

namespace {

/// On ext4, small new files: 8 took 34 ms one by one and 79 ms together, 128 1.2 s and 33 ms.
constexpr std::size_t kOneByOneMax = 16;

}  // namespace

Result<void> sync_many(int directory, std::span<const std::string> paths) {
  if (paths.size() > kOneByOneMax) {
    Result<UniqueFd> any = open_directory(directory, ".");
    if (!any) return any.error();
    if (::syncfs(any->get()) != 0) return path_error("sync the file system of", ".", errno);
    return {};
  }
  for (const std::string& path : paths) {
    Result<UniqueFd> fd =
        open_beneath(directory, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, Links::refuse);
    if (!fd) return fd.error();
    if (::fsync(fd->get()) != 0) return path_error("sync", path, errno);
  }
  return {};
}

}  // namespace tinkerbell
