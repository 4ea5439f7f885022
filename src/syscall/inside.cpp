#include "syscall/stations.hpp"

#include <algorithm>

// Commands inside the daemon: their effect and their RESULT are one batch, so there is no dangerous
// window.

namespace tinkerbell {

Result<void> check_wait(std::string_view command, Milliseconds wait) {
  if (wait >= Milliseconds{0} && wait <= kWaitMax) return {};
  return Error{Errc::invalid, std::string(command) + ": " + std::to_string(wait.count()) +
                                  " ms is not from 0 to 366 days"};
}

void SystemCalls::run_inside(LiveTask& live) {
  live.flight->station = Station::inside;
  std::visit(Overloaded{
                 [&](const Spawn& command) { spawn_child(live, command); },
                 [&](const Join& command) { begin_join(live, command); },
                 [&](const Wait& command) { begin_wait(live, command); },
                 [&](const Kill& command) { kill_other(live, command); },
                 [&](const Send& command) { send_message(live, command); },
                 [&](const Receive& command) { begin_receive(live, command); },
                 [&](const Sleep& command) { begin_sleep(live, command); },
                 [&](const Checkpoint& command) { note_state(live, command); },
                 [&](const Together& command) { begin_together(live, command); },
                 [&](const Now&) {
                   conclude(live, Reply(Now::Reply{unix_nanoseconds(parts_.clock.wall())}));
                 },
                 [&](const Random&) { conclude(live, Reply(Random::Reply{parts_.random.next()})); },
                 [&](const UpdatePlan&) { conclude(live, Reply(UpdatePlan::Reply{})); },
                 [&](const AwaitUserApproval&) { ask(live, QuestionKind::question); },
                 [&](const AwaitUserAnswer&) { ask(live, QuestionKind::answer); },
                 [&](const auto& command) {
                   conclude(live,
                            Error{Errc::unsupported, std::string(command.kName) +
                                                         ": this daemon has no driver for it"});
                 },
             },
             live.flight->command());
}

/// Errors: exhausted.
Result<void> SystemCalls::may_have_child(LiveTask& live) const {
  if (live_tasks() >= parts_.tasks_max) return too_many_tasks();
  if (live.payload.depth >= parts_.depth_max) {
    return Error{Errc::exhausted, "there are " + std::to_string(live.payload.depth) +
                                      " tasks above this one, so it may have no children "
                                      "(depth_max in the config)"};
  }
  if (live.children.size() >= parts_.children_max) {
    std::erase_if(live.children, [this](TaskId child) { return find(child) == nullptr; });
  }
  if (live.children.size() >= parts_.children_max) {
    return Error{Errc::exhausted, std::to_string(live.children.size()) +
                                      " of its children are at work, as many as it may have at a "
                                      "time (children_max in the config): join or kill some first"};
  }
  return {};
}

namespace {

/// Of what is below zero nobody can say what it means. Errors: invalid.
Result<void> check_limits(const Limits& limits) {
  if (limits.cost && *limits.cost < Money{}) {
    return Error{Errc::invalid, "spawn: limits: cost below 0"};
  }
  if (limits.time && *limits.time < Milliseconds{0}) {
    return Error{Errc::invalid, "spawn: limits: time_ms below 0"};
  }
  return {};
}

std::vector<Share> shares_of(const LiveTask& parent, TaskId child, const Limits& limits) {
  std::vector<Share> shares = parent.payload.shares;
  if (limits != Limits{}) shares.push_back({.task = child, .limits = limits});
  return shares;
}

}  // namespace

void SystemCalls::spawn_child(LiveTask& live, const Spawn& command) {
  const TaskKind* const kind = parts_.registry.find(command.kind);
  if (kind == nullptr) {
    conclude(live, Error{Errc::not_found, "there is no task kind \"" + command.kind + "\""});
    return;
  }
  if (const Result<void> may = may_have_child(live); !may) {
    conclude(live, may.error());
    return;
  }
  if (const Result<void> fits = check_limits(command.limits); !fits) {
    conclude(live, fits.error());
    return;
  }
  Result<Narrowing> narrowing = narrowed(live.payload.narrowing, command);
  if (!narrowing) {
    conclude(live, narrowing.error().with("spawn"));
    return;
  }
  Result<Admission> admitted = admit(*kind, command.arguments);
  if (!admitted) {
    conclude(live, admitted.error());
    return;
  }
  last_task_ = TaskId{number(last_task_) + 1};
  LiveTask& child = begin_task(
      last_task_, {.kind = command.kind,
                   .workspace = live.payload.workspace,
                   .arguments = command.arguments,
                   .definition = std::move(admitted->definition),
                   .origin = live.payload.origin,
                   .approve_all = live.payload.approve_all,
                   .parent = live.head.task,
                   .title = std::move(admitted->title),
                   .budget = live.payload.budget,
                   .root = root_of(live),
                   .cassette = live.payload.cassette.of_child(live.totals.children.size()),
                   .depth = live.payload.depth + 1,
                   .draft = live.payload.draft,
                   .shares = shares_of(live, last_task_, command.limits),
                   .narrowing = *std::move(narrowing),
                   .ends_with_parent = command.ends_with_parent,
                   .taint = live.taint});
  // Parent and child in one transaction: after a crash there is either both or neither.
  conclude(live, Reply(Spawn::Reply{child.head.task}),
           {make_record(child, RecordKind::task, canonical_bytes(child.payload))}, &child);
  child.last_result = live.last_result;
  run_task(child, *kind);
}

void SystemCalls::begin_join(LiveTask& live, const Join& command) {
  InFlight& flight = *live.flight;
  if (command.task == flight.id.task) {
    conclude(live, Error{Errc::invalid, "a task cannot wait for itself"});
    return;
  }
  if (command.timeout) {
    if (const Result<void> fits = check_wait(Join::kName, *command.timeout); !fits) {
      conclude(live, fits.error());
      return;
    }
  }
  if (goes_on_when_awake(live, command.task)) return;
  begin_to_wait(live, command.timeout);
  if (LiveTask* const target = find(command.task)) {
    target->joiners.emplace(flight.begun, flight.id);
    if (command.timeout) arm_deadline(live);
    return;
  }
  parts_.journal.read_records(command.task,
                              then(flight.id, Station::inside, &SystemCalls::joined_ended));
}

/// Notes that the command waits, and until when: a restart does not begin the time anew.
void SystemCalls::begin_to_wait(LiveTask& live, const std::optional<Milliseconds>& timeout) {
  InFlight& flight = *live.flight;
  // Not while it waits for another task, which would have to know it.
  const bool rests = !std::holds_alternative<Join>(flight.command()) &&
                     !std::holds_alternative<Wait>(flight.command());
  if (rests) idle_.push_back(flight.id);
  if (flight.begun != Lsn{0}) return;  // an earlier run did
  if (timeout) flight.deadline = parts_.clock.wall() + *timeout;
  std::vector<Record> records;
  records.push_back(make_intent(live, /*started=*/true));
  flight.intent_recorded = true;
  if (rests) {
    may_rest(live, {.until_unix_ns = unix_nanoseconds(flight.deadline),
                    .waiting_for = command_line(flight.command())});
  }
  flight.begun = append(live, std::move(records));
}

/// The other task had ended before: how, is in its last record.
void SystemCalls::joined_ended(LiveTask& live, Result<std::vector<Record>> records) {
  if (!records || records->empty() || records->back().kind != RecordKind::done) {
    conclude(live, Error{Errc::not_found, "join: no such task"});
    return;
  }
  const Result<DonePayload> done = from_canonical<DonePayload>(records->back().payload);
  conclude(live,
           done ? Result<Reply>(Join::Reply{done->state, done->value, done->error, done->secrets})
                : Result<Reply>(done.error()));
}

void SystemCalls::stop_joining(LiveTask& live) {
  const auto* const join = std::get_if<Join>(&live.flight->command());
  LiveTask* const target = join == nullptr ? nullptr : find(join->task);
  if (target != nullptr) target->joiners.erase(live.flight->begun);
}

// ---- wait ----

void SystemCalls::begin_wait(LiveTask& live, const Wait& command) {
  const auto fails = [&](Errc code, std::string why) {
    conclude(live, Error{code, "wait: " + std::move(why)});
  };
  if (command.tasks.size() > Wait::kTasksMax) {
    return fails(Errc::invalid, "for more than " + std::to_string(Wait::kTasksMax) + " tasks");
  }
  if (std::ranges::count(command.tasks, live.head.task) > 0) {
    return fails(Errc::invalid, "a task cannot wait for itself");
  }
  if (command.timeout) {
    if (const Result<void> good = check_wait(Wait::kName, *command.timeout); !good) {
      conclude(live, good.error());
      return;
    }
  }
  for (const TaskId task : command.tasks) {
    if (task == kNoTask || task > last_task_) {
      return fails(Errc::not_found, "no task " + std::to_string(number(task)));
    }
    if (goes_on_when_awake(live, task)) return;
    if (find(task) == nullptr) return conclude(live, Reply(Wait::Reply{"task", task}));
  }
  if (command.message && !live.messages.waiting.empty()) {
    return conclude(live, Reply(Wait::Reply{.event = "message"}));
  }
  if (!live.words.empty()) return conclude(live, Reply(Wait::Reply{.event = "words"}));
  begin_to_wait(live, command.timeout);
  for (const TaskId task : command.tasks)
    find(task)->waiters.insert(live.head.task);
  if (command.timeout) arm_deadline(live);
}

const Wait* wait_of(const LiveTask& live) {
  const bool inside = live.flight && live.flight->station == Station::inside;
  return inside ? std::get_if<Wait>(&live.flight->command()) : nullptr;
}

/// One that has gone on meanwhile, or is not there again after a restart, finds out by itself.
void SystemCalls::wake_waiters(const LiveTask& ended) {
  for (const TaskId waiter : ended.waiters) {
    LiveTask* const live = find(waiter);
    const Wait* const wait = live == nullptr ? nullptr : wait_of(*live);
    if (wait == nullptr || std::ranges::count(wait->tasks, ended.head.task) == 0) continue;
    conclude(*live, Reply(Wait::Reply{"task", ended.head.task}));
  }
}

/// Those who wait for the end of a task, in the order in which they began to; after a restart also
/// those who have not come to their Join again.
std::vector<LiveTask*> SystemCalls::joiners_of(const LiveTask& live) const {
  std::vector<LiveTask*> joiners;
  for (const auto& [begun, id] : live.joiners) {
    LiveTask* const joiner = find(id.task);
    const bool replayed = find_at(id, Station::inside) != nullptr;
    const bool comes_to_it =
        joiner != nullptr && !joiner->past.empty() && joiner->past.newest() == id.seq;
    if (replayed || comes_to_it) joiners.push_back(joiner);
  }
  return joiners;
}

bool is_child_of_origin(const LiveTask& live, TaskId task) {
  return task < live.head.task &&
         std::ranges::find(live.totals.children, task) != live.totals.children.end();
}

Error child_of_origin(std::string_view command, const LiveTask& live) {
  return {Errc::not_found, std::string(command) + ": that is a child of task " +
                               std::to_string(number(live.payload.forked_from)) +
                               ", from which this one was forked"};
}

void SystemCalls::kill_other(LiveTask& live, const Kill& command) {
  if (is_child_of_origin(live, command.task)) {
    conclude(live, child_of_origin("kill", live));
    return;
  }
  if (goes_on_when_awake(live, command.task)) return;
  LiveTask* const target = find(command.task);
  if (target == nullptr) {
    conclude(live, Error{Errc::not_found, "kill: no such task"});
    return;
  }
  const SignalPayload payload = cancel_signal(
      *target, parts_.masker.masked(command.reason),
      {.via = "task " + std::to_string(number(live.head.task)), .uid = live.payload.origin.uid});
  if (target != &live) {
    conclude(live, Reply(Kill::Reply{}),
             {make_record(*target, RecordKind::signal, canonical_bytes(payload))}, target);
    request_end(*target, payload);
    return;
  }
  note(live, payload);
  request_end(live, payload);
  if (live.flight) conclude(live, Reply(Kill::Reply{}));  // shielded: it goes on
}

/// The state of a task that is to end is of no use to anybody, and its snapshot has no place for
/// the wish.
void SystemCalls::note_state(LiveTask& live, const Checkpoint& command) {
  if (live.cancel) {
    conclude(live, Error{Errc::cancelled, "checkpoint: the task was asked to end"});
    return;
  }
  SnapshotPayload snapshot = snapshot_of(live, command.state);
  mask_strings(snapshot.state, parts_.masker);
  conclude(live, Reply(Checkpoint::Reply{}),
           {make_command_record(live, RecordKind::snapshot, canonical_bytes(snapshot))});
}

void SystemCalls::begin_sleep(LiveTask& live, const Sleep& command) {
  if (const Result<void> fits = check_wait(Sleep::kName, command.duration); !fits) {
    conclude(live, fits.error());
    return;
  }
  begin_to_wait(live, command.duration);
  arm_deadline(live);
}

/// Deadlines are kept as calendar time; the timer runs on the steady clock for what is left of
/// them.
void SystemCalls::arm_deadline(LiveTask& live) {
  const Nanoseconds left = live.flight->deadline - parts_.clock.wall();
  scheduler_.arm(live.head.task, *live.flight->trap, parts_.clock.steady() + left);
}

void SystemCalls::expired(TaskId task, Trap& /*trap*/) {
  LiveTask* const live = find(task);
  if (live == nullptr || !live->flight) return;
  if (live->flight->station == Station::deferred) return recheck(*live);
  if (live->flight->station != Station::inside) return;
  const TaskCommand& command = live->flight->command();
  if (std::holds_alternative<Join>(command)) {
    stop_joining(*live);
    conclude(*live, Error{Errc::timed_out, "join: the other task is still at work"});
  } else if (std::holds_alternative<Receive>(command)) {
    conclude(*live, Error{Errc::timed_out, "receive: no message that fits has come"});
  } else if (std::holds_alternative<Wait>(command)) {
    conclude(*live, Reply(Wait::Reply{.event = "time"}));
  } else {
    conclude(*live, Reply(Sleep::Reply{}));
  }
}

}  // namespace tinkerbell
