#include "tinkerbell/protocol/undo.hpp"

#include "control/family.hpp"
#include "control/views.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/syscall/registry.hpp"
#include "tinkerbell/workspace/change_list.hpp"
#include "tinkerbell/workspace/way_back.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell::control {

namespace {

constexpr std::size_t kListedMax = 20;

std::string task_words(TaskId task) {
  return "task " + std::to_string(number(task));
}

/// What is to be done, as far as the journal tells.
struct Plan {
  AwaitFileRestore command;
  std::vector<FileChange> changes;  ///< Which the command is to make.
  std::string workspace;
  TaskId draft = kNoTask;  ///< In which it is to be done; kNoTask: in the workspace.
  protocol::UndoView view;
};

/// Files may not change under a task that will go on.
Result<void> check_over(const Family& family) {
  for (const Family::Member& member : family.members) {
    if (member.head.ended) continue;
    const std::string who = task_words(member.head.task);
    const std::string whose =
        member.head.task == family.self().head.task
            ? ""
            : ", which belongs to " + task_words(family.self().head.task) + ",";
    return Error{Errc::conflict, who + whose +
                                     " has not ended: wait for it, or `tinkerbell cancel " +
                                     std::to_string(number(member.head.task)) + "` it first"};
  }
  return {};
}

/// Where the step ends. Errors: invalid (there is no such step, or it was another task's).
Result<Lsn> end_of(const Family::Member& task, std::uint64_t step) {
  const std::string who = task_words(task.head.task);
  if (step > task.head.steps) {
    return Error{Errc::invalid, who + " has only " + std::to_string(task.head.steps) + " steps"};
  }
  const bool forked = task.task.forked_from != kNoTask;
  if (forked && step != 0 && step < task.task.forked_step) {
    return Error{Errc::invalid, who + " begins at step " + std::to_string(task.task.forked_step) +
                                    " of " + task_words(task.task.forked_from) +
                                    ": it cannot go back behind that"};
  }
  return end_of_step(task.records, Seq{static_cast<std::uint32_t>(step)});
}

std::string why_nothing(const Family& family, std::uint64_t step) {
  const std::string since = step == 0 ? "" : " after step " + std::to_string(step);
  for (auto member = family.members.rbegin(); member != family.members.rend(); ++member) {
    if (member->head.kind != kUndoKind || member->head.task == family.self().head.task) continue;
    if (changes_of_task(member->records).workspace.empty() &&
        changes_of_task(member->records).draft.empty()) {
      continue;
    }
    return "there is nothing to take back: " + task_words(member->head.task) +
           " has done that already";
  }
  return "there is nothing to take back: as far as is known, " +
         task_words(family.self().head.task) + " has changed nothing" + since +
         " that is still there";
}

std::string step_words(const CommandId& step) {
  return "step " + std::to_string(number(step.seq)) + " of " + task_words(step.task);
}

/// Of all that may have changed besides, each once.
std::vector<protocol::StaysView> unknown_of(const TaskChanges& changes, Lsn after) {
  std::vector<protocol::StaysView> all;
  for (const UnknownChange& unknown : changes.unknown) {
    if (unknown.ended <= after) continue;
    protocol::StaysView view{
        .path = unknown.path,
        .why = unknown.path.empty() ? step_words(unknown.step) + ", " + unknown.why : unknown.why};
    if (std::ranges::find(all, view) == all.end()) all.push_back(std::move(view));
  }
  return all;
}

/// In its draft, as long as nothing of that has come into the workspace.
void choose_place(const Family& family, const TaskChanges& changes, Lsn after, const Drafts& drafts,
                  Plan& plan) {
  const TaskPayload& task = family.self().task;
  WayBack way = way_back(changes.workspace, after);
  if (way.changes.empty() && way.others.empty() && task.draft != kNoTask &&
      drafts.open(task.workspace, task.draft)) {
    way = way_back(changes.draft, after);
    plan.draft = task.draft;
    plan.view.in_draft = true;
  }
  plan.changes = std::move(way.changes);
  for (const WrittenBetween& between : way.others) {
    plan.view.others.push_back({.path = between.path,
                                .why = "somebody else wrote there between " +
                                       step_words(between.earlier) + " and " +
                                       step_words(between.later) + ", and that is kept"});
  }
}

bool needs_content(const std::optional<FileState>& state) {
  return state && state->type != FileType::directory;
}

/// Puts into the store what the journal has of it, and the list itself; what nobody has is left as
/// it is. Errors: those of ContentStore.
Result<void> gather_contents(const Family& family, ContentStore& contents, Plan& plan) {
  std::set<Sha256> wanted;
  for (const FileChange& change : plan.changes) {
    for (const auto& state : {change.before, change.after}) {
      if (needs_content(state)) wanted.insert(state->content);
    }
  }
  for (const Family::Member& member : family.members) {
    if (Result<void> kept = keep_contents(member.records, wanted, contents); !kept) return kept;
  }
  if (Result<void> synced = contents.sync(); !synced) return synced;
  std::erase_if(plan.changes, [&](const FileChange& change) {
    const bool lost = needs_content(change.after) && !contents.has(change.after->content);
    if (lost) {
      plan.view.others.push_back({.path = change.path, .why = "how it was then was not kept"});
    }
    return lost;
  });
  std::ranges::sort(plan.view.others, {}, &protocol::StaysView::path);
  const Result<Sha256> list = keep_changes(plan.changes, contents);
  if (!list) return list.error();
  plan.command.list_sha256 = list->hex();
  return contents.sync();
}

/// Errors: conflict (one of them has not ended), invalid (there is no such step), those of
/// ContentStore.
Result<Plan> plan_of(const Family& family, const protocol::UndoRequest& wanted,
                     const Drafts& drafts, ContentStore& contents) {
  if (const Result<void> over = check_over(family); !over) return over.error();
  const Result<Lsn> after = end_of(family.self(), wanted.to_step);
  if (!after) return after.error();
  const TaskChanges changes = changes_of(family);
  Plan plan{.command = {.of = family.self().head.task,
                        .step = wanted.to_step,
                        .keep_others = wanted.keep_others || wanted.dry_run},
            .workspace = family.self().task.workspace,
            .view = {.task = family.self().head.task, .to_step = wanted.to_step}};
  choose_place(family, changes, *after, drafts, plan);
  if (const Result<void> kept = gather_contents(family, contents, plan); !kept) return kept.error();
  plan.view.unknown = unknown_of(changes, *after);
  if (plan.changes.empty() && plan.view.others.empty()) {
    plan.view.note = why_nothing(family, wanted.to_step);
  }
  return plan;
}

/// Why it is not done as it is asked for.
Result<void> check_wanted(const Plan& plan, const protocol::UndoRequest& wanted) {
  if (!plan.view.note.empty()) return Error{Errc::conflict, plan.view.note};
  const bool some = wanted.keep_others && !plan.changes.empty();
  if (some || plan.view.others.empty()) return {};
  std::string message = "nothing is taken back, because of";
  for (std::size_t i = 0; i < plan.view.others.size() && i < kListedMax; ++i) {
    const protocol::StaysView& each = plan.view.others[i];
    message += "\n  " + visible_line(each.path) + ": " + each.why;
  }
  if (plan.view.others.size() > kListedMax) {
    message += "\n  and " + std::to_string(plan.view.others.size() - kListedMax) + " more";
  }
  if (!plan.changes.empty()) message += "\n`--keep-others` takes back the rest";
  return Error{Errc::conflict, std::move(message)};
}

void submit(Context& context, const Request& request, Plan plan, bool approve_all) {
  Json unknown = Json::array();
  for (const protocol::StaysView& each : plan.view.unknown)
    unknown.push_back(each.path.empty() ? each.why : each.path + ": " + each.why);
  context.parts.calls.submit(
      {.kind = std::string(kUndoKind),
       .workspace = std::move(plan.workspace),
       .arguments = {{"restore", to_json_value(plan.command)}, {"unknown", std::move(unknown)}},
       .approve_all = approve_all,
       .budget = context.parts.facts.budget,
       .by = request.person(),
       .draft = plan.draft},
      answer_with_new_task(context, request));
}

/// What the driver finds: against the files as they are now.
void add_outlook(const Facts& facts, protocol::UndoView& view) {
  for (const auto& [change, diff] : facts.changes)
    view.files.push_back(file_diff(change, diff));
  for (const LeftInDraft& left : facts.left)
    view.others.push_back({.path = left.path, .why = left.why});
}

/// What the driver objects to, with what can be done about it.
Error refusal(const Error& error) {
  const bool others = error.code == Errc::conflict || error.code == Errc::not_found;
  if (!others) return error;
  return {error.code, "nothing is taken back, because of " + error.message +
                          "\n`--keep-others` takes back the rest"};
}

/// Looks first: whoever asks for what cannot be done hears it at once, and no task comes of it.
void look(Context& context, const Request& request, Plan plan,
          const protocol::UndoRequest& wanted) {
  const TaskCommand command = plan.command;
  const std::string workspace = plan.workspace;
  const TaskId draft = plan.draft;
  context.parts.calls.preview(
      command, workspace, draft,
      Completion<Facts>(
          [&context, request, wanted, plan = std::move(plan)](Result<Facts> facts) mutable {
            if (!facts) return request.fail(refusal(facts.error()));
            if (!wanted.dry_run) {
              return submit(context, request, std::move(plan), wanted.approve_all);
            }
            answer_from_pool(context, request,
                             [facts = *std::move(facts), view = std::move(plan.view)]() mutable {
                               add_outlook(facts, view);
                               return Result<protocol::UndoView>(std::move(view));
                             });
          }));
}

void begin(Context& context, const Request& request, Plan plan,
           const protocol::UndoRequest& wanted) {
  if (wanted.dry_run) {
    if (plan.changes.empty()) return request.answer(plan.view);
    return look(context, request, std::move(plan), wanted);
  }
  if (const Result<void> fits = check_wanted(plan, wanted); !fits)
    return request.fail(fits.error());
  look(context, request, std::move(plan), wanted);
}

}  // namespace

void post_undo(Context& context, Request request) {
  const Result<protocol::UndoRequest> wanted = request.body<protocol::UndoRequest>();
  if (!wanted) return request.fail(wanted.error());
  read_family(context, TaskId{request.id()},
              Completion<Family>([&context, request, wanted = *wanted](Result<Family> family) {
                if (!family) return request.fail(family.error());
                context.parts.pool.run<Plan>(
                    [family = *std::move(family), wanted, drafts = context.parts.drafts,
                     &contents = context.parts.contents] {
                      return plan_of(family, wanted, drafts, contents);
                    },
                    Completion<Plan>([&context, request, wanted](Result<Plan> plan) {
                      plan ? begin(context, request, *std::move(plan), wanted)
                           : request.fail(plan.error());
                    }));
              }));
}

}  // namespace tinkerbell::control
