#include "workspace/change_plan.hpp"

#include "workspace/path_text.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/apply.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

constexpr std::uint32_t kGivenBits = 0777;

bool names_ours(std::string_view path) {
  return path.starts_with(kTemporaryPrefix) || path.contains('/' + std::string(kTemporaryPrefix));
}

bool is_possible(const std::optional<FileState>& state) {
  if (!state || state->type == FileType::file) return true;
  if (state->type == FileType::link) return state->mode == kGivenBits;
  return state->mode <= kGivenBits && state->bytes == 0 && state->content.empty();
}

Error not_a_tree(std::string_view path) {
  return {Errc::invalid, "the changes do not make a tree: " + visible_line(path)};
}

}  // namespace

Result<ChangePlan> ChangePlan::of(const std::vector<FileChange>& changes) {
  ChangePlan plan;
  for (const FileChange& change : changes) {
    if (!is_plain_path(change.path) || names_ours(change.path) || !is_possible(change.before) ||
        !is_possible(change.after)) {
      return Error{Errc::invalid, visible_line(change.path) + " cannot be changed so"};
    }
    PlannedPath planned{change.path, change.before, change.after};
    if (planned.after) planned.after = as_made(*planned.after);
    if (!plan.paths_.empty() && plan.paths_.back().path >= planned.path) {
      return Error{Errc::invalid, "the changes are not in order: " + visible_line(planned.path)};
    }
    if (Result<void> checked = plan.check_above(planned); !checked) return checked.error();
    plan.paths_.push_back(std::move(planned));
  }
  std::erase_if(plan.paths_, [](const PlannedPath& each) { return each.before == each.after; });
  return plan;
}

FileState as_made(FileState state) {
  state.mode &= kGivenBits;
  return state;
}

/// What stands below a path, before and after, has a directory there.
Result<void> ChangePlan::check_above(const PlannedPath& planned) const {
  std::string_view path = planned.path;
  for (std::size_t slash = path.rfind('/'); slash != std::string_view::npos;
       slash = path.rfind('/')) {
    path = path.substr(0, slash);
    const PlannedPath* const above = find(path);
    if (above == nullptr) continue;
    if ((planned.before && !above->was(FileType::directory)) ||
        (planned.after && !above->becomes(FileType::directory))) {
      return not_a_tree(planned.path);
    }
  }
  return {};
}

const PlannedPath* ChangePlan::find(std::string_view path) const {
  const auto found = std::ranges::lower_bound(paths_, path, {}, &PlannedPath::path);
  return found != paths_.end() && found->path == path ? &*found : nullptr;
}

}  // namespace tinkerbell
