#include "drivers/draft/git_state.hpp"

#include "tinkerbell/workspace/git_index.hpp"
#include "tinkerbell/workspace/git_paths.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace tinkerbell {

namespace {

constexpr std::uint64_t kReferenceBytesMax = 4 << 10;
constexpr std::uint64_t kPackedBytesMax = 64 << 20;

bool is_hash(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_reference_text(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  constexpr std::string_view kSymbolic = "ref: refs/";
  if (!text.starts_with(kSymbolic)) return is_hash(text);
  return !text.contains('\n') && !text.contains("..") && text.size() > kSymbolic.size();
}

/// Whether what would come over can be what git keeps there. Git writes through links: one in the
/// place of a log or a message would lead its next words into any file (HAZARDS S22).
Result<bool> is_sound(const FileChange& change, const ContentStore& contents) {
  if (!change.after || change.after->type == FileType::directory) return true;
  if (change.after->type == FileType::link) return false;
  if (!is_git_reference(change.path)) return true;
  const bool packed = change.path == ".git/packed-refs";
  const std::uint64_t most = packed ? kPackedBytesMax : kReferenceBytesMax;
  if (change.after->bytes > most) return false;
  const Result<std::string> text = contents.read(change.after->content, most);
  if (!text) return text.error();
  return packed ? !text->contains(" refs/replace/") : is_reference_text(*text);
}

Result<void> settle_changed_index(TreeMerge& merge, const ContentStore& contents) {
  const auto change = std::ranges::find(merge.changes, kGitIndex, &FileChange::path);
  if (change == merge.changes.end()) return {};
  const Result<bool> same = is_same_index(change->before, change->after, contents);
  if (!same) return same.error();
  if (*same) merge.changes.erase(change);
  return {};
}

Result<void> settle_index_conflict(TreeMerge& merge, const ContentStore& contents) {
  const auto conflict = std::ranges::find(merge.conflicts, kGitIndex, &MergeConflict::path);
  if (conflict == merge.conflicts.end()) return {};
  const Result<bool> theirs_same = is_same_index(conflict->base, conflict->theirs, contents);
  if (!theirs_same) return theirs_same.error();
  const Result<bool> ours_same = is_same_index(conflict->base, conflict->ours, contents);
  if (!ours_same) return ours_same.error();
  if (!*theirs_same && !*ours_same) return {};
  if (!*theirs_same) {
    const FileChange change{std::string(kGitIndex), conflict->ours, conflict->theirs};
    merge.changes.insert(
        std::ranges::lower_bound(merge.changes, change.path, {}, &FileChange::path), change);
  }
  merge.conflicts.erase(conflict);
  return {};
}

}  // namespace

Result<void> settle_git(TreeMerge& merge, const ContentStore& contents,
                        std::vector<LeftInDraft>& left) {
  if (Result<void> settled = settle_changed_index(merge, contents); !settled) return settled;
  if (Result<void> settled = settle_index_conflict(merge, contents); !settled) return settled;
  std::erase_if(merge.conflicts, [](const MergeConflict& each) { return is_git_note(each.path); });
  const auto is_state = [](const auto& each) { return is_git_state(each.path); };
  const bool moved_on = std::ranges::any_of(merge.conflicts, is_state);
  bool sound = true;
  bool names_commits = false;
  for (const FileChange& change : merge.changes) {
    if (!is_git_state(change.path)) continue;
    names_commits = names_commits || is_git_reference(change.path);
    const Result<bool> each = is_sound(change, contents);
    if (!each) return each.error();
    sound = sound && *each;
  }
  const auto changes = [&](std::string_view path) {
    return std::ranges::find(merge.changes, path, &FileChange::path) != merge.changes.end();
  };
  const bool has_index = changes(kGitIndex);
  const bool is_new = changes(".git");
  if (moved_on || !sound || is_new) {
    const std::string why = moved_on ? "CONFLICT: the repository has moved on in the workspace"
                            : is_new ? "a repository is not taken over as a whole"
                                     : "something in it is not what git keeps there";
    for (const FileChange& change : merge.changes) {
      if (is_state(change) && (!sound || !is_git_note(change.path)))
        left.push_back({change.path, why});
    }
    std::erase_if(merge.changes, is_state);
  } else if (!names_commits && !has_index) {
    std::erase_if(merge.changes, is_state);  // notes of what is not there any more
  }
  return {};
}

}  // namespace tinkerbell
