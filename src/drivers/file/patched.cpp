#include "drivers/file/patched.hpp"

#include "drivers/file/near_misses.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/find_text.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <algorithm>
#include <vector>

namespace tinkerbell {

namespace {

constexpr std::size_t kHunkPlacesShown = 10;

std::uint64_t line_at(std::size_t offset, std::string_view content) {
  return 1 + static_cast<std::uint64_t>(std::ranges::count(content.substr(0, offset), '\n'));
}

/// Whole lines stand at `offset`, and not a part of some.
bool is_at_lines(std::size_t offset, std::string_view lines, std::string_view content) {
  if (offset > 0 && content[offset - 1] != '\n') return false;
  return lines.ends_with('\n') || offset + lines.size() == content.size();
}

/// Where `lines` stand from `from` on.
std::vector<std::size_t> places_of(std::string_view lines, std::string_view content,
                                   std::size_t from) {
  std::vector<std::size_t> places;
  for (std::size_t at = find_text(content, lines, from); at != std::string_view::npos;
       at = find_text(content, lines, at + 1)) {
    if (is_at_lines(at, lines, content)) places.push_back(at);
  }
  return places;
}

std::string listed(const std::vector<std::size_t>& places, std::string_view content) {
  std::string lines;
  for (std::size_t i = 0; i < std::min(places.size(), kHunkPlacesShown); ++i)
    lines += (i == 0 ? "" : ", ") + std::to_string(line_at(places[i], content));
  return places.size() > kHunkPlacesShown ? lines + " and more" : lines;
}

/// A hunk and how it is spoken of.
struct Part {
  const PatchHunk& hunk;
  std::string name;
};

Result<std::size_t> place_of(const Part& part, std::string_view content, std::size_t from,
                             bool may_quote) {
  const std::string& before = part.hunk.before;
  if (before.empty()) {
    if (content.empty()) return std::size_t{0};
    return Error{Errc::invalid, part.name +
                                    ": it has no line of the file, so nothing says where it "
                                    "belongs: give some around it"};
  }
  const std::vector<std::size_t> places = places_of(before, content, from);
  if (places.size() == 1) return places.front();
  if (places.empty()) {
    const bool earlier = from > 0 && !places_of(before, content, 0).empty();
    return Error{Errc::not_found,
                 part.name + (earlier ? ": its lines stand before those of the hunk before it"
                                      : ": its lines are not in the file" +
                                            near_misses(before, content, may_quote))};
  }
  const auto meant = std::ranges::find_if(
      places, [&](std::size_t place) { return line_at(place, content) == part.hunk.line; });
  if (meant != places.end()) return *meant;
  return Error{Errc::conflict, part.name + ": its lines stand at several places (lines " +
                                   listed(places, content) +
                                   "): give more around them, or the right line number"};
}

}  // namespace

Result<std::string> patched(const PatchedFile& file, std::string_view content, bool may_quote) {
  const std::string name = visible_line(file.path.empty() ? file.to : file.path);
  std::string result;
  std::size_t copied = 0;
  std::size_t number = 0;
  for (const PatchHunk& hunk : file.hunks) {
    const Part part{hunk, name + ", hunk " + std::to_string(++number)};
    const Result<std::size_t> place = place_of(part, content, copied, may_quote);
    if (!place) return place.error();
    result.append(content, copied, *place - copied).append(hunk.after);
    copied = *place + hunk.before.size();
    const bool ends_within_line = !hunk.after.empty() && !hunk.after.ends_with('\n');
    if (ends_within_line && copied < content.size()) {
      return Error{Errc::invalid,
                   part.name + ": it ends without a line feed, and the file goes on"};
    }
  }
  result.append(content.substr(copied));
  if (result.size() > kChangeBytesMax) {
    return Error{Errc::too_large, "the new content of " + name + " is larger than " +
                                      std::to_string(kChangeBytesMax) + " bytes"};
  }
  return result;
}

}  // namespace tinkerbell
