#include "syscall/stations.hpp"

namespace tinkerbell {

/// Allowed at once, or after a person, a pause or a restart.
void SystemCalls::begin_attempt(LiveTask& live) {
  const std::uint64_t rule = live.flight->verdict.standing_rule;
  if (rule != 0 && live.flight->approval == kNoApproval) {
    standing_.count_use(rule, parts_.clock.wall());
  }
  live.flight->intent_recorded ? start(live) : allow(live);
}

/// Writes START and lets the command go once that is durable.
void SystemCalls::start(LiveTask& live) {
  InFlight& flight = *live.flight;
  ++flight.attempt;
  std::vector<Record> records;
  if (flight.pre_image) {
    records.push_back(
        make_command_record(live, RecordKind::file, canonical_bytes(*flight.pre_image)));
  }
  records.push_back(
      make_command_record(live, RecordKind::start, canonical_bytes(StartPayload{flight.approval})));
  flight.doubt.started = records.back().wall;
  release(live, append(live, std::move(records), settle_earlier(live)));
}

void SystemCalls::release(LiveTask& live, Lsn needed) {
  live.flight->station = Station::gated;
  gate_->when_durable(needed, [this, id = live.flight->id] {
    if (LiveTask* const gated = find_at(id, Station::gated)) perform(*gated);
  });
}

void SystemCalls::perform(LiveTask& live) {
  live.flight->station = Station::performing;
  driver_for(live.flight->command())
      ->perform(call_of(live), then(live.flight->id, Station::performing, &SystemCalls::performed));
}

/// A driver may lose sight of what it began also where we did not crash.
void SystemCalls::performed(LiveTask& live, Result<Reply> outcome) {
  const bool failed = !outcome && !is_told_to_end_here(live);
  if (failed && outcome.error().code == Errc::unknown_outcome) {
    become_unsure(live, outcome.error());
  } else if (failed && outcome.error().retry_at) {
    defer(live, outcome.error());
  } else {
    conclude(live, std::move(outcome));
  }
}

}  // namespace tinkerbell
