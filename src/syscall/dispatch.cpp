#include "syscall/stations.hpp"

namespace tinkerbell {

namespace {

/// Whether the journal can hold what a command says, and give it back. Errors: too_large, invalid.
Result<void> check_fits(const InFlight& flight) {
  if (is_oversized(flight)) return Error{Errc::too_large, "the command is longer than 8 MiB"};
  const auto too_deep = [](const auto& command) { return is_too_deep(command); };
  if (!std::visit(too_deep, flight.command())) return {};
  return Error{Errc::invalid, "its JSON is nested deeper than 1000 levels"};
}

}  // namespace

void SystemCalls::dispatch(TaskId task, Trap& trap) {
  auto& call = static_cast<CommandTrap&>(trap);
  LiveTask* const live = find(task);
  if (live == nullptr) {
    call.outcome = Error{Errc::unsupported, std::string(name_of(call.command)) +
                                                ": only durable tasks may yield commands"};
    scheduler_.wake(task, trap);
    return;
  }
  if (!is_recorded(call.command)) {
    call.outcome = answer_unrecorded(*live, call.command);
    scheduler_.wake(task, trap);
    pass_on_between_commands(*live);
    return;
  }

  live->last_seq = next(live->last_seq);
  live->unrecorded = 0;
  live->flight = InFlight{.id = {task, live->last_seq},
                          .trap = &call,
                          .form = canonical_command(call.command),
                          .key = {},
                          .verdict = {},
                          .facts = {},
                          .pre_image = {}};
  live->flight->asked = parts_.clock.wall();
  if (!live->past.empty()) {
    replay(*live);
    return;
  }
  // An earlier run was told while it was at this command, which has left no record.
  if (live->cancel && !live->cancel->passed_on) pass_on_cancel(*live);
  if (!live->flight) return;  // else it goes on, for it is new or shielded
  if (const Result<void> fits = check_fits(*live->flight); !fits) {
    conclude(*live, fits.error().with(name_of(call.command)));
    return;
  }
  prepare(*live);
}

void SystemCalls::prepare(LiveTask& live) {
  live.flight->station = Station::preparing;
  live.flight->facts = {};
  Driver* const driver = driver_for(live.flight->command());
  if (driver == nullptr) {
    if (!hold(live)) judge(live);  // inside the daemon: there is nothing to find out
    return;
  }
  driver->prepare(call_of(live), then(live.flight->id, Station::preparing, &SystemCalls::prepared));
}

void SystemCalls::preview(TaskCommand command, std::string workspace, TaskId draft,
                          Completion<Facts> done) const {
  Driver* const driver = driver_for(command);
  TINKERBELL_ASSERT(driver != nullptr);
  Call call{.id = {kNoTask, Seq{0}},
            .command = std::move(command),
            .workspace = std::move(workspace),
            .draft = draft,
            .only = {},
            .key = {},
            .facts = {},
            .pre_image = {}};
  driver->prepare(std::move(call),
                  Completion<Prepared>([done = std::move(done)](Result<Prepared> found) mutable {
                    found ? done(std::move(found->facts)) : done(found.error());
                  }));
}

void SystemCalls::prepared(LiveTask& live, Result<Prepared> found) {
  if (found) {
    live.flight->facts = std::move(found->facts);
    live.flight->pre_image = std::move(found->pre_image);
    live.flight->reserved = std::move(found->reserved);
  }
  if (hold(live)) return;
  if (!found) {
    live.flight->verdict = {Decision::deny, "cannot be done", found.error().message};
    conclude(live, found.error());
    return;
  }
  judge(live);
}

/// The task is to end while its command is on the way.
void SystemCalls::cancel(TaskId task, Trap& /*trap*/) {
  LiveTask* const live = find(task);
  if (live == nullptr || !live->flight) return;
  InFlight& flight = *live->flight;
  const Error cancelled{Errc::cancelled,
                        live->cancel ? live->cancel->reason : "the task was asked to end"};
  switch (flight.station) {
    case Station::performing:
    case Station::recovering:
      driver_for(flight.command())->cancel(flight.id);
      return;
    case Station::diverged:
    case Station::replaying:
      return;
    case Station::asking:
      book_.withdraw(flight.approval);
      conclude(*live, cancelled);
      return;
    case Station::unsure:
      book_.withdraw(flight.approval);
      conclude(*live, Error{Errc::unknown_outcome,
                            "the task was asked to end, and nobody knows whether this happened"});
      return;
    case Station::inside: {
      stop_joining(*live);
      const CommandId id = flight.id;
      std::vector<TaskCommand> parts;
      for (InFlight::Part& part : flight.parts)
        parts.push_back(std::move(part.command));
      conclude(*live, cancelled);
      cancel_parts(id, parts);
      return;
    }
    case Station::held:
    case Station::preparing:
    case Station::rechecking:
    case Station::queued:
    case Station::gated:
    case Station::deferred:
      conclude(*live, cancelled);
      return;
  }
}

}  // namespace tinkerbell
