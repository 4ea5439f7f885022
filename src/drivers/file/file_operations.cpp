#include "drivers/file/file_operations.hpp"

#include "drivers/file/planned_change.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/diff.hpp"
#include "tinkerbell/workspace/within.hpp"

#include <algorithm>
#include <concepts>

namespace tinkerbell {

namespace {

template <class T>
concept LooksAtFile = std::same_as<T, AwaitFileRead> || std::same_as<T, AwaitFileList> ||
                      std::same_as<T, AwaitFileSearch>;

template <class T>
concept ChangesFile = std::same_as<T, AwaitFileWrite> || std::same_as<T, AwaitFileEdit>;

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

/// Whether a place within the workspace is the daemon's own.
bool is_own(const std::string& place, const Workspace& workspace, const FileLimits& limits) {
  const std::filesystem::path path = workspace.known_as() / std::filesystem::path(place);
  return std::ranges::any_of(
      limits.own, [&](const std::filesystem::path& own) { return is_within(path, own); });
}

Error not_for_tasks(const WorkspacePath& place) {
  return {Errc::denied, visible_line(place.text()) + " is a file of the daemon itself"};
}

// ---- prepare ----

Result<Prepared> prepare_look(const Workspace& workspace, const std::string& path,
                              const FileLimits& limits) {
  Result<WorkspacePath> place = workspace.resolve(path);
  if (!place && place.error().code == Errc::outside_workspace) return led_out(path);
  if (!place) return place.error();
  if (is_own(place->text(), workspace, limits)) return not_for_tasks(*place);
  return Prepared{.facts = {.object = place->text()}, .pre_image = std::nullopt};
}

Result<Prepared> prepare_change(const Workspace& workspace, const ChangesFile auto& command,
                                const FileLimits& limits) {
  Result<WorkspacePath> place = workspace.resolve_to_change(command.path);
  if (!place && place.error().code == Errc::outside_workspace) return led_out(command.path);
  if (!place) return place.error();
  if (is_own(place->text(), workspace, limits)) return not_for_tasks(*place);
  Result<PreImage> before = workspace.read_pre_image(*place);
  if (!before) return before.error();
  Result<PlannedChange> change = planned_change(command, *before);
  if (!change) return change.error();
  Facts facts{.object = place->text(), .object_sha256 = hash_of(*before)};
  const auto present =
      before->existed ? std::optional<std::string_view>(before->content) : std::nullopt;
  facts.diff = unified_diff(facts.object, present, change->content);
  facts.result_sha256 = sha256(change->content).hex();
  return Prepared{std::move(facts), *std::move(before)};
}

// ---- perform ----

Result<Reply> look(const Workspace& workspace, const WorkspacePath& place,
                   const AwaitFileRead& command, const Call& /*call*/,
                   const FileLimits& /*limits*/) {
  Result<std::string> text = workspace.read(place, command.bytes_max);
  if (!text) return text.error();
  return Reply(AwaitFileRead::Reply{*std::move(text)});
}

/// What a search or list may show.
std::function<bool(const std::string&)> shown_by(const Call& call, const Workspace& workspace,
                                                 const FileLimits& limits) {
  return [&](const std::string& entry) {
    return !is_own(entry, workspace, limits) && limits.may_show(call.command, call.facts, entry);
  };
}

Result<Reply> look(const Workspace& workspace, const WorkspacePath& place,
                   const AwaitFileList& command, const Call& call, const FileLimits& limits) {
  Result<AwaitFileList::Reply> reply = workspace.list(place, command.recursive, command.entries_max,
                                                      shown_by(call, workspace, limits));
  if (!reply) return reply.error();
  return Reply(*std::move(reply));
}

Result<Reply> look(const Workspace& workspace, const WorkspacePath& place,
                   const AwaitFileSearch& command, const Call& call, const FileLimits& limits) {
  Result<AwaitFileSearch::Reply> reply =
      workspace.search(place, command.text, command.matches_max, shown_by(call, workspace, limits));
  if (!reply) return reply.error();
  return Reply(*std::move(reply));
}

/// The object of the facts, if it still leads to itself: no link has appeared on the way.
Result<WorkspacePath> judged_place(const Workspace& workspace, const Call& call) {
  if (call.facts.outside) {
    return Error{Errc::outside_workspace,
                 "path " + visible_line(call.facts.object) + " leaves the workspace"};
  }
  Result<WorkspacePath> place = workspace.resolve(call.facts.object);
  if (place && place->text() != call.facts.object) return changed_since(call);
  return place;
}

Reply reply_to(const AwaitFileWrite& command, const PreImage& before, const PlannedChange&) {
  return AwaitFileWrite::Reply{.bytes = command.content.size(), .created = !before.existed};
}

Reply reply_to(const AwaitFileEdit&, const PreImage&, const PlannedChange& change) {
  return AwaitFileEdit::Reply{.line = change.line};
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

Result<Reply> perform_change(const Workspace& workspace, const Call& call,
                             const ChangesFile auto& command) {
  Result<PlannedChange> change = judged_change(call, command);
  if (!change) return change.error();
  Result<WorkspacePath> place = judged_place(workspace, call);
  if (!place) return place.error();
  Result<void> replaced =
      workspace.replace(*place, {change->content, call.facts.object_sha256, call.key});
  if (!replaced) return replaced.error();
  return reply_to(command, *call.pre_image, *change);
}

// ---- recover ----

Result<Reply> recover_change(const Workspace& workspace, const Call& call,
                             const ChangesFile auto& command) {
  Result<PlannedChange> change = judged_change(call, command);
  if (!change) return change.error();
  Result<WorkspacePath> place = judged_place(workspace, call);
  if (!place) return place.error();
  Result<PreImage> now = workspace.read_pre_image(*place);
  if (!now) return now.error();
  const std::string hash = hash_of(*now);
  if (hash == call.facts.result_sha256) {
    // The rename may have reached only memory when the daemon ended.
    Result<void> durable = workspace.make_durable(*place);
    if (!durable) return durable.error();
    return reply_to(command, *call.pre_image, *change);
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

}  // namespace

Result<Prepared> prepare_file(const Workspace& workspace, const Call& call,
                              const FileLimits& limits) {
  Result<Prepared> found = std::visit(
      [&]<class T>(const T& command) -> Result<Prepared> {
        if constexpr (LooksAtFile<T>) {
          return prepare_look(workspace, command.path, limits);
        } else if constexpr (ChangesFile<T>) {
          return prepare_change(workspace, command, limits);
        } else {
          return not_ours(call);
        }
      },
      call.command);
  if (found) found->facts.draft = call.draft;
  return found;
}

Result<Reply> perform_file(const Workspace& workspace, const Call& call, const FileLimits& limits) {
  return std::visit(
      [&]<class T>(const T& command) -> Result<Reply> {
        if constexpr (LooksAtFile<T>) {
          Result<WorkspacePath> place = judged_place(workspace, call);
          if (!place) return place.error();
          return look(workspace, *place, command, call, limits);
        } else if constexpr (ChangesFile<T>) {
          return perform_change(workspace, call, command);
        } else {
          return not_ours(call);
        }
      },
      call.command);
}

Result<Reply> recover_file(const Workspace& workspace, const Call& call) {
  return std::visit(
      [&]<class T>(const T& command) -> Result<Reply> {
        if constexpr (LooksAtFile<T>) {
          return Error{Errc::not_started, "reading changes nothing: read again"};
        } else if constexpr (ChangesFile<T>) {
          return recover_change(workspace, call, command);
        } else {
          return not_ours(call);
        }
      },
      call.command);
}

}  // namespace tinkerbell
