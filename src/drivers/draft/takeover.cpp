#include "drivers/draft/takeover.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/within.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

namespace tinkerbell {

namespace {

constexpr std::string_view kIgnoredByGit = "git ignores it";

std::string_view reason_of(ConflictReason reason) {
  switch (reason) {
    case ConflictReason::both_changed:
      return "CONFLICT: the workspace has changed it, too";
    case ConflictReason::no_directory:
      return "CONFLICT: the workspace has no such directory any more";
    case ConflictReason::not_empty:
      return "CONFLICT: the workspace has something of its own in this directory";
    case ConflictReason::not_seen:
      return "nobody can see what the workspace has there";
  }
  return "CONFLICT";
}

/// "./src/" as a tree has it: "src".
std::string plain(std::string_view path) {
  std::string normal = std::filesystem::path(path).lexically_normal();
  while (normal.ends_with('/'))
    normal.pop_back();
  return normal;
}

bool is_any_above(const std::vector<std::string>& places, const std::string& path) {
  return std::ranges::any_of(
      places, [&](const std::string& place) { return place == "." || is_within(path, place); });
}

bool makes_directory(const FileChange& change) {
  return change.after && change.after->type == FileType::directory &&
         !(change.before && change.before->type == FileType::directory);
}

bool removes_directory(const FileChange& change) {
  return change.before && change.before->type == FileType::directory &&
         !(change.after && change.after->type == FileType::directory);
}

bool is_below(const std::string& path, const std::string& directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

class Choice {
 public:
  Choice(const AwaitDraftAccept& command,
         const std::function<std::optional<Objection>(const std::string& path)>& objection_to)
      : ignored_(command.ignored), objection_to_(objection_to) {
    for (const std::string& path : command.paths)
      named_.push_back(plain(path));
  }

  /// Why not this one; empty: nothing is against it.
  [[nodiscard]] std::string why_not(const std::string& path) const {
    const bool wanted = named_.empty() || is_any_above(named_, path);
    if (!wanted) return "not named";
    const std::optional<Objection> objection = objection_to_(path);
    if (objection && (objection->final || !is_named(path))) return objection->why;
    if (named_.empty() && is_any_above(ignored_, path)) return std::string(kIgnoredByGit);
    return {};
  }

  /// Errors: not_found.
  [[nodiscard]] Result<void> check_named(const TreeMerge& merge) const {
    for (const std::string& name : named_) {
      const auto is_there = [&](const auto& each) {
        return name == "." || is_within(each.path, name);
      };
      if (!std::ranges::any_of(merge.changes, is_there) &&
          !std::ranges::any_of(merge.conflicts, is_there)) {
        return Error{Errc::not_found, "the draft has changed nothing at " + visible_line(name)};
      }
    }
    return {};
  }

 private:
  /// Itself, and not a directory above it.
  [[nodiscard]] bool is_named(const std::string& path) const {
    return std::ranges::find(named_, path) != named_.end();
  }

  std::vector<std::string> named_;
  const std::vector<std::string>& ignored_;
  const std::function<std::optional<Objection>(const std::string& path)>& objection_to_;
};

/// A file that is taken takes along the new directories above it; a directory goes only if all in
/// it does.
void settle(std::vector<FileChange>& taken, std::vector<std::pair<FileChange, std::string>>& held) {
  std::set<std::string> above;
  for (const FileChange& change : taken) {
    for (std::size_t at = change.path.find('/'); at != std::string::npos;
         at = change.path.find('/', at + 1))
      above.insert(change.path.substr(0, at));
  }
  std::erase_if(held, [&](auto& each) {
    const bool needed = makes_directory(each.first) && above.contains(each.first.path);
    if (needed) taken.push_back(each.first);
    return needed;
  });
  std::erase_if(taken, [&](const FileChange& change) {
    const bool full = removes_directory(change) && std::ranges::any_of(held, [&](const auto& each) {
                        return is_below(each.first.path, change.path);
                      });
    if (full) held.emplace_back(change, "not all in it is taken over");
    return full;
  });
  std::ranges::sort(taken, {}, &FileChange::path);
}

}  // namespace

Result<Takeover> chosen_of(
    TreeMerge merge, const AwaitDraftAccept& command,
    const std::function<std::optional<Objection>(const std::string& path)>& objection_to) {
  const Choice choice(command, objection_to);
  if (Result<void> named = choice.check_named(merge); !named) return named.error();
  Takeover chosen;
  std::vector<std::pair<FileChange, std::string>> held;
  for (FileChange& change : merge.changes) {
    std::string why = choice.why_not(change.path);
    if (why.empty()) {
      chosen.changes.push_back(std::move(change));
    } else {
      held.emplace_back(std::move(change), std::move(why));
    }
  }
  settle(chosen.changes, held);
  for (auto& [change, why] : held)
    chosen.left.push_back({std::move(change.path), std::move(why)});
  for (MergeConflict& conflict : merge.conflicts)
    chosen.left.push_back({std::move(conflict.path), std::string(reason_of(conflict.reason))});
  std::ranges::sort(chosen.left, {}, &LeftInDraft::path);
  return chosen;
}

bool is_used_up(const std::vector<LeftInDraft>& left) {
  return std::ranges::all_of(left,
                             [](const LeftInDraft& each) { return each.why == kIgnoredByGit; });
}

}  // namespace tinkerbell
