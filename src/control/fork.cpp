#include "tinkerbell/syscall/fork.hpp"

#include "control/projection.hpp"
#include "control/views.hpp"

#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/protocol/draft.hpp"
#include "tinkerbell/syscall/step_changes.hpp"
#include "tinkerbell/workspace/content_store.hpp"
#include "tinkerbell/workspace/fork_drafts.hpp"
#include "tinkerbell/workspace/way_back.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace tinkerbell::control {

namespace {

/// A task of whose steps is still to be read what they changed.
struct Source {
  TaskId task = kNoTask;
  Lsn until{UINT64_MAX};      ///< Later records do not count.
  std::optional<Seq> forked;  ///< Nor do steps after this one, with which a fork of it began.
};

/// A fork on its way. One thing after the other is done with it, what takes long on the pool.
struct Forking {
  Context& context;
  Request request;
  protocol::ForkRequest wanted;
  ForkPlan plan;
  Lsn at{0};  ///< Where the steps that it is to have ended, when they were done.
  std::deque<Source> sources;
  std::vector<StepChanges> steps;  ///< What they changed, in the workspace and in drafts of it.
  std::vector<ForkFiles::Origin> origins;

  [[nodiscard]] Seq step() const { return Seq{*wanted.at}; }
};

using Ref = std::shared_ptr<Forking>;

/// Whether the task has taken over what was in its draft.
bool has_accepted(const std::vector<Record>& records) {
  Seq accepting{0};
  for (const Record& record : records) {
    if (record.kind == RecordKind::intent) {
      const Result<IntentPayload> intent = from_canonical<IntentPayload>(record.payload);
      accepting = intent && intent->command == AwaitDraftAccept::kName ? record.seq : Seq{0};
    } else if (record.kind == RecordKind::result && record.seq == accepting) {
      const Result<std::optional<Error>> error = error_in_outcome(record.payload);
      if (error && !*error) return true;
    }
  }
  return false;
}

/// What nobody could have kept stays as it is in the workspace. Errors: conflict (nobody knows what
/// it was).
Result<void> add_changes(const std::vector<Record>& records, Lsn until, Forking& fork) {
  TaskChanges changes = changes_of_task(records);
  for (const UnknownChange& unknown : changes.unknown) {
    if (unknown.ended > until || !unknown.path.empty()) continue;
    return Error{Errc::conflict, "what step " + std::to_string(number(unknown.step.seq)) +
                                     " of task " + std::to_string(number(unknown.step.task)) +
                                     " changed is not known: " + unknown.why};
  }
  for (std::vector<StepChanges>* const part : {&changes.workspace, &changes.draft}) {
    for (StepChanges& step : *part) {
      if (step.ended <= until) fork.steps.push_back(std::move(step));
    }
  }
  return {};
}

/// What one of the sources says, and where to read on: its own children, and the task from which it
/// was forked itself.
Result<void> take(const Source& source, const std::vector<Record>& records, Forking& fork) {
  Lsn until = source.until;
  if (source.forked) {
    until = std::min(until, end_of_step(records, *source.forked));
    // The step was this one's, and the fork between has a copy of it.
    if (fork.step() <= *source.forked) fork.at = end_of_step(records, fork.step());
  }
  if (Result<void> added = add_changes(records, until, fork); !added) return added;
  const protocol::TaskView task = task_of(records);
  for (const TaskId child : task.children)
    fork.sources.push_back({.task = child, .until = until, .forked = {}});
  if (task.forked_from != kNoTask) {
    fork.sources.push_back({.task = task.forked_from,
                            .until = until,
                            .forked = Seq{static_cast<std::uint32_t>(task.forked_step)}});
  }
  const bool known =
      std::ranges::find(fork.origins, task.draft, &ForkFiles::Origin::draft) != fork.origins.end();
  if (task.draft != kNoTask && !known) fork.origins.push_back({task.draft, has_accepted(records)});
  return {};
}

/// Keeps what stands in the records only: what was written, and what a file was before that.
Result<void> keep_contents(const std::vector<Record>& records, ContentStore& contents) {
  return for_each_content(records,
                          [&](const Sha256& hash, std::string_view content) -> Result<void> {
                            if (contents.has(hash)) return {};
                            const Result<Sha256> kept = contents.put(content);
                            return kept ? Result<void>() : Result<void>(kept.error());
                          });
}

/// Reads what all of them changed, one after the other.
void read_sources(const Ref& fork, Completion<ForkFiles> told) {
  if (fork->sources.empty()) {
    return fork->context.parts.pool.run<ForkFiles>(
        [fork]() -> Result<ForkFiles> {
          return ForkFiles{.states = states_at(fork->steps, fork->at), .origins = fork->origins};
        },
        std::move(told));
  }
  const Source source = fork->sources.front();
  fork->sources.pop_front();
  fork->context.parts.journal.read_records(
      source.task,
      Completion<std::vector<Record>>([fork, source, told = std::move(told)](
                                          Result<std::vector<Record>> records) mutable {
        if (!records) return told(records.error().with("what its first steps changed"));
        fork->context.parts.pool.run<void>(
            [fork, source, records = *std::move(records)]() -> Result<void> {
              if (Result<void> kept = keep_contents(records, fork->context.parts.contents); !kept) {
                return kept;
              }
              return take(source, records, *fork);
            },
            Completion<void>([fork, told = std::move(told)](const Result<void>& taken) mutable {
              taken ? read_sources(fork, std::move(told)) : told(taken.error());
            }));
      }));
}

/// The draft is made, and all that the new task is to have.
void make(const Ref& fork, TaskId task, Completion<ForkPlan> planned) {
  ControlPlane::Parts& parts = fork->context.parts;
  auto become_it = [fork, task, &parts,
                    planned = std::move(planned)](const Result<void>& made) mutable {
    if (!made) return planned(made.error());
    parts.pool.run<ForkPlan>(
        [fork, task, now = parts.clock.wall()]() -> Result<ForkPlan> {
          become(task, now, fork->plan);
          return std::move(fork->plan);
        },
        std::move(planned));
  };
  parts.fork_drafts.make(
      {.task = task,
       .workspace = fork->plan.task.workspace,
       .files =
           [fork](Completion<ForkFiles> told) {
             fork->sources.push_back(
                 {.task = fork->plan.task.forked_from, .until = Lsn{UINT64_MAX}, .forked = {}});
             read_sources(fork, std::move(told));
           }},
      Completion<void>(std::move(become_it)));
}

void submit(const Ref& fork) {
  fork->plan.task.approve_all = fork->wanted.approve_all;
  fork->plan.task.origin = fork->request.person();
  Context& context = fork->context;
  context.parts.calls.fork(
      {.kind = fork->plan.task.kind,
       .say = fork->wanted.say,
       .by = fork->request.person(),
       .plan = [fork](TaskId task,
                      Completion<ForkPlan> planned) { make(fork, task, std::move(planned)); }},
      Completion<TaskId>([&context, request = fork->request](const Result<TaskId>& task) {
        if (!task) return request.fail(task.error());
        context.parts.fork_drafts.claim(*task);
        answer_with_new_task(context, request)(*task);
      }));
}

void plan(const Ref& fork, const TaskHead& head) {
  fork->context.parts.journal.read_records(
      head.task, Completion<std::vector<Record>>([fork, head](Result<std::vector<Record>> records) {
        if (!records) return fork->request.fail(records.error());
        fork->context.parts.pool.run<ForkPlan>(
            [fork, head, records = *std::move(records)] {
              return plan_fork(head, records, fork->step());
            },
            Completion<ForkPlan>([fork](Result<ForkPlan> plan) {
              if (!plan) return fork->request.fail(plan.error());
              fork->plan = *std::move(plan);
              fork->at = fork->plan.end;
              submit(fork);
            }));
      }));
}

/// Nobody knows whether its steps can be run again. Errors: conflict.
Result<void> check_runs(Context& context, TaskId task) {
  const std::optional<LiveView> live = context.parts.calls.view(task);
  const bool stuck = live && protocol::is_stuck(name_of(live->state));
  if (!stuck) return {};
  return Error{Errc::conflict, "task " + std::to_string(number(task)) + " is " +
                                   std::string(name_of(live->state)) + ": " + live->waiting_for};
}

}  // namespace

void post_fork(Context& context, Request request) {
  Result<protocol::ForkRequest> wanted = request.body<protocol::ForkRequest>();
  if (!wanted) return request.fail(wanted.error());
  if (const Result<void> fits = check(*wanted); !fits) return request.fail(fits.error());
  const TaskId task{request.id()};
  if (const Result<void> runs = check_runs(context, task); !runs) {
    return request.fail(runs.error());
  }
  auto fork = std::make_shared<Forking>(Forking{.context = context,
                                                .request = std::move(request),
                                                .wanted = *std::move(wanted),
                                                .plan = {},
                                                .sources = {},
                                                .steps = {},
                                                .origins = {}});
  context.parts.journal.read_task(
      task, Completion<Journal::StoredTask>([fork](const Result<Journal::StoredTask>& stored) {
        stored ? plan(fork, stored->head) : fork->request.fail(stored.error());
      }));
}

}  // namespace tinkerbell::control
