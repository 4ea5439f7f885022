#include "syscall/stations.hpp"

#include "tinkerbell/command/render.hpp"

#include <algorithm>

// After a restart a task runs again from its beginning, and here stands what the drivers said then.

namespace tinkerbell {

void SystemCalls::replay(LiveTask& live) {
  InFlight& flight = *live.flight;
  flight.station = Station::replaying;
  if (recovering_since_ && live.past.newest() == flight.id.seq) {
    wait_at_frontier(live);
    return;
  }
  if (live.past.oldest() != flight.id.seq) {
    diverge(live, "nothing");
    return;
  }
  if (fingerprint_of(flight.form) != live.past.fingerprint()) {
    const Result<PastCommand> past = live.past.read_oldest();
    diverge(live, past ? past->intent.line : past.error().message);
    return;
  }
  if (Result<void> told = live.past.was_allowed_at_once() ? Result<void>{} : tell_again(live);
      !told) {
    diverge(live, "a record that cannot be read: " + told.error().message);
    return;
  }
  live.past.result() == nullptr ? resume_window(live) : replay_result(live, *live.past.result());
}

/// What people said about the command holds on.
Result<void> SystemCalls::tell_again(LiveTask& live) {
  const Result<PastCommand> past = live.past.read_oldest();
  if (!past) return past.error();
  if (!is_copied(live, live.flight->id.seq)) live.totals.questions += past->questions;
  if (past->grant) grant(live, *past->grant, past->intent.facts);
  return {};
}

namespace {

/// One that an earlier run handed to the task is in its mailbox no more.
void forget_message(LiveTask& live, const Reply& reply) {
  const auto* const taken = std::get_if<Receive::Reply>(&reply);
  if (taken == nullptr) return;
  std::deque<Receive::Reply>& waiting = live.messages.waiting;
  const auto found = std::ranges::lower_bound(waiting, taken->number, {}, &Receive::Reply::number);
  if (found != waiting.end() && found->number == taken->number) waiting.erase(found);
}

}  // namespace

void SystemCalls::replay_result(LiveTask& live, const Record& result) {
  Result<Result<Reply>> outcome = outcome_from_canonical(live.flight->command(), result.payload);
  if (!outcome) {
    diverge(live, "a result that cannot be read: " + outcome.error().message);
    return;
  }
  const bool told_here = live.cancel && live.cancel->newest == live.flight->id.seq;
  const bool told_before_result = told_here && live.cancel->lsn < result.lsn;
  live.past.pop();
  if (told_before_result) pass_on_cancel(live);
  if (*outcome) forget_message(live, **outcome);
  deliver(live, *std::move(outcome));
  pass_on_between_commands(live);
}

/// A wish to end that came when the task was at no command is passed on at the same place.
void SystemCalls::pass_on_between_commands(LiveTask& live) {
  if (is_to_be_told_between_commands(live)) pass_on_cancel(live);
}

/// The journal holds another command than the task asks for now. Nothing is appended, nothing runs.
/// `expected` by value: it mostly stands in the past that is forgotten here.
void SystemCalls::diverge(LiveTask& live, std::string expected) {
  live.flight->station = Station::diverged;
  live.past.clear();
  scheduler_.mark(live.head.task, TaskState::diverged);
  parts_.logger.error("task.diverged", {{"task", number(live.head.task)},
                                        {"command", number(live.flight->id.seq)},
                                        {"expected", std::move(expected)},
                                        {"found", command_line(live.flight->command())}});
  if (live.cancel) ask_to_end(live);
}

/// The journal holds commands for which the task does not ask any more. How it ended does not
/// count: it stands where the journal says.
void SystemCalls::ended_early(LiveTask& live, const Exit& exit) {
  const Result<PastCommand> past = live.past.read_oldest();
  const std::string expected = past ? past->intent.line : past.error().message;
  const std::string found =
      "its end: " + (exit.error ? exit.error->message : std::string(name_of(exit.state)));
  parts_.logger.error("task.diverged", {{"task", number(live.head.task)},
                                        {"command", number(live.past.oldest())},
                                        {"expected", expected},
                                        {"found", found}});
  set_aside(live, "after an upgrade it ended before: " + expected);
}

/// The command was asked and has no RESULT: takes it up at the station where the earlier run left
/// it.
void SystemCalls::resume_window(LiveTask& live) {
  InFlight& flight = *live.flight;
  const Result<PastCommand> read = live.past.read_oldest();
  if (!read) {
    diverge(live, "a record that cannot be read: " + read.error().message);
    return;
  }
  const PastCommand& past = *read;
  live.past.pop();
  flight.intent_recorded = true;
  flight.verdict = past.intent.verdict;
  flight.facts = past.intent.facts;
  flight.pre_image = past.pre_image;
  flight.approval = past.intent.approval;
  flight.hash = Sha256::from_hex(past.intent.hash);
  flight.offer = past.intent.offer;
  flight.attempt = past.attempts;
  flight.deadline = wall_from_unix_nanoseconds(past.intent.deadline_unix_ns);
  flight.asked = past.asked;
  flight.worked = past.worked;
  flight.begun = past.begun;
  flight.doubt.started = past.started;
  flight.changed = past.changed;
  if (past.attempts > 0 && !past.deferred) owe(live, past.intent.reserved);

  const bool repeated = effect_of(flight.command()) == EffectClass::idempotent;
  const bool told_here = live.cancel && !live.cancel->passed_on;
  if (told_here && (past.attempts == 0 || past.deferred || repeated)) {
    flight.station = Station::preparing;  // nothing is under way
    pass_on_cancel(live);
    if (!live.flight) return;  // else it is shielded
  }
  if (past.unsure) {
    flight.approval = past.unsure->approval;
    flight.hash = Sha256::from_hex(past.unsure->hash);
    flight.doubt.evidence = past.unsure->evidence;
  }
  const bool decided = past.decision && past.decision->approval == flight.approval;
  if (past.unsure && !decided) {
    scheduler_.mark(live.head.task, TaskState::unsure);
    open_question(live, QuestionKind::outcome, parts_.journal.durable_lsn());
  } else if (past.deferred) {
    wait_for_next_attempt(live, *past.deferred);
  } else if (past.attempts > 0 && !past.unsure) {
    ask_driver(live);
  } else if (past.intent.question && !decided) {
    open_question(live, *past.intent.question, parts_.journal.durable_lsn());
  } else if (driver_for(flight.command()) != nullptr) {
    recheck(live);
  } else {
    resume_inside(live);
  }
  if (live.cancel && !live.cancel->passed_on) pass_on_cancel(live);
}

/// A command inside the daemon: it had begun to wait, or was approved and had not.
void SystemCalls::resume_inside(LiveTask& live) {
  live.flight->begun == Lsn{0} ? recheck(live) : run_inside(live);
}

/// START without RESULT.
void SystemCalls::ask_driver(LiveTask& live) {
  InFlight& flight = *live.flight;
  if (effect_of(flight.command()) == EffectClass::idempotent) {
    recheck(live);  // and once more, with the same key
    return;
  }
  flight.station = Station::recovering;
  driver_for(flight.command())
      ->recover(call_of(live), then(flight.id, Station::recovering, &SystemCalls::driver_answered));
}

namespace {

/// For the outcome, whichever attempt that comes from.
void note_changes(InFlight& flight, const Error& attempt) {
  if (attempt.rejected == nullptr) return;
  const std::span<const FileChange> changes = changes_in(*attempt.rejected);
  flight.changed = composed(flight.changed, {changes.begin(), changes.end()});
}

}  // namespace

void SystemCalls::driver_answered(LiveTask& live, Result<Reply> outcome) {
  const bool to_end = is_told_to_end_here(live);
  if (!to_end && !outcome && outcome.error().code == Errc::not_started) {
    note_changes(*live.flight, outcome.error());
    recheck(live);
  } else if (!to_end && !outcome && outcome.error().code == Errc::unknown_outcome) {
    become_unsure(live, outcome.error());
  } else {
    conclude(live, std::move(outcome));
  }
}

void SystemCalls::become_unsure(LiveTask& live, const Error& found) {
  InFlight& flight = *live.flight;
  note_changes(flight, found);
  mask_strings(flight.changed, parts_.masker);
  const std::string evidence = parts_.masker.masked(found.message);
  last_approval_ = ApprovalId{number(last_approval_) + 1};
  flight.approval = last_approval_;
  ++live.totals.questions;
  flight.doubt.evidence = evidence;
  // What was allowed at once was not hashed; a driver's facts are as the journal has them.
  if (flight.hash.empty()) {
    flight.hash = approval_hash(flight.command(), flight.facts, live.payload.workspace, flight.id);
  }
  std::vector<Record> records;
  records.push_back(
      make_command_record(live, RecordKind::unsure,
                          canonical_bytes(UnsurePayload{flight.approval, evidence,
                                                        flight.hash.hex(), flight.changed})));
  may_rest(live, {.approval = flight.approval,
                  .unsure = true,
                  .waiting_for = asks_for(flight.approval, QuestionKind::outcome, flight.command(),
                                          flight.doubt)});
  const Lsn lsn = append(live, std::move(records), {charge_for_question(live)});
  scheduler_.mark(live.head.task, TaskState::unsure);
  open_question(live, QuestionKind::outcome, lsn);
}

}  // namespace tinkerbell
