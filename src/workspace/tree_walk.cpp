#include "workspace/tree_walk.hpp"

#include "workspace/beneath.hpp"
#include "workspace/file_status.hpp"
#include "workspace/path_text.hpp"

#include "tinkerbell/workspace/workspace.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace tinkerbell {

namespace {

/// Held at once; a larger directory is shown in part.
constexpr std::size_t kPendingMax = 200'000;

struct CloseDirectory {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

using DirectoryStream = std::unique_ptr<DIR, CloseDirectory>;

bool is_shown(std::string_view name) {
  return name != "." && name != ".." && !name.starts_with(kTemporaryPrefix);
}

class TreeWalk {
 public:
  explicit TreeWalk(int root) : root_(root) {}

  /// Puts what a directory holds on top of what is still to be shown.
  Result<void> enter(const std::string& directory) {
    Result<UniqueFd> fd = open_directory(root_, directory);
    if (!fd) return fd.error();
    const DirectoryStream stream(::fdopendir(fd->get()));
    if (stream == nullptr) return path_error("list", directory, errno);
    (void)fd->release();  // the stream closes it
    const auto first = std::ssize(pending_);
    read_entries(stream.get(), directory);
    std::ranges::sort(pending_.begin() + first, pending_.end(), std::ranges::greater{},
                      &FileEntry::path);
    return {};
  }

  Result<bool> run(Depth depth, const std::function<bool(FileEntry)>& visit) {
    while (!pending_.empty()) {
      FileEntry entry = std::move(pending_.back());
      pending_.pop_back();
      const std::string path = entry.path;
      const bool descend =
          depth == Depth::all && entry.type == "directory" && split_leaf(path).second != ".git";
      if (!visit(std::move(entry))) return false;
      // A directory that vanished or may not be read is no reason to show nothing of the others.
      if (descend && !enter(path)) complete_ = false;
    }
    return complete_;
  }

 private:
  void read_entries(DIR* stream, const std::string& directory) {
    for (;;) {
      errno = 0;
      const dirent* found = ::readdir(stream);  // NOLINT(concurrency-mt-unsafe): our own stream
      if (found == nullptr) {
        complete_ = complete_ && errno == 0;
        return;
      }
      if (!is_shown(found->d_name)) continue;
      if (pending_.size() == kPendingMax) {
        complete_ = false;
        return;
      }
      add(::dirfd(stream), directory, found->d_name);
    }
  }

  void add(int fd, const std::string& directory, const char* name) {
    struct stat status{};
    if (::fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return;  // gone meanwhile
    const auto bytes = S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
    pending_.push_back(
        {joined_path(directory, name), std::string(type_name(status.st_mode)), bytes});
  }

  int root_;
  std::vector<FileEntry> pending_;  ///< The next one last.
  bool complete_ = true;
};

}  // namespace

Result<bool> walk_tree(int root, const std::string& directory, Depth depth,
                       const std::function<bool(FileEntry)>& visit) {
  TreeWalk walk(root);
  if (Result<void> entered = walk.enter(directory); !entered) return entered.error();
  return walk.run(depth, visit);
}

}  // namespace tinkerbell
