#include "drivers/file/planned_change.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/find_text.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <algorithm>
#include <vector>

namespace tinkerbell {

namespace {

constexpr std::size_t kPlacesShown = 10;
constexpr std::size_t kCommonBytesMin = 4;  // fewer in common is no likeness

/// Offsets of `text`, one more than are shown at most. Also those that overlap: they are as
/// ambiguous.
std::vector<std::size_t> places_of(std::string_view text, std::string_view content) {
  std::vector<std::size_t> places;
  for (std::size_t at = find_text(content, text);
       at != std::string_view::npos && places.size() <= kPlacesShown;
       at = find_text(content, text, at + 1))
    places.push_back(at);
  return places;
}

std::uint64_t line_of(std::size_t offset, std::string_view content) {
  return 1 + static_cast<std::uint64_t>(std::ranges::count(content.substr(0, offset), '\n'));
}

Error several_places(const std::vector<std::size_t>& places, std::string_view content) {
  const std::size_t shown = std::min(places.size(), kPlacesShown);
  std::string lines;
  for (std::size_t i = 0; i < shown; ++i)
    lines += (i == 0 ? "" : ", ") + std::to_string(line_of(places[i], content));
  const std::string count =
      (places.size() > shown ? "more than " : "") + std::to_string(shown) + " times";
  return {Errc::conflict, "old_text occurs " + count + " (lines " + lines + "): give more context"};
}

std::string_view without_indent(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(" \t\r\n") + 1 - begin);
}

/// The first line with something on it.
std::string_view first_words(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view words = without_indent(text.substr(0, end));
    if (!words.empty()) return words;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

struct Likeness {
  std::uint64_t line = 0;
  std::size_t common = 0;  ///< Bytes that the line begins with, too.
  bool whole = false;
};

/// The line that begins most like `words`, white space at its ends aside.
Likeness nearest_line(std::string_view words, std::string_view content) {
  Likeness best;
  for (std::uint64_t number = 1; !content.empty() && !best.whole; ++number) {
    const std::size_t end = std::min(content.find('\n'), content.size());
    const std::string_view line = without_indent(content.substr(0, end));
    content.remove_prefix(std::min(end + 1, content.size()));
    const auto differs = std::ranges::mismatch(words, line).in1;
    const auto common = static_cast<std::size_t>(differs - words.begin());
    if (common <= best.common) continue;
    best = {number, common, common == words.size() && common == line.size()};
  }
  return best;
}

Error not_there(const AwaitFileEdit& edit, const PreImage& before) {
  std::string message = "old_text not found in " + visible_line(before.path);
  const Likeness nearest = nearest_line(first_words(edit.old_text), before.content);
  if (nearest.whole) {
    message += "; its first line stands at line " + std::to_string(nearest.line) +
               ", but white space or the lines after it differ";
  } else if (nearest.common >= kCommonBytesMin) {
    message += "; nearest is line " + std::to_string(nearest.line);
  }
  return {Errc::not_found, std::move(message)};
}

Error too_large(const PreImage& before) {
  return {Errc::too_large, "the new content of " + visible_line(before.path) + " is larger than " +
                               std::to_string(kChangeBytesMax) + " bytes"};
}

}  // namespace

Result<PlannedChange> planned_change(const AwaitFileWrite& write, const PreImage& before) {
  if (write.content.size() > kChangeBytesMax) return too_large(before);
  return PlannedChange{.content = write.content};
}

Result<PlannedChange> planned_change(const AwaitFileEdit& edit, const PreImage& before) {
  if (edit.old_text.empty()) return Error{Errc::invalid, "old_text is empty"};
  if (edit.old_text == edit.new_text) {
    return Error{Errc::invalid, "old_text and new_text are the same"};
  }
  if (!before.existed) {
    return Error{Errc::not_found, visible_line(before.path) + " does not exist"};
  }
  const std::vector<std::size_t> places = places_of(edit.old_text, before.content);
  if (places.empty()) return not_there(edit, before);
  if (places.size() > 1) return several_places(places, before.content);
  if (before.content.size() - edit.old_text.size() + edit.new_text.size() > kChangeBytesMax) {
    return too_large(before);
  }
  PlannedChange change{.content = before.content, .line = line_of(places[0], before.content)};
  change.content.replace(places[0], edit.old_text.size(), edit.new_text);
  return change;
}

}  // namespace tinkerbell
