#include "tinkerbell/protocol/replay.hpp"

#include "control/views.hpp"

#include "tinkerbell/io/blocking_pool.hpp"

namespace tinkerbell::control {

namespace {

protocol::ReplayView view_of(TaskId task, const ReplayReport& report) {
  protocol::ReplayView view{.task = task, .steps = report.steps, .end = {}, .difference = {}};
  if (report.end.kind == ReplayEnd::Kind::same) view.end = report.end.found;
  if (report.end.kind == ReplayEnd::Kind::diverged) {
    view.difference = {.step = number(report.end.at),
                       .from_snapshot = report.from == ReplayFrom::snapshot,
                       .recorded = report.end.recorded,
                       .found = report.end.found};
  }
  return view;
}

/// What may end the program that runs it is not run in the daemon.
Result<void> check_harmless(const RecordedTask& recorded) {
  const std::optional<std::string> why = quarantine_in(recorded.records);
  if (!why) return {};
  return Error{Errc::conflict, "task " + std::to_string(number(recorded.task)) +
                                   " is not run again in the daemon (" + *why +
                                   "): take a core of it, and debug that"};
}

/// Not on the loop: a long past takes long.
void check(Context& context, const Request& request, RecordedTask recorded) {
  const TaskId task = recorded.task;
  context.parts.pool.run<ReplayReport>(
      [registry = context.parts.registry,  // a copy: the daemon's own goes before the pool does
       recorded = std::move(recorded)] -> Result<ReplayReport> {
        if (Result<void> harmless = check_harmless(recorded); !harmless) return harmless.error();
        return check_replay(registry, recorded);
      },
      Completion<ReplayReport>([&context, request, task](const Result<ReplayReport>& report) {
        if (!report) return request.fail(report.error());
        protocol::ReplayView view = view_of(task, *report);
        mask_strings(view, context.parts.masker);
        request.answer(view);
      }));
}

}  // namespace

void read_recorded(Context& context, TaskId id, Completion<RecordedTask> done) {
  context.parts.journal.read_tasks(
      Store::Which::all, TaskId{number(id) + 1}, 1,
      Completion<std::vector<TaskHead>>([&context, id, done = std::move(done)](
                                            const Result<std::vector<TaskHead>>& heads) mutable {
        if (!heads) return done(heads.error());
        if (heads->empty() || heads->front().task != id) {
          return done(Error{Errc::not_found, "no task " + std::to_string(number(id))});
        }
        context.parts.journal.read_records(
            id, Completion<std::vector<Record>>([id, created = heads->front().created,
                                                 done = std::move(done)](
                                                    Result<std::vector<Record>> records) mutable {
              if (!records) return done(records.error());
              done(RecordedTask{.task = id, .created = created, .records = *std::move(records)});
            }));
      }));
}

void post_replay(Context& context, Request request) {
  read_recorded(context, TaskId{request.id()},
                Completion<RecordedTask>([&context, request](Result<RecordedTask> recorded) {
                  recorded ? check(context, request, *std::move(recorded))
                           : request.fail(recorded.error());
                }));
}

}  // namespace tinkerbell::control
