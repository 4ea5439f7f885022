#include "syscall/stations.hpp"

// What people ask for, and the beginning and end of a task.

namespace tinkerbell {

void SystemCalls::submit(Submission submission, Completion<TaskId> done) {
  const TaskKind* const kind = parts_.registry.find(submission.kind);
  if (kind == nullptr) {
    done(Error{Errc::not_found, "there is no task kind \"" + submission.kind + "\""});
    return;
  }
  if (live_.size() >= kLiveTasksMax) {
    done(Error{Errc::exhausted, "too many tasks at once"});
    return;
  }
  Result<Json> definition = kind->freeze(submission.arguments);
  if (!definition) {
    done(definition.error());
    return;
  }
  last_task_ = TaskId{number(last_task_) + 1};
  LiveTask& live = begin_task(last_task_,
                              {.kind = std::move(submission.kind),
                               .workspace = std::move(submission.workspace),
                               .arguments = std::move(submission.arguments),
                               .definition = *std::move(definition),
                               .origin = std::move(submission.by),
                               .approve_all = submission.approve_all,
                               .parent = submission.parent},
                              *kind);
  std::vector<Record> records;
  records.push_back(make_record(live, RecordKind::task, canonical_bytes(live.payload)));
  live.last_result = append(live, std::move(records));  // nothing goes out before the task itself
  gate_->when_durable(live.last_result,
                      [id = live.head.task, done = std::move(done)]() mutable { done(id); });
  run_task(live, *kind);
}

LiveTask& SystemCalls::begin_task(TaskId id, TaskPayload payload, const TaskKind& kind) {
  auto task = std::make_unique<LiveTask>();
  task->head = {.task = id,
                .parent = payload.parent,
                .kind = payload.kind,
                .title = parts_.masker.masked(kind.title(payload.arguments)),
                .state = std::string(name_of(TaskState::ready)),
                .created = parts_.clock.wall()};
  task->payload = std::move(payload);
  LiveTask& placed = *task;
  live_.emplace(id, std::move(task));
  return placed;
}

void SystemCalls::run_task(LiveTask& live, const TaskKind& kind) {
  scheduler_.spawn_as(live.head.task, live.payload.kind,
                      kind.start({.task = live.head.task,
                                  .created = live.head.created,
                                  .workspace = live.payload.workspace,
                                  .arguments = live.payload.arguments,
                                  .definition = live.payload.definition}),
                      [this](TaskId task, const Exit& exit) { task_ended(task, exit); });
}

void SystemCalls::task_ended(TaskId task, const Exit& exit) {
  const auto found = live_.find(task);
  TINKERBELL_ASSERT(found != live_.end());
  const std::unique_ptr<LiveTask> live = std::move(found->second);
  live_.erase(found);
  if (live->flight) book_.withdraw(live->flight->approval);

  const auto* const value = exit.value_as<Json>();
  DonePayload payload{.state = std::string(name_of(exit.state)),
                      .value = value != nullptr ? *value : Json()};
  if (exit.error) {
    payload.error_code = std::string(to_string(exit.error->code));
    payload.error = exit.error->message;
  }
  mask_strings(payload, parts_.masker);
  live->head.state = payload.state;
  live->head.ended = true;
  std::vector<Record> records;
  records.push_back(make_record(*live, RecordKind::done, canonical_bytes(payload)));
  append(*live, std::move(records));
  tell_joiners(*live, payload);
}

// ---- signals ----

void SystemCalls::signal(TaskId task, SignalPayload payload, Completion<void> done) {
  LiveTask* const live = find(task);
  if (live == nullptr) {
    const std::string name = "task " + std::to_string(number(task));
    const bool existed = task != kNoTask && number(task) <= number(last_task_);
    done(existed ? Error{Errc::conflict, name + " has ended"}
                 : Error{Errc::not_found, "no " + name});
    return;
  }
  std::vector<Record> records;
  records.push_back(make_record(*live, RecordKind::signal, canonical_bytes(payload)));
  const Lsn lsn = append(*live, std::move(records));
  gate_->when_durable(lsn, [done = std::move(done)]() mutable { done(Result<void>{}); });
}

void SystemCalls::cancel_task(TaskId task, std::string reason, Person by, Completion<void> done) {
  signal(task, {.signal = Signal::cancel, .reason = reason, .by = std::move(by)}, std::move(done));
  LiveTask* const live = find(task);
  if (live == nullptr || live->cancel_reason) return;
  live->cancel_reason = reason;
  // While it is replayed, its past must reach it first; dispatch looks for the reason at the end of
  // it.
  if (live->past.empty()) (void)scheduler_.kill(task, std::move(reason));
}

void SystemCalls::pause(TaskId task, Person by, Completion<void> done) {
  if (LiveTask* const live = find(task)) live->paused = true;
  signal(task, {.signal = Signal::pause, .reason = {}, .by = std::move(by)}, std::move(done));
}

void SystemCalls::resume(TaskId task, Person by, Completion<void> done) {
  signal(task, {.signal = Signal::resume, .reason = {}, .by = std::move(by)}, std::move(done));
  LiveTask* const live = find(task);
  if (live == nullptr) return;
  live->paused = false;
  if (live->flight && live->flight->station == Station::held) {
    scheduler_.mark(task, TaskState::waiting);
    prepare(*live);
  }
}

}  // namespace tinkerbell
