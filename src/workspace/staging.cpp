#include "workspace/staging.hpp"

#include "workspace/beneath.hpp"
#include "workspace/canonical_parts.hpp"
#include "workspace/directory_names.hpp"
#include "workspace/sync_many.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

namespace tinkerbell {

namespace {

const std::string kOpenedList = "opened";
const std::string kNextOpenedList = "opened.next";
constexpr std::uint64_t kOpenedBytesMax = 64 << 20;

Result<UniqueFd> create_private(int directory, const std::string& name) {
  UniqueFd fd(
      ::openat(directory, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return path_error("create", name, errno);
  return fd;
}

Result<void> remove_name(int directory, const std::string& name) {
  if (::unlinkat(directory, name.c_str(), 0) == 0) return {};
  if (errno == EISDIR && ::unlinkat(directory, name.c_str(), AT_REMOVEDIR) == 0) return {};
  return path_error("remove", name, errno);
}

/// All in the directory but one name.
Result<void> remove_names(int directory, std::string_view but) {
  Result<std::vector<std::string>> names = names_in(directory, "what is staged");
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (name == but) continue;
    if (Result<void> removed = remove_name(directory, name); !removed) return removed;
  }
  return {};
}

}  // namespace

Staging::Staging(int root, std::string_view key)
    : root_(root), name_(std::string(kTemporaryPrefix) + std::string(key)) {}

Result<Staging::Modes> Staging::opened() const {
  Result<OpenFile> file = open_regular(root_, name_ + '/' + kOpenedList);
  if (!file && file.error().code == Errc::not_found) return Modes{};
  if (!file) return file.error();
  Result<std::string> bytes = read_all(*file, kOpenedBytesMax, kOpenedList);
  if (!bytes) return bytes.error();
  CanonicalReader reader(*bytes);
  Modes modes;
  for (std::uint64_t left = reader.begin_map(); left > 0 && !reader.failed(); --left) {
    std::string path(reader.text());
    modes.emplace(std::move(path), read_mode(reader));
  }
  if (!reader.is_done()) return Error{Errc::io, name_ + '/' + kOpenedList + " is damaged"};
  return modes;
}

Result<void> Staging::begin() {
  if (::mkdirat(root_, name_.c_str(), 0700) != 0 && errno != EEXIST) {
    return path_error("make directory", name_, errno);
  }
  Result<UniqueFd> directory = open_directory(root_, name_);
  if (!directory) return directory.error();
  directory_ = *std::move(directory);
  return remove_names(directory_.get(), kOpenedList);
}

Result<UniqueFd> Staging::create_file(std::size_t place) {
  std::string name = std::to_string(place);
  Result<UniqueFd> fd = create_private(directory_.get(), name);
  if (fd) files_.push_back(std::move(name));
  return fd;
}

Result<void> Staging::create_link(std::size_t place, const std::string& target) {
  const std::string name = std::to_string(place);
  if (::symlinkat(target.c_str(), directory_.get(), name.c_str()) == 0) return {};
  return path_error("make link", name, errno);
}

Result<void> Staging::create_directory(std::size_t place) {
  const std::string name = std::to_string(place);
  if (::mkdirat(directory_.get(), name.c_str(), 0700) == 0) return {};
  return path_error("make directory", name, errno);
}

Result<void> Staging::check_exchange() {
  const std::string one = "one";
  const std::string other = "other";
  for (const std::string& name : {one, other}) {
    if (::mkdirat(directory_.get(), name.c_str(), 0700) != 0) {
      return path_error("make directory", name, errno);
    }
  }
  if (::renameat2(directory_.get(), one.c_str(), directory_.get(), other.c_str(),
                  RENAME_EXCHANGE) != 0) {
    return Error{Errc::unsupported,
                 "this file system cannot exchange two names, so no directory "
                 "can become a file, and no file a directory"};
  }
  Result<void> removed = remove_name(directory_.get(), one);
  return removed ? remove_name(directory_.get(), other) : removed;
}

Result<void> Staging::finish(const Modes& to_open) {
  if (Result<void> synced = sync_many(directory_.get(), files_); !synced) return synced;
  if (Result<void> listed = list_opened(to_open); !listed) return listed;
  return sync_many(root_, std::array{name_, std::string(".")});
}

/// The list of an earlier attempt stands until the new one, which has all that it has, is whole.
Result<void> Staging::list_opened(const Modes& to_open) const {
  if (to_open.empty()) return {};
  CanonicalWriter list;
  list.begin_map(to_open.size());
  for (const auto& [path, mode] : to_open) {
    list.text(path);
    list.unsigned_integer(mode);
  }
  Result<UniqueFd> file = create_private(directory_.get(), kNextOpenedList);
  if (!file) return file.error();
  if (Result<void> written = write_all(file->get(), list.bytes(), kOpenedList); !written) {
    return written;
  }
  if (::fsync(file->get()) != 0) return path_error("sync", kOpenedList, errno);
  if (::renameat(directory_.get(), kNextOpenedList.c_str(), directory_.get(),
                 kOpenedList.c_str()) != 0) {
    return path_error("rename to", kOpenedList, errno);
  }
  return {};
}

Result<void> Staging::rename_to(std::size_t place, int directory, const std::string& leaf,
                                unsigned flags, const std::string& path) {
  const std::string name = std::to_string(place);
  if (::renameat2(directory_.get(), name.c_str(), directory, leaf.c_str(), flags) == 0) return {};
  return path_error("rename to", path, errno);
}

Result<void> Staging::clear() {
  Result<UniqueFd> directory = open_directory(root_, name_);
  if (!directory && directory.error().code == Errc::not_found) return {};
  if (!directory) return directory.error();
  if (Result<void> removed = remove_names(directory->get(), ""); !removed) return removed;
  if (::unlinkat(root_, name_.c_str(), AT_REMOVEDIR) != 0)
    return path_error("remove", name_, errno);
  return sync_many(root_, std::array{std::string(".")});
}

}  // namespace tinkerbell
