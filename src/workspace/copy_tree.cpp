#include "tinkerbell/workspace/copy_tree.hpp"

#include "workspace/beneath.hpp"
#include "workspace/directory_names.hpp"
#include "workspace/file_content.hpp"
#include "workspace/file_status.hpp"
#include "workspace/path_text.hpp"
#include "workspace/tree_entry.hpp"
#include "workspace/tree_scan.hpp"
#include "workspace/workspace_access.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <fcntl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ranges>

namespace tinkerbell {

namespace {

constexpr int kCopyAttemptsMax = 3;
constexpr std::uint32_t kPermissions = 0777;
constexpr std::uint64_t kBlockBytes = 512;  // of stx_blocks, whatever the file system's are

timespec timespec_of(std::int64_t ns) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t rest = ((ns % kSecond) + kSecond) % kSecond;
  return {.tv_sec = (ns - rest) / kSecond, .tv_nsec = rest};
}

/// The time of the last change; nobody cares when the original was read.
std::array<timespec, 2> times_of(const TreeEntry& entry) {
  return {timespec{.tv_nsec = UTIME_OMIT}, timespec_of(entry.mtime_ns)};
}

Result<UniqueFd> open_to_copy(const ScannedEntry& seen) {
  return open_beneath(seen.directory, seen.name, O_RDONLY | O_NONBLOCK | O_NOCTTY, Links::refuse,
                      Mounts::refuse);
}

class CopyTree {
 public:
  CopyTree(int from, int into, const TreeCopying& copying)
      : from_(from), into_(into), copying_(copying) {
    result_.source.looked_ns = file_clock_ns();
  }

  Result<TreeCopy> run() && {
    if (Result<void> empty = check_empty(); !empty) return empty.error();
    Result<void> done = scan(".", Record::entries);
    if (done) done = copy_objects();
    if (done) done = finish_directories();
    if (!done) return done.error();
    // Nobody else works in the copy: all that is in it, is as of now.
    result_.copied.looked_ns = file_clock_ns();
    std::ranges::sort(result_.source.left_out, {}, &LeftOut::path);
    if (cloned_) result_.method = CopyMethod::reflink;
    Result<UniqueFd> top = open_directory(into_, ".");
    if (!top) return top.error();
    if (::syncfs(top->get()) != 0) return path_error("sync", ".", errno);
    return std::move(result_);
  }

 private:
  enum class Record : std::uint8_t { entries, nothing };

  Result<void> check_empty() const {
    Result<UniqueFd> top = open_directory(into_, ".");
    if (!top) return top.error();
    Result<std::vector<std::string>> names = names_in(top->get(), ".");
    if (!names) return names.error();
    if (!names->empty()) return Error{Errc::conflict, "the directory for the copy is not empty"};
    return {};
  }

  Result<void> scan(const std::string& directory, Record record) {
    return scan_tree(from_, directory, {copying_.excludes, copying_.stop, result_.source.left_out},
                     [&](const ScannedEntry& seen) { return visit(seen, record); });
  }

  Result<void> copy_objects() {
    const TreeEntry* const objects = result_.source.find(kGitObjects);
    if (objects == nullptr || objects->type != FileType::directory) return {};
    Result<void> done = scan(std::string(kGitObjects), Record::nothing);
    if (!done && done.error().code == Errc::not_found) return {};
    return done;
  }

  Result<void> visit(const ScannedEntry& seen, Record record) {
    std::optional<TreeEntry> entry = entry_from(seen.path, seen.status);
    if (!entry) return leave_out(seen, LeftOutReason::special);
    if (Result<void> opened = open_target(seen); !opened) return opened;
    switch (entry->type) {
      case FileType::directory:
        return make_directory(seen, *std::move(entry), record);
      case FileType::link:
        return copy_link(seen, *std::move(entry), record);
      case FileType::file:
        return copy_file(seen, record);
    }
    return {};
  }

  /// The directory of the copy that gets the entry.
  Result<void> open_target(const ScannedEntry& seen) {
    const std::string parent = split_leaf(seen.path).first;
    if (target_ && target_path_ == parent) return {};
    Result<UniqueFd> target = open_directory(into_, parent);
    if (!target) return target.error();
    target_ = *std::move(target);
    target_path_ = parent;
    return {};
  }

  Result<void> make_directory(const ScannedEntry& seen, TreeEntry entry, Record record) {
    if (::mkdirat(target_.get(), seen.name.c_str(), 0700) != 0) {
      return path_error("make directory", seen.path, errno);
    }
    directories_.push_back(entry);
    if (record == Record::nothing) return {};
    return add(std::move(entry), TreeEntry{.path = seen.path});
  }

  Result<void> copy_link(const ScannedEntry& seen, TreeEntry entry, Record record) {
    Result<std::string> target = link_target(seen.directory, seen.name, seen.path);
    if (!target) return pass_over(seen, target.error());
    if (::symlinkat(target->c_str(), target_.get(), seen.name.c_str()) != 0) {
      return path_error("make link", seen.path, errno);
    }
    const auto times = times_of(entry);
    if (::utimensat(target_.get(), seen.name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
      return path_error("set the times of", seen.path, errno);
    }
    if (record == Record::nothing) return {};
    if (copying_.keep != nullptr) {
      if (Result<Sha256> kept = copying_.keep->put(*target); !kept) return kept.error();
    }
    entry.bytes = target->size();
    entry.content = sha256(*target);
    return add_copied(seen, std::move(entry), target_.get(), seen.name.c_str());
  }

  Result<void> copy_file(const ScannedEntry& seen, Record record) {
    if (seen.status.stx_size > copying_.file_bytes_max) {
      return leave_out(seen, LeftOutReason::too_large);
    }
    Result<UniqueFd> source = open_to_copy(seen);
    if (!source) return pass_over(seen, source.error());
    const UniqueFd target(::openat(target_.get(), seen.name.c_str(),
                                   O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!target) return path_error("create", seen.path, errno);
    for (int attempt = 1; attempt <= kCopyAttemptsMax; ++attempt) {
      Result<std::optional<TreeEntry>> entry =
          copy_once(source->get(), target.get(), seen.path, record);
      if (!entry) return give_up(seen, entry.error());
      if (*entry) return finish_file(seen, **std::move(entry), target.get(), record);
    }
    if (Result<void> removed = remove_target(seen); !removed) return removed;
    return leave_out(seen, LeftOutReason::changing);
  }

  /// Nothing if the file changed meanwhile.
  Result<std::optional<TreeEntry>> copy_once(int source, int target, const std::string& path,
                                             Record record) {
    Result<struct statx> before = statx_of(source, "", path);
    if (!before) return before.error();
    std::optional<TreeEntry> entry = entry_from(path, *before);
    if (!entry || entry->type != FileType::file) return std::optional<TreeEntry>();
    if (::ftruncate(target, 0) != 0) return path_error("write the copy of", path, errno);
    Result<ContentSum> sum = copy_bytes(source, target, path, record);
    if (!sum) return sum.error();
    Result<struct statx> after = statx_of(source, "", path);
    if (!after) return after.error();
    if (!is_untouched(*before, *after)) return std::optional<TreeEntry>();
    entry->content = sum->sha256;
    return entry;
  }

  Result<ContentSum> copy_bytes(int source, int target, const std::string& path, Record record) {
    const ContentBounds bounds{copying_.file_bytes_max, copying_.stop};
    if (!may_clone_ || !clone_content(source, target)) {
      // Probed once: with the first file that has something to share.
      may_clone_ = may_clone_ && (errno != EOPNOTSUPP && errno != ENOTTY && errno != EXDEV);
      return copy_content(source, target, bounds, path);
    }
    cloned_ = true;
    return record == Record::nothing ? ContentSum{} : hash_content(target, bounds, path);
  }

  Result<void> finish_file(const ScannedEntry& seen, TreeEntry entry, int target, Record record) {
    if (::fchmod(target, entry.mode & kPermissions) != 0) {
      return path_error("set the mode of", seen.path, errno);
    }
    const auto times = times_of(entry);
    if (::futimens(target, times.data()) != 0) {
      return path_error("set the times of", seen.path, errno);
    }
    if (record == Record::nothing) return {};
    if (copying_.keep != nullptr) {
      Result<Sha256> kept = copying_.keep->put(target, copying_.file_bytes_max, copying_.stop);
      if (!kept) return kept.error();
    }
    return add_copied(seen, std::move(entry), target, "");
  }

  Result<void> add_copied(const ScannedEntry& seen, TreeEntry entry, int directory,
                          const char* name) {
    Result<struct statx> status = statx_of(directory, name, seen.path);
    if (!status) return status.error();
    std::optional<TreeEntry> copied = entry_from(seen.path, *status);
    if (!copied) return Error{Errc::conflict, "somebody else works in the copy"};
    copied->content = entry.content;
    return add(std::move(entry), *std::move(copied));
  }

  Result<void> add(TreeEntry source, TreeEntry copied) {
    result_.source.entries.push_back(std::move(source));
    result_.copied.entries.push_back(std::move(copied));
    return {};
  }

  /// Last, and those below first: what is put into a directory changes its time, and some may not
  /// be written to.
  Result<void> finish_directories() {
    target_.reset();
    for (const TreeEntry& entry : directories_ | std::views::reverse) {
      Result<UniqueFd> directory = open_directory(into_, entry.path);
      if (!directory) return directory.error();
      const auto times = times_of(entry);
      if (::fchmod(directory->get(), entry.mode) != 0 ||
          ::futimens(directory->get(), times.data()) != 0) {
        return path_error("set the mode of", entry.path, errno);
      }
      const auto place =
          std::ranges::lower_bound(result_.copied.entries, entry.path, {}, &TreeEntry::path);
      if (place == result_.copied.entries.end() || place->path != entry.path) continue;
      Result<struct statx> status = statx_of(directory->get(), "", entry.path);
      if (!status) return status.error();
      if (std::optional<TreeEntry> copied = entry_from(entry.path, *status)) *place = *copied;
    }
    return {};
  }

  Result<void> give_up(const ScannedEntry& seen, const Error& error) {
    if (Result<void> removed = remove_target(seen); !removed) return removed;
    return error.code == Errc::too_large ? leave_out(seen, LeftOutReason::too_large)
                                         : Result<void>(error);
  }

  Result<void> remove_target(const ScannedEntry& seen) const {
    if (::unlinkat(target_.get(), seen.name.c_str(), 0) != 0) {
      return path_error("remove", seen.path, errno);
    }
    return {};
  }

  Result<void> pass_over(const ScannedEntry& seen, const Error& error) {
    switch (error.code) {
      case Errc::not_found:
        return {};  // gone
      case Errc::denied:
        return leave_out(seen, LeftOutReason::unreadable);
      case Errc::invalid:
      case Errc::conflict:
      case Errc::outside_workspace:
        return leave_out(seen, LeftOutReason::changing);  // something else stands there now
      default:
        return error;
    }
  }

  Result<void> leave_out(const ScannedEntry& seen, LeftOutReason reason) {
    result_.source.left_out.push_back({seen.path, reason});
    return {};
  }

  int from_;
  int into_;
  const TreeCopying& copying_;
  TreeCopy result_;
  UniqueFd target_;
  std::string target_path_;
  std::vector<TreeEntry> directories_;
  bool may_clone_ = true;
  bool cloned_ = false;
};

/// Whether a file can share its blocks with one in a directory.
bool can_clone(const ScannedEntry& seen, int into) {
  const Result<UniqueFd> source = open_to_copy(seen);
  const UniqueFd target(::openat(into, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  return source && target && clone_content(source->get(), target.get());
}

}  // namespace

Result<CopyEstimate> estimate_copy(const Workspace& from, const Workspace& into,
                                   const TreeCopying& copying) {
  CopyEstimate estimate;
  bool probed = false;
  std::vector<LeftOut> ignored;
  const auto visit = [&](const ScannedEntry& seen) -> Result<void> {
    if (!S_ISREG(seen.status.stx_mode) || seen.status.stx_size > copying.file_bytes_max) return {};
    ++estimate.files;
    estimate.bytes += seen.status.stx_size;
    estimate.bytes_used += seen.status.stx_blocks * kBlockBytes;
    if (!probed && seen.status.stx_size > 0) {
      probed = true;
      if (can_clone(seen, WorkspaceAccess::root(into))) estimate.method = CopyMethod::reflink;
    }
    return {};
  };
  const ScanBounds bounds{copying.excludes, copying.stop, ignored};
  Result<void> scanned = scan_tree(WorkspaceAccess::root(from), ".", bounds, visit);
  if (scanned) {
    scanned = scan_tree(WorkspaceAccess::root(from), std::string(kGitObjects), bounds, visit);
    const bool none = !scanned && (scanned.error().code == Errc::not_found ||
                                   scanned.error().code == Errc::invalid);
    if (none) scanned = {};
  }
  if (!scanned) return scanned.error().with("look at what is to be copied");
  struct statfs space{};
  if (::fstatfs(WorkspaceAccess::root(into), &space) != 0) {
    return path_error("look at the space for", into.path(), errno);
  }
  estimate.bytes_free = space.f_bavail * static_cast<std::uint64_t>(space.f_bsize);
  return estimate;
}

Result<TreeCopy> copy_tree(const Workspace& from, const Workspace& into,
                           const TreeCopying& copying) {
  Result<TreeCopy> copy =
      CopyTree(WorkspaceAccess::root(from), WorkspaceAccess::root(into), copying).run();
  if (!copy) return copy.error().with("copy the workspace");
  return copy;
}

}  // namespace tinkerbell
