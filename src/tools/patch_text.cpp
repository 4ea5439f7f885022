#include "tools/patch_text.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

namespace {

constexpr std::size_t kLineShownMax = 80;
constexpr std::string_view kNothing = "/dev/null";

/// What follows `prefix`; nothing if the line does not begin with it.
std::optional<std::string_view> after(std::string_view line, std::string_view prefix) {
  if (!line.starts_with(prefix)) return std::nullopt;
  return line.substr(prefix.size());
}

std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

/// "12,3" or "12", which has one line.
struct Range {
  std::uint64_t begin = 0;
  std::uint64_t count = 1;
};

std::optional<Range> take_range(std::string_view& text, char sign) {
  if (!text.starts_with(sign)) return std::nullopt;
  text.remove_prefix(1);
  Range range;
  const auto begin = take_number(text);
  if (!begin) return std::nullopt;
  range.begin = *begin;
  if (text.starts_with(',')) {
    text.remove_prefix(1);
    const auto count = take_number(text);
    if (!count) return std::nullopt;
    range.count = *count;
  }
  return range;
}

/// "@@ -12,3 +12,4 @@ …"; models also write "@@" alone.
struct HunkHeader {
  std::optional<Range> before;
  std::optional<Range> after;
};

HunkHeader hunk_header(std::string_view line) {
  std::string_view rest = line.substr(2);
  const auto skip_blanks = [&] {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  };
  skip_blanks();
  HunkHeader header{.before = take_range(rest, '-')};
  skip_blanks();
  header.after = take_range(rest, '+');
  return header.before && header.after ? header : HunkHeader{};
}

char of_escape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    default:
      return c;
  }
}

/// A name as git quotes it: "a/tab\there", "a/\303\244".
std::string unquoted(std::string_view text) {
  std::string name;
  for (std::size_t i = 1; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      name += text[i];
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 3);
    const bool octal = digits.size() == 3 &&
                       std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '7'; });
    if (octal) {
      int byte = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), byte, 8);
      name += static_cast<char>(byte);
      i += digits.size();
    } else {
      name += of_escape(text[++i]);
    }
  }
  return name;
}

/// The name in a `---` or `+++` line: a tab ends it, before a time.
std::string name_in(std::string_view text) {
  if (text.starts_with('"')) return unquoted(text);
  return std::string(text.substr(0, text.find('\t')));
}

/// Without "a/" or "b/"; empty for /dev/null.
std::string path_of(std::string_view name, std::string_view side) {
  if (name == kNothing) return {};
  return std::string(after(name, side).value_or(name));
}

/// A hunk that is being read.
struct HunkParts {
  PatchHunk hunk;
  std::uint64_t left_before = 0;  ///< Lines that its header has promised and that have not come.
  std::uint64_t left_after = 0;
  bool last_is_before = false;  ///< To which sides the newest line belongs.
  bool last_is_after = false;

  [[nodiscard]] bool expects_more() const { return left_before > 0 || left_after > 0; }
};

/// False: that side ended before, without a line feed.
bool take_line(std::string_view text, std::string& side, std::uint64_t& left) {
  if (!side.empty() && !side.ends_with('\n')) return false;
  side.append(text) += '\n';
  if (left > 0) --left;
  return true;
}

/// Reads a patch line by line.
class PatchReader {
 public:
  explicit PatchReader(std::string_view text) : rest_(text) { next(); }

  Result<AwaitFilePatch> read();

 private:
  void next();

  [[nodiscard]] bool ends() const { return !line_; }

  [[nodiscard]] bool begins_section() const;
  [[nodiscard]] bool has_hunk() const;
  [[nodiscard]] bool continues_hunk() const;

  Result<PatchedFile> section();
  Result<void> git_header(PatchedFile& file);
  Result<void> git_line(PatchedFile& file);
  Result<void> names(PatchedFile& file);
  Result<PatchHunk> hunk();
  Result<void> hunk_line(HunkParts& parts);

  [[nodiscard]] Error wrong(const std::string& what) const {
    return {Errc::invalid, "line " + std::to_string(number_) + " of the patch: " + what};
  }

  std::string_view rest_;                 ///< After the line.
  std::optional<std::string_view> line_;  ///< Without its line feed.
  std::uint64_t number_ = 0;
};

void PatchReader::next() {
  ++number_;
  if (rest_.empty()) {
    line_.reset();
    return;
  }
  const std::size_t end = std::min(rest_.find('\n'), rest_.size());
  line_ = rest_.substr(0, end);
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
}

bool PatchReader::begins_section() const {
  if (ends()) return false;
  return line_->starts_with("diff --git ") ||
         (line_->starts_with("--- ") && rest_.starts_with("+++ "));
}

/// Whether the section that begins here is one for certain, and not a removed line "-- x" before an
/// added "++ y".
bool PatchReader::has_hunk() const {
  if (line_->starts_with("diff --git ")) return true;
  return rest_.substr(std::min(rest_.find('\n'), rest_.size() - 1) + 1).starts_with("@@");
}

/// Whether an empty line, from which its blank was lost, belongs to a hunk: more of that follows.
bool PatchReader::continues_hunk() const {
  const std::size_t begin = rest_.find_first_not_of('\n');
  if (begin == std::string_view::npos) return false;
  const std::string_view following = rest_.substr(begin);
  if (following.starts_with("--- ")) {
    const std::size_t end = std::min(following.find('\n'), following.size() - 1) + 1;
    if (following.substr(end).starts_with("+++ ")) return false;
  }
  return std::string_view(" +-\\").contains(following.front());
}

Result<AwaitFilePatch> PatchReader::read() {
  AwaitFilePatch patch;
  while (!ends() && !begins_section()) {
    if (line_->starts_with("@@")) {
      return wrong("a hunk before its file: begin with --- a/PATH and +++ b/PATH");
    }
    next();
  }
  while (!ends()) {
    if (line_->empty()) {
      next();
      continue;
    }
    if (!begins_section()) {
      return wrong("neither a hunk nor a file begins with " +
                   visible_line(shortened(*line_, kLineShownMax)));
    }
    Result<PatchedFile> file = section();
    if (!file) return file.error();
    patch.files.push_back(*std::move(file));
    if (patch.files.size() > kPatchFilesMax) {
      return Error{Errc::too_large,
                   "a patch has at most " + std::to_string(kPatchFilesMax) + " files"};
    }
  }
  if (patch.files.empty()) {
    return Error{
        Errc::invalid,
        "this is no unified diff: a file begins with --- a/PATH and +++ b/PATH, then hunks "
        "with @@"};
  }
  return patch;
}

Result<PatchedFile> PatchReader::section() {
  const std::uint64_t begin = number_;
  PatchedFile file;
  if (line_->starts_with("diff --git ")) {
    if (Result<void> read = git_header(file); !read) return read.error();
  }
  if (!ends() && line_->starts_with("--- ") && rest_.starts_with("+++ ")) {
    if (Result<void> read = names(file); !read) return read.error();
  }
  while (!ends() && line_->starts_with("@@")) {
    Result<PatchHunk> each = hunk();
    if (!each) return each.error();
    file.hunks.push_back(*std::move(each));
  }
  const bool same_place = file.path == file.to;
  if ((file.path.empty() && file.to.empty()) ||
      (same_place && file.hunks.empty() && !file.executable)) {
    return Error{Errc::invalid, "line " + std::to_string(begin) +
                                    " of the patch: nothing is said about this file"};
  }
  return file;
}

/// "diff --git a/PATH b/PATH": one name twice, unless more is said about it.
Result<void> PatchReader::git_header(PatchedFile& file) {
  const std::string_view both = *after(*line_, "diff --git ");
  const std::size_t half = both.size() / 2;
  const std::string_view one = both.substr(0, half);
  const std::string_view other = both.substr(std::min(half + 1, both.size()));
  if (both.starts_with('"') && one.ends_with('"')) {
    file.path = path_of(unquoted(one), "a/");
    file.to = path_of(unquoted(other), "b/");
  } else if (one.starts_with("a/") && other.starts_with("b/")) {
    file.path = path_of(one, "a/");
    file.to = path_of(other, "b/");
  }
  if (file.path != file.to) file.path = file.to = {};
  next();
  while (!ends() && !begins_section() && !line_->starts_with("@@") && !line_->empty()) {
    if (Result<void> read = git_line(file); !read) return read;
    next();
  }
  return {};
}

Result<void> PatchReader::git_line(PatchedFile& file) {
  const auto executable = [](std::string_view mode) { return mode.starts_with("1007"); };
  const auto name = [](std::string_view text) {
    return text.starts_with('"') ? unquoted(text) : std::string(text);
  };
  if (const auto mode = after(*line_, "new file mode ")) {
    if (!mode->starts_with("100")) return wrong("only files can be made, no links or modules");
    file.path = {};
    if (executable(*mode)) file.executable = true;
  } else if (line_->starts_with("deleted file mode ")) {
    file.to = {};
  } else if (const auto changed = after(*line_, "new mode ")) {
    file.executable = executable(*changed);
  } else if (const auto from = after(*line_, "rename from ")) {
    file.path = name(*from);
  } else if (const auto to = after(*line_, "rename to ")) {
    file.to = name(*to);
  } else if (line_->starts_with("copy ")) {
    return wrong("copies are not known: write the whole new file");
  } else if (line_->starts_with("GIT binary patch") || line_->starts_with("Binary files ")) {
    return wrong("binary files cannot be patched");
  } else if (!line_->starts_with("old mode ") && !line_->starts_with("index ") &&
             !line_->starts_with("similarity index ") &&
             !line_->starts_with("dissimilarity index ")) {
    return wrong("unknown: " + visible_line(shortened(*line_, kLineShownMax)));
  }
  return {};
}

Result<void> PatchReader::names(PatchedFile& file) {
  const bool renamed = !file.path.empty() && !file.to.empty() && file.path != file.to;
  const std::string path = path_of(name_in(*after(*line_, "--- ")), "a/");
  next();
  const std::string to = path_of(name_in(*after(*line_, "+++ ")), "b/");
  if (!renamed && !path.empty() && !to.empty() && path != to) {
    return wrong(
        "two names of one file: a renaming is said with diff --git, rename from and "
        "rename to");
  }
  if (renamed && (path != file.path || to != file.to)) {
    return wrong("other names than rename from and rename to said");
  }
  file.path = path;
  file.to = to;
  next();
  return {};
}

Result<PatchHunk> PatchReader::hunk() {
  const Error changes_nothing = wrong("the hunk changes nothing");
  const HunkHeader header = hunk_header(*line_);
  HunkParts parts;
  if (header.before) {
    parts.hunk.line = header.before->begin;
    parts.left_before = header.before->count;
    parts.left_after = header.after->count;
  }
  for (next(); !ends(); next()) {
    const bool more = parts.expects_more();
    if (line_->starts_with("@@") || (begins_section() && (!more || has_hunk()))) break;
    if (line_->empty() && !more && !continues_hunk()) break;
    if (Result<void> read = hunk_line(parts); !read) return read.error();
  }
  if (parts.hunk.before == parts.hunk.after) return changes_nothing;
  return std::move(parts.hunk);
}

Result<void> PatchReader::hunk_line(HunkParts& parts) {
  auto& [hunk, left_before, left_after, last_is_before, last_is_after] = parts;
  const char sign = line_->empty() ? ' ' : line_->front();
  if (sign == '\\') {  // "\ No newline at end of file"
    if (last_is_before && hunk.before.ends_with('\n')) hunk.before.pop_back();
    if (last_is_after && hunk.after.ends_with('\n')) hunk.after.pop_back();
    return {};
  }
  if (!std::string_view(" -+").contains(sign)) {
    return wrong("a line of a hunk begins with a blank, - or +, not with " +
                 visible_line(shortened(*line_, kLineShownMax)));
  }
  const std::string_view text = line_->substr(line_->empty() ? 0 : 1);
  last_is_before = sign != '+';
  last_is_after = sign != '-';
  const bool goes_on = (!last_is_before || take_line(text, hunk.before, left_before)) &&
                       (!last_is_after || take_line(text, hunk.after, left_after));
  if (!goes_on) return wrong("the file ended before, without a line feed");
  return {};
}

}  // namespace

Result<AwaitFilePatch> parse_patch(std::string_view text) {
  return PatchReader(text).read();
}

}  // namespace tinkerbell
