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
  if (payload.signal == Signal::cancel && !live.cancel) {  // the first reason counts
    payload.seq = std::max(payload.seq, newest_command(live));
    live.cancel = cancel_request(payload, record.lsn);
  }
  if (payload.signal == Signal::message) live.messages.put(payload.from, payload.message);
  return follow_signal(payload, live.stops);
}

Result<void> read_intent(const Record& record, PastCommand& past) {
  past.fingerprint = record.fingerprint;
  past.asked = record.wall;
  past.attempts = record.attempt;
  past.started = record.wall;
  if (Result<void> read = read_payload(record, past.intent); !read) return read;
  if (past.intent.started) past.begun = record.lsn;
  return {};
}

Result<void> read_answer(const Record& record, PastCommand& past) {
  ApprovalPayload& answer = past.decision.emplace();
  if (Result<void> read = read_payload(record, answer); !read) return read;
  if (is_grant(answer)) past.grant = answer;
  return {};
}

/// A message that an earlier run handed to the task is in its mailbox no more.
Result<void> read_result(const Record& record, PastCommand& past, MessageBox& messages) {
  past.result = record.payload;
  past.result_lsn = record.lsn;
  if (past.intent.command != Receive::kName) return {};
  const Result<Result<Reply>> outcome = outcome_from_canonical(Receive{}, record.payload);
  if (!outcome) return outcome.error();
  if (!*outcome) return {};
  const std::uint64_t taken = std::get<Receive::Reply>(**outcome).number;
  std::erase_if(messages.waiting, [&](const auto& each) { return each.number == taken; });
  return {};
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
      return read_result(record, past, live.messages);
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

CancelRequest cancel_request(const SignalPayload& signal, Lsn lsn) {
  return {
      .reason = signal.reason, .newest = signal.seq, .unrecorded = signal.unrecorded, .lsn = lsn};
}

Seq newest_command(const LiveTask& live) {
  return live.past.empty() ? live.last_seq : live.past.rbegin()->first;
}

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
  const std::optional<Error> unreadable = read ? std::nullopt : std::optional(read.error());
  auto task = std::make_unique<LiveTask>(unreadable ? LiveTask{} : *std::move(read));
  LiveTask& live = *task;
  live.head = head;
  live_.emplace(head.task, std::move(task));
  parts_.journal.adopt(head);
  const TaskKind* const kind = parts_.registry.find(live.payload.kind);
  if (unreadable || kind == nullptr) {
    Error why = unreadable.value_or(
        Error{Errc::not_found, "this program has no task kind \"" + live.payload.kind + "\""});
    set_aside(live, why.message);
    return why;
  }
  parts_.logger.info("task.recovered",
                     {{"task", number(head.task)}, {"commands", live.past.size()}});
  run_task(live, *kind);
  pass_on_between_commands(live);
  return {};
}

/// Nothing runs and nothing is appended until somebody ends it or a program that can run it comes.
void SystemCalls::set_aside(LiveTask& live, std::string why) {
  live.set_aside = std::move(why);
  live.past.clear();
  if (live.cancel) ask_to_end(live);
}

std::set<std::string> SystemCalls::keys_under_way(const std::vector<Record>& records) const {
  std::set<CommandId> started;
  for (const Record& record : records) {
    const CommandId id{record.task, record.seq};
    if (record.kind == RecordKind::result) {
      started.erase(id);
    } else if (record.attempt > 0) {
      started.insert(id);
    }
  }
  std::set<std::string> keys;
  for (const CommandId& id : started)
    keys.insert(key_of(id));
  return keys;
}

void SystemCalls::replay_all() {
  constexpr std::size_t kTurnsBetweenLooks = 1'024;
  const auto replaying = [](const auto& each) { return !each.second->past.empty(); };
  while (scheduler_.has_ready() && std::ranges::any_of(live_, replaying)) {
    scheduler_.run(kTurnsBetweenLooks, parts_.clock.steady());
  }
}

}  // namespace tinkerbell
