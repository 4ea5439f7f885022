#include "syscall/stations.hpp"

// An attempt came to nothing, for a reason that passes. The wait for the next one is in the
// journal: a restart does not begin it anew, and there are no attempts that nobody sees.

namespace tinkerbell {

std::string next_attempt(const InFlight& flight) {
  return command_line(flight.command()) + ": attempt " + std::to_string(flight.attempt + 1) +
         " at " + rfc3339(flight.deadline) + ", after: " + flight.setback;
}

void SystemCalls::defer(LiveTask& live, const Error& why) {
  InFlight& flight = *live.flight;
  flight.worked += why.took;
  const DeferredPayload setback{.error_code = std::string(to_string(why.code)),
                                .error = parts_.masker.masked(why.message),
                                .until_unix_ns = unix_nanoseconds(*why.retry_at),
                                .worked = flight.worked};
  std::vector<Record> records;
  if (!flight.intent_recorded) records.push_back(make_intent(live, /*started=*/true));
  flight.intent_recorded = true;
  records.push_back(make_command_record(live, RecordKind::deferred, canonical_bytes(setback)));
  flight.setback = setback.error;
  flight.deadline = *why.retry_at;
  may_rest(live, {.until_unix_ns = setback.until_unix_ns, .waiting_for = next_attempt(flight)});
  append(live, std::move(records), settle(live, why));
  wait_for_next_attempt(live, setback);
  serve_queued(live);
}

void SystemCalls::wait_for_next_attempt(LiveTask& live, const DeferredPayload& setback) {
  InFlight& flight = *live.flight;
  flight.station = Station::deferred;
  flight.setback = setback.error;
  flight.deadline = wall_from_unix_nanoseconds(setback.until_unix_ns);
  idle_.push_back(flight.id);
  arm_deadline(live);
}

}  // namespace tinkerbell
