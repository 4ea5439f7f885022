#pragma once

#include "tinkerbell/base/canonical.hpp"
#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/names.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/file_change.hpp"

#include <cstdint>
#include <functional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

class ContentStore;
class Workspace;
class WorkspacePath;

/// Something that stands in a workspace.
struct TreeEntry {
  std::string path;  ///< Relative; bytes.
  FileType type = FileType::file;
  std::uint32_t mode = 0;   ///< 07777 of a file, 0777 of a directory, 0777 for every link.
  std::uint64_t bytes = 0;  ///< Of a file's content or a link's target; 0 for a directory.
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
  Sha256 content;  ///< Of a file's bytes or a link's target; none for a directory.

  bool operator==(const TreeEntry&) const = default;
};

/// Why something that was met is not in a tree. What lies below it is not known either.
enum class LeftOutReason : std::uint8_t {
  special,      ///< A socket, FIFO or device.
  other_mount,  ///< Another file system, or a part of this one that is mounted there.
  unreadable,   ///< We may not read it.
  changing,     ///< It was written to each time that it was read.
  too_large,    ///< Above the bound of the look.
  long_path,    ///< The kernel takes no path of this length.
  excluded,     ///< The caller wants it out.
  foreign,      ///< A name of another owner's file, which has others (HAZARDS S40).
};

template <>
inline constexpr std::array kNames<LeftOutReason> = {
    std::string_view("special"),  std::string_view("other_mount"), std::string_view("unreadable"),
    std::string_view("changing"), std::string_view("too_large"),   std::string_view("long_path"),
    std::string_view("excluded"), std::string_view("foreign")};

struct LeftOut {
  std::string path;
  LeftOutReason reason = LeftOutReason::special;

  bool operator==(const LeftOut&) const = default;
};

/// What stands in a workspace, without the workspace's directory itself.
///
/// Never in it, and not told either: our own temporary files; what is in `.git/objects` (objects
/// only ever come, so they are treated apart); the locks that git takes, `.git/**/*.lock`.
struct Tree {
  /// Whatever was written after this instant of the system's clock is not in it for certain.
  std::int64_t looked_ns = 0;
  std::vector<TreeEntry> entries;  ///< In byte order of their paths, so parents before contents.
  std::vector<LeftOut> left_out;   ///< In byte order, too.

  /// Nothing if there is no such entry.
  [[nodiscard]] const TreeEntry* find(std::string_view path) const;

  /// Whether `path` or a directory above it was left out: then nobody knows what is there.
  [[nodiscard]] bool is_left_out(std::string_view path) const;

  /// An array of SHA-256 and content, so that a damaged one is not taken for a tree.
  void write_canonical(CanonicalWriter& writer) const;
  void read_canonical(CanonicalReader& reader);

  bool operator==(const Tree&) const = default;
};

/// Adds the contents of all that stands in it.
void add_contents(const Tree& tree, std::set<Sha256>& contents);

/// The largest number of entries in a tree, and in the form that is read back.
inline constexpr std::size_t kTreeEntriesMax = 4'000'000;

struct TreeLook {
  /// An earlier look. A file that has not changed since, by size, times, inode, device and mode,
  /// has its hash from there. As in git's index, not if its time of change is so near to that look
  /// that another change may have gone unnoticed.
  const Tree* known = nullptr;
  /// Gets every content that is read, of links too: not those of `known`, which it had then.
  ContentStore* keep = nullptr;
  /// What the caller wants out, and all below it.
  std::function<bool(std::string_view path)> excludes;
  std::uint64_t file_bytes_max = std::uint64_t{64} << 30;
  /// What is longer is hashed and not kept.
  std::uint64_t keep_bytes_max = UINT64_MAX;
  /// Of all files together; with more the look fails (too_large).
  std::uint64_t total_bytes_max = UINT64_MAX;
  std::stop_token stop;
};

/// Looks at all that stands in a workspace. Links are not followed. Others may change it meanwhile:
/// each entry is as it was at some moment of the look, and no hash is of a mixture unless its
/// writer restores the time of change. A new file that vanishes while it is looked at is not there.
/// Errors: cancelled, too_large (kTreeEntriesMax, total_bytes_max), io, those of ContentStore::put.
[[nodiscard]] Result<Tree> look_at_tree(const Workspace& workspace, const TreeLook& look = {});

struct PartLook {
  ContentStore* keep = nullptr;  ///< Gets every content.
  std::function<bool(std::string_view path)> excludes;
  std::size_t entries_max = kTreeEntriesMax;
  std::uint64_t bytes_max = UINT64_MAX;  ///< Of all files together.
  std::stop_token stop;
};

/// Looks at what stands at a path, and at all below it: also at what a Tree leaves to others. Our
/// own temporary files are left out as if they were excluded, and so is a name of another owner's
/// file. Errors: not_found, cancelled, too_large (entries_max, bytes_max), those of look_at_tree.
[[nodiscard]] Result<Tree> look_at_part(const Workspace& workspace, const WorkspacePath& path,
                                        const PartLook& look);

/// The length of all files together, by a walk that reads none of them. Errors: as look_at_tree;
/// with too_large it ends as soon as it is certain.
[[nodiscard]] Result<std::uint64_t> bytes_in_tree(const Workspace& workspace,
                                                  const TreeLook& look = {});

}  // namespace tinkerbell
