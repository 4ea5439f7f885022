#include "drivers/draft/git_state.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace tinkerbell {

namespace {

constexpr std::string_view kIndex = ".git/index";
constexpr std::uint64_t kIndexBytesMax = 256 << 20;
constexpr std::uint64_t kReferenceBytesMax = 4 << 10;
constexpr std::uint64_t kPackedBytesMax = 64 << 20;

/// What names commits.
bool is_reference(std::string_view path) {
  return path == ".git/HEAD" || path == ".git/packed-refs" || path == ".git/refs" ||
         path.starts_with(".git/refs/");
}

/// What git notes down besides; nothing depends on it.
bool is_note(std::string_view path) {
  constexpr auto kNotes = std::to_array<std::string_view>(
      {".git/logs", ".git/ORIG_HEAD", ".git/COMMIT_EDITMSG", ".git/FETCH_HEAD", ".git/gc.log"});
  return std::ranges::find(kNotes, path) != kNotes.end() || path.starts_with(".git/logs/");
}

// ---- the index ----

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes)
    value = value << 8U | static_cast<std::uint8_t>(byte);
  return value;
}

/// Reads the entries of an index one by one.
class IndexReader {
 public:
  explicit IndexReader(std::string_view bytes) : rest_(bytes) {
    const std::string_view head = take(kHeadBytes);
    version_ = big_endian(head.substr(4, 4));
    if (!head.starts_with("DIRC") || version_ < 2 || version_ > 4) failed_ = true;
    left_ = failed_ ? 0 : big_endian(head.substr(8, 4));
  }

  /// Mode, hash, flags and name of the next entry; nothing: there are no more.
  std::optional<std::string> next() {
    if (failed_ || left_-- == 0) return std::nullopt;
    const std::size_t before = rest_.size();
    const std::string_view stat = take(kStatBytes);
    std::string entry(stat.substr(kModeAt, 4));
    entry += take(kHashBytes);
    const std::string_view flags = take(2);
    const bool extended = (big_endian(flags) & kExtended) != 0;
    entry += flags;
    if (extended) entry += take(2);
    take_name();
    if (version_ < 4) pad(before - rest_.size());
    if (failed_) return std::nullopt;
    return entry + name_;
  }

  [[nodiscard]] bool failed() const { return failed_; }

 private:
  static constexpr std::size_t kHeadBytes = 12;
  static constexpr std::size_t kStatBytes = 40;  // times, device, inode, mode, owner, size
  static constexpr std::size_t kModeAt = 24;
  static constexpr std::size_t kHashBytes = 20;
  static constexpr std::uint64_t kExtended = 0x4000;

  std::string_view take(std::size_t count) {
    static constexpr std::array<char, kStatBytes> kNothing{};
    if (rest_.size() < count) {
      failed_ = true;
      rest_ = {};
      return {kNothing.data(), count};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  /// From version 4 on a name says how much of the end of the one before it goes.
  void take_name() {
    std::uint64_t gone = version_ < 4 ? name_.size() : take_offset();
    if (gone > name_.size()) {
      failed_ = true;
      gone = name_.size();
    }
    name_.resize(name_.size() - gone);
    const std::size_t end = rest_.find('\0');
    if (end == std::string_view::npos) {
      failed_ = true;
      return;
    }
    name_ += rest_.substr(0, end);
    rest_.remove_prefix(version_ < 4 ? end : end + 1);
  }

  /// The variable length of pack offsets.
  std::uint64_t take_offset() {
    auto byte = static_cast<std::uint8_t>(take(1).front());
    std::uint64_t value = byte & 0x7FU;
    while ((byte & 0x80U) != 0 && !failed_) {
      byte = static_cast<std::uint8_t>(take(1).front());
      value = ((value + 1) << 7U) | (byte & 0x7FU);
    }
    return value;
  }

  /// One to eight zeroes, so that an entry has a multiple of eight bytes.
  void pad(std::size_t entry_bytes) { take(8 - entry_bytes % 8); }

  std::string_view rest_;
  std::uint64_t version_ = 0;
  std::uint64_t left_ = 0;
  std::string name_;
  bool failed_ = false;
};

// ---- references ----

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
  if (!is_reference(change.path)) return true;
  const bool packed = change.path == ".git/packed-refs";
  const std::uint64_t most = packed ? kPackedBytesMax : kReferenceBytesMax;
  if (change.after->bytes > most) return false;
  const Result<std::string> text = contents.read(change.after->content, most);
  if (!text) return text.error();
  return packed || is_reference_text(*text);
}

// ---- settling ----

std::optional<FileState> file_at(const std::optional<FileState>& state) {
  return state && state->type == FileType::file ? state : std::nullopt;
}

/// Errors: those of ContentStore.
Result<bool> says_the_same(const std::optional<FileState>& one,
                           const std::optional<FileState>& other, const ContentStore& contents) {
  if (!file_at(one) || !file_at(other)) return one == other;
  const Result<std::string> first = contents.read(one->content, kIndexBytesMax);
  if (!first) return first.error();
  const Result<std::string> second = contents.read(other->content, kIndexBytesMax);
  if (!second) return second.error();
  return is_same_index(*first, *second);
}

Result<void> settle_changed_index(TreeMerge& merge, const ContentStore& contents) {
  const auto change = std::ranges::find(merge.changes, kIndex, &FileChange::path);
  if (change == merge.changes.end()) return {};
  const Result<bool> same = says_the_same(change->before, change->after, contents);
  if (!same) return same.error();
  if (*same) merge.changes.erase(change);
  return {};
}

Result<void> settle_index_conflict(TreeMerge& merge, const ContentStore& contents) {
  const auto conflict = std::ranges::find(merge.conflicts, kIndex, &MergeConflict::path);
  if (conflict == merge.conflicts.end()) return {};
  const Result<bool> theirs_same = says_the_same(conflict->base, conflict->theirs, contents);
  if (!theirs_same) return theirs_same.error();
  const Result<bool> ours_same = says_the_same(conflict->base, conflict->ours, contents);
  if (!ours_same) return ours_same.error();
  if (!*theirs_same && !*ours_same) return {};
  if (!*theirs_same) {
    const FileChange change{std::string(kIndex), conflict->ours, conflict->theirs};
    merge.changes.insert(
        std::ranges::lower_bound(merge.changes, change.path, {}, &FileChange::path), change);
  }
  merge.conflicts.erase(conflict);
  return {};
}

}  // namespace

bool is_git_state(std::string_view path) {
  return path == kIndex || is_reference(path) || is_note(path);
}

bool is_git_bookkeeping(std::string_view path) {
  return path == kIndex || is_note(path);
}

bool is_same_index(std::string_view one, std::string_view other) {
  IndexReader first(one);
  IndexReader second(other);
  for (;;) {
    const std::optional<std::string> left = first.next();
    const std::optional<std::string> right = second.next();
    if (left != right) return false;
    if (!left) return !first.failed() && !second.failed();
  }
}

Result<void> settle_git(TreeMerge& merge, const ContentStore& contents,
                        std::vector<LeftInDraft>& left) {
  if (Result<void> settled = settle_changed_index(merge, contents); !settled) return settled;
  if (Result<void> settled = settle_index_conflict(merge, contents); !settled) return settled;
  std::erase_if(merge.conflicts, [](const MergeConflict& each) { return is_note(each.path); });
  const auto is_state = [](const auto& each) { return is_git_state(each.path); };
  const bool moved_on = std::ranges::any_of(merge.conflicts, is_state);
  bool sound = true;
  bool names_commits = false;
  for (const FileChange& change : merge.changes) {
    if (!is_git_state(change.path)) continue;
    names_commits = names_commits || is_reference(change.path);
    const Result<bool> each = is_sound(change, contents);
    if (!each) return each.error();
    sound = sound && *each;
  }
  const auto changes = [&](std::string_view path) {
    return std::ranges::find(merge.changes, path, &FileChange::path) != merge.changes.end();
  };
  const bool has_index = changes(kIndex);
  const bool is_new = changes(".git");
  if (moved_on || !sound || is_new) {
    const std::string why = moved_on ? "CONFLICT: the repository has moved on in the workspace"
                            : is_new ? "a repository is not taken over as a whole"
                                     : "something in it is not what git keeps there";
    for (const FileChange& change : merge.changes) {
      if (is_state(change) && (!sound || !is_note(change.path))) left.push_back({change.path, why});
    }
    std::erase_if(merge.changes, is_state);
  } else if (!names_commits && !has_index) {
    std::erase_if(merge.changes, is_state);  // notes of what is not there any more
  }
  return {};
}

}  // namespace tinkerbell
