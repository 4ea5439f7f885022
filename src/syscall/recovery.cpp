#include "syscall/stations.hpp"

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/syscall/offline_replay.hpp"

#include <algorithm>
#include <iterator>
#include <ranges>

namespace tinkerbell {

namespace {

Result<void> read_signal(const Record& record, LiveTask& live) {
  SignalPayload payload;
  if (Result<void> read = read_payload(record, payload); !read) return read;
  if (payload.signal == Signal::cancel && !live.cancel) {  // the first reason counts
    payload.seq = std::max(payload.seq, newest_command(live));
    live.cancel = cancel_request(payload, record.lsn);
  }
  if (payload.budget && payload.signal == Signal::budget) live.payload.budget = *payload.budget;
  if (payload.signal == Signal::message) {
    live.messages.put(payload.from, payload.message, payload.secrets);
  }
  if (payload.signal == Signal::say) {
    live.words.push_back({{payload.reason, payload.seq, payload.unrecorded}, record.lsn});
  }
  return follow_signal(payload, live.stops);
}

/// What came before is of no account any more. A task that is to end notes no state, so there is no
/// such wish in it.
Result<void> read_snapshot(const Record& record, LiveTask& live) {
  SnapshotPayload payload;
  if (Result<void> read = read_payload(record, payload); !read) return read;
  LiveTask then;
  then.payload = std::move(payload.task);
  then.state = std::move(payload.state);
  then.last_seq = record.seq;
  then.totals = std::move(payload.totals);
  // Whether it had read secrets nobody wrote down then.
  then.taint = payload.taint.value_or(Taint{.model = true, .outside = true});
  std::ranges::copy_if(then.totals.children, std::back_inserter(then.children),
                       [&](TaskId child) { return child > record.task; });
  for (const GrantPayload& grant : payload.grants)
    then.grants.emplace(Sha256::from_hex(grant.hash), grant.approval);
  std::ranges::move(payload.messages, std::back_inserter(then.messages.waiting));
  then.messages.received = payload.received;
  for (WordsPayload& words : payload.words)
    then.words.push_back({.said = std::move(words)});
  then.stops.before_each = payload.before_each;
  then.stops.last_breakpoint = payload.last_breakpoint;
  for (const BreakpointPayload& each : payload.breakpoints) {
    Result<Breakpoint> breakpoint = breakpoint_from(each.pattern);
    if (!breakpoint) return breakpoint.error();
    then.stops.breakpoints.emplace(each.number, *std::move(breakpoint));
  }
  live = std::move(then);
  return {};
}

/// What stands before the task itself, or before its newest Checkpoint has ended, is not replayed.
Result<void> read_record(Record record, LiveTask& live) {
  switch (record.kind) {
    case RecordKind::task:
      if (Result<void> read = read_payload(record, live.payload); !read) return read;
      live.taint = live.payload.taint;
      return {};
    case RecordKind::signal:
      return read_signal(record, live);
    case RecordKind::snapshot:
      return read_snapshot(record, live);
    case RecordKind::result:
      live.last_result = record.lsn;
      break;
    case RecordKind::intent:
    case RecordKind::start:
    case RecordKind::approval:
    case RecordKind::file:
    case RecordKind::unsure:
    case RecordKind::resolved:
    case RecordKind::done:
    case RecordKind::deferred:
      break;
  }
  if (record.seq > live.last_seq) live.past.add(std::move(record));
  return {};
}

}  // namespace

/// Looks at the newest signals only, since the other records may be what ends the daemon.
std::optional<std::string> quarantine_in(const std::vector<Record>& records) {
  for (const Record& record : std::views::reverse(records)) {
    if (record.kind != RecordKind::signal) continue;
    SignalPayload payload;
    if (!read_payload(record, payload) || payload.signal == Signal::resume) return std::nullopt;
    if (payload.signal == Signal::quarantined) return payload.reason;
  }
  return std::nullopt;
}

CancelRequest cancel_request(const SignalPayload& signal, Lsn lsn) {
  return {
      .reason = signal.reason, .newest = signal.seq, .unrecorded = signal.unrecorded, .lsn = lsn};
}

namespace {

TaskPayload whole_payload(const LiveTask& live) {
  TaskPayload payload = live.payload;
  if (live.begun_with.empty()) return payload;  // it has not begun
  Result<BegunWith> begun = from_canonical<BegunWith>(live.begun_with);
  TINKERBELL_ASSERT(begun);  // we wrote it
  payload.arguments = std::move(begun->arguments);
  payload.definition = std::move(begun->definition);
  return payload;
}

}  // namespace

SnapshotPayload snapshot_of(const LiveTask& live, Json state) {
  SnapshotPayload snapshot{.state = std::move(state),
                           .task = whole_payload(live),
                           .created_unix_ns = unix_nanoseconds(live.head.created),
                           .before_each = live.stops.before_each,
                           .breakpoints = {},
                           .last_breakpoint = live.stops.last_breakpoint,
                           .grants = {},
                           .messages = {live.messages.waiting.begin(), live.messages.waiting.end()},
                           .received = live.messages.received,
                           .totals = live.totals,
                           .words = {},
                           .taint = live.taint};
  for (const auto& [number, breakpoint] : live.stops.breakpoints)
    snapshot.breakpoints.push_back({number, breakpoint.pattern});
  for (const auto& [hash, approval] : live.grants)
    snapshot.grants.push_back({hash.hex(), approval});
  for (const Words& words : live.words)
    snapshot.words.push_back(words.said);
  return snapshot;
}

Seq newest_command(const LiveTask& live) {
  return live.past.empty() ? live.last_seq : live.past.newest();
}

Result<LiveTask> live_task_from(const TaskHead& head, std::vector<Record> records) {
  LiveTask live;
  live.past.reserve(records.size());
  for (Record& record : records) {
    if (Result<void> read = read_record(std::move(record), live); !read) return read.error();
  }
  live.head = head;
  return live;
}

LiveTask& SystemCalls::place(const TaskHead& head, LiveTask live) {
  auto task = std::make_unique<LiveTask>(std::move(live));
  task->head = head;
  return *live_.insert_or_assign(head.task, std::move(task)).first->second;
}

Result<void> SystemCalls::recover(const TaskHead& head, std::vector<Record> records) {
  if (!recovering_since_) recovering_since_ = parts_.clock.steady();
  parts_.journal.adopt(head);
  if (std::optional<std::string> why = quarantine_in(records)) {
    put_into_quarantine(head, *std::move(why));
    return {};
  }
  Result<void> back = bring_back(head, std::move(records));
  if (back) {
    parts_.logger.info("task.recovered", {{"task", number(head.task)}, {"commands", head.steps}});
  }
  return back;
}

Result<void> SystemCalls::bring_back(const TaskHead& head, std::vector<Record> records) {
  Result<LiveTask> read = live_task_from(head, std::move(records));
  const std::optional<Error> unreadable = read ? std::nullopt : std::optional(read.error());
  LiveTask& live = place(head, unreadable ? LiveTask{} : *std::move(read));
  const TaskKind* const kind = parts_.registry.find(live.payload.kind);
  if (unreadable || kind == nullptr) {
    Error why = unreadable.value_or(
        Error{Errc::not_found, "this program has no task kind \"" + live.payload.kind + "\""});
    set_aside(live, why.message);
    return why;
  }
  // While others may still be missing, a task is only shown what it has seen before.
  if (recovering_since_ && (live.past.empty() || live.cancel)) {
    wait_at_frontier(live);
    return {};
  }
  begin(live, *kind);
  if (recovering_since_) run_until_replayed(head.task);
  return {};
}

void SystemCalls::begin(LiveTask& live, const TaskKind& kind) {
  run_task(live, kind);
  pass_on_between_commands(live);
}

void SystemCalls::recover_unreadable(const TaskHead& head, const Error& why) {
  parts_.logger.error("task.not_recovered", {{"task", number(head.task)}, {"error", why.message}});
  parts_.journal.adopt(head);
  LiveTask& live = place(head, {});
  live.last_seq = Seq{head.steps};
  set_aside(live, why.message);
}

/// Nothing runs and nothing is appended until somebody ends it or a program that can run it comes.
void SystemCalls::set_aside(LiveTask& live, std::string why) {
  live.set_aside = std::move(why);
  live.past.clear();
  if (live.cancel) ask_to_end(live);
}

// ---- quarantine ----

void SystemCalls::quarantine(const TaskHead& head, std::string why) {
  parts_.journal.adopt(head);
  put_into_quarantine(head, why);
  note(*find(head.task), {.signal = Signal::quarantined, .reason = std::move(why)});
}

void SystemCalls::put_into_quarantine(const TaskHead& head, std::string why) {
  parts_.logger.error("task.quarantined", {{"task", number(head.task)}, {"reason", why}});
  LiveTask& live = place(head, {});
  live.quarantined = true;
  live.last_seq = Seq{head.steps};  // or its next signal would say that it has taken none
  set_aside(live, std::move(why));
}

/// The signal that lets it go is in the journal. What else came meanwhile must be read as well.
void SystemCalls::leave_quarantine(TaskId task, Completion<void> done) {
  parts_.journal.read_records(
      task, Completion<std::vector<Record>>(
                [this, open = std::weak_ptr<bool>(open_), task,
                 done = std::move(done)](Result<std::vector<Record>> records) mutable {
                  if (open.expired()) return done(Error{Errc::unavailable, "the daemon stops"});
                  if (!records) return done(records.error());
                  LiveTask* const live = find(task);
                  if (live == nullptr || !live->quarantined) return done(check_live(task));
                  if (records->back().lsn < live->newest_signal) {
                    return leave_quarantine(task, std::move(done));
                  }
                  std::map<Lsn, CommandId> joiners = std::move(live->joiners);
                  std::set<TaskId> waiters = std::move(live->waiters);
                  Result<void> back = bring_back(TaskHead(live->head), *std::move(records));
                  if (LiveTask* const again = find(task)) {
                    again->joiners = std::move(joiners);
                    again->waiters = std::move(waiters);
                  }
                  done(std::move(back));
                }));
}

std::set<std::string> SystemCalls::keys_under_way(const std::vector<Record>& records) const {
  std::set<CommandId> started;
  for (const Record& record : records) {
    const CommandId id{record.task, record.seq};
    if (record.kind == RecordKind::result || record.kind == RecordKind::deferred) {
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

namespace {

/// Whose end a task waited for when the earlier run ended, if it did, and since when.
std::pair<TaskId, Lsn> waited_for(const LiveTask& live) {
  if (live.past.empty() || live.cancel) return {};
  const Result<PastCommand> newest = live.past.read_newest();
  const bool waits = newest && newest->begun != Lsn{0} && !newest->has_result;
  if (!waits || newest->intent.command != Join::kName) return {};
  const Result<TaskCommand> join =
      command_from_canonical(newest->intent.command, newest->intent.arguments.bytes);
  return join ? std::pair(std::get<Join>(*join).task, newest->begun) : std::pair(kNoTask, Lsn{0});
}

}  // namespace

void SystemCalls::replay_all() {
  // A task may end before those who wait for that have come to their Join again.
  for (const auto& [task, live] : live_) {
    const auto [awaited, since] = waited_for(*live);
    if (LiveTask* const target = find(awaited)) {
      target->joiners.emplace(since, CommandId{task, live->past.newest()});
    }
  }
  recovering_since_.reset();
  std::ranges::sort(at_frontier_);
  for (const TaskId task : std::exchange(at_frontier_, {})) {
    if (LiveTask* const live = find(task)) leave_frontier(*live);
  }
  constexpr std::size_t kTurnsBetweenLooks = 1'024;
  const auto replaying = [](const auto& each) { return !each.second->past.empty(); };
  while (scheduler_.has_ready() && std::ranges::any_of(live_, replaying)) {
    scheduler_.run(kTurnsBetweenLooks, parts_.clock.steady());
  }
  awaken_due();
}

void SystemCalls::wait_at_frontier(LiveTask& live) {
  live.at_frontier = true;
  at_frontier_.push_back(live.head.task);
}

/// All are there: the task may go on from where it stands, or begin.
void SystemCalls::leave_frontier(LiveTask& live) {
  if (!std::exchange(live.at_frontier, false) || live.set_aside) return;
  live.flight ? replay(live) : begin(live, *parts_.registry.find(live.payload.kind));
}

}  // namespace tinkerbell
