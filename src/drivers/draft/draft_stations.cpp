#include "drivers/draft/draft_stations.hpp"

#include "drivers/draft/git_objects.hpp"
#include "drivers/draft/git_state.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/carry_out.hpp"
#include "tinkerbell/workspace/draft_base.hpp"
#include "tinkerbell/workspace/git_paths.hpp"
#include "tinkerbell/workspace/shown.hpp"
#include "tinkerbell/workspace/tree.hpp"
#include "tinkerbell/workspace/within.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

Error not_ours(const Call& call) {
  return {Errc::internal, "the draft driver was given " + std::string(name_of(call.command))};
}

Error no_draft() {
  return {Errc::invalid, "the task works in its workspace itself: it has no draft"};
}

Result<void> make_private_directory(const fs::path& directory) {
  if (::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return os_error("make " + directory.string(), errno);
}

/// Nobody could take over anything from a draft of it: what comes over is made ready at the top of
/// the workspace.
Result<void> check_writable(const std::string& workspace) {
  if (::faccessat(AT_FDCWD, workspace.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return {};
  return os_error("a draft of " + workspace +
                      " could not be accepted, since nothing can be written there (run it with "
                      "--live to work without a draft)",
                  errno);
}

/// Up, or down, to two digits.
std::uint64_t rounded(std::uint64_t exact, bool up) {
  std::uint64_t unit = 1;
  while (exact / unit >= 100)
    unit *= 10;
  return (exact / unit + (up && exact % unit != 0 ? 1 : 0)) * unit;
}

CopyCost cost_of(const CopyEstimate& estimate) {
  return {.files = rounded(estimate.files, true),
          .bytes = rounded(estimate.bytes_used, true),
          .shared = estimate.method == CopyMethod::reflink,
          .bytes_free = rounded(estimate.bytes_free, false)};
}

Reply reply_of(const DraftBase& base) {
  AwaitDraftOpen::Reply reply{.shared = base.shared, .left_out = {}};
  for (const TreeEntry& entry : base.copied.entries) {
    if (entry.type != FileType::file) continue;
    ++reply.files;
    reply.bytes += entry.bytes;
  }
  for (const LeftOut& left : base.source.left_out)
    reply.left_out.push_back({left.path, std::string(name_of(left.reason))});
  return reply;
}

/// The draft of this workspace and no other.
Result<DraftBase> base_of(const Call& call, const Drafts& drafts) {
  if (call.draft == kNoTask) return no_draft();
  Result<DraftBase> base = read_base(drafts, call.draft);
  if (base && base->workspace != call.workspace) {
    return Error{Errc::invalid,
                 "task " + std::to_string(number(call.draft)) +
                     " has a draft of another workspace: " + visible_line(base->workspace)};
  }
  return base;
}

bool has_git_state(const std::vector<FileChange>& changes) {
  return std::ranges::any_of(changes,
                             [](const FileChange& each) { return is_git_state(each.path); });
}

bool is_file(const FileChange& change) {
  const auto fits = [](const std::optional<FileState>& state) {
    return !state || state->type == FileType::file;
  };
  return fits(change.before) && fits(change.after);
}

void leave_git_state(Takeover& takeover, const std::string& why) {
  std::erase_if(takeover.changes, [&](const FileChange& each) {
    if (!is_git_state(each.path)) return false;
    takeover.left.push_back({each.path, why});
    return true;
  });
}

/// The commits that come with a branch, the stash, a tag.
std::string commits_of(const FileChange& reference, const ContentStore& contents,
                       const Workspace& draft, const std::vector<std::string>& objects) {
  constexpr std::uint64_t kBytesMax = 4 << 10;
  const auto commit_at = [&](const std::optional<FileState>& state) {
    const Result<std::string> text =
        state ? contents.read(state->content, kBytesMax) : Result<std::string>(std::string());
    return text ? text->substr(0, text->find('\n')) : std::string();
  };
  const NewCommits commits =
      new_commits(draft, commit_at(reference.after), commit_at(reference.before), objects);
  std::string words;
  for (const std::string& line : commits.lines)
    words += "  commit " + line + "\n";
  if (!commits.left_behind.empty()) words += "  LEAVES OUT " + commits.left_behind + "\n";
  return words;
}

}  // namespace

std::function<bool(std::string_view path)> DraftStations::own_files_in(
    const std::string& workspace) const {
  return [this, workspace](std::string_view path) {
    const fs::path place = fs::path(workspace) / path;
    return std::ranges::any_of(settings_.own,
                               [&](const fs::path& own) { return is_within(place, own); });
  };
}

Result<Prepared> DraftStations::prepare(const Call& call, const std::stop_token& stop) {
  const ContentStore::Work work(contents_);
  if (std::holds_alternative<AwaitDraftOpen>(call.command)) return prepare_open(call, stop);
  if (std::holds_alternative<AwaitDraftAccept>(call.command)) return prepare_accept(call, stop);
  if (std::holds_alternative<AwaitDraftDrop>(call.command)) return prepare_drop(call);
  return not_ours(call);
}

Result<Reply> DraftStations::perform(const Call& call, const std::stop_token& stop) {
  const ContentStore::Work work(contents_);
  if (std::holds_alternative<AwaitDraftOpen>(call.command)) return open(call, stop);
  if (std::holds_alternative<AwaitDraftAccept>(call.command)) return accept(call, stop);
  if (std::holds_alternative<AwaitDraftDrop>(call.command)) return drop(call);
  return not_ours(call);
}

Result<Reply> DraftStations::recover(const Call& call) {
  if (std::holds_alternative<AwaitDraftOpen>(call.command)) return recover_open(call);
  if (std::holds_alternative<AwaitDraftAccept>(call.command)) return recover_accept(call);
  if (std::holds_alternative<AwaitDraftDrop>(call.command)) return drop(call);
  return not_ours(call);
}

Result<void> DraftStations::add_contents(std::set<Sha256>& contents) const {
  const Result<std::vector<TaskId>> drafts = settings_.drafts.all();
  if (!drafts) return drafts.error();
  for (const TaskId draft : *drafts) {
    const Result<DraftBase> base = read_base(settings_.drafts, draft);
    if (!base && base.error().code == Errc::not_found) continue;  // being made, or removed
    if (!base) return base.error();
    tinkerbell::add_contents(base->source, contents);
    tinkerbell::add_contents(base->copied, contents);
  }
  return {};
}

// ---- open ----

Result<CopyEstimate> DraftStations::estimate(const std::string& workspace,
                                             const std::stop_token& stop) {
  if (Result<void> made = make_private_directory(settings_.drafts.directory()); !made) {
    return made.error();
  }
  const Result<std::shared_ptr<Workspace>> from = Workspace::open(workspace);
  if (!from) return from.error();
  const Result<std::shared_ptr<Workspace>> into = Workspace::open(settings_.drafts.directory());
  if (!into) return into.error();
  return estimate_copy(**from, **into, {.excludes = own_files_in(workspace), .stop = stop});
}

Result<CopyEstimate> DraftStations::check_room(const std::string& workspace,
                                               const std::stop_token& stop) {
  const Result<CopyEstimate> cost = estimate(workspace, stop);
  if (!cost) return cost.error();
  if (cost->method != CopyMethod::copy || cost->bytes_used <= cost->bytes_free) return cost;
  return Error{Errc::storage_full, "a copy of the workspace takes " +
                                       std::to_string(cost->bytes_used) + " bytes, and " +
                                       std::to_string(cost->bytes_free) + " are free"};
}

Result<Prepared> DraftStations::prepare_open(const Call& call, const std::stop_token& stop) {
  if (call.draft != call.id.task) return no_draft();
  if (Result<void> writable = check_writable(call.workspace); !writable) return writable.error();
  const Result<CopyEstimate> room = check_room(call.workspace, stop);
  if (!room) {
    const bool full = room.error().code == Errc::storage_full;
    return full ? Error{Errc::storage_full, room.error().message + ": run it with --live"}
                : room.error();
  }
  return Prepared{.facts = {.object = call.workspace, .draft = call.draft, .copy = cost_of(*room)},
                  .pre_image = std::nullopt};
}

Result<Reply> DraftStations::open(const Call& call, const std::stop_token& stop) {
  // An attempt that a crash cut off left a copy of which nobody knows how far it came.
  if (Result<void> gone = remove_draft(settings_.drafts, call.draft); !gone) return gone.error();
  Result<Reply> made = make_draft(call, stop);
  // A full disk is no place for half a copy. What stays behind the next attempt removes.
  if (!made) (void)remove_draft(settings_.drafts, call.draft);
  return made;
}

/// The copy, and what it was made of: not a draft before that is written down.
Result<DraftBase> DraftStations::copy(TaskId draft, const std::string& workspace,
                                      const std::stop_token& stop) {
  if (Result<void> made = make_private_directory(settings_.drafts.tree_of(draft)); !made) {
    return made.error();
  }
  const Result<std::shared_ptr<Workspace>> from = Workspace::open(workspace);
  if (!from) return from.error();
  const Result<std::shared_ptr<Workspace>> into = Workspace::open(settings_.drafts.tree_of(draft));
  if (!into) return into.error();
  Result<TreeCopy> copy = copy_tree(
      **from, **into, {.keep = &contents_, .excludes = own_files_in(workspace), .stop = stop});
  if (!copy) return copy.error();
  if (Result<void> synced = contents_.sync(); !synced) return synced.error();
  return DraftBase{.workspace = workspace,
                   .source = std::move(copy->source),
                   .copied = std::move(copy->copied),
                   .shared = copy->method == CopyMethod::reflink};
}

Result<Reply> DraftStations::make_draft(const Call& call, const std::stop_token& stop) {
  if (Result<void> made = make_private_directory(settings_.drafts.directory_of(call.draft));
      !made) {
    return made.error();
  }
  const Result<DraftBase> base = copy(call.draft, call.workspace, stop);
  if (!base) return base.error();
  if (Result<void> kept = write_base(settings_.drafts, call.draft, *base); !kept) {
    return kept.error();
  }
  return reply_of(*base);
}

Result<Reply> DraftStations::recover_open(const Call& call) {
  const Result<DraftBase> base = base_of(call, settings_.drafts);
  if (base) return reply_of(*base);
  if (base.error().code != Errc::not_found) return base.error();
  return Error{Errc::not_started, "the draft was not whole"};
}

// ---- fork ----

Result<DraftBase> DraftStations::begin_fork(TaskId fork, const std::string& workspace,
                                            const std::stop_token& stop) {
  if (const Result<CopyEstimate> room = check_room(workspace, stop); !room) return room.error();
  if (Result<void> gone = remove_draft(settings_.drafts, fork); !gone) return gone.error();
  Result<DraftBase> base = copy_for_fork(fork, workspace, stop);
  if (!base) (void)remove_draft(settings_.drafts, fork);
  return base;
}

Result<DraftBase> DraftStations::copy_for_fork(TaskId fork, const std::string& workspace,
                                               const std::stop_token& stop) {
  if (Result<void> made = make_private_directory(settings_.drafts.directory_of(fork)); !made) {
    return made.error();
  }
  if (Result<void> noted = note_unclaimed(settings_.drafts, fork); !noted) return noted.error();
  return copy(fork, workspace, stop);
}

/// Its base is the workspace: what was otherwise then is a change of the draft's.
Result<void> DraftStations::end_fork(TaskId fork, const DraftBase& base,
                                     const Result<ForkFiles>& files) {
  Result<void> made = files ? bring_files(fork, base, *files) : Result<void>(files.error());
  if (made) made = write_base(settings_.drafts, fork, base);
  if (!made) (void)remove_draft(settings_.drafts, fork);
  return made;
}

/// Git's objects of then. False: some are nowhere any more.
Result<bool> DraftStations::bring_objects(const ForkFiles& files, const std::string& workspace,
                                          const Workspace& into) {
  bool all_there = true;
  for (const auto& [draft, accepted] : files.origins) {
    const Result<std::shared_ptr<Workspace>> origin = settings_.drafts.open(workspace, draft);
    if (!origin && origin.error().code != Errc::not_found) return origin.error();
    const Result<std::vector<std::string>> objects =
        origin ? new_objects(**origin, into) : Result<std::vector<std::string>>(origin.error());
    if (!objects) {
      all_there = all_there && accepted;
    } else if (Result<void> had = copy_objects(*objects, **origin, into, "fork"); !had) {
      return had.error();
    }
  }
  return all_there;
}

namespace {

/// Errors: not_found, with the first of the paths.
Result<void> check_kept(const std::vector<FileChange>& changes, const ContentStore& contents) {
  for (const auto& [path, before, after] : changes) {
    const bool has_content = after && after->type != FileType::directory;
    if (!has_content || contents.has(after->content)) continue;
    return Error{Errc::not_found, "what " + visible_line(path) + " was then has not been kept"};
  }
  return {};
}

}  // namespace

/// Without their objects branches and the index would be damaged: then git's state is that of the
/// workspace.
Result<void> DraftStations::bring_files(TaskId fork, const DraftBase& base,
                                        const ForkFiles& files) {
  const Result<std::shared_ptr<Workspace>> into = Workspace::open(settings_.drafts.tree_of(fork));
  if (!into) return into.error();
  const Result<bool> has_objects = bring_objects(files, base.workspace, **into);
  if (!has_objects) return has_objects.error();
  const auto is_own = own_files_in(base.workspace);
  PathStates states = files.states;
  std::erase_if(states, [&](const auto& each) {
    return is_own(each.first) || (!*has_objects && is_git_state(each.first));
  });
  const std::vector<FileChange> changes = changes_to(states, base.copied);
  if (Result<void> kept = check_kept(changes, contents_); !kept) return kept;
  if (Result<void> synced = contents_.sync(); !synced) return synced;
  return carry_out_changes(**into, changes, contents_, "fork");
}

// ---- accept ----

/// What a commit changes is no setting of git's, whatever stands in its directory.
std::function<std::optional<Objection>(const std::string& path)> DraftStations::objections() const {
  return [this](const std::string& path) {
    std::optional<Objection> objection = settings_.objection_to(path);
    if (objection && !objection->final && is_git_state(path)) objection.reset();
    return objection;
  };
}

/// Looks at both sides: what the workspace and the draft have changed since the one was copied.
Result<Takeover> DraftStations::takeover(const Call& call, const std::stop_token& stop) {
  const Result<DraftBase> base = base_of(call, settings_.drafts);
  if (!base) return base.error();
  const Result<std::shared_ptr<Workspace>> workspace = Workspace::open(call.workspace);
  if (!workspace) return workspace.error();
  const Result<std::shared_ptr<Workspace>> draft =
      settings_.drafts.open(call.workspace, call.draft);
  if (!draft) return draft.error();
  const Result<Tree> ours = look_at_tree(**workspace, {.known = &base->source,
                                                       .keep = &contents_,
                                                       .excludes = own_files_in(call.workspace),
                                                       .stop = stop});
  if (!ours) return ours.error();
  const Result<Tree> theirs = look_at_tree(
      **draft, {.known = &base->copied, .keep = &contents_, .excludes = {}, .stop = stop});
  if (!theirs) return theirs.error();
  Result<TreeMerge> merge = merge_trees(base->copied, *ours, *theirs, contents_);
  if (!merge) return merge.error();
  std::vector<LeftInDraft> left;
  if (Result<void> settled = settle_git(*merge, contents_, left); !settled) return settled.error();
  Result<Takeover> chosen =
      chosen_of(*std::move(merge), std::get<AwaitDraftAccept>(call.command), objections());
  if (!chosen) return chosen;
  chosen->left.insert(chosen->left.end(), left.begin(), left.end());
  if (!has_git_state(chosen->changes)) return chosen;
  Result<std::vector<std::string>> objects = new_objects(**draft, **workspace);
  if (!objects) {
    leave_git_state(*chosen, objects.error().message);
  } else {
    chosen->objects = *std::move(objects);
  }
  return chosen;
}

Result<Prepared> DraftStations::prepare_accept(const Call& call, const std::stop_token& stop) {
  Result<Takeover> chosen = takeover(call, stop);
  if (!chosen) return chosen.error();
  Result<std::vector<DraftChange>> changes = shown(chosen->changes, contents_);
  if (!changes) return changes.error();
  const Result<std::shared_ptr<Workspace>> draft =
      settings_.drafts.open(call.workspace, call.draft);
  if (!draft) return draft.error();
  for (DraftChange& each : *changes) {
    const bool reference = each.change.path.starts_with(".git/refs/");
    if (!reference || !is_file(each.change)) continue;
    each.diff += commits_of(each.change, contents_, **draft, chosen->objects);
  }
  return Prepared{.facts = {.object = call.workspace,
                            .draft = call.draft,
                            .changes = *std::move(changes),
                            .left = std::move(chosen->left)},
                  .pre_image = std::nullopt};
}

/// The draft goes if there is nothing in it any more that somebody could want.
Result<Reply> DraftStations::taken_over(const Call& call) const {
  if (is_used_up(call.facts.left)) {
    if (Result<void> gone = remove_draft(settings_.drafts, call.draft); !gone) return gone.error();
  }
  return Reply(AwaitDraftAccept::Reply{.changes = changes_of(call.facts), .left = call.facts.left});
}

Result<Reply> DraftStations::accept(const Call& call, const std::stop_token& stop) {
  const Result<Takeover> chosen = takeover(call, stop);
  if (!chosen) return chosen.error();
  if (chosen->changes != changes_of(call.facts) || chosen->left != call.facts.left) {
    return Error{Errc::conflict,
                 "the workspace or the draft is not what it was when this was asked"};
  }
  if (Result<void> synced = contents_.sync(); !synced) return synced.error();
  const Result<std::shared_ptr<Workspace>> workspace = Workspace::open(call.workspace);
  if (!workspace) return workspace.error();
  const Result<std::shared_ptr<Workspace>> draft =
      settings_.drafts.open(call.workspace, call.draft);
  if (!draft) return draft.error();
  // Nobody sees an object that no branch leads to.
  if (Result<void> copied = copy_objects(chosen->objects, **draft, **workspace, call.key);
      !copied) {
    return copied.error();
  }
  const Result<void> done = carry_out_changes(**workspace, chosen->changes, contents_, call.key);
  return done ? taken_over(call) : Result<Reply>(done.error());
}

Result<Reply> DraftStations::recover_accept(const Call& call) {
  const Result<std::shared_ptr<Workspace>> workspace = Workspace::open(call.workspace);
  if (!workspace) return workspace.error();
  const Result<void> done =
      finish_changes(**workspace, changes_of(call.facts), contents_, call.key);
  return done ? taken_over(call) : Result<Reply>(done.error());
}

// ---- drop ----

Result<Prepared> DraftStations::prepare_drop(const Call& call) {
  const Result<DraftBase> base = base_of(call, settings_.drafts);
  if (!base) return base.error();
  return Prepared{.facts = {.object = call.workspace, .draft = call.draft},
                  .pre_image = std::nullopt};
}

/// What is gone already is as it should be.
Result<Reply> DraftStations::drop(const Call& call) {
  if (Result<void> gone = remove_draft(settings_.drafts, call.draft); !gone) return gone.error();
  return Reply(AwaitDraftDrop::Reply{});
}

}  // namespace tinkerbell
