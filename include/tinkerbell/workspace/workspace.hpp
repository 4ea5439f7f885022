#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/facts.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// The largest file that is changed, before and after.
inline constexpr std::uint64_t kChangeBytesMax = 8 << 20;

/// The largest file that is read, whatever a command asks for.
inline constexpr std::uint64_t kReadBytesMax = 64 << 20;

/// Every temporary file begins so. One that a crash left behind may be removed, as the next attempt
/// of that change does; list and search do not show them.
inline constexpr std::string_view kTemporaryPrefix = ".tinkerbell-";

/// A place within a workspace with every link on the way followed: relative, no link, no "." and no
/// ".." in it. "." is the workspace itself. Only a Workspace makes one, so that no file operation
/// can be handed an unchecked string (HAZARDS S41).
class WorkspacePath {
 public:
  [[nodiscard]] const std::string& text() const { return text_; }

  bool operator==(const WorkspacePath&) const = default;

 private:
  friend class Workspace;

  explicit WorkspacePath(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

/// The new state of a file.
struct Replacement {
  std::string_view content;
  std::string_view expect_sha256;  ///< Of the file as it must be now; empty: it must not exist.
  std::string_view key;            ///< Of this change and no other; fit for a file name.
};

/// A directory as a capability: all that a task can reach of the file system.
///
/// Holds the directory open. Each access starts at that descriptor and the kernel keeps it beneath
/// (openat2(2), RESOLVE_BENEATH), so that "..", links and races cannot lead out (HAZARDS S38–S39).
/// A path is resolved first, following links that stay inside; the operation then takes the
/// resolved path and follows none: what was judged is what is touched, or it is a conflict.
///
/// Names are bytes. Needs /proc. May be used from any thread; every function may block.
/// Errors of all: outside_workspace, not_found, denied, invalid (not a regular file, or no
/// directory), conflict (a link appeared on the way), unsupported (no openat2), io.
class Workspace {
 public:
  /// Opens an absolute path without links in it. `known_as`: what tasks and their programs take it
  /// for, if that is another directory, of which it is a copy. Errors: also invalid for "/".
  [[nodiscard]] static Result<std::shared_ptr<Workspace>> open(const std::string& path,
                                                               const std::string& known_as = {});

  [[nodiscard]] const std::string& path() const { return path_; }

  /// Where tasks and their programs believe it to be: an absolute path begins with this.
  [[nodiscard]] const std::string& known_as() const { return known_as_; }

  /// Whether path() still names this directory, and not one that took its place.
  [[nodiscard]] bool is_current() const;

  /// Where `path` leads, through links. Need not exist. An absolute path is taken if it begins with
  /// known_as(). Errors: invalid (empty, NUL, too long, a link to nothing).
  [[nodiscard]] Result<WorkspacePath> resolve(std::string_view path) const;

  /// The same for a change: the last component must not be a link (invalid), nor the workspace
  /// itself.
  [[nodiscard]] Result<WorkspacePath> resolve_to_change(std::string_view path) const;

  /// The same for what stands at `path` itself: a link as the last component is not followed,
  /// wherever it leads.
  [[nodiscard]] Result<WorkspacePath> resolve_itself(std::string_view path) const;

  /// What stands there; of a link itself.
  [[nodiscard]] Result<AwaitFileStat::Reply> look_at(const WorkspacePath& path) const;

  /// The directories above a path that are not there, the highest first.
  [[nodiscard]] Result<std::vector<std::string>> missing_above(const WorkspacePath& path) const;

  /// The very file or directory, as an O_PATH descriptor: for who must know that two looks met the
  /// same one.
  [[nodiscard]] Result<UniqueFd> hold(const WorkspacePath& path) const;

  /// The whole content of a regular file. Errors: too_large beyond `bytes_max` or kReadBytesMax.
  [[nodiscard]] Result<std::string> read(const WorkspacePath& path, std::uint64_t bytes_max) const;

  /// A page of a regular file of whatever length, as `page` says. Errors: invalid (it has no such
  /// line, or that no such column), cancelled.
  [[nodiscard]] Result<AwaitFileRead::Reply> read_page(const WorkspacePath& path,
                                                       const AwaitFileRead& page,
                                                       const std::stop_token& stop) const;

  /// As AwaitFileList says: parents before what is in them, each directory in byte order.
  /// `complete` is also false where a directory could not be read or `may_show` refuses an entry.
  [[nodiscard]] Result<AwaitFileList::Reply> list(
      const WorkspacePath& path, bool recursive, std::uint32_t entries_max,
      const std::function<bool(const std::string& entry)>& may_show) const;

  /// As AwaitFileSearch says, in the order of list; `path` may also be a file. Passes over binary
  /// files and those above 1 MiB. `complete` is also false where something could not be read or
  /// `may_show` refuses a file, and where the tree is beyond 200 000 entries or 1 GiB. Errors:
  /// invalid (text empty or of several lines).
  [[nodiscard]] Result<AwaitFileSearch::Reply> search(
      const WorkspacePath& path, std::string_view text, std::uint32_t matches_max,
      const std::function<bool(const std::string& file)>& may_show) const;

  /// The file as it is, before a change. Errors: those of replace, too_large.
  [[nodiscard]] Result<PreImage> read_pre_image(const WorkspacePath& path) const;

  /// Creates a file or replaces all of it: temporary file beside it, fsync, rename, fsync of the
  /// directory. Readers see the old or the new content, never a part (HAZARDS S46). Missing
  /// directories are made. The mode is kept, as are owner and group where we may; that of a new
  /// file is what the umask says. Extended attributes are not kept. The answer is its mode now.
  /// Errors: conflict (not as expected), denied (nobody may write it; or a hard link to another
  /// owner's file, HAZARDS S40), too_large.
  [[nodiscard]] Result<std::uint32_t> replace(const WorkspacePath& path,
                                              const Replacement& change) const;

  /// Flushes a file and its directory entry: for a change that a crash may have left in memory.
  [[nodiscard]] Result<void> make_durable(const WorkspacePath& path) const;

 private:
  friend struct WorkspaceAccess;

  Workspace(std::string path, std::string known_as, UniqueFd root, uid_t owner)
      : path_(std::move(path)),
        known_as_(std::move(known_as)),
        root_(std::move(root)),
        owner_(owner) {}

  [[nodiscard]] Result<std::string> location(int fd) const;
  [[nodiscard]] Result<std::string> nearest_location(const std::string& directory) const;
  [[nodiscard]] Result<std::string> place_of(const std::string& path) const;
  [[nodiscard]] Result<WorkspacePath> resolve_new(const std::string& path) const;

  std::string path_;
  std::string known_as_;
  UniqueFd root_;  ///< O_PATH.
  uid_t owner_;    ///< Of the directory: whose hard links are taken for the task's own.
};

}  // namespace tinkerbell
