#include "drivers/file/near_misses.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace tinkerbell {

namespace {

constexpr std::size_t kLinesCompared = 200;  // of the text, so that the time is bounded
constexpr std::size_t kPlacesNamed = 3;
constexpr std::size_t kLinesQuoted = 20;
constexpr std::size_t kQuotedBytesMax = 200;  // of a line
constexpr std::size_t kCommonBytesMin = 4;    // fewer in common is no likeness

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// A line with one blank for each white space, and none at its ends.
std::string plain(std::string_view line) {
  constexpr std::string_view kWhite = " \t\r\f\v";
  std::string words;
  while (true) {
    const std::size_t begin = std::min(line.find_first_not_of(kWhite), line.size());
    line.remove_prefix(begin);
    if (line.empty()) return words;
    const std::size_t end = std::min(line.find_first_of(kWhite), line.size());
    words += (words.empty() ? "" : " ") + std::string(line.substr(0, end));
    line.remove_prefix(end);
  }
}

std::vector<std::string> plain_lines(std::string_view text) {
  std::vector<std::string> lines;
  for (const std::string_view line : lines_of(text))
    lines.push_back(plain(line));
  return lines;
}

/// The lines of the text without the empty ones at its ends; of many only the first.
std::vector<std::string> wanted_lines(std::string_view text) {
  std::vector<std::string> lines = plain_lines(text);
  while (!lines.empty() && lines.back().empty())
    lines.pop_back();
  const auto first = std::ranges::find_if_not(lines, &std::string::empty);
  lines.erase(lines.begin(), first);
  if (lines.size() > kLinesCompared) lines.resize(kLinesCompared + 1);
  return lines;
}

/// A text may begin and end within a line.
bool fits(const std::vector<std::string>& wanted, std::size_t at, const std::string& line) {
  const std::string& part = wanted[at];
  const bool first = at == 0;
  const bool last = at + 1 == wanted.size();
  if (first && last) return line.contains(part);
  if (first) return line.ends_with(part);
  return last ? line.starts_with(part) : line == part;
}

/// The text laid beside the lines of the file from one on.
struct Overlay {
  std::size_t begin = 0;
  std::size_t alike = 0;  ///< Lines that fit, the empty ones not counted.
  bool whole = false;
};

Overlay laid(const std::vector<std::string>& wanted, std::span<const std::string> lines,
             std::size_t begin) {
  Overlay overlay{.begin = begin, .whole = begin + wanted.size() <= lines.size()};
  for (std::size_t i = 0; i < wanted.size() && begin + i < lines.size(); ++i) {
    const bool same = fits(wanted, i, lines[begin + i]);
    overlay.whole = overlay.whole && same;
    if (same && !wanted[i].empty()) ++overlay.alike;
  }
  return overlay;
}

std::string quoted_lines(std::string_view content, std::size_t begin, std::size_t count) {
  const std::vector<std::string_view> lines = lines_of(content);
  const std::size_t end = std::min(begin + std::min(count, kLinesQuoted), lines.size());
  std::string text;
  for (std::size_t i = begin; i < end; ++i)
    text += "\n" + std::to_string(i + 1) + ": " + shortened(lines[i], kQuotedBytesMax);
  if (count > kLinesQuoted) text += "\n…";
  return text;
}

std::string at_lines(const std::vector<Overlay>& places) {
  std::string words = places.size() == 1 ? "line " : "lines ";
  const std::size_t named = std::min(places.size(), kPlacesNamed);
  for (std::size_t i = 0; i < named; ++i)
    words += (i == 0 ? "" : ", ") + std::to_string(places[i].begin + 1);
  return places.size() > named ? words + " and more" : words;
}

/// Which lines below an overlay differ: ", but not line 14, 17"; empty: none.
std::string differing(const Overlay& overlay, const std::vector<std::string>& wanted,
                      std::span<const std::string> lines) {
  std::string words;
  std::size_t count = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::size_t at = overlay.begin + i;
    if (at < lines.size() && fits(wanted, i, lines[at])) continue;
    if (++count > kPlacesNamed) return words + " and more";
    words += (words.empty() ? ", but not line " : ", ") + std::to_string(at + 1);
  }
  return words;
}

/// The line that begins most like the first one of the text; nothing is like it: the number of
/// lines.
std::size_t nearest_line(const std::string& words, std::span<const std::string> lines) {
  std::size_t nearest = lines.size();
  std::size_t most = kCommonBytesMin - 1;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto differs = std::ranges::mismatch(words, lines[i]).in1;
    const auto common = static_cast<std::size_t>(differs - words.begin());
    if (common <= most) continue;
    most = common;
    nearest = i;
  }
  return nearest;
}

}  // namespace

std::string near_misses(std::string_view text, std::string_view content, bool quoted) {
  std::vector<std::string> wanted = wanted_lines(text);
  if (wanted.empty()) return {};
  const bool all = wanted.size() <= kLinesCompared;
  if (!all) wanted.pop_back();
  const std::vector<std::string> lines = plain_lines(content);
  std::vector<Overlay> whole;
  Overlay best;
  for (std::size_t begin = 0; begin < lines.size(); ++begin) {
    const Overlay overlay = laid(wanted, lines, begin);
    if (all && overlay.whole && whole.size() <= kPlacesNamed) whole.push_back(overlay);
    if (overlay.alike > best.alike) best = overlay;
  }
  const auto quote = [&](std::size_t begin, std::size_t count) {
    return quoted ? ":" + quoted_lines(content, begin, count) : std::string();
  };
  if (!whole.empty()) {
    return "; but for white space it stands at " + at_lines(whole) +
           quote(whole.front().begin, wanted.size());
  }
  if (best.alike > 0) {
    return "; most like it is what begins at line " + std::to_string(best.begin + 1) +
           differing(best, wanted, lines) + quote(best.begin, wanted.size());
  }
  const std::size_t nearest = nearest_line(wanted.front(), lines);
  if (nearest == lines.size()) return {};
  return "; nearest is line " + std::to_string(nearest + 1) + quote(nearest, 1);
}

}  // namespace tinkerbell
