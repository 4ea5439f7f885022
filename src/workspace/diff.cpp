#include "tinkerbell/workspace/diff.hpp"

#include "workspace/line_changes.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <span>

namespace tinkerbell {

namespace {

constexpr std::size_t kContextLines = 3;
constexpr std::size_t kBinaryProbeBytes = 8 << 10;

/// A name as git writes it in a patch: in C quotes if a line of text could not hold it.
std::string patch_name(std::string_view side, std::string_view path) {
  std::string escaped;
  for (const char c : path) {
    if (c == '"' || c == '\\') {
      escaped += {'\\', c};
    } else if (static_cast<std::uint8_t>(c) < 0x20 || c == 0x7F) {
      std::array<char, 5> octal{};
      std::snprintf(octal.data(), octal.size(), "\\%03o", static_cast<unsigned>(c));
      escaped += octal.data();
    } else {
      escaped += c;
    }
  }
  const std::string name = std::string(side) + escaped;
  if (escaped != path) return '"' + name + '"';
  // patch(1) ends a name at white space unless a tab marks its end.
  return path.contains(' ') ? name + '\t' : name;
}

/// "3,4", or "3" for a single line; an empty range names the line before it.
std::string range_text(std::size_t begin, std::size_t end) {
  const std::size_t count = end - begin;
  std::string text = std::to_string(count == 0 ? begin : begin + 1);
  if (count != 1) text += "," + std::to_string(count);
  return text;
}

void append_lines(std::string& out, char mark, const Lines& lines, std::size_t begin,
                  std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    out += mark;
    out += lines[i];
    if (!lines[i].ends_with('\n')) out += "\n\\ No newline at end of file\n";
  }
}

/// One hunk around changes that stand close together.
void append_hunk(std::string& out, std::span<const LineChange> changes, const Lines& before,
                 const Lines& after) {
  const std::size_t lead = std::min(kContextLines, changes.front().before_begin);
  const std::size_t rest = before.size() - changes.back().before_end;
  const std::size_t trail = std::min(kContextLines, rest);
  std::size_t at = changes.front().before_begin - lead;
  out += "@@ -" + range_text(at, changes.back().before_end + trail) + " +" +
         range_text(changes.front().after_begin - lead, changes.back().after_end + trail) + " @@\n";
  for (const LineChange& change : changes) {
    append_lines(out, ' ', before, at, change.before_begin);
    append_lines(out, '-', before, change.before_begin, change.before_end);
    append_lines(out, '+', after, change.after_begin, change.after_end);
    at = change.before_end;
  }
  append_lines(out, ' ', before, at, at + trail);
}

void append_hunks(std::string& out, const Lines& before, const Lines& after) {
  const std::vector<LineChange> changes = line_changes(before, after);
  for (std::size_t first = 0; first < changes.size();) {
    std::size_t last = first + 1;
    while (last < changes.size() &&
           changes[last].before_begin - changes[last - 1].before_end <= 2 * kContextLines)
      ++last;
    append_hunk(out, std::span(changes).subspan(first, last - first), before, after);
    first = last;
  }
}

std::string size_text(std::optional<std::string_view> content) {
  return content ? std::to_string(content->size()) + " bytes" : "no file";
}

}  // namespace

bool looks_binary(std::string_view content) {
  return content.substr(0, kBinaryProbeBytes).contains('\0');
}

std::string unified_diff(std::string_view path, std::optional<std::string_view> before,
                         std::optional<std::string_view> after) {
  if (before == after) return {};
  const std::string old_name = before ? patch_name("a/", path) : "/dev/null";
  const std::string new_name = after ? patch_name("b/", path) : "/dev/null";
  if (looks_binary(before.value_or("")) || looks_binary(after.value_or(""))) {
    return "Binary files " + old_name + " and " + new_name + " differ: " + size_text(before) +
           " before, " + size_text(after) + " after\n";
  }
  std::string out = "--- " + old_name + "\n+++ " + new_name + "\n";
  append_hunks(out, split_lines(before.value_or("")), split_lines(after.value_or("")));
  return out;
}

}  // namespace tinkerbell
