#include "syscall/stations.hpp"

#include <utility>

// Several pure commands at once: each goes by itself through its driver and the rules, and when the
// last one is over there is one RESULT. A crash before that leaves no record, so all are done
// again.

namespace tinkerbell {

namespace {

PartOutcome failed(const Error& error) {
  return {.reply = {}, .code = error.code, .message = error.message};
}

}  // namespace

/// The answer of a driver for one part.
template <class T>
Completion<T> SystemCalls::then_part(CommandId id, std::size_t part,
                                     void (SystemCalls::*next)(LiveTask&, std::size_t, Result<T>)) {
  return Completion<T>([this, id, part, next, open = std::weak_ptr<bool>(open_)](Result<T> found) {
    if (open.expired()) return;
    if (LiveTask* const live = find_at(id, Station::inside)) {
      (this->*next)(*live, part, std::move(found));
    }
  });
}

void SystemCalls::begin_together(LiveTask& live, const Together& command) {
  InFlight& flight = *live.flight;
  const std::size_t count = command.parts.size();
  if (count == 0) return conclude(live, Error{Errc::invalid, "together: there is no part"});
  if (count > Together::kPartsMax) {
    return conclude(live,
                    Error{Errc::too_large, "together: there are more than " +
                                               std::to_string(Together::kPartsMax) + " parts"});
  }
  const CommandId id = flight.id;
  flight.parts.resize(count);
  flight.parts_left = count;
  std::vector<Result<TaskCommand>> commands;
  for (const PartCommand& part : command.parts)
    commands.push_back(pure_command(part.name, part.arguments));
  // From here on a driver may answer at once; with the last answer the command is over.
  for (std::size_t i = 0; i < count; ++i) {
    Driver* const driver = commands[i] ? driver_for(*commands[i]) : nullptr;
    if (!commands[i]) {
      end_part(live, i, failed(commands[i].error()));
    } else if (driver == nullptr) {
      end_part(live, i,
               failed({Errc::invalid, std::string(name_of(*commands[i])) +
                                          " cannot be done together with others"}));
    } else {
      live.flight->parts[i].command = *std::move(commands[i]);
      driver->prepare(call_of_part(live, i), then_part(id, i, &SystemCalls::part_prepared));
    }
  }
}

Call SystemCalls::call_of_part(LiveTask& live, std::size_t part) const {
  Call call = call_of(live);
  call.command = live.flight->parts[part].command;
  call.facts = live.flight->parts[part].facts;
  return call;
}

void SystemCalls::part_prepared(LiveTask& live, std::size_t part, Result<Prepared> found) {
  if (!found) return end_part(live, part, failed(found.error()));
  InFlight::Part& each = live.flight->parts[part];
  each.facts = std::move(found->facts);
  const Verdict verdict = verdict_for(live, each.command, each.facts);
  switch (verdict.decision) {
    case Decision::allow:
      driver_for(each.command)
          ->perform(call_of_part(live, part),
                    then_part(live.flight->id, part, &SystemCalls::part_performed));
      return;
    case Decision::ask: {
      PartOutcome outcome = failed(
          {Errc::denied, "the rule \"" + verdict.rule + "\" asks a person: ask for it alone"});
      outcome.alone = true;
      return end_part(live, part, std::move(outcome));
    }
    case Decision::deny:
      return end_part(live, part, failed(forbidden_by(verdict)));
  }
}

void SystemCalls::part_performed(LiveTask& live, std::size_t part, Result<Reply> outcome) {
  end_part(live, part,
           outcome ? PartOutcome{.reply = reply_json(*outcome)} : failed(outcome.error()));
}

void SystemCalls::end_part(LiveTask& live, std::size_t part, PartOutcome outcome) {
  InFlight& flight = *live.flight;
  flight.parts[part].outcome = std::move(outcome);
  if (--flight.parts_left > 0) return;
  Together::Reply reply;
  for (InFlight::Part& each : flight.parts)
    reply.parts.push_back(std::move(each.outcome));
  conclude(live, Reply(std::move(reply)));
}

/// The command is over: its late answers find nobody.
void SystemCalls::cancel_parts(CommandId id, const std::vector<TaskCommand>& parts) {
  for (const TaskCommand& part : parts)
    if (Driver* const driver = driver_for(part)) driver->cancel(id);
}

}  // namespace tinkerbell
