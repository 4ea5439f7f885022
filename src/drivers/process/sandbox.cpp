#include "drivers/process/sandbox.hpp"

#include "tinkerbell/shim/run_directory.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
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

bool is_shared_system(const fs::path& path) {
  return is_within(path, "/usr") || is_within(path, "/etc") ||
         std::ranges::any_of(kSystemRoots, [&](const char* root) { return is_within(path, root); });
}

/// Builds the argument list. The order counts: a later mount covers an earlier one.
class Arguments {
 public:
  void add(std::initializer_list<std::string> words) { words_.insert(words_.end(), words); }

  void isolate() {
    add({"--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
         "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--disable-userns",
         // For root bubblewrap would keep all of them, and one of them lifts every mount below.
         "--cap-drop", "ALL", "--hostname", "tinkerbell", "--json-status-fd",
         std::to_string(kSandboxReportFd)});
  }

  void show_system() {
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
    hide_private_files("/etc");
    add({"--proc", "/proc", "--dev", "/dev"});
    for (const char* directory : kEmptyDirectories)
      hide_directory(directory);
  }

  void show_workspace(const fs::path& workspace) {
    add({"--bind", workspace.string(), workspace.string()});
    protect_git(workspace / ".git");
  }

  /// Covers whatever is there: a directory by an empty one, anything else by /dev/null.
  void hide(const fs::path& path) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      hide_directory(path);
    } else if (fs::exists(path, error)) {
      add({"--ro-bind", "/dev/null", path.string()});
    }
  }

  [[nodiscard]] std::vector<std::string> take() { return std::move(words_); }

 private:
  void show_read_only(const fs::path& path) { add({"--ro-bind", path.string(), path.string()}); }

  void hide_directory(const fs::path& path) {
    add({"--size", std::string(kTemporaryBytesMax), "--tmpfs", path.string()});
  }

  /// What not everybody may read is nobody's business here: password hashes, host keys, our own
  /// config. The daemon's user might be one of the few.
  void hide_private_files(const fs::path& root) {
    std::error_code error;
    fs::recursive_directory_iterator entry(root, fs::directory_options::skip_permission_denied,
                                           error);
    for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
      std::error_code gone;
      const fs::file_status status = entry->symlink_status(gone);
      if (gone || fs::is_symlink(status)) continue;
      const bool readable = (status.permissions() & fs::perms::others_read) != fs::perms::none;
      if (readable && entry->path() != "/etc/tinkerbell") continue;
      hide(entry->path());
      if (fs::is_directory(status)) entry.disable_recursion_pending();
    }
  }

  /// Keeps a program from planting code that a trusted git would run later (HAZARDS S22), while
  /// `git add` and `git commit` work. `.git` itself becomes a mount point and so cannot be renamed
  /// away.
  void protect_git(const fs::path& git) {
    std::error_code error;
    const fs::file_status status = fs::symlink_status(git, error);
    if (fs::is_regular_file(status)) return show_read_only(git);
    if (!fs::is_directory(status)) return;
    add({"--bind", git.string(), git.string()});
    for (const char* name : {"config", "config.worktree", "hooks"}) {
      const fs::file_status protected_status = fs::symlink_status(git / name, error);
      if (fs::is_regular_file(protected_status) || fs::is_directory(protected_status)) {
        show_read_only(git / name);
      }
    }
  }

  std::vector<std::string> words_;
};

}  // namespace

bool is_within(const fs::path& path, const fs::path& directory) {
  const auto [end, rest] = std::ranges::mismatch(directory, path);
  return end == directory.end();
}

std::vector<std::string> sandbox_arguments(const SandboxView& view) {
  Arguments arguments;
  arguments.isolate();
  arguments.show_system();
  for (const fs::path& path : view.hidden) {  // may hold the workspace: it must come before that
    if (is_shared_system(path) && !is_within(path, view.workspace)) arguments.hide(path);
  }
  arguments.show_workspace(view.workspace);
  for (const fs::path& path : view.hidden) {
    if (is_within(path, view.workspace)) arguments.hide(path);
  }
  arguments.add({"--chdir", view.cwd.string(), "--"});
  return arguments.take();
}

bool is_in_view(const fs::path& file, const SandboxView& view) {
  const bool in_workspace = is_within(file, view.workspace);
  const auto covers_file = [&](const fs::path& path) {
    return is_within(file, path) && !(in_workspace && is_within(view.workspace, path));
  };
  if (std::ranges::any_of(view.hidden, covers_file)) return false;
  return in_workspace || is_shared_system(file);
}

}  // namespace tinkerbell
