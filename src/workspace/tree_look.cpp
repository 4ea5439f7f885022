#include "workspace/beneath.hpp"
#include "workspace/file_content.hpp"
#include "workspace/file_status.hpp"
#include "workspace/tree_entry.hpp"
#include "workspace/tree_scan.hpp"
#include "workspace/workspace_access.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/content_store.hpp"
#include "tinkerbell/workspace/tree.hpp"

#include <algorithm>
#include <optional>

namespace tinkerbell {

namespace {

/// A file that is written to once more within one tick of its file system's clock shows the same
/// times. The coarsest clock has two seconds (FAT); ext4's and its like have milliseconds.
constexpr std::int64_t kTickNs = 2'000'000'000;

constexpr int kReadAttemptsMax = 3;

/// What holds for a part of a workspace only.
struct PartBounds {
  std::size_t entries_max;
  uid_t owner;  ///< Of the workspace.
};

/// Adds files up, to a bound.
class TotalBytes {
 public:
  explicit TotalBytes(std::uint64_t most) : most_(most) {}

  Result<void> add(const struct statx& status) {
    if (!S_ISREG(status.stx_mode)) return {};
    const bool over = __builtin_add_overflow(bytes_, status.stx_size, &bytes_) || bytes_ > most_;
    if (over) {
      return Error{Errc::too_large, "its files are more than " + in_bytes(most_) + " together"};
    }
    return {};
  }

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  std::uint64_t most_;
  std::uint64_t bytes_ = 0;
};

class LookAtTree {
 public:
  explicit LookAtTree(const TreeLook& look, std::optional<PartBounds> part = std::nullopt)
      : look_(look), part_(part), total_(look.total_bytes_max) {
    tree_.looked_ns = file_clock_ns();
    if (look.known != nullptr) tree_.entries.reserve(look.known->entries.size());
  }

  Result<Tree> run(int root) && {
    return finished(scan_tree(root, ".", {look_.excludes, look_.stop, tree_.left_out},
                              [this](const ScannedEntry& seen) { return visit(seen); }));
  }

  Result<Tree> run_part(int root, const std::string& path) && {
    return finished(scan_part(root, path, {look_.excludes, look_.stop, tree_.left_out, true},
                              [this](const ScannedEntry& seen) { return visit(seen); }));
  }

 private:
  Result<Tree> finished(const Result<void>& scanned) {
    if (!scanned) return scanned.error();
    std::ranges::sort(tree_.left_out, {}, &LeftOut::path);
    return std::move(tree_);
  }

  Result<void> visit(const ScannedEntry& seen) {
    if (Result<void> added = total_.add(seen.status); !added) return added;
    std::optional<TreeEntry> entry = entry_from(seen.path, seen.status);
    if (!entry) return leave_out(seen, LeftOutReason::special);
    if (part_) {
      if (is_foreign(seen.status)) return leave_out(seen, LeftOutReason::foreign);
      if (Result<void> counted = count(); !counted) return counted;
    }
    if (entry->type != FileType::directory && !take_known(*entry)) {
      return entry->type == FileType::link ? read_link(seen, *std::move(entry)) : read_file(seen);
    }
    tree_.entries.push_back(*std::move(entry));
    return {};
  }

  [[nodiscard]] bool is_foreign(const struct statx& status) const {
    return S_ISREG(status.stx_mode) && status.stx_nlink > 1 && status.stx_uid != part_->owner;
  }

  Result<void> count() {
    if (++entries_ <= part_->entries_max) return {};
    return Error{Errc::too_large, "more than " + std::to_string(part_->entries_max) + " paths"};
  }

  /// Both trees are in one order, so one place moves along in the known one.
  bool take_known(TreeEntry& entry) {
    if (look_.known == nullptr) return false;
    const std::vector<TreeEntry>& known = look_.known->entries;
    while (next_known_ < known.size() && known[next_known_].path < entry.path)
      ++next_known_;
    if (next_known_ == known.size()) return false;
    const TreeEntry& then = known[next_known_];
    entry.content = then.content;
    if (then == entry && then.ctime_ns + kTickNs < look_.known->looked_ns) return true;
    entry.content = {};
    return false;
  }

  Result<void> read_link(const ScannedEntry& seen, TreeEntry entry) {
    Result<std::string> target = link_target(seen.directory, seen.name, seen.path);
    if (!target) return pass_over(seen, target.error());
    if (look_.keep != nullptr) {
      if (Result<Sha256> kept = look_.keep->put(*target); !kept) return kept.error();
    }
    entry.bytes = target->size();
    entry.content = sha256(*target);
    tree_.entries.push_back(std::move(entry));
    return {};
  }

  Result<void> read_file(const ScannedEntry& seen) {
    if (seen.status.stx_size > look_.file_bytes_max) {
      return leave_out(seen, LeftOutReason::too_large);
    }
    Result<UniqueFd> fd = open_beneath(seen.directory, seen.name, O_RDONLY | O_NONBLOCK | O_NOCTTY,
                                       Links::refuse, Mounts::refuse);
    if (!fd) return pass_over(seen, fd.error());
    for (int attempt = 1; attempt <= kReadAttemptsMax; ++attempt) {
      Result<std::optional<TreeEntry>> entry = read_once(fd->get(), seen.path);
      if (!entry) return pass_over(seen, entry.error());
      if (!*entry) continue;
      tree_.entries.push_back(**std::move(entry));
      return {};
    }
    return leave_out(seen, LeftOutReason::changing);
  }

  /// Nothing if the file changed meanwhile.
  Result<std::optional<TreeEntry>> read_once(int fd, const std::string& path) {
    Result<struct statx> before = statx_of(fd, "", path);
    if (!before) return before.error();
    std::optional<TreeEntry> entry = entry_from(path, *before);
    if (!entry || entry->type != FileType::file) return std::optional<TreeEntry>();
    Result<Sha256> content = content_of(fd, path, before->stx_size);
    if (!content) return content.error();
    Result<struct statx> after = statx_of(fd, "", path);
    if (!after) return after.error();
    if (!is_untouched(*before, *after)) return std::optional<TreeEntry>();
    entry->content = *content;
    return entry;
  }

  Result<Sha256> content_of(int fd, const std::string& path, std::uint64_t bytes) {
    if (look_.keep != nullptr && bytes <= look_.keep_bytes_max) {
      Result<Sha256> kept = look_.keep->put(fd, look_.file_bytes_max, look_.stop);
      // That the store may not be written must not read as if the file might not be read.
      if (!kept && kept.error().code == Errc::denied) return Error{Errc::io, kept.error().message};
      return kept;
    }
    Result<ContentSum> sum = hash_content(fd, {look_.file_bytes_max, look_.stop}, path);
    if (!sum) return sum.error();
    return sum->sha256;
  }

  /// A file that cannot be read.
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
      case Errc::too_large:
        return leave_out(seen, LeftOutReason::too_large);
      default:
        return error;
    }
  }

  Result<void> leave_out(const ScannedEntry& seen, LeftOutReason reason) {
    tree_.left_out.push_back({seen.path, reason});
    return {};
  }

  const TreeLook& look_;
  std::optional<PartBounds> part_;
  std::size_t entries_ = 0;
  TotalBytes total_;
  std::size_t next_known_ = 0;
  Tree tree_;
};

}  // namespace

Result<Tree> look_at_tree(const Workspace& workspace, const TreeLook& look) {
  Result<Tree> tree = LookAtTree(look).run(WorkspaceAccess::root(workspace));
  if (!tree) return tree.error().with("look at the workspace");
  return tree;
}

Result<Tree> look_at_part(const Workspace& workspace, const WorkspacePath& path,
                          const PartLook& look) {
  const TreeLook whole{.keep = look.keep,
                       .excludes = look.excludes,
                       .total_bytes_max = look.bytes_max,
                       .stop = look.stop};
  const PartBounds bounds{look.entries_max, WorkspaceAccess::owner(workspace)};
  Result<Tree> part =
      LookAtTree(whole, bounds).run_part(WorkspaceAccess::root(workspace), path.text());
  if (!part) return part.error().with("look at " + visible_line(path.text()));
  return part;
}

Result<std::uint64_t> bytes_in_tree(const Workspace& workspace, const TreeLook& look) {
  TotalBytes total(look.total_bytes_max);
  std::vector<LeftOut> left_out;
  Result<void> scanned =
      scan_tree(WorkspaceAccess::root(workspace), ".", {look.excludes, look.stop, left_out},
                [&](const ScannedEntry& seen) { return total.add(seen.status); });
  if (!scanned) return scanned.error().with("look at the workspace");
  return total.bytes();
}

}  // namespace tinkerbell
