#include "workspace/line_merge.hpp"

#include "workspace/line_changes.hpp"

#include <algorithm>
#include <span>

namespace tinkerbell {

namespace {

std::span<const std::string_view> new_lines(const LineChange& change, const Lines& after) {
  return std::span(after).subspan(change.after_begin, change.after_end - change.after_begin);
}

bool touches(const LineChange& one, const LineChange& other) {
  return one.before_begin <= other.before_end && other.before_begin <= one.before_end;
}

/// The base's lines, and in their places those of the changes, which come in order.
class MergedText {
 public:
  explicit MergedText(const Lines& base) : base_(base) {}

  void replace(const LineChange& change, const Lines& after) {
    append(std::span(base_).subspan(at_, change.before_begin - at_));
    append(new_lines(change, after));
    at_ = change.before_end;
  }

  [[nodiscard]] std::string finish() && {
    append(std::span(base_).subspan(at_));
    return std::move(text_);
  }

 private:
  void append(std::span<const std::string_view> lines) {
    for (const std::string_view line : lines)
      text_ += line;
  }

  const Lines& base_;
  std::size_t at_ = 0;
  std::string text_;
};

}  // namespace

std::optional<std::string> merged_lines(std::string_view base, std::string_view ours,
                                        std::string_view theirs) {
  const Lines base_lines = split_lines(base);
  const Lines our_lines = split_lines(ours);
  const Lines their_lines = split_lines(theirs);
  const std::vector<LineChange> our_changes = line_changes(base_lines, our_lines);
  const std::vector<LineChange> their_changes = line_changes(base_lines, their_lines);
  MergedText merged(base_lines);
  auto our = our_changes.begin();
  auto their = their_changes.begin();
  while (our != our_changes.end() || their != their_changes.end()) {
    if (our != our_changes.end() && their != their_changes.end() && touches(*our, *their)) {
      const bool same =
          our->before_begin == their->before_begin && our->before_end == their->before_end &&
          std::ranges::equal(new_lines(*our, our_lines), new_lines(*their, their_lines));
      if (!same) return std::nullopt;
      merged.replace(*our++, our_lines);
      ++their;
    } else if (their == their_changes.end() ||
               (our != our_changes.end() && our->before_begin < their->before_begin)) {
      merged.replace(*our++, our_lines);
    } else {
      merged.replace(*their++, their_lines);
    }
  }
  return std::move(merged).finish();
}

}  // namespace tinkerbell
