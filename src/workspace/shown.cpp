#include "tinkerbell/workspace/shown.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/content_store.hpp"
#include "tinkerbell/workspace/diff.hpp"
#include "tinkerbell/workspace/git_paths.hpp"

#include <array>
#include <cstdio>

namespace tinkerbell {

namespace {

constexpr std::uint64_t kDiffFileBytesMax = 1 << 20;
constexpr std::size_t kDiffBytesMax = 4 << 20;  // of all files together

std::string octal(std::uint32_t mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode);
  return text.data();
}

bool is_text_file(const std::optional<FileState>& state) {
  return !state || (state->type == FileType::file && state->bytes <= kDiffFileBytesMax);
}

std::string in_words(const std::optional<FileState>& state) {
  if (!state) return "nothing";
  switch (state->type) {
    case FileType::file:
      return "file of " + std::to_string(state->bytes) + " bytes, mode " + octal(state->mode) +
             ", sha256 " + state->content.hex();
    case FileType::directory:
      return "directory, mode " + octal(state->mode);
    case FileType::link:
      return "link";
  }
  return {};
}

/// A branch, a tag, the stash, HEAD.
bool is_one_reference(std::string_view path) {
  return path == ".git/HEAD" || path.starts_with(".git/refs/");
}

bool is_short_file(const std::optional<FileState>& state) {
  constexpr std::uint64_t kReferenceBytesMax = 4 << 10;
  return !state || (state->type == FileType::file && state->bytes <= kReferenceBytesMax);
}

/// Where a reference leads: "1a2b3c4", "ref: refs/heads/main".
std::string led_to(const std::optional<std::string>& text) {
  if (!text) return "nothing";
  constexpr std::size_t kShortHash = 7;
  const std::string line = text->substr(0, text->find('\n'));
  return visible_line(line.starts_with("ref: ") ? line : line.substr(0, kShortHash));
}

class Showing {
 public:
  explicit Showing(const ContentStore& contents) : contents_(contents) {}

  Result<DraftChange> show(const FileChange& change) {
    if (change.path == kGitIndex) {
      return DraftChange{change, std::string(kGitIndex) + ": what is staged\n"};
    }
    if (is_git_note(change.path)) {
      return DraftChange{change, visible_line(change.path) + ": git's own notes\n"};
    }
    if (is_one_reference(change.path) && is_short_file(change.before) &&
        is_short_file(change.after)) {
      return as_reference(change);
    }
    if (!is_text_file(change.before) || !is_text_file(change.after) || left_ == 0) {
      return as_line(change);
    }
    const Result<std::optional<std::string>> before = text_of(change.before);
    if (!before) return before.error();
    const Result<std::optional<std::string>> after = text_of(change.after);
    if (!after) return after.error();
    std::string diff = mode_line(change) + unified_diff(change.path, view(*before), view(*after));
    if (diff.empty() || diff.size() > left_) return as_line(change);
    left_ -= diff.size();
    return DraftChange{change, std::move(diff)};
  }

 private:
  static std::optional<std::string_view> view(const std::optional<std::string>& text) {
    return text ? std::optional<std::string_view>(*text) : std::nullopt;
  }

  static std::string mode_line(const FileChange& change) {
    const bool executable = change.after && (change.after->mode & 0111) != 0;
    const std::string name = visible_line(change.path);
    if (!change.before) return executable ? "new file " + name + ", executable\n" : "";
    if (!change.after || change.before->mode == change.after->mode) return {};
    return "mode of " + name + ": " + octal(change.before->mode) + ", then " +
           octal(change.after->mode) + "\n";
  }

  Result<std::optional<std::string>> text_of(const std::optional<FileState>& state) const {
    if (!state) return std::optional<std::string>();
    Result<std::string> text = contents_.read(state->content, kDiffFileBytesMax);
    if (!text) return text.error();
    return std::optional(*std::move(text));
  }

  Result<std::string> side(const std::optional<FileState>& state) const {
    if (!state || state->type != FileType::link) return in_words(state);
    const Result<std::string> target = contents_.read(state->content, kDiffFileBytesMax);
    if (!target) return target.error();
    return "link to " + visible_line(*target);
  }

  [[nodiscard]] Result<DraftChange> as_reference(const FileChange& change) const {
    const Result<std::optional<std::string>> before = text_of(change.before);
    if (!before) return before.error();
    const Result<std::optional<std::string>> after = text_of(change.after);
    if (!after) return after.error();
    return DraftChange{change, visible_line(change.path) + ": " + led_to(*before) + ", then " +
                                   led_to(*after) + "\n"};
  }

  [[nodiscard]] Result<DraftChange> as_line(const FileChange& change) const {
    const Result<std::string> before = side(change.before);
    if (!before) return before.error();
    const Result<std::string> after = side(change.after);
    if (!after) return after.error();
    return DraftChange{change,
                       visible_line(change.path) + ": " + *before + ", then " + *after + "\n"};
  }

  const ContentStore& contents_;
  std::size_t left_ = kDiffBytesMax;
};

}  // namespace

Result<std::vector<DraftChange>> shown(const std::vector<FileChange>& changes,
                                       const ContentStore& contents) {
  std::vector<DraftChange> all;
  Showing showing(contents);
  for (const FileChange& change : changes) {
    Result<DraftChange> each = showing.show(change);
    if (!each) return each.error();
    all.push_back(*std::move(each));
  }
  return all;
}

}  // namespace tinkerbell
