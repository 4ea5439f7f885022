#include "workspace/beneath.hpp"
#include "workspace/file_status.hpp"
#include "workspace/path_text.hpp"
#include "workspace/temporary_file.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace tinkerbell {

namespace {

constexpr mode_t kPermissionBits = 0777;  // set-user-id and its like never survive a change
constexpr mode_t kAnyMayWrite = 0222;

Error changed_since(std::string_view path) {
  return {Errc::conflict, visible_line(path) + " is not what it was when this was asked"};
}

/// Whether a file may be replaced at all. rename(2) would ask only for the directory's permission.
Result<void> check_replaceable(const struct stat& status, uid_t owner, std::string_view path) {
  if (status.st_nlink > 1 && status.st_uid != owner) {
    return Error{Errc::denied, visible_line(path) + " is a hard link to a file of another owner"};
  }
  if ((status.st_mode & kAnyMayWrite) == 0) {
    return Error{Errc::denied, visible_line(path) + " is read-only"};
  }
  return {};
}

Result<void> sync_fd(int fd, std::string_view path) {
  if (::fsync(fd) != 0) return path_error("sync", path, errno);
  return {};
}

/// Opens a directory, making whatever of it is missing.
Result<UniqueFd> make_directory(int root, const std::string& path) {
  Result<UniqueFd> present = open_directory(root, path);
  if (present || present.error().code != Errc::not_found || path == ".") return present;
  const auto [parent, leaf] = split_leaf(path);
  Result<UniqueFd> above = make_directory(root, parent);
  if (!above) return above;
  if (::mkdirat(above->get(), leaf.c_str(), 0777) != 0 && errno != EEXIST) {
    return path_error("make directory", path, errno);
  }
  if (Result<void> synced = sync_fd(above->get(), parent); !synced) return synced.error();
  return open_directory(root, path);
}

/// The file that is to be replaced, checked against what was expected.
///
/// Between this check and the rename another program may still write: that change would be lost.
/// Closing the window would need a lock that other programs do not take; it is a few microseconds,
/// and the pre-image of our own change remains. A new file has no window (RENAME_NOREPLACE).
Result<OpenFile> open_expected(int directory, const std::string& leaf, uid_t owner,
                               std::string_view expect_sha256, std::string_view path) {
  Result<OpenFile> file = open_regular(directory, leaf);
  if (!file && file.error().code == Errc::not_found) return changed_since(path);
  if (!file) return file.error();
  if (Result<void> checked = check_replaceable(file->status, owner, path); !checked) {
    return checked.error();
  }
  Result<std::string> content = read_all(*file, kChangeBytesMax, path);
  if (!content && content.error().code == Errc::too_large) return changed_since(path);
  if (!content) return content.error();
  if (sha256(*content).hex() != expect_sha256) return changed_since(path);
  return file;
}

/// Writes a file that does not exist yet. The answer is its mode.
Result<std::uint32_t> create_file(int directory, const std::string& leaf, const Replacement& change,
                                  std::string_view path) {
  Result<TemporaryFile> temporary = TemporaryFile::create(directory, change.key, 0666);
  if (!temporary) return temporary.error();
  if (Result<void> written = temporary->write(change.content); !written) return written.error();
  Result<std::uint32_t> mode = temporary->mode();
  if (!mode) return mode;
  if (Result<void> synced = temporary->sync(); !synced) return synced.error();
  Result<void> named = temporary->rename_to_new(leaf);
  if (!named && named.error().code == Errc::conflict) return changed_since(path);
  if (!named) return named.error();
  return mode;
}

/// Writes over a file that is as expected. The answer is its mode.
Result<std::uint32_t> replace_file(int directory, const std::string& leaf, uid_t owner,
                                   const Replacement& change, std::string_view path) {
  const auto present = [&] {
    return open_expected(directory, leaf, owner, change.expect_sha256, path);
  };
  Result<OpenFile> before = present();
  if (!before) return before.error();
  // Private until it is complete: the old file's readers may be fewer than the umask allows.
  Result<TemporaryFile> temporary = TemporaryFile::create(directory, change.key, 0600);
  if (!temporary) return temporary.error();
  if (Result<void> written = temporary->write(change.content); !written) return written.error();
  temporary->give_to(before->status.st_uid, before->status.st_gid);
  const mode_t mode = before->status.st_mode & kPermissionBits;
  if (Result<void> set = temporary->set_mode(mode); !set) return set.error();
  if (Result<void> synced = temporary->sync(); !synced) return synced.error();
  if (Result<OpenFile> still = present(); !still) return still.error();
  if (Result<void> named = temporary->rename_over(leaf); !named) return named.error();
  return mode;
}

}  // namespace

Result<PreImage> Workspace::read_pre_image(const WorkspacePath& path) const {
  PreImage image{.path = path.text()};
  Result<OpenFile> file = open_regular(root_.get(), path.text());
  if (!file && file.error().code == Errc::not_found) {
    Result<std::vector<std::string>> missing = missing_above(path);
    if (!missing) return missing.error();
    image.missing = *std::move(missing);
    return image;
  }
  if (!file) return file.error();
  if (Result<void> checked = check_replaceable(file->status, owner_, path.text()); !checked) {
    return checked.error();
  }
  Result<std::string> content = read_all(*file, kChangeBytesMax, path.text());
  if (!content) return content.error();
  image.existed = true;
  image.mode = file->status.st_mode & kModeBits;
  image.content = *std::move(content);
  return image;
}

Result<std::uint32_t> Workspace::replace(const WorkspacePath& path,
                                         const Replacement& change) const {
  if (change.content.size() > kChangeBytesMax) {
    return Error{Errc::too_large, "the new content of " + visible_line(path.text()) +
                                      " is larger than " + std::to_string(kChangeBytesMax) +
                                      " bytes"};
  }
  const bool create = change.expect_sha256.empty();
  const auto [parent, leaf] = split_leaf(path.text());
  Result<UniqueFd> directory =
      create ? make_directory(root_.get(), parent) : open_directory(root_.get(), parent);
  if (!directory && !create && directory.error().code == Errc::not_found) {
    return changed_since(path.text());
  }
  if (!directory) return directory.error();
  Result<std::uint32_t> mode =
      create ? create_file(directory->get(), leaf, change, path.text())
             : replace_file(directory->get(), leaf, owner_, change, path.text());
  if (!mode) return mode;
  if (Result<void> synced = sync_fd(directory->get(), parent); !synced) return synced.error();
  return mode;
}

Result<void> Workspace::make_durable(const WorkspacePath& path) const {
  Result<OpenFile> file = open_regular(root_.get(), path.text());
  if (!file) return file.error();
  if (Result<void> synced = sync_fd(file->fd.get(), path.text()); !synced) return synced;
  const std::string parent = split_leaf(path.text()).first;
  Result<UniqueFd> directory = open_directory(root_.get(), parent);
  if (!directory) return directory.error();
  return sync_fd(directory->get(), parent);
}

}  // namespace tinkerbell
