#include "drivers/file/planned_change.hpp"

#include "drivers/file/near_misses.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/find_text.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <algorithm>
#include <vector>

namespace tinkerbell {

namespace {

constexpr std::size_t kPlacesShown = 10;

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
  return {Errc::conflict, "old_text occurs " + count + " (lines " + lines +
                              "): give more context, or change all of them with replace_all"};
}

Error too_large(const PreImage& before) {
  return {Errc::too_large, "the new content of " + visible_line(before.path) + " is larger than " +
                               std::to_string(kChangeBytesMax) + " bytes"};
}

}  // namespace

Result<PlannedChange> planned_change(const AwaitFileWrite& write, const PreImage& before,
                                     bool /*may_quote*/) {
  if (write.content.size() > kChangeBytesMax) return too_large(before);
  return PlannedChange{.content = write.content};
}

Result<PlannedChange> planned_change(const AwaitFileEdit& edit, const PreImage& before,
                                     bool may_quote) {
  if (edit.old_text.empty()) return Error{Errc::invalid, "old_text is empty"};
  if (edit.old_text == edit.new_text) {
    return Error{Errc::invalid, "old_text and new_text are the same"};
  }
  if (!before.existed) {
    return Error{Errc::not_found, visible_line(before.path) + " does not exist"};
  }
  const std::vector<std::size_t> places = places_of(edit.old_text, before.content);
  if (places.empty()) {
    return Error{Errc::not_found, "old_text not found in " + visible_line(before.path) +
                                      near_misses(edit.old_text, before.content, may_quote)};
  }
  if (places.size() > 1 && !edit.replace_all) return several_places(places, before.content);
  PlannedChange change{.content = {}, .line = line_of(places[0], before.content), .places = 0};
  std::size_t copied = 0;
  for (std::size_t at = places[0]; at != std::string_view::npos;
       at = find_text(before.content, edit.old_text, copied)) {
    change.content.append(before.content, copied, at - copied).append(edit.new_text);
    copied = at + edit.old_text.size();
    ++change.places;
    if (change.content.size() > kChangeBytesMax) return too_large(before);
  }
  change.content.append(before.content, copied);
  if (change.content.size() > kChangeBytesMax) return too_large(before);
  return change;
}

}  // namespace tinkerbell
