#include "workspace/tree_scan.hpp"

#include "workspace/beneath.hpp"
#include "workspace/directory_names.hpp"
#include "workspace/file_status.hpp"
#include "workspace/path_text.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <climits>
#include <cstddef>

namespace tinkerbell {

namespace {

/// Directories of the way down that stay open; those below are opened again on the way back.
constexpr std::size_t kLevelsOpenMax = 32;

constexpr std::size_t kScanPathBytesMax = PATH_MAX - 1;

bool is_ours(std::string_view name) {
  return name.starts_with(kTemporaryPrefix);
}

bool is_git_lock(std::string_view path) {
  return path.starts_with(".git/") && path.ends_with(".lock");
}

Result<UniqueFd> open_level(int directory, const std::string& path) {
  return open_beneath(directory, path, O_RDONLY | O_DIRECTORY, Links::refuse, Mounts::refuse);
}

class TreeScan {
 public:
  TreeScan(int root, const ScanBounds& bounds,
           const std::function<Result<void>(const ScannedEntry&)>& visit)
      : root_(root), bounds_(bounds), visit_(visit) {}

  Result<void> run(const std::string& directory) {
    Result<UniqueFd> first = open_first(directory);
    if (!first) return first.error();
    Result<void> pushed = push(*std::move(first), directory);
    return pushed ? run_to_end() : pushed;
  }

  Result<void> run_part(const std::string& path) {
    const auto [parent, leaf] = split_leaf(path);
    Result<UniqueFd> first = open_first(parent);
    if (!first) return first.error();
    levels_.push_back({parent, *std::move(first), {leaf}});
    Result<void> done = run_to_end();
    if (!done || entries_ > 0 || !bounds_.left_out.empty()) return done;
    return Error{Errc::not_found, visible_line(path) + ": there is no such file"};
  }

 private:
  struct Level {
    std::string path;
    UniqueFd fd;  ///< Closed while the scan is far below.
    std::vector<std::string> names;
    std::size_t next = 0;
    /// Directories that were shown and not yet entered, each with its '/'. "a-b" comes between "a"
    /// and "a/c": whatever is put on top comes before what is below.
    std::vector<std::string> waiting{};
  };

  /// What is on another mount than this directory is not looked at.
  Result<UniqueFd> open_first(const std::string& directory) {
    Result<UniqueFd> first = open_level(root_, directory);
    if (!first) return first;
    Result<struct statx> status = statx_of(first->get(), "", directory);
    if (!status) return status.error();
    mount_ = status->stx_mnt_id;
    device_ = device_of(*status);
    return first;
  }

  Result<void> run_to_end() {
    Result<void> done;
    while (done && !levels_.empty())
      done = step();
    return done;
  }

  Result<void> push(UniqueFd fd, std::string path) {
    Result<std::vector<std::string>> names = names_in(fd.get(), path);
    if (!names) return names.error();
    levels_.push_back({std::move(path), std::move(fd), *std::move(names)});
    return {};
  }

  Result<void> step() {
    if (bounds_.stop.stop_requested()) return Error{Errc::cancelled, "the look was stopped"};
    Level& level = levels_.back();
    const bool more = level.next < level.names.size();
    if (!level.waiting.empty() && (!more || level.waiting.back() < level.names[level.next])) {
      return descend(level);
    }
    if (!more) {
      levels_.pop_back();
      return {};
    }
    return look(level, level.names[level.next++]);
  }

  Result<void> look(Level& level, const std::string& name) {
    const std::string path = joined_path(level.path, name);
    if (is_ours(name)) {
      return bounds_.all ? leave_out(path, LeftOutReason::excluded) : Result<void>();
    }
    if (!bounds_.all && is_git_lock(path)) return {};
    if (bounds_.excludes && bounds_.excludes(path)) return leave_out(path, LeftOutReason::excluded);
    if (path.size() > kScanPathBytesMax) return leave_out(path, LeftOutReason::long_path);
    if (Result<bool> open = is_open(level); !open || !*open) {
      return open ? Result<void>() : open.error();
    }
    Result<struct statx> status = statx_of(level.fd.get(), name.c_str(), path);
    if (!status && status.error().code == Errc::not_found) return {};
    if (!status) return status.error();
    const bool directory = S_ISDIR(status->stx_mode);
    // Devices count for directories only: an overlay shows its files under those of its layers.
    if (status->stx_mnt_id != mount_ || (directory && device_of(*status) != device_)) {
      return leave_out(path, LeftOutReason::other_mount);
    }
    if (++entries_ > kTreeEntriesMax) {
      return Error{Errc::too_large,
                   "the workspace holds more than " + std::to_string(kTreeEntriesMax) + " entries"};
    }
    Result<void> visited = visit_({level.fd.get(), name, path, *status});
    const bool entered = directory && (bounds_.all || path != kGitObjects);
    if (visited && entered) level.waiting.push_back(name + '/');
    return visited;
  }

  Result<void> descend(Level& level) {
    std::string name = std::move(level.waiting.back());
    level.waiting.pop_back();
    name.pop_back();
    std::string path = joined_path(level.path, name);
    if (Result<bool> open = is_open(level); !open || !*open) {
      return open ? Result<void>() : open.error();
    }
    Result<UniqueFd> below = open_level(level.fd.get(), name);
    if (levels_.size() >= kLevelsOpenMax) level.fd.reset();
    Result<void> entered = below ? push(*std::move(below), path) : Result<void>(below.error());
    return entered ? entered : pass_over(entered.error(), path);
  }

  /// False: the directory has gone meanwhile, and what was still to be seen in it.
  Result<bool> is_open(Level& level) {
    if (level.fd) return true;
    Result<UniqueFd> again = open_level(root_, level.path);
    if (again) {
      level.fd = *std::move(again);
      return true;
    }
    level.next = level.names.size();
    level.waiting.clear();
    if (Result<void> passed = pass_over(again.error(), level.path); !passed) return passed.error();
    return false;
  }

  /// A directory that cannot be entered.
  Result<void> pass_over(const Error& error, const std::string& path) {
    switch (error.code) {
      case Errc::denied:
        return leave_out(path, LeftOutReason::unreadable);
      case Errc::outside_workspace:
        return leave_out(path, LeftOutReason::other_mount);
      case Errc::not_found:
      case Errc::invalid:
      case Errc::conflict:
        return {};  // gone, or something else stands there now
      default:
        return error;
    }
  }

  Result<void> leave_out(const std::string& path, LeftOutReason reason) {
    bounds_.left_out.push_back({path, reason});
    return {};
  }

  int root_;
  const ScanBounds& bounds_;
  const std::function<Result<void>(const ScannedEntry&)>& visit_;
  std::uint64_t mount_ = 0;
  std::uint64_t device_ = 0;
  std::size_t entries_ = 0;
  std::vector<Level> levels_;
};

}  // namespace

Result<void> scan_tree(int root, const std::string& directory, const ScanBounds& bounds,
                       const std::function<Result<void>(const ScannedEntry&)>& visit) {
  return TreeScan(root, bounds, visit).run(directory);
}

Result<void> scan_part(int root, const std::string& path, const ScanBounds& bounds,
                       const std::function<Result<void>(const ScannedEntry&)>& visit) {
  return TreeScan(root, bounds, visit).run_part(path);
}

}  // namespace tinkerbell
