#include "syscall/stations.hpp"

#include "tinkerbell/command/render.hpp"

// After a restart a task runs again from its beginning, and here stands what the drivers said then.

namespace tinkerbell {

void SystemCalls::replay(LiveTask& live) {
  InFlight& flight = *live.flight;
  const auto found = live.past.find(flight.id.seq);
  if (found == live.past.end()) {
    diverge(live, "nothing");
    return;
  }
  const PastCommand& past = found->second;
  if (fingerprint_of(flight.form) != past.fingerprint) {
    diverge(live, past.intent.line);
    return;
  }
  live.totals.questions += past.questions;
  if (past.grant) grant(live, *past.grant, past.intent.facts);
  if (!past.result) {
    resume_window(live);
    return;
  }
  Result<Result<Reply>> outcome = outcome_from_canonical(flight.command(), *past.result);
  if (!outcome) {
    diverge(live, "a result that cannot be read: " + outcome.error().message);
    return;
  }
  const bool told_here = live.cancel && live.cancel->newest == flight.id.seq;
  const bool told_before_result = told_here && live.cancel->lsn < past.result_lsn;
  live.past.erase(found);
  flight.station = Station::replaying;
  if (told_before_result) pass_on_cancel(live);
  deliver(live, *std::move(outcome));
  pass_on_between_commands(live);
}

/// A wish to end that came when the task was at no command is passed on at the same place.
void SystemCalls::pass_on_between_commands(LiveTask& live) {
  const bool waits = live.cancel && !live.cancel->passed_on;
  if (waits && live.cancel->newest == live.last_seq && live.cancel->unrecorded == live.unrecorded) {
    pass_on_cancel(live);
  }
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
  const auto& [seq, past] = *live.past.begin();
  const std::string found =
      "its end: " + (exit.error ? exit.error->message : std::string(name_of(exit.state)));
  parts_.logger.error("task.diverged", {{"task", number(live.head.task)},
                                        {"command", number(seq)},
                                        {"expected", past.intent.line},
                                        {"found", found}});
  set_aside(live, "after an upgrade it ended before: " + past.intent.line);
}

/// The command was asked and has no RESULT: takes it up at the station where the earlier run left
/// it.
void SystemCalls::resume_window(LiveTask& live) {
  InFlight& flight = *live.flight;
  const PastCommand past = std::move(live.past.extract(flight.id.seq).mapped());
  flight.intent_recorded = true;
  flight.verdict = past.intent.verdict;
  flight.facts = past.intent.facts;
  flight.pre_image = past.pre_image;
  flight.approval = past.intent.approval;
  flight.hash = Sha256::from_hex(past.intent.hash);
  flight.attempt = past.attempts;
  flight.deadline = wall_from_unix_nanoseconds(past.intent.deadline_unix_ns);
  flight.asked = past.asked;
  flight.begun = past.begun;
  flight.doubt.started = past.started;

  const bool repeated = effect_of(flight.command()) == EffectClass::idempotent;
  const bool told_here = live.cancel && !live.cancel->passed_on;
  if (told_here && (past.attempts == 0 || repeated)) {
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

void SystemCalls::driver_answered(LiveTask& live, Result<Reply> outcome) {
  const bool to_end = is_told_to_end_here(live);
  if (!to_end && !outcome && outcome.error().code == Errc::not_started) {
    recheck(live);
  } else if (!to_end && !outcome && outcome.error().code == Errc::unknown_outcome) {
    become_unsure(live, outcome.error().message);
  } else {
    conclude(live, std::move(outcome));
  }
}

void SystemCalls::become_unsure(LiveTask& live, std::string evidence) {
  InFlight& flight = *live.flight;
  evidence = parts_.masker.masked(std::move(evidence));
  last_approval_ = ApprovalId{number(last_approval_) + 1};
  flight.approval = last_approval_;
  ++live.totals.questions;
  flight.doubt.evidence = evidence;
  // What was allowed at once was not hashed; a driver's facts are as the journal has them.
  if (flight.hash.empty()) {
    flight.hash = approval_hash(flight.command(), flight.facts, live.payload.workspace, flight.id);
  }
  std::vector<Record> records;
  records.push_back(make_command_record(
      live, RecordKind::unsure,
      canonical_bytes(UnsurePayload{flight.approval, evidence, flight.hash.hex()})));
  may_rest(live, {.approval = flight.approval,
                  .unsure = true,
                  .waiting_for = asks_for(flight.approval, QuestionKind::outcome, flight.command(),
                                          flight.doubt)});
  const Lsn lsn = append(live, std::move(records));
  scheduler_.mark(live.head.task, TaskState::unsure);
  open_question(live, QuestionKind::outcome, lsn);
}

}  // namespace tinkerbell
