#include "drivers/file/file_operations.hpp"

#include "drivers/file/guidance.hpp"
#include "drivers/file/planned_change.hpp"
#include "drivers/file/several_paths.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/carry_out.hpp"
#include "tinkerbell/workspace/diff.hpp"
#include "tinkerbell/workspace/within.hpp"

#include <algorithm>
#include <concepts>
#include <filesystem>

namespace tinkerbell {

namespace {

template <class T>
concept LooksAtFile = std::same_as<T, AwaitFileRead> || std::same_as<T, AwaitFileList> ||
                      std::same_as<T, AwaitFileSearch> || std::same_as<T, AwaitFileStat>;

template <class T>
concept ChangesFile = std::same_as<T, AwaitFileWrite> || std::same_as<T, AwaitFileEdit>;

template <class T>
concept ReadsGuidance = std::same_as<T, AwaitGuidance> || std::same_as<T, AwaitSkill>;

Error not_ours(const Call& call) {
  return {Errc::internal, "the file driver was given " + std::string(name_of(call.command))};
}

Error changed_since(const Call& call) {
  return {Errc::conflict,
          visible_line(call.facts.object) + " is not what it was when this was asked"};
}

/// The hash as facts carry it: empty for a file that is not there.
std::string hash_of(const PreImage& image) {
  return image.existed ? sha256(image.content).hex() : std::string();
}

Prepared led_out(const std::string& path) {
  return {.facts = {.object = path, .outside = true}, .pre_image = std::nullopt};
}

// ---- prepare ----

/// Where a command takes place: behind all links, unless it looks at what stands there itself.
template <class C>
Result<WorkspacePath> resolved_for(const C& /*command*/, const std::string& path,
                                   const Workspace& workspace) {
  return std::same_as<C, AwaitFileStat> ? workspace.resolve_itself(path) : workspace.resolve(path);
}

Result<Prepared> prepare(const FileScene& scene, const Call& /*call*/,
                         const LooksAtFile auto& command) {
  Result<WorkspacePath> place = resolved_for(command, command.path, scene.workspace);
  if (!place && place.error().code == Errc::outside_workspace) return led_out(command.path);
  if (!place) return place.error();
  if (is_own(place->text(), scene)) return not_for_tasks(place->text());
  return Prepared{.facts = {.object = place->text()}, .pre_image = std::nullopt};
}

/// What they find has names of its own; rules are asked for each file that is read.
Result<Prepared> prepare(const FileScene& scene, const Call& /*call*/,
                         const ReadsGuidance auto& /*command*/) {
  return Prepared{.facts = {.object = scene.workspace.known_as()}, .pre_image = std::nullopt};
}

/// Directories that an attempt before a crash has made are this command's as well.
void add_earlier_attempt(const Call& call, PreImage& before) {
  const bool began = call.attempt > 0 && call.pre_image && call.pre_image->path == before.path;
  if (!began || before.existed || call.pre_image->existed) return;
  // Both lists lead down to the file: the longer one has all that the other one has.
  const std::vector<std::string>& then = call.pre_image->missing;
  if (then.size() > before.missing.size()) before.missing = then;
}

/// Whether an error may say what stands in a file.
bool may_quote(const FileScene& scene, const Call& call, const std::string& path,
               const WorkspacePath& place) {
  return scene.limits.may_read &&
         scene.limits.may_read(AwaitFileRead{.path = path},
                               {.object = place.text(), .draft = call.draft});
}

Result<Prepared> prepare(const FileScene& scene, const Call& call,
                         const ChangesFile auto& command) {
  Result<WorkspacePath> place = scene.workspace.resolve_to_change(command.path);
  if (!place && place.error().code == Errc::outside_workspace) return led_out(command.path);
  if (!place) return place.error();
  if (is_own(place->text(), scene)) return not_for_tasks(place->text());
  Result<PreImage> before = scene.workspace.read_pre_image(*place);
  if (!before) return before.error();
  add_earlier_attempt(call, *before);
  Result<PlannedChange> change =
      planned_change(command, *before, may_quote(scene, call, command.path, *place));
  if (!change) return change.error();
  Facts facts{.object = place->text(), .object_sha256 = hash_of(*before)};
  const auto present =
      before->existed ? std::optional<std::string_view>(before->content) : std::nullopt;
  facts.diff = unified_diff(facts.object, present, change->content);
  facts.result_sha256 = sha256(change->content).hex();
  return Prepared{std::move(facts), *std::move(before)};
}

/// The first of these paths that leads out of the workspace.
std::optional<std::string> led_out_of(const Workspace& workspace,
                                      const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    const Result<WorkspacePath> place = workspace.resolve_itself(path);
    if (!place && place.error().code == Errc::outside_workspace) return path;
  }
  return std::nullopt;
}

std::vector<std::string> paths_of(const AwaitFileMove& move) {
  return {move.path, move.to};
}

std::vector<std::string> paths_of(const AwaitFileRemove& remove) {
  return {remove.path};
}

std::vector<std::string> paths_of(const AwaitFilePatch& patch) {
  std::vector<std::string> paths;
  for (const PatchedFile& file : patch.files) {
    for (const std::string& path : {file.path, file.to})
      if (!path.empty()) paths.push_back(path);
  }
  return paths;
}

std::vector<std::string> paths_of(const AwaitFileSave& save) {
  return {save.path};
}

/// Its paths are none that somebody wrote, but places.
std::vector<std::string> paths_of(const AwaitFileRestore& /*restore*/) {
  return {};
}

Result<Prepared> prepare(const FileScene& scene, const Call& /*call*/,
                         const ChangesSeveral auto& command) {
  if (std::optional<std::string> path = led_out_of(scene.workspace, paths_of(command))) {
    return led_out(*path);
  }
  Result<SeveralChanges> several = several_changes(scene, command);
  if (!several) return several.error();
  Result<std::vector<DraftChange>> changes = shown(*several, scene.contents);
  if (!changes) return changes.error();
  return Prepared{.facts = {.object = std::move(several->object),
                            .changes = *std::move(changes),
                            .left = std::move(several->left)},
                  .pre_image = std::nullopt};
}

Result<Prepared> prepare(const FileScene& /*scene*/, const Call& /*call*/,
                         const AwaitContentRead& command) {
  if (Sha256::from_hex(command.sha256).empty()) {
    return Error{Errc::invalid, "not the SHA-256 of a content"};
  }
  return Prepared{.facts = {.object = command.sha256}, .pre_image = std::nullopt};
}

// ---- perform ----

Result<Reply> perform(const FileScene& scene, const Call& /*call*/,
                      const AwaitContentRead& command) {
  const Result<std::string> content =
      scene.contents.read(Sha256::from_hex(command.sha256), kReadBytesMax);
  if (!content) return content.error();
  if (command.offset > 0 && command.offset >= content->size()) {
    return Error{Errc::invalid, "it ends at byte " + std::to_string(content->size())};
  }
  const std::string_view rest = std::string_view(*content).substr(command.offset);
  const std::size_t length = page_length(rest, command.bytes_max);
  return Reply(AwaitContentRead::Reply{.text = std::string(rest.substr(0, length)),
                                       .bytes = content->size(),
                                       .next = length < rest.size() ? command.offset + length : 0});
}

/// What a search or list may show.
std::function<bool(const std::string&)> shown_by(const Call& call, const FileScene& scene) {
  return [&](const std::string& entry) {
    return !is_own(entry, scene) && scene.limits.may_show(call.command, call.facts, entry);
  };
}

auto look(const FileScene& scene, const WorkspacePath& place, const AwaitFileStat& /*command*/,
          const Call& /*call*/) {
  return scene.workspace.look_at(place);
}

auto look(const FileScene& scene, const WorkspacePath& place, const AwaitFileList& command,
          const Call& call) {
  return scene.workspace.list(place, command.recursive, command.entries_max, shown_by(call, scene));
}

auto look(const FileScene& scene, const WorkspacePath& place, const AwaitFileSearch& command,
          const Call& call) {
  return scene.workspace.search(place, command.text, command.matches_max, shown_by(call, scene));
}

Result<AwaitFileRead::Reply> look(const FileScene& scene, const WorkspacePath& place,
                                  const AwaitFileRead& command, const Call& /*call*/) {
  if (command.line) return scene.workspace.read_page(place, command, scene.stop);
  Result<std::string> text = scene.workspace.read(place, command.bytes_max);
  if (!text) return text.error();
  return AwaitFileRead::Reply{*std::move(text)};
}

/// The object of the facts, if it still leads to itself: no link has appeared on the way.
Result<WorkspacePath> judged_place(const FileScene& scene, const Call& call, const auto& command) {
  if (call.facts.outside) {
    return Error{Errc::outside_workspace,
                 "path " + visible_line(call.facts.object) + " leaves the workspace"};
  }
  Result<WorkspacePath> place = resolved_for(command, call.facts.object, scene.workspace);
  if (place && place->text() != call.facts.object) return changed_since(call);
  return place;
}

Result<Reply> perform(const FileScene& scene, const Call& call, const LooksAtFile auto& command) {
  Result<WorkspacePath> place = judged_place(scene, call, command);
  if (!place) return place.error();
  auto reply = look(scene, *place, command, call);
  if (!reply) return reply.error();
  if constexpr (requires { reply->found_at; }) {
    const std::string asked = std::filesystem::path(command.path).lexically_normal();
    if (place->text() != asked) reply->found_at = place->text();
  }
  return Reply(*std::move(reply));
}

Result<Reply> perform(const FileScene& scene, const Call& call, const AwaitGuidance& command) {
  return Reply(read_guidance(scene, call, command));
}

Result<Reply> perform(const FileScene& scene, const Call& call, const AwaitSkill& command) {
  Result<AwaitSkill::Reply> reply = read_skill(scene, call, command);
  if (!reply) return reply.error();
  return Reply(*std::move(reply));
}

/// The directories that were made for a file, as they stand now.
std::vector<FileChange> directories_made(const Workspace& workspace, const PreImage& before) {
  constexpr std::uint32_t kModeOfDirectory = 0777;
  std::vector<FileChange> made;
  for (const std::string& path : before.missing) {
    const Result<WorkspacePath> place = workspace.resolve_itself(path);
    if (!place || place->text() != path) continue;
    const Result<AwaitFileStat::Reply> found = workspace.look_at(*place);
    if (!found || found->type != "directory") continue;
    made.push_back(
        {path, std::nullopt,
         FileState{.type = FileType::directory, .mode = found->mode & kModeOfDirectory}});
  }
  return made;
}

FileState file_state(std::string_view content, std::uint32_t mode) {
  return {.mode = mode, .content = sha256(content), .bytes = content.size()};
}

/// What became another by a change that gave the file this mode.
std::vector<FileChange> changes_made(const Workspace& workspace, const PreImage& before,
                                     const PlannedChange& change, std::uint32_t mode) {
  std::vector<FileChange> changes = directories_made(workspace, before);
  std::optional<FileState> then;
  if (before.existed) then = file_state(before.content, before.mode);
  const FileState now = file_state(change.content, mode);
  if (then != now) changes.push_back({before.path, then, now});
  return changes;
}

Reply reply_to(const AwaitFileWrite& command, const PreImage& before, const PlannedChange&,
               std::vector<FileChange> changes) {
  return AwaitFileWrite::Reply{
      .bytes = command.content.size(), .created = !before.existed, .changes = std::move(changes)};
}

Reply reply_to(const AwaitFileEdit&, const PreImage&, const PlannedChange& change,
               std::vector<FileChange> changes) {
  return AwaitFileEdit::Reply{
      .line = change.line, .changes = std::move(changes), .places = change.places};
}

/// The change that was judged, from the journalled pre-image.
Result<PlannedChange> judged_change(const Call& call, const ChangesFile auto& command) {
  if (!call.pre_image || hash_of(*call.pre_image) != call.facts.object_sha256) {
    return Error{Errc::internal, "the pre-image is not the one that was judged"};
  }
  Result<PlannedChange> change = planned_change(command, *call.pre_image);
  if (change && sha256(change->content).hex() != call.facts.result_sha256) {
    return Error{Errc::internal, "the change is not the one that was judged"};
  }
  return change;
}

Result<Reply> perform(const FileScene& scene, const Call& call, const ChangesFile auto& command) {
  Result<PlannedChange> change = judged_change(call, command);
  if (!change) return change.error();
  Result<WorkspacePath> place = judged_place(scene, call, command);
  if (!place) return place.error();
  const Result<std::uint32_t> mode =
      scene.workspace.replace(*place, {change->content, call.facts.object_sha256, call.key});
  if (!mode) return mode.error();
  const PreImage& before = *call.pre_image;
  return reply_to(command, before, *change, changes_made(scene.workspace, before, *change, *mode));
}

template <ChangesSeveral C>
Reply reply_to(const C& /*command*/, const Call& call) {
  typename C::Reply reply{.changes = changes_of(call.facts)};
  if constexpr (requires { reply.left; }) reply.left = call.facts.left;
  return reply;
}

Result<Reply> perform(const FileScene& scene, const Call& call,
                      const ChangesSeveral auto& command) {
  const Result<SeveralChanges> several = several_changes(scene, command);
  if (!several) return several.error();
  if (several->object != call.facts.object || several->changes != changes_of(call.facts) ||
      several->left != call.facts.left) {
    return changed_since(call);
  }
  if (Result<void> synced = scene.contents.sync(); !synced) return synced.error();
  const Result<void> done =
      carry_out_changes(scene.workspace, several->changes, scene.contents, call.key);
  return done ? reply_to(command, call) : Result<Reply>(done.error());
}

// ---- recover ----

template <class T>
concept ChangesNothing = LooksAtFile<T> || ReadsGuidance<T> || std::same_as<T, AwaitContentRead>;

Result<Reply> recover(const FileScene& /*scene*/, const Call& /*call*/,
                      const ChangesNothing auto& /*command*/) {
  return Error{Errc::not_started, "reading changes nothing: read again"};
}

Result<Reply> recover(const FileScene& scene, const Call& call, const ChangesFile auto& command) {
  Result<PlannedChange> change = judged_change(call, command);
  if (!change) return change.error();
  Result<WorkspacePath> place = judged_place(scene, call, command);
  if (!place) return place.error();
  Result<PreImage> now = scene.workspace.read_pre_image(*place);
  if (!now) return now.error();
  const std::string hash = hash_of(*now);
  if (hash == call.facts.result_sha256) {
    // The rename may have reached only memory when the daemon ended.
    Result<void> durable = scene.workspace.make_durable(*place);
    if (!durable) return durable.error();
    const PreImage& before = *call.pre_image;
    return reply_to(command, before, *change,
                    changes_made(scene.workspace, before, *change, now->mode));
  }
  const std::string name = visible_line(call.facts.object);
  if (hash == call.facts.object_sha256) {
    return Error{Errc::not_started, name + " is as it was before"};
  }
  return Error{Errc::unknown_outcome,
               now->existed
                   ? name + " holds neither the old nor the new content, but sha256 " + hash
                   : name + " is gone"};
}

Result<Reply> recover(const FileScene& scene, const Call& call,
                      const ChangesSeveral auto& command) {
  const Result<void> done =
      finish_changes(scene.workspace, changes_of(call.facts), scene.contents, call.key);
  return done ? reply_to(command, call) : Result<Reply>(done.error());
}

template <class T>
concept IsOurs = ChangesNothing<T> || ChangesFile<T> || ChangesSeveral<T>;

}  // namespace

bool is_own(const std::string& place, const FileScene& scene) {
  const std::filesystem::path path = scene.workspace.known_as() / std::filesystem::path(place);
  return std::ranges::any_of(
      scene.limits.own, [&](const std::filesystem::path& own) { return is_within(path, own); });
}

Error not_for_tasks(const std::string& place) {
  return {Errc::denied, visible_line(place) + " is a file of the daemon itself"};
}

Result<Prepared> prepare_file(const FileScene& scene, const Call& call) {
  Result<Prepared> found = std::visit(
      [&]<class T>(const T& command) -> Result<Prepared> {
        if constexpr (IsOurs<T>) {
          return prepare(scene, call, command);
        } else {
          return not_ours(call);
        }
      },
      call.command);
  if (found) found->facts.draft = call.draft;
  return found;
}

Result<Reply> perform_file(const FileScene& scene, const Call& call) {
  return std::visit(
      [&]<class T>(const T& command) -> Result<Reply> {
        if constexpr (IsOurs<T>) {
          return perform(scene, call, command);
        } else {
          return not_ours(call);
        }
      },
      call.command);
}

Result<Reply> recover_file(const FileScene& scene, const Call& call) {
  return std::visit(
      [&]<class T>(const T& command) -> Result<Reply> {
        if constexpr (IsOurs<T>) {
          return recover(scene, call, command);
        } else {
          return not_ours(call);
        }
      },
      call.command);
}

}  // namespace tinkerbell
