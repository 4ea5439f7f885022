#include "workspace/directory_names.hpp"

#include "workspace/beneath.hpp"

#include "tinkerbell/base/text.hpp"

#include <dirent.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tinkerbell {

namespace {

constexpr std::size_t kListBytes = 64 << 10;

}  // namespace

Result<std::vector<std::string>> names_in(int directory, std::string_view path) {
  alignas(dirent64) std::array<std::byte, kListBytes> buffer;
  std::vector<std::string> names;
  for (;;) {
    const ssize_t got = ::getdents64(directory, buffer.data(), buffer.size());
    if (got < 0) return path_error("list", path, errno);
    if (got == 0) break;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      const auto* const entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
      at += entry->d_reclen;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      if (names.size() > kDirectoryNamesMax) {
        return Error{Errc::too_large, visible_line(path) + " holds too many names"};
      }
    }
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace tinkerbell
