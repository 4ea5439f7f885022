#include "syscall/stations.hpp"

namespace tinkerbell {

namespace {

template <class T>
Result<void> read_payload(const Record& record, T& into) {
  Result<T> value = from_canonical<T>(record.payload);
  if (!value) {
    return value.error().with(std::string(name_of(record.kind)) + " record " +
                              std::to_string(number(record.lsn)));
  }
  into = *std::move(value);
  return {};
}

Result<void> read_signal(const Record& record, LiveTask& live) {
  SignalPayload payload;
  if (Result<void> read = read_payload(record, payload); !read) return read;
  switch (payload.signal) {
    case Signal::cancel:
      live.cancel_reason = payload.reason;
      break;
    case Signal::pause:
      live.paused = true;
      break;
    case Signal::resume:
      live.paused = false;
      break;
  }
  return {};
}

Result<void> read_intent(const Record& record, PastCommand& past) {
  past.fingerprint = record.fingerprint;
  past.asked = record.wall;
  past.attempts = record.attempt;
  past.started = record.wall;
  return read_payload(record, past.intent);
}

/// What a person approved for the whole task is known by its arguments; they are in the command,
/// which replay meets again. The grant itself is kept by its hash only, so it is read from the
/// answer.
Result<void> read_answer(const Record& record, PastCommand& past) {
  past.decision.emplace();
  return read_payload(record, *past.decision);
}

Result<void> read_record(const Record& record, LiveTask& live) {
  PastCommand& past = live.past[record.seq];
  switch (record.kind) {
    case RecordKind::task:
      return read_payload(record, live.payload);
    case RecordKind::signal:
      return read_signal(record, live);
    case RecordKind::intent:
      return read_intent(record, past);
    case RecordKind::start:
      past.attempts = record.attempt;
      past.started = record.wall;
      past.unsure.reset();  // a person had it started once more
      return {};
    case RecordKind::result:
      past.result = record.payload;
      return {};
    case RecordKind::approval:
      return read_answer(record, past);
    case RecordKind::file:
      return read_payload(record, past.pre_image.emplace());
    case RecordKind::unsure:
      return read_payload(record, past.unsure.emplace());
    case RecordKind::done:
    case RecordKind::snapshot:
    case RecordKind::resolved:
      return {};
  }
  return Error{Errc::invalid, "record " + std::to_string(number(record.lsn)) + " of unknown kind"};
}

}  // namespace

Result<LiveTask> live_task_from(const TaskHead& head, const std::vector<Record>& records) {
  LiveTask live;
  live.head = head;
  for (const Record& record : records) {
    if (Result<void> read = read_record(record, live); !read) return read.error();
    if (record.kind == RecordKind::result) live.last_result = record.lsn;
  }
  live.past.erase(Seq{0});  // the task itself
  return live;
}

Result<void> SystemCalls::recover(const TaskHead& head, const std::vector<Record>& records) {
  Result<LiveTask> read = live_task_from(head, records);
  if (!read) return read.error();
  const TaskKind* const kind = parts_.registry.find(read->payload.kind);
  if (kind == nullptr) {
    return Error{Errc::not_found, "this program has no task kind \"" + read->payload.kind + "\""};
  }
  parts_.journal.adopt(head);
  auto task = std::make_unique<LiveTask>(*std::move(read));
  LiveTask& live = *task;
  live_.emplace(head.task, std::move(task));
  parts_.logger.info("task.recovered",
                     {{"task", number(head.task)}, {"commands", live.past.size()}});
  run_task(live, *kind);
  return {};
}

}  // namespace tinkerbell
