#include "tinkerbell/workspace/git_paths.hpp"

#include <algorithm>
#include <array>

namespace tinkerbell {

bool is_git_reference(std::string_view path) {
  // What stands for other objects would change what every commit seems to hold.
  if (path == ".git/refs/replace" || path.starts_with(".git/refs/replace/")) return false;
  return path == ".git/HEAD" || path == ".git/packed-refs" || path == ".git/refs" ||
         path.starts_with(".git/refs/");
}

bool is_git_note(std::string_view path) {
  constexpr auto kNotes = std::to_array<std::string_view>(
      {".git/logs", ".git/ORIG_HEAD", ".git/COMMIT_EDITMSG", ".git/FETCH_HEAD", ".git/gc.log"});
  return std::ranges::find(kNotes, path) != kNotes.end() || path.starts_with(".git/logs/");
}

bool is_git_state(std::string_view path) {
  return path == kGitIndex || is_git_note(path) || is_git_reference(path);
}

}  // namespace tinkerbell
