#include "drivers/process/sandbox.hpp"

#include "tinkerbell/shim/run_directory.hpp"
#include "tinkerbell/workspace/within.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

/// Of each temporary file system, so that a program cannot fill the memory with files alone.
constexpr std::string_view kTemporaryBytesMax = "1073741824";

/// Links into /usr on a merged system, directories on others, absent on some.
constexpr std::array<const char*, 6> kSystemRoots = {"/bin",   "/sbin",  "/lib",
                                                     "/lib32", "/lib64", "/libx32"};

constexpr std::array<const char*, 5> kEmptyDirectories = {"/tmp", "/var/tmp", "/run", "/home",
                                                          "/root"};

/// Files at the top of a workspace by which a program could plant code that a trusted one would run
/// later (HAZARDS S22). `git add` and `git commit` still work.
constexpr std::array<const char*, 8> kProtectedFiles = {
    ".git/config", ".git/config.worktree", ".git/hooks",    ".envrc",
    ".tinkerbell", ".vscode/tasks.json",   ".github/hooks", ".git"};

bool is_shared_system(const fs::path& path) {
  return is_within(path, "/usr") || is_within(path, "/etc") ||
         std::ranges::any_of(kSystemRoots, [&](const char* root) { return is_within(path, root); });
}

bool is_private(const fs::file_status& status) {
  return (status.permissions() & fs::perms::others_read) == fs::perms::none;
}

std::vector<fs::path> private_files_of_kernel() {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (std::isdigit(static_cast<unsigned char>(name.front())) != 0) continue;  // a process
    std::error_code gone;
    const fs::file_status status = entry->symlink_status(gone);
    if (!gone && !fs::is_symlink(status) && is_private(status)) found.push_back(entry->path());
  }
  return found;
}

/// What not everybody may read is nobody's business here: password hashes, host keys, our own
/// config. The daemon's user might be one of the few.
std::vector<fs::path> private_files_below(const fs::path& root) {
  std::vector<fs::path> found;
  std::error_code error;
  fs::recursive_directory_iterator entry(root, fs::directory_options::skip_permission_denied,
                                         error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code gone;
    const fs::file_status status = entry->symlink_status(gone);
    if (gone || fs::is_symlink(status)) continue;
    if (!is_private(status) && entry->path() != "/etc/tinkerbell") continue;
    found.push_back(entry->path());
    if (fs::is_directory(status)) entry.disable_recursion_pending();
  }
  return found;
}

/// Builds the argument list. The order counts: a later mount covers an earlier one.
class Builder {
 public:
  explicit Builder(const SandboxView& view) : workspace_(*view.workspace), only_(view.only) {
    for (const fs::path& path : std::set(view.hidden.begin(), view.hidden.end())) {
      if (!is_within(path, workspace_.known_as())) continue;
      const fs::path place = path.lexically_relative(workspace_.known_as());
      if (!is_covered(place)) covered_.push_back(place);
    }
  }

  void isolate(bool network, const PrivatePaths& private_paths) {
    if (!network) add({"--unshare-net"});
    add({"--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
         "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--disable-userns",
         // For root bubblewrap would keep all of them, and one of them lifts every mount below.
         "--cap-drop", "ALL", "--hostname", "tinkerbell", "--json-status-fd",
         std::to_string(kSandboxReportFd), "--proc", "/proc", "--dev", "/dev"});
    // The settings of the kernel ask for root's number, which no namespace takes away, and not for
    // a capability: to root without any they are as open as ever. All of /proc at once, since
    // bubblewrap reads the whole table of mounts after each one that it makes.
    add({"--remount-ro", "/proc"});
    hide_all(private_paths.kernel);
    for (const char* directory : kEmptyDirectories)
      hide_directory(directory);
  }

  void show_system(const PrivatePaths& private_paths, const std::vector<fs::path>& hidden) {
    show_read_only("/usr");
    for (const char* root : kSystemRoots) {
      std::error_code error;
      if (fs::is_symlink(root, error)) {
        add({"--symlink", fs::read_symlink(root, error).string(), root});
      } else if (fs::is_directory(root, error)) {
        show_read_only(root);
      }
    }
    show_read_only("/etc");
    hide_all(private_paths.files);
    for (const fs::path& path : hidden) {
      if (is_shared_system(path)) hide(path);
    }
  }

  void show_workspace(const SandboxView& view) {
    if (view.access.files == FileAccess::none) return;
    const bool only_reads = view.access.files == FileAccess::read;
    const Entry entry = only_reads ? Entry::read_only : Entry::same;
    const std::string bind = only_reads ? "--ro-bind" : "--bind";
    if (only_.empty()) {
      add({bind, workspace_.path(), workspace_.known_as()});
      expect(".", entry);
    } else {
      hide_directory(workspace_.known_as());
      add({bind, outside(only_).string(), shown(only_).string()});
      expect(only_, entry);
    }
    if (only_reads) {
      for (const fs::path& place : covered_)
        hide_in_workspace(place);
      return;
    }
    for (const char* path : kProtectedFiles)
      protect(path);
    for (const fs::path& path : view.read_only) {
      if (is_within(path, workspace_.known_as())) {
        protect(path.lexically_relative(workspace_.known_as()));
      }
    }
    for (const fs::path& place : covered_)
      hide_in_workspace(place);
  }

  /// What of that must be hidden is; its own files are in no such directory (settings).
  void show_more(const SandboxView& view) {
    for (const fs::path& path : view.access.shows) {
      show_read_only(path);
      for (const fs::path& hidden : view.hidden) {
        if (is_within(hidden, path)) hide(hidden);
      }
    }
  }

  /// Its hooks still run there, as they would for anybody who pushes to it.
  void show_repositories(const SandboxView& view) {
    for (const fs::path& repository : view.access.repositories) {
      add({"--bind", repository.string(), repository.string()});
      expect_outside(repository, Entry::same);
      for (const fs::path& place : {repository / "config", repository / "hooks",
                                    repository / ".git/config", repository / ".git/hooks"}) {
        if (expect_outside(place, Entry::read_only)) show_read_only(place);
      }
    }
  }

  void show_shim(const fs::path& shim) { add({"--ro-bind", shim.string(), kShimInSandbox}); }

  void start_in(const fs::path& directory) { add({"--chdir", directory.string(), "--"}); }

  [[nodiscard]] Sandbox take() { return std::move(sandbox_); }

 private:
  void add(std::initializer_list<std::string> words) {
    sandbox_.arguments.insert(sandbox_.arguments.end(), words);
  }

  void show_read_only(const fs::path& path) { add({"--ro-bind", path.string(), path.string()}); }

  void hide_directory(const fs::path& path) {
    add({"--size", std::string(kTemporaryBytesMax), "--tmpfs", path.string()});
  }

  void hide_file(const fs::path& path) { add({"--ro-bind", "/dev/null", path.string()}); }

  /// Covers whatever is there: a directory by an empty one, anything else by /dev/null.
  void hide(const fs::path& path) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      hide_directory(path);
    } else if (fs::exists(path, error)) {
      hide_file(path);
    }
  }

  void hide_all(const std::vector<fs::path>& paths) {
    for (const fs::path& path : paths)
      hide(path);
  }

  [[nodiscard]] bool is_covered(const fs::path& place) const {
    return std::ranges::any_of(covered_,
                               [&](const fs::path& covered) { return is_within(place, covered); });
  }

  /// What stands at exactly this place in the workspace, no link on the way, as it is looked up
  /// from the directory that we hold.
  [[nodiscard]] std::optional<struct stat> found_at(const std::string& place) const {
    const Result<WorkspacePath> path = workspace_.resolve(place);
    if (!path || path->text() != place) return std::nullopt;
    const Result<UniqueFd> held = workspace_.hold(*path);
    struct stat found{};
    if (!held || ::fstat(held->get(), &found) != 0) return std::nullopt;
    return found;
  }

  /// A place in the workspace as the sandbox shows it, and where that is outside of it.
  [[nodiscard]] fs::path shown(const std::string& place) const {
    return (workspace_.known_as() / fs::path(place)).lexically_normal();
  }

  [[nodiscard]] fs::path outside(const std::string& place) const {
    return (workspace_.path() / fs::path(place)).lexically_normal();
  }

  /// Says whether there is anything.
  bool expect(const std::string& place, Entry expected) {
    const std::optional<struct stat> found = found_at(place);
    if (!found) return false;
    const std::string path = place == "." ? workspace_.known_as() : shown(place).string();
    sandbox_.checks.push_back({path, found->st_dev, found->st_ino, expected});
    return true;
  }

  /// Says whether there is a file or a directory.
  bool expect_outside(const fs::path& path, Entry expected) {
    struct stat found{};
    if (::lstat(path.c_str(), &found) != 0) return false;
    if (!S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode)) return false;
    sandbox_.checks.push_back({path.string(), found.st_dev, found.st_ino, expected});
    return true;
  }

  /// Whether it is in what the program sees of the workspace at all.
  [[nodiscard]] bool is_shown(const fs::path& place) const {
    return only_.empty() || is_within(place, only_);
  }

  /// Makes the directories above a place mount points, which cannot be renamed: or another could
  /// take its place, without whatever covers it.
  void pin_above(const fs::path& place) {
    fs::path above;
    for (const fs::path& name : place.parent_path()) {
      above /= name;
      if (is_shown(above) && pinned_.insert(above).second && expect(above.string(), Entry::same)) {
        add({"--bind", outside(above.string()).string(), shown(above.string()).string()});
      }
    }
  }

  /// A link is left alone: it leads to what is protected by itself, or to nothing.
  void protect(const fs::path& place) {
    if (pinned_.contains(place) || is_covered(place) || !is_shown(place)) return;
    const std::optional<struct stat> found = found_at(place.string());
    if (!found || !(S_ISREG(found->st_mode) || S_ISDIR(found->st_mode))) return;
    pin_above(place);
    pinned_.insert(place);
    expect(place.string(), Entry::read_only);
    add({"--ro-bind", outside(place.string()).string(), shown(place.string()).string()});
  }

  void hide_in_workspace(const fs::path& place) {
    if (!is_shown(place)) return;
    const std::optional<struct stat> found = found_at(place.string());
    if (!found) return;
    pin_above(place);
    expect(place.string(), Entry::hidden);
    const fs::path path = shown(place.string());
    S_ISDIR(found->st_mode) ? hide_directory(path) : hide_file(path);
  }

  const Workspace& workspace_;
  const std::string only_;
  std::vector<fs::path> covered_;  ///< What is hidden in the workspace, relative to it; none lies
                                   ///< in another.
  std::set<fs::path> pinned_;      ///< Mount points in the workspace, relative to it.
  Sandbox sandbox_;
};

std::vector<fs::path> real_names(std::vector<fs::path> paths) {
  for (fs::path& path : paths)
    path = without_links(path);
  return paths;
}

}  // namespace

std::vector<fs::path> hidden_paths(const ProcessSettings& settings) {
  std::vector<fs::path> paths = settings.hidden;
  paths.push_back(settings.runs_directory);
  return real_names(std::move(paths));
}

PrivatePaths private_paths(const ProcessSettings& settings) {
  PrivatePaths found{.hidden = hidden_paths(settings),
                     .read_only = real_names(settings.read_only),
                     .kernel = {},
                     .files = {}};
  if (settings.sandbox == ProcessSandbox::none) return found;
  found.kernel = private_files_of_kernel();
  found.files = private_files_below("/etc");
  return found;
}

std::shared_ptr<const PrivatePaths> PrivatePathsLook::at(const ProcessSettings& settings,
                                                         SteadyTime now) {
  const std::scoped_lock lock(mutex_);
  if (!found_ || now >= later(looked_at_, kAgeMax)) {
    found_ = std::make_shared<const PrivatePaths>(private_paths(settings));
    looked_at_ = now;
  }
  return found_;
}

Sandbox sandbox_for(const SandboxView& view, const PrivatePaths& private_paths,
                    const fs::path& shim) {
  Builder sandbox(view);
  sandbox.isolate(view.access.network, private_paths);
  if (is_shared_system(view.workspace->known_as())) {
    sandbox.show_system(private_paths, view.hidden);
    sandbox.show_workspace(view);
  } else {
    // The system comes last where it can: a link that appears in the workspace at the wrong moment
    // leads a mount astray, and the last look must not depend on what it has covered.
    sandbox.show_workspace(view);
    sandbox.show_system(private_paths, view.hidden);
  }
  sandbox.show_more(view);
  sandbox.show_repositories(view);
  sandbox.show_shim(shim);
  sandbox.start_in(view.cwd);
  return sandbox.take();
}

bool is_in_view(const fs::path& file, const SandboxView& view) {
  const fs::path& workspace = view.workspace->known_as();
  const bool in_workspace = view.access.files != FileAccess::none && is_within(file, workspace);
  const auto covers_file = [&](const fs::path& path) {
    return is_within(file, path) && !(in_workspace && is_within(workspace, path));
  };
  if (std::ranges::any_of(view.hidden, covers_file)) return false;
  if (in_workspace) return view.only.empty() || is_within(file, workspace / view.only);
  return is_shared_system(file) ||
         std::ranges::any_of(view.access.shows,
                             [&](const fs::path& shown) { return is_within(file, shown); });
}

}  // namespace tinkerbell
