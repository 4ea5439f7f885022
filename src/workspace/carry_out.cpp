#include "tinkerbell/workspace/carry_out.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

/// Some paths may be changed and others not: that must not pass for nothing done.
Result<void> after_failure(const Error& failure, const Result<void>& found) {
  if (found || found.error().code == Errc::unknown_outcome) return found;
  if (found.error().code == Errc::not_started) return failure;
  return Error{Errc::unknown_outcome, "the workspace may be changed in part: " + failure.message};
}

}  // namespace

Result<void> carry_out_changes(const Workspace& workspace, const std::vector<FileChange>& changes,
                               const ContentStore& contents, std::string_view key) {
  if (Result<void> possible = check_changes(changes); !possible) return possible;
  const Result<Applied> applied =
      apply_changes(workspace, changes, contents, {.key = key, .observe = {}});
  if (!applied) {
    return after_failure(applied.error(), finish_changes(workspace, changes, contents, key));
  }
  if (applied->end != ApplyEnd::refused) return {};
  return Error{Errc::conflict, in_words(applied->obstacles)};
}

Result<void> finish_changes(const Workspace& workspace, const std::vector<FileChange>& changes,
                            const ContentStore& contents, std::string_view key) {
  const Result<Applied> applied =
      recover_changes(workspace, changes, contents, {.key = key, .observe = {}});
  if (!applied) return applied.error();
  switch (applied->end) {
    case ApplyEnd::done:
      return {};
    case ApplyEnd::not_begun:
      return Error{Errc::not_started, "the workspace is as it was before"};
    case ApplyEnd::refused:
      break;
  }
  return Error{Errc::unknown_outcome,
               "somebody else changed what was being changed: " + in_words(applied->obstacles)};
}

std::vector<FileChange> changes_of(const Facts& facts) {
  std::vector<FileChange> changes;
  changes.reserve(facts.changes.size());
  for (const DraftChange& each : facts.changes)
    changes.push_back(each.change);
  return changes;
}

std::string in_words(const std::vector<Obstacle>& obstacles) {
  constexpr std::size_t kShownMax = 10;
  std::string words;
  for (std::size_t i = 0; i < std::min(obstacles.size(), kShownMax); ++i) {
    words += (i == 0 ? "" : "; ") + visible_line(obstacles[i].path) + " " + obstacles[i].reason;
  }
  if (obstacles.size() > kShownMax) {
    words += "; and " + std::to_string(obstacles.size() - kShownMax) + " more";
  }
  return words;
}

}  // namespace tinkerbell
