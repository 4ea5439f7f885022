#include "drivers/file/several_paths.hpp"

#include "drivers/file/patched.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/apply.hpp"
#include "tinkerbell/workspace/change_list.hpp"
#include "tinkerbell/workspace/changes.hpp"
#include "tinkerbell/workspace/git_index.hpp"
#include "tinkerbell/workspace/git_paths.hpp"
#include "tinkerbell/workspace/shown.hpp"
#include "tinkerbell/workspace/tree.hpp"
#include "tinkerbell/workspace/within.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <algorithm>
#include <filesystem>
#include <map>

namespace tinkerbell {

namespace {

constexpr std::uint32_t kModeOfDirectory = 0777;
constexpr std::uint32_t kOurs = 0700;  // what is to go into a directory that is made must get there
constexpr std::size_t kListedMax = 1'000;

// ---- what stands there ----

/// Why it cannot be moved or removed.
Error objection_to(const LeftOut& left) {
  const std::string name = visible_line(left.path);
  switch (left.reason) {
    case LeftOutReason::special:
      return {Errc::unsupported, name + " is neither file, directory nor link"};
    case LeftOutReason::other_mount:
      return {Errc::unsupported, name + " is on another mount"};
    case LeftOutReason::unreadable:
      return {Errc::denied, name + " may not be read, so it could not be brought back"};
    case LeftOutReason::changing:
      return {Errc::conflict, name + " is being written to"};
    case LeftOutReason::too_large:
      return {Errc::too_large, name + " is too large to be kept"};
    case LeftOutReason::long_path:
      return {Errc::unsupported, name + " is too long a path"};
    case LeftOutReason::excluded:
      return not_for_tasks(left.path);
    case LeftOutReason::foreign:
      return {Errc::denied, name + " is a hard link to a file of another owner"};
  }
  return {Errc::internal, name};
}

/// A place that may get or lose something. A link there is not followed.
Result<WorkspacePath> place_to_change(const FileScene& scene, const std::string& path) {
  Result<WorkspacePath> place = scene.workspace.resolve_itself(path);
  if (!place) return place;
  if (place->text() == ".") {
    return Error{Errc::invalid, "the workspace itself can be neither moved nor removed"};
  }
  if (is_own(place->text(), scene)) return not_for_tasks(place->text());
  return place;
}

/// All that stands at a place and below; nothing of it is left out.
Result<Tree> whole_part(const FileScene& scene, const WorkspacePath& place) {
  Result<Tree> part = look_at_part(
      scene.workspace, place,
      {.keep = &scene.contents,
       .excludes = [&](std::string_view path) { return is_own(std::string(path), scene); },
       .entries_max = kPathsChangedMax,
       .bytes_max = kBytesChangedMax,
       .stop = scene.stop});
  if (!part && part.error().code == Errc::outside_workspace) {
    return objection_to({place.text(), LeftOutReason::other_mount});
  }
  if (part && !part->left_out.empty()) return objection_to(part->left_out.front());
  return part;
}

std::string directory_of(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path();
  return directory.empty() ? "." : directory;
}

// ---- move ----

/// Errors: conflict (something stands there).
Result<void> check_free(const FileScene& scene, const WorkspacePath& place) {
  const Result<AwaitFileStat::Reply> found = scene.workspace.look_at(place);
  if (found) return Error{Errc::conflict, visible_line(place.text()) + " is there already"};
  return found.error().code == Errc::not_found ? Result<void>() : found.error();
}

/// The directories that are missing above a place, with what the one above them lets people do.
Result<std::vector<FileChange>> directories_for(const FileScene& scene,
                                                const WorkspacePath& place) {
  const Result<std::vector<std::string>> missing = scene.workspace.missing_above(place);
  if (!missing) return missing.error();
  std::vector<FileChange> made;
  if (missing->empty()) return made;
  const Result<WorkspacePath> above = scene.workspace.resolve(directory_of(missing->front()));
  if (!above) return above.error();
  const Result<AwaitFileStat::Reply> model = scene.workspace.look_at(*above);
  if (!model) return model.error();
  const FileState state{.type = FileType::directory,
                        .mode = (model->mode & kModeOfDirectory) | kOurs};
  for (const std::string& path : *missing)
    made.push_back({path, std::nullopt, state});
  return made;
}

/// `path`, which is `from` or lies below it, when that has become `to`.
std::string moved(const std::string& path, const std::string& from, const std::string& to) {
  return to + path.substr(from.size());
}

}  // namespace

Result<SeveralChanges> several_changes(const FileScene& scene, const AwaitFileMove& move) {
  const Result<WorkspacePath> from = place_to_change(scene, move.path);
  if (!from) return from.error();
  const Result<WorkspacePath> to = place_to_change(scene, move.to);
  if (!to) return to.error();
  if (const Result<AwaitFileStat::Reply> found = scene.workspace.look_at(*from); !found) {
    return found.error();
  }
  if (Result<void> free = check_free(scene, *to); !free) return free.error();
  if (is_within(to->text(), from->text())) {
    return Error{Errc::invalid, visible_line(from->text()) + " cannot be moved into itself"};
  }
  Result<std::vector<FileChange>> changes = directories_for(scene, *to);
  if (!changes) return changes.error();
  const Result<Tree> part = whole_part(scene, *from);
  if (!part) return part.error();
  for (const TreeEntry& entry : part->entries) {
    const FileState state = state_of(entry);
    changes->push_back({entry.path, state, std::nullopt});
    changes->push_back({moved(entry.path, from->text(), to->text()), std::nullopt, as_made(state)});
  }
  std::ranges::sort(*changes, {}, &FileChange::path);
  if (Result<void> possible = check_changes(*changes); !possible) return possible.error();
  return SeveralChanges{.object = from->text(), .to = to->text(), .changes = *std::move(changes)};
}

// ---- remove ----

Result<SeveralChanges> several_changes(const FileScene& scene, const AwaitFileRemove& remove) {
  const Result<WorkspacePath> place = place_to_change(scene, remove.path);
  if (!place) return place.error();
  const Result<AwaitFileStat::Reply> found = scene.workspace.look_at(*place);
  if (!found) return found.error();
  if (found->type == "directory" && !remove.recursive) {
    const Result<AwaitFileList::Reply> first =
        scene.workspace.list(*place, false, 1, [](const std::string&) { return true; });
    if (!first) return first.error();
    if (!first->entries.empty()) {
      return Error{Errc::conflict, visible_line(place->text()) +
                                       " is a directory with something in it: to remove all of it, "
                                       "say recursive"};
    }
  }
  const Result<Tree> part = whole_part(scene, *place);
  if (!part) return part.error();
  SeveralChanges several{.object = place->text()};
  for (const TreeEntry& entry : part->entries)
    several.changes.push_back({entry.path, state_of(entry), std::nullopt});
  if (Result<void> possible = check_changes(several.changes); !possible) return possible.error();
  return several;
}

// ---- patch ----

namespace {

constexpr std::uint32_t kModeOfFile = 0644;

/// All that may be read may be executed, or nothing.
std::uint32_t with_execution(std::uint32_t mode, bool executable) {
  return executable ? mode | ((mode & 0444U) >> 2U) : mode & ~0111U;
}

/// The regular file that stands there. Errors: also not_found.
Result<FileState> file_at(const FileScene& scene, const WorkspacePath& place) {
  const Result<Tree> part = whole_part(scene, place);
  if (!part) return part.error();
  const TreeEntry* const entry = part->find(place.text());
  if (entry != nullptr && entry->type == FileType::file) return state_of(*entry);
  return Error{Errc::invalid, visible_line(place.text()) + " is no regular file"};
}

/// What stands where a patch is to change something, and what it holds.
struct FoundFile {
  WorkspacePath place;
  FileState state;
  std::string content;
};

Result<FoundFile> found_at(const FileScene& scene, const std::string& path) {
  const Result<WorkspacePath> place = place_to_change(scene, path);
  if (!place) return place.error();
  const Result<FileState> state = file_at(scene, *place);
  if (!state) return state.error();
  Result<std::string> content = scene.contents.read(state->content, kChangeBytesMax);
  if (!content) return content.error();
  return FoundFile{*place, *state, *std::move(content)};
}

/// The changes of the files of a patch, one after the other.
class Patching {
 public:
  explicit Patching(const FileScene& scene) : scene_(scene) {}

  Result<void> add(const PatchedFile& file) {
    if (file.path.empty() && file.to.empty()) return Error{Errc::invalid, "a file without a name"};
    std::optional<FoundFile> found;
    if (!file.path.empty()) {
      Result<FoundFile> standing = found_at(scene_, file.path);
      if (!standing) return standing.error();
      found = *std::move(standing);
    }
    const Result<std::string> content =
        patched(file, found ? found->content : "", found && may_quote(file, found->place));
    if (!content) return content.error();
    if (file.to.empty()) return remove(*found, *content);
    return make(file, found, *content);
  }

  [[nodiscard]] std::vector<FileChange> take() && {
    std::vector<FileChange> all;
    for (auto& [path, change] : changes_)
      all.push_back(std::move(change));
    return all;
  }

 private:
  [[nodiscard]] bool may_quote(const PatchedFile& file, const WorkspacePath& place) const {
    return scene_.limits.may_read &&
           scene_.limits.may_read(AwaitFileRead{.path = file.path}, {.object = place.text()});
  }

  Result<void> remove(const FoundFile& found, const std::string& left) {
    if (!left.empty()) {
      return Error{Errc::conflict,
                   visible_line(found.place.text()) + " holds more than the patch removes of it"};
    }
    return note({found.place.text(), found.state, std::nullopt});
  }

  Result<void> make(const PatchedFile& file, const std::optional<FoundFile>& found,
                    const std::string& content) {
    const Result<Sha256> kept = scene_.contents.put(content);
    if (!kept) return kept.error();
    FileState state{
        .mode = found ? found->state.mode : kModeOfFile, .content = *kept, .bytes = content.size()};
    if (file.executable) state.mode = with_execution(state.mode, *file.executable);
    state = as_made(state);
    if (file.path == file.to) return note({found->place.text(), found->state, state});
    const Result<WorkspacePath> to = place_to_change(scene_, file.to);
    if (!to) return to.error();
    if (Result<void> free = check_free(scene_, *to); !free) return free;
    if (Result<void> made = make_directories(*to); !made) return made;
    if (found) {
      if (Result<void> gone = note({found->place.text(), found->state, std::nullopt}); !gone) {
        return gone;
      }
    }
    return note({to->text(), std::nullopt, state});
  }

  /// Several files may need the same ones.
  Result<void> make_directories(const WorkspacePath& place) {
    const Result<std::vector<FileChange>> made = directories_for(scene_, place);
    if (!made) return made.error();
    for (const FileChange& change : *made)
      changes_.emplace(change.path, change);
    return {};
  }

  Result<void> note(FileChange change) {
    const std::string path = change.path;
    if (changes_.emplace(path, std::move(change)).second) return {};
    return Error{Errc::conflict, "two parts of the patch are about " + visible_line(path)};
  }

  const FileScene& scene_;
  std::map<std::string, FileChange> changes_;
};

}  // namespace

Result<SeveralChanges> several_changes(const FileScene& scene, const AwaitFilePatch& patch) {
  if (patch.files.empty() || patch.files.size() > kPatchFilesMax) {
    return Error{Errc::invalid,
                 "a patch has from 1 to " + std::to_string(kPatchFilesMax) + " files"};
  }
  Patching patching(scene);
  for (const PatchedFile& file : patch.files) {
    if (scene.stop.stop_requested()) return Error{Errc::cancelled, "the look was stopped"};
    if (Result<void> added = patching.add(file); !added) return added.error();
  }
  SeveralChanges several{.object = scene.workspace.known_as(),
                         .changes = std::move(patching).take()};
  if (Result<void> possible = check_changes(several.changes); !possible) return possible.error();
  std::erase_if(several.changes, [](const FileChange& each) { return each.before == each.after; });
  if (several.changes.empty()) return Error{Errc::invalid, "the patch changes nothing"};
  return several;
}

// ---- restore ----

namespace {

/// Why paths cannot be taken back, by path.
using Reasons = std::map<std::string, std::string>;

Reasons reasons_in(const Outlook& outlook) {
  Reasons reasons;
  for (const Obstacle& obstacle : outlook.obstacles) {
    reasons[obstacle.path] = obstacle.reason == kNotAsExpected
                                 ? std::string("changed by somebody else since")
                                 : obstacle.reason;
  }
  for (const std::string& path : outlook.not_kept)
    reasons[path] = "its content was not kept";
  return reasons;
}

/// All of them, as long as anybody would read it.
std::string in_words(const Reasons& reasons) {
  std::string words;
  std::size_t listed = 0;
  for (const auto& [path, why] : reasons) {
    if (++listed > kListedMax) break;
    words += (words.empty() ? "" : "; ") + visible_line(path) + ": " + why;
  }
  if (reasons.size() > kListedMax) {
    words += "; and " + std::to_string(reasons.size() - kListedMax) + " more";
  }
  return words;
}

/// Git writes its index anew whenever somebody looks at its status: one that lists the same is as
/// it was left. Errors: those of the look and of ContentStore.
Result<void> take_index_as_it_stands(const FileScene& scene, std::vector<FileChange>& changes) {
  const auto change = std::ranges::find(changes, kGitIndex, &FileChange::path);
  if (change == changes.end() || !change->before || !scene.contents.has(change->before->content)) {
    return {};
  }
  const Result<WorkspacePath> place = scene.workspace.resolve_itself(kGitIndex);
  if (!place || place->text() != kGitIndex) return {};
  const Result<Tree> found =
      look_at_part(scene.workspace, *place, {.keep = &scene.contents, .stop = scene.stop});
  if (!found && found.error().code == Errc::not_found) return {};
  if (!found) return found.error();
  const TreeEntry* const entry = found->find(kGitIndex);
  if (entry == nullptr) return {};
  const FileState now = state_of(*entry);
  const Result<bool> same = is_same_index(change->before, now, scene.contents);
  if (!same) return same.error();
  if (*same) change->before = now;
  return {};
}

/// Takes out what is as it should be already and, with `keep_others`, what cannot be taken back and
/// what cannot be without that; git's notes, on which nothing depends, in any case. False: there
/// may be more.
Result<bool> settle(const FileScene& scene, bool keep_others, SeveralChanges& several) {
  if (scene.stop.stop_requested()) return Error{Errc::cancelled, "the look was stopped"};
  const Result<Outlook> outlook =
      outlook_of_changes(scene.workspace, several.changes, scene.contents);
  if (!outlook) return outlook.error();
  const Reasons reasons = reasons_in(*outlook);
  const auto matters = [](const auto& reason) { return !is_git_note(reason.first); };
  if (!keep_others && std::ranges::any_of(reasons, matters)) {
    const Errc code = outlook->obstacles.empty() ? Errc::not_found : Errc::conflict;
    return Error{code, in_words(reasons)};
  }
  for (const auto& [path, why] : reasons)
    several.left.push_back({path, why});
  std::erase_if(several.changes, [&](const FileChange& change) {
    return reasons.contains(change.path) ||
           std::ranges::binary_search(outlook->as_after, change.path);
  });
  return reasons.empty();
}

/// What is taken back may be wanted again.
Result<void> keep_what_stands(const FileScene& scene, const FileChange& change) {
  if (!change.before || change.before->type == FileType::directory ||
      scene.contents.has(change.before->content)) {
    return {};
  }
  const Result<WorkspacePath> place = scene.workspace.resolve_itself(change.path);
  if (!place) return place.error();
  const Result<Tree> found =
      look_at_part(scene.workspace, *place, {.keep = &scene.contents, .stop = scene.stop});
  if (!found) return found.error();
  const TreeEntry* const entry = found->find(change.path);
  if (entry != nullptr && state_of(*entry) == change.before) return {};
  return Error{Errc::conflict, visible_line(change.path) + " is being changed"};
}

}  // namespace

Result<SeveralChanges> several_changes(const FileScene& scene, const AwaitFileRestore& restore) {
  Result<std::vector<FileChange>> wanted =
      kept_changes(Sha256::from_hex(restore.list_sha256), scene.contents);
  if (!wanted) return wanted.error();
  SeveralChanges several{.object = scene.workspace.known_as(), .changes = *std::move(wanted)};
  for (FileChange& change : several.changes) {
    if (change.after) change.after = as_made(*change.after);
    if (is_own(change.path, scene)) return not_for_tasks(change.path);
  }
  if (Result<void> possible = check_changes(several.changes); !possible) return possible.error();
  if (Result<void> taken = take_index_as_it_stands(scene, several.changes); !taken) {
    return taken.error();
  }
  for (;;) {
    const Result<bool> settled = settle(scene, restore.keep_others, several);
    if (!settled) return settled.error();
    if (*settled) break;
  }
  std::ranges::sort(several.left, {}, &LeftInDraft::path);
  for (const FileChange& change : several.changes) {
    if (Result<void> kept = keep_what_stands(scene, change); !kept) return kept.error();
  }
  return several;
}

// ---- save ----

Result<SeveralChanges> several_changes(const FileScene& scene, const AwaitFileSave& save) {
  const Sha256 content = Sha256::from_hex(save.sha256);
  if (content.empty()) return Error{Errc::invalid, "not the SHA-256 of a content"};
  const Result<std::uint64_t> bytes = scene.contents.bytes_of(content);
  if (!bytes) return bytes.error();
  const Result<WorkspacePath> place = place_to_change(scene, save.path);
  if (!place) return place.error();
  SeveralChanges several{.object = place->text()};
  const Result<FileState> before = file_at(scene, *place);
  if (!before && before.error().code != Errc::not_found) return before.error();
  if (!before) {
    Result<std::vector<FileChange>> made = directories_for(scene, *place);
    if (!made) return made.error();
    several.changes = *std::move(made);
  }
  const FileState after =
      as_made({.mode = before ? before->mode : kModeOfFile, .content = content, .bytes = *bytes});
  if (!before || *before != after) {
    several.changes.push_back(
        {place->text(), before ? std::optional(*before) : std::nullopt, after});
  }
  if (Result<void> possible = check_changes(several.changes); !possible) return possible.error();
  return several;
}

// ---- for people ----

Result<std::vector<DraftChange>> shown(const SeveralChanges& several,
                                       const ContentStore& contents) {
  if (several.to.empty()) return shown(several.changes, contents);
  std::vector<DraftChange> all;
  for (const FileChange& change : several.changes) {
    if (!change.after) {
      all.push_back({change, "move " + visible_line(change.path) + " to " +
                                 visible_line(moved(change.path, several.object, several.to)) +
                                 "\n"});
    } else if (is_within(change.path, several.to)) {
      all.push_back({change, ""});
    } else {
      Result<std::vector<DraftChange>> made = shown(std::vector{change}, contents);
      if (!made) return made;
      all.push_back(std::move(made->front()));
    }
  }
  return all;
}

}  // namespace tinkerbell
