#include "control/family.hpp"
#include "control/projection.hpp"
#include "control/views.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/workspace/changes.hpp"
#include "tinkerbell/workspace/shown.hpp"
#include "tinkerbell/workspace/tree.hpp"
#include "tinkerbell/workspace/way_back.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell::control {

protocol::FileDiff file_diff(const FileChange& change, const std::string& diff) {
  const char* const status = !change.before ? "created" : !change.after ? "removed" : "changed";
  return {.path = change.path, .status = status, .diff = diff};
}

namespace {

protocol::DiffView view_of(const std::vector<DraftChange>& changes) {
  protocol::DiffView view;
  for (const auto& [change, diff] : changes)
    view.files.push_back(file_diff(change, diff));
  return view;
}

/// What a task took over from its draft, by the newest time that it did.
protocol::DiffView accepted_diff(const std::vector<Record>& records) {
  protocol::DiffView view;
  Facts asked;
  Seq accepting{0};
  for (const Record& record : records) {
    if (record.kind == RecordKind::intent) {
      const Result<IntentPayload> intent = from_canonical<IntentPayload>(record.payload);
      accepting = intent && intent->command == AwaitDraftAccept::kName ? record.seq : Seq{0};
      if (accepting != Seq{0}) asked = intent->facts;
    } else if (record.kind == RecordKind::result && record.seq == accepting) {
      const Result<std::optional<Error>> error = error_in_outcome(record.payload);
      if (error && !*error) view = view_of(asked.changes);
    }
  }
  return view;
}

bool has_content(const std::optional<FileState>& state) {
  return state && state->type != FileType::directory;
}

std::set<Sha256> contents_of(const std::vector<FileChange>& changes) {
  std::set<Sha256> all;
  for (const FileChange& change : changes) {
    for (const auto& state : {change.before, change.after}) {
      if (has_content(state)) all.insert(state->content);
    }
  }
  return all;
}

/// What nobody has kept is told in a line. Errors: those of ContentStore.
Result<protocol::DiffView> diff_of(const std::vector<FileChange>& changes,
                                   const ContentStore& contents) {
  const auto is_kept = [&](const std::optional<FileState>& state) {
    return !has_content(state) || contents.has(state->content);
  };
  std::vector<FileChange> kept;
  std::vector<DraftChange> lost;
  for (const FileChange& change : changes) {
    if (is_kept(change.before) && is_kept(change.after)) {
      kept.push_back(change);
    } else {
      lost.push_back({change, visible_line(change.path) + ": its content was not kept\n"});
    }
  }
  Result<std::vector<DraftChange>> all = shown(kept, contents);
  if (!all) return all.error();
  std::ranges::move(lost, std::back_inserter(*all));
  std::ranges::sort(*all, {}, [](const DraftChange& each) { return each.change.path; });
  return view_of(*all);
}

// ---- one step ----

/// Errors: not_found (there is no such step), unknown_outcome, those of ContentStore.
Result<protocol::DiffView> step_diff(const std::vector<Record>& records, Seq step,
                                     ContentStore& contents) {
  const bool exists =
      std::ranges::any_of(records, [step](const Record& each) { return each.seq == step; });
  if (!exists) return Error{Errc::not_found, "no step " + std::to_string(number(step))};
  const TaskChanges changes = changes_of_task(records);
  for (const auto* steps : {&changes.workspace, &changes.draft}) {
    for (const StepChanges& each : *steps) {
      if (each.step.seq != step) continue;
      const Result<void> kept = keep_contents(records, contents_of(each.changes), contents);
      return kept ? diff_of(each.changes, contents) : kept.error();
    }
  }
  const auto unknown = std::ranges::find(changes.unknown, CommandId{records.front().task, step},
                                         &UnknownChange::step);
  if (unknown == changes.unknown.end() || !unknown->path.empty()) return protocol::DiffView();
  return Error{Errc::unknown_outcome, unknown->why};
}

// ---- a task that works in its workspace itself ----

/// What stands at these paths now; the contents are kept. Errors: those of look_at_tree.
Result<Tree> tree_at(const std::set<std::string>& paths, const std::string& workspace,
                     ContentStore& contents) {
  const Result<std::shared_ptr<Workspace>> opened = Workspace::open(workspace);
  if (!opened) return opened.error();
  const auto leads_to_one = [&](std::string_view path) {
    const auto next = paths.lower_bound(std::string(path));
    if (next == paths.end()) return false;
    if (*next == path) return true;
    const auto below = paths.lower_bound(std::string(path) + "/");
    return below != paths.end() && below->starts_with(std::string(path) + "/");
  };
  return look_at_tree(**opened, {.keep = &contents, .excludes = [&](std::string_view path) {
                                   return !leads_to_one(path);
                                 }});
}

/// From how it was before the first of these steps to how it is now.
Result<protocol::DiffView> live_diff(const Family& family, ContentStore& contents) {
  const auto before = states_at(changes_of(family).workspace, Lsn{0});
  std::set<std::string> paths;
  for (const auto& [path, state] : before)
    paths.insert(path);
  if (paths.empty()) return protocol::DiffView();
  const Result<Tree> now = tree_at(paths, family.self().task.workspace, contents);
  if (!now) return now.error();
  std::vector<FileChange> changes;
  for (const auto& [path, state] : before) {
    const TreeEntry* const entry = now->find(path);
    const auto stands = entry == nullptr ? std::nullopt : std::optional(state_of(*entry));
    if (stands != state && !now->is_left_out(path)) changes.push_back({path, state, stands});
  }
  for (const Family::Member& member : family.members) {
    const Result<void> kept = keep_contents(member.records, contents_of(changes), contents);
    if (!kept) return kept.error();
  }
  return diff_of(changes, contents);
}

// ---- a task that works in a draft ----

/// As long as there is a draft, what is in it counts; then, what was taken over.
void answer_for_draft(Context& context, const Request& request, const protocol::TaskView& task,
                      protocol::DiffView accepted) {
  context.parts.calls.preview(
      AwaitDraftAccept{}, task.workspace, task.draft,
      Completion<Facts>(
          [&context, request, accepted = std::move(accepted)](Result<Facts> facts) mutable {
            if (!facts && facts.error().code != Errc::not_found) return request.fail(facts.error());
            answer_from_pool(
                context, request, [facts = std::move(facts), accepted = std::move(accepted)] {
                  return Result<protocol::DiffView>(facts ? view_of(facts->changes) : accepted);
                });
          }));
}

void answer_for_family(Context& context, const Request& request) {
  read_family(context, TaskId{request.id()},
              Completion<Family>([&context, request](Result<Family> family) {
                if (!family) return request.fail(family.error());
                answer_from_pool(context, request,
                                 [family = *std::move(family), &contents = context.parts.contents] {
                                   return live_diff(family, contents);
                                 });
              }));
}

struct DiffOfRecords {
  protocol::TaskView task;
  protocol::DiffView accepted;
};

void answer(Context& context, const Request& request, DiffOfRecords known) {
  if (known.task.draft == kNoTask) return answer_for_family(context, request);
  answer_for_draft(context, request, known.task, std::move(known.accepted));
}

/// What a task's own records say.
void look_into(Context& context, const Request& request, std::vector<Record> records, Seq step) {
  if (step != Seq{0}) {
    return answer_from_pool(
        context, request, [records = std::move(records), step, &contents = context.parts.contents] {
          return step_diff(records, step, contents);
        });
  }
  context.parts.pool.run<DiffOfRecords>(
      [records = std::move(records)] -> Result<DiffOfRecords> {
        return DiffOfRecords{.task = task_of(records), .accepted = accepted_diff(records)};
      },
      Completion<DiffOfRecords>([&context, request](Result<DiffOfRecords> known) {
        known ? answer(context, request, *std::move(known)) : request.fail(known.error());
      }));
}

}  // namespace

void get_diff(Context& context, Request request) {
  const Result<std::uint64_t> step = request.query_number("step", 0, UINT32_MAX);
  if (!step) return request.fail(step.error());
  context.parts.journal.read_records(
      TaskId{request.id()}, Completion<std::vector<Record>>(
                                [&context, request, step = Seq{static_cast<std::uint32_t>(*step)}](
                                    Result<std::vector<Record>> records) {
                                  if (!records) return request.fail(records.error());
                                  look_into(context, request, *std::move(records), step);
                                }));
}

}  // namespace tinkerbell::control
