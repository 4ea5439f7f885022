#include "tinkerbell/workspace/workspace.hpp"

#include "workspace/beneath.hpp"
#include "workspace/file_status.hpp"
#include "workspace/path_text.hpp"
#include "workspace/tree_entry.hpp"

#include "tinkerbell/base/text.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace tinkerbell {

namespace {

/// Opens "/a/b" beneath "/", so that a link anywhere in it is refused.
Result<UniqueFd> open_root(const std::string& path) {
  const UniqueFd top(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!top) return os_error("open /", errno);
  return open_beneath(top.get(), path.substr(1), O_PATH | O_DIRECTORY, Links::refuse);
}

/// Where a descriptor's file is now, as the kernel writes it (proc(5)).
Result<std::string> absolute_location(int fd) {
  std::array<char, PATH_MAX> text{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = ::readlink(link.c_str(), text.data(), text.size());
  if (size < 0) return path_error("read link", link, errno);
  return std::string(text.data(), static_cast<std::size_t>(size));
}

}  // namespace

Result<std::shared_ptr<Workspace>> Workspace::open(const std::string& path,
                                                   const std::string& known_as) {
  if (!path.starts_with('/')) return Error{Errc::invalid, "workspace path is not absolute"};
  Result<std::string> normal = normalised_path(path, "");
  if (!normal) return normal.error().with("open workspace");
  if (*normal == ".") return Error{Errc::invalid, "the root directory cannot be a workspace"};
  std::string absolute = "/" + *normal;
  Result<UniqueFd> root = open_root(absolute);
  if (!root && root.error().code == Errc::conflict) {
    return Error{Errc::invalid, "workspace " + visible_line(path) + " is reached through a link"};
  }
  if (!root) return root.error().with("open workspace");
  Result<struct stat> status = status_of(root->get(), path);
  if (!status) return status.error().with("open workspace");
  std::string name = known_as.empty() ? absolute : known_as;
  return std::shared_ptr<Workspace>(
      new Workspace(std::move(absolute), std::move(name), *std::move(root), status->st_uid));
}

bool Workspace::is_current() const {
  const Result<UniqueFd> now = open_root(path_);
  struct stat held{};
  struct stat named{};
  return now && ::fstat(root_.get(), &held) == 0 && ::fstat(now->get(), &named) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

Result<WorkspacePath> Workspace::resolve(std::string_view path) const {
  Result<std::string> normal = normalised_path(path, known_as_);
  if (!normal) return normal.error();
  Result<UniqueFd> found = open_beneath(root_.get(), *normal, O_PATH, Links::follow);
  if (!found && found.error().code == Errc::not_found) return resolve_new(*normal);
  if (!found) return found.error();
  Result<std::string> text = location(found->get());
  if (!text) return text.error();
  return WorkspacePath(*std::move(text));
}

Result<WorkspacePath> Workspace::resolve_to_change(std::string_view path) const {
  Result<std::string> normal = normalised_path(path, known_as_);
  if (!normal) return normal.error();
  // Following first tells a link that leads out from one that stays inside.
  Result<UniqueFd> followed = open_beneath(root_.get(), *normal, O_PATH, Links::follow);
  if (!followed && followed.error().code != Errc::not_found) return followed.error();
  Result<WorkspacePath> place = resolve_new(*normal);
  if (!place) return place.error();
  if (place->text() == ".") return Error{Errc::invalid, "the workspace itself cannot be changed"};
  return place;
}

Result<WorkspacePath> Workspace::resolve_itself(std::string_view path) const {
  Result<std::string> normal = normalised_path(path, known_as_);
  if (!normal) return normal.error();
  const std::string leaf = split_leaf(*normal).second;
  if (leaf == "." || leaf == "..") return resolve(path);  // a directory is no link
  Result<std::string> place = place_of(*normal);
  if (!place) return place.error();
  return WorkspacePath(*std::move(place));
}

/// The resolved directory of `path` and its last component, which may be absent.
Result<std::string> Workspace::place_of(const std::string& path) const {
  const auto [parent, leaf] = split_leaf(path);
  if (leaf == "." || leaf == "..")
    return Error{Errc::invalid, visible_line(path) + " is a directory"};
  Result<std::string> directory = nearest_location(parent);
  if (!directory) return directory;
  return joined_path(*directory, leaf);
}

/// The place of a path, at which no link stands.
Result<WorkspacePath> Workspace::resolve_new(const std::string& path) const {
  Result<std::string> place = place_of(path);
  if (!place) return place.error();
  Result<UniqueFd> found = open_beneath(root_.get(), *place, O_PATH | O_NOFOLLOW, Links::refuse);
  if (!found) {
    if (found.error().code != Errc::not_found) return found.error();
    return WorkspacePath(*std::move(place));
  }
  Result<struct stat> status = status_of(found->get(), *place);
  if (!status) return status.error();
  if (S_ISLNK(status->st_mode)) {
    return Error{Errc::invalid, visible_line(path) + " is a symbolic link; name the file itself"};
  }
  return WorkspacePath(*std::move(place));
}

/// The resolved place of a directory of which the last components need not exist yet.
Result<std::string> Workspace::nearest_location(const std::string& directory) const {
  std::string existing = directory;
  std::string missing;
  for (;;) {
    Result<UniqueFd> found =
        open_beneath(root_.get(), existing, O_PATH | O_DIRECTORY, Links::follow);
    if (found) {
      Result<std::string> place = location(found->get());
      if (!place || missing.empty()) return place;
      return joined_path(*place, missing);
    }
    if (found.error().code != Errc::not_found || existing == ".") return found.error();
    auto [parent, leaf] = split_leaf(existing);
    // "missing/../x": where ".." leads is unknown as long as nothing stands before it.
    if (leaf == "..") return found.error();
    missing = missing.empty() ? leaf : leaf + '/' + missing;
    existing = std::move(parent);
  }
}

/// Relative to the workspace. The answer may be out of date at once; it is a name to judge, and
/// every use of it is checked again by the kernel.
Result<std::string> Workspace::location(int fd) const {
  Result<std::string> root = absolute_location(root_.get());
  if (!root) return root.error();
  Result<std::string> place = absolute_location(fd);
  if (!place) return place.error();
  if (*place == *root) return std::string(".");
  if (!place->starts_with(*root + '/')) {
    return Error{Errc::outside_workspace, visible_line(*place) + " is outside the workspace"};
  }
  return place->substr(root->size() + 1);
}

Result<AwaitFileStat::Reply> Workspace::look_at(const WorkspacePath& path) const {
  Result<UniqueFd> found =
      open_beneath(root_.get(), path.text(), O_PATH | O_NOFOLLOW, Links::refuse);
  if (!found) return found.error();
  Result<struct statx> status = statx_of(found->get(), "", path.text());
  if (!status) return status.error();
  AwaitFileStat::Reply reply{.type = std::string(type_name(status->stx_mode)),
                             .mode = status->stx_mode & kModeBits,
                             .modified_unix_ns = nanoseconds(status->stx_mtime)};
  if (S_ISREG(status->stx_mode)) reply.bytes = status->stx_size;
  if (S_ISLNK(status->stx_mode)) {
    Result<std::string> target = link_target(found->get(), "", path.text());
    if (!target) return target.error();
    reply.bytes = target->size();
    reply.target = *std::move(target);
  }
  return reply;
}

Result<std::vector<std::string>> Workspace::missing_above(const WorkspacePath& path) const {
  std::vector<std::string> missing;
  for (std::string above = split_leaf(path.text()).first; above != ".";
       above = split_leaf(above).first) {
    Result<UniqueFd> found = open_beneath(root_.get(), above, O_PATH | O_DIRECTORY, Links::refuse);
    if (found) break;
    if (found.error().code != Errc::not_found) return found.error();
    missing.push_back(above);
  }
  std::ranges::reverse(missing);
  return missing;
}

Result<UniqueFd> Workspace::hold(const WorkspacePath& path) const {
  return open_beneath(root_.get(), path.text(), O_PATH, Links::refuse);
}

Result<std::string> Workspace::read(const WorkspacePath& path, std::uint64_t bytes_max) const {
  Result<OpenFile> file = open_regular(root_.get(), path.text());
  if (!file) return file.error();
  return read_all(*file, std::min(bytes_max, kReadBytesMax), path.text());
}

}  // namespace tinkerbell
