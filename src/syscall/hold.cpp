#include "syscall/stations.hpp"

#include "tinkerbell/command/render.hpp"

#include <algorithm>

// A person may stop a task before its next command, or before any that match a pattern, and let it
// go on command by command.

namespace tinkerbell {

Result<void> follow_signal(const SignalPayload& signal, Stops& stops) {
  switch (signal.signal) {
    case Signal::cancel:
    case Signal::message:
    case Signal::quarantined:
    case Signal::say:
      break;
    case Signal::pause:
      stops.before_each = true;
      break;
    case Signal::budget:
      stops.let_go = std::max(stops.let_go, signal.seq);
      break;
    case Signal::resume:
      stops.before_each = false;
      stops.let_go = std::max(stops.let_go, signal.seq);
      break;
    case Signal::step:
      stops.before_each = true;
      stops.let_go = std::max(stops.let_go, signal.seq);
      break;
    case Signal::breakpoint: {
      Result<Breakpoint> breakpoint = breakpoint_from(signal.pattern);
      if (!breakpoint) return breakpoint.error();
      stops.breakpoints.insert_or_assign(signal.breakpoint, *std::move(breakpoint));
      stops.last_breakpoint = std::max(stops.last_breakpoint, signal.breakpoint);
      break;
    }
    case Signal::clear:
      std::erase_if(stops.breakpoints, [&](const auto& each) {
        return signal.breakpoint == 0 || each.first == signal.breakpoint;
      });
      break;
    case Signal::held:
      stops.held = signal.seq;
      stops.waits_for = signal.reason;
      stops.for_budget = signal.budget.has_value();
      break;
  }
  return {};
}

namespace {

/// Why the task stops before this command; nothing if it does not.
std::optional<std::string> reason_to_hold(const Stops& stops, const InFlight& flight) {
  for (const auto& [number, breakpoint] : stops.breakpoints) {
    if (stops_before(breakpoint, flight.command(), flight.facts)) {
      return "at breakpoint " + std::to_string(number) + " (" + breakpoint.pattern + ")";
    }
  }
  if (stops.before_each) return "told to stop";
  return std::nullopt;
}

}  // namespace

/// True: the command is held, and whoever asked must leave it.
bool SystemCalls::hold(LiveTask& live) {
  InFlight& flight = *live.flight;
  Stops& stops = live.stops;
  if (flight.id.seq <= stops.let_go) return false;
  // It may have been held before, by an earlier run; what its budget lacks is looked at again.
  if (stops.held == flight.id.seq && !stops.for_budget) {
    stop_before(live, stops.waits_for);
    return true;
  }
  const std::optional<std::string> why = reason_to_hold(stops, flight);
  if (!why) return false;
  stop_before(live, "step or resume, " + *why + " before: " + command_line(flight.command()));
  return true;
}

/// The task is suspended; `why` says for what it waits, `wanting` what its budget is if it is for
/// want of that. Noted once for a command, and again if somebody had let it go.
void SystemCalls::stop_before(LiveTask& live, const std::string& why,
                              std::optional<Budget> wanting) {
  InFlight& flight = *live.flight;
  Stops& stops = live.stops;
  const bool noted = stops.held == flight.id.seq && flight.id.seq > stops.let_go &&
                     stops.for_budget == wanting.has_value();
  stops.held = flight.id.seq;
  stops.waits_for = parts_.masker.masked(why);
  stops.for_budget = wanting.has_value();
  if (!noted) {
    note(live,
         {.signal = Signal::held, .reason = stops.waits_for, .seq = stops.held, .budget = wanting});
  }
  flight.station = Station::held;
  scheduler_.mark(live.head.task, TaskState::suspended);
}

/// The command that is held goes on; what a driver found out about it may be old by now.
void SystemCalls::let_go(LiveTask& live) {
  if (!live.flight || live.flight->station != Station::held) return;
  scheduler_.mark(live.head.task, TaskState::waiting);
  live.flight->intent_recorded ? recheck(live) : prepare(live);
}

/// The command that people are told is held: after a restart also while it is looked at again.
Seq SystemCalls::held_command(TaskId task) const {
  const LiveTask* const live = find(task);
  if (live == nullptr || !live->flight) return Seq{0};
  const InFlight& flight = *live->flight;
  const bool is_looked_at =
      flight.station == Station::preparing || flight.station == Station::rechecking;
  const bool was_held = is_looked_at && live->stops.held == flight.id.seq;
  return flight.station == Station::held || was_held ? flight.id.seq : Seq{0};
}

/// A signal that says where the task stops: for the journal and for the task.
void SystemCalls::stop_signal(TaskId task, const SignalPayload& payload, Completion<void> done) {
  LiveTask* const live = find(task);
  if (live != nullptr) {
    if (const Result<void> good = follow_signal(payload, live->stops); !good) {
      done(good.error());
      return;
    }
  }
  signal(task, payload, std::move(done));
  if (live != nullptr && live->flight && live->flight->id.seq <= live->stops.let_go) let_go(*live);
}

/// For a task and all that end with it. Its own comes last: when that is durable, all are.
void SystemCalls::stop_family(TaskId task, SignalPayload payload, Completion<void> done) {
  for (const TaskId led : led_by(task)) {
    payload.seq = payload.signal == Signal::resume ? held_command(led) : Seq{0};
    stop_signal(led, payload, Completion<void>([](const Result<void>& /*noted*/) {}));
  }
  payload.seq = payload.signal == Signal::resume ? held_command(task) : Seq{0};
  stop_signal(task, payload, std::move(done));
}

void SystemCalls::pause(TaskId task, Person by, Completion<void> done) {
  when_awake(task, std::move(done),
             [this, task, by = std::move(by)](Completion<void> asked) mutable {
               stop_family(task, {.signal = Signal::pause, .by = std::move(by)}, std::move(asked));
             });
}

void SystemCalls::resume(TaskId task, Person by, Completion<void> done) {
  const LiveTask* const live = find(task);
  if (live != nullptr && live->quarantined) {
    done = Completion<void>([this, task, done = std::move(done)](Result<void> noted) mutable {
      noted ? leave_quarantine(task, std::move(done)) : done(std::move(noted));
    });
  }
  when_awake(task, std::move(done),
             [this, task, by = std::move(by)](Completion<void> asked) mutable {
               stop_family(task, {.signal = Signal::resume, .by = std::move(by)}, std::move(asked));
             });
}

void SystemCalls::step(TaskId task, Person by, Completion<void> done) {
  when_awake(
      task, std::move(done), [this, task, by = std::move(by)](Completion<void> asked) mutable {
        stop_signal(task, {.signal = Signal::step, .by = std::move(by), .seq = held_command(task)},
                    std::move(asked));
      });
}

void SystemCalls::set_breakpoint(TaskId task, std::string pattern, Person by,
                                 Completion<void> done) {
  when_awake(
      task, std::move(done),
      [this, task, pattern = parts_.masker.masked(std::move(pattern)),
       by = std::move(by)](Completion<void> asked) mutable {
        const LiveTask* const live = find(task);
        const std::uint32_t next = live == nullptr ? 0 : live->stops.last_breakpoint + 1;
        if (live != nullptr && live->stops.breakpoints.size() >= kBreakpointsMax) {
          asked(Error{Errc::exhausted, "a task has at most " + std::to_string(kBreakpointsMax) +
                                           " breakpoints; clear some"});
          return;
        }
        stop_signal(task,
                    {.signal = Signal::breakpoint,
                     .by = std::move(by),
                     .pattern = std::move(pattern),
                     .breakpoint = next},
                    std::move(asked));
      });
}

void SystemCalls::clear_breakpoints(TaskId task, std::uint32_t number, Person by,
                                    Completion<void> done) {
  when_awake(
      task, std::move(done),
      [this, task, number, by = std::move(by)](Completion<void> asked) mutable {
        const LiveTask* const live = find(task);
        if (live != nullptr && number != 0 && !live->stops.breakpoints.contains(number)) {
          asked(Error{Errc::not_found, "the task has no breakpoint " + std::to_string(number)});
          return;
        }
        stop_signal(task, {.signal = Signal::clear, .by = std::move(by), .breakpoint = number},
                    std::move(asked));
      });
}

std::map<std::uint32_t, std::string> SystemCalls::breakpoints(TaskId task) const {
  std::map<std::uint32_t, std::string> patterns;
  if (const LiveTask* const live = find(task)) {
    for (const auto& [number, breakpoint] : live->stops.breakpoints)
      patterns.emplace(number, breakpoint.pattern);
  }
  return patterns;
}

}  // namespace tinkerbell
