#include "workspace/tree_entry.hpp"

#include "workspace/beneath.hpp"
#include "workspace/file_status.hpp"

#include "tinkerbell/base/text.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

namespace tinkerbell {

namespace {

constexpr std::uint32_t kLinkMode = 0777;
constexpr std::uint32_t kDirectoryBits = 0777;  // what it gives to its group is none of ours

}  // namespace

std::optional<TreeEntry> entry_from(std::string path, const struct statx& status) {
  TreeEntry entry{.path = std::move(path),
                  .bytes = status.stx_size,
                  .mtime_ns = nanoseconds(status.stx_mtime),
                  .ctime_ns = nanoseconds(status.stx_ctime),
                  .inode = status.stx_ino,
                  .device = device_of(status)};
  if (S_ISREG(status.stx_mode)) {
    entry.mode = status.stx_mode & kModeBits;
  } else if (S_ISDIR(status.stx_mode)) {
    entry.type = FileType::directory;
    entry.mode = status.stx_mode & kDirectoryBits;
    entry.bytes = 0;
  } else if (S_ISLNK(status.stx_mode)) {
    entry.type = FileType::link;
    entry.mode = kLinkMode;
  } else {
    return std::nullopt;
  }
  return entry;
}

Result<std::string> link_target(int directory, const std::string& name, std::string_view path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlinkat(directory, name.c_str(), target.data(), target.size());
  if (size < 0 && errno == EINVAL) {
    return Error{Errc::conflict, visible_line(path) + " is no link any more"};
  }
  if (size < 0) return path_error("read link", path, errno);
  return std::string(target.data(), static_cast<std::size_t>(size));
}

}  // namespace tinkerbell
