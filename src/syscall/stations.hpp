#pragma once

// What the bodies of SystemCalls share.

#include "syscall/gate.hpp"
#include "syscall/live_task.hpp"
#include "syscall/resting.hpp"

#include "tinkerbell/syscall/syscalls.hpp"

namespace tinkerbell {

/// The answer of a driver goes on at `next`, if the command is still at `station`: a late one finds
/// nobody.
template <class T>
Completion<T> SystemCalls::then(CommandId id, Station station,
                                void (SystemCalls::*next)(LiveTask&, Result<T>)) {
  return Completion<T>(
      [this, id, station, next, open = std::weak_ptr<bool>(open_)](Result<T> found) {
        if (open.expired()) return;
        if (LiveTask* const live = find_at(id, station)) (this->*next)(*live, std::move(found));
      });
}

/// Goes on with `act`, which gets `done`, once the task does not rest.
template <class T, class Act>
void SystemCalls::when_awake(TaskId task, Completion<T> done, Act act) {
  if (!is_resting(task)) return act(std::move(done));
  awaken(task, Completion<void>([done = std::move(done),
                                 act = std::move(act)](const Result<void>& awake) mutable {
           awake ? act(std::move(done)) : done(awake.error());
         }));
}

/// What a kind makes of the arguments of a new task.
struct Admission {
  Json definition;
  std::string title;
};

/// Errors: those of the kind's `freeze`; invalid, if its code threw.
[[nodiscard]] Result<Admission> admit(const TaskKind& kind, const Json& arguments);

/// The coroutine of a task. One that cannot even be begun fails like any other.
[[nodiscard]] Task<Result<Json>> begun(const TaskKind& kind, TaskStart start);

/// What it is begun with; takes that, which is needed only once and may be long, out of `live`.
[[nodiscard]] TaskStart start_of(LiveTask& live);

/// What DONE says of a task that ended so.
[[nodiscard]] DonePayload done_payload(const Exit& exit);

/// The Wait at which a task stands, if it does.
[[nodiscard]] const Wait* wait_of(const LiveTask& live);

/// Whether somebody asked the task to end while it stood at the command that is under way.
[[nodiscard]] inline bool is_told_to_end_here(const LiveTask& live) {
  return live.cancel && live.cancel->newest == live.flight->id.seq;
}

/// Whether somebody asked a task to end, who is at no command, at the place where it stands now: in
/// replay that is told there.
[[nodiscard]] inline bool is_to_be_told_between_commands(const LiveTask& live) {
  return live.cancel && !live.cancel->passed_on && live.cancel->newest == live.last_seq &&
         live.cancel->unrecorded == live.unrecorded;
}

/// What a command is answered with that a rule denies.
[[nodiscard]] Error forbidden_by(const Verdict& verdict);

/// The answer to a command that leaves no record, and the task is one further: it follows from the
/// task's records and from where it stands.
[[nodiscard]] Reply answer_unrecorded(LiveTask& live, const TaskCommand& command);

/// For what a deferred command waits: "ask model default: attempt 3 at 2026-11-02T10:00:00.000Z,
/// after: HTTP 429: slow down".
[[nodiscard]] std::string next_attempt(const InFlight& flight);

/// Whether a task may wait so long in one command. Errors: invalid.
[[nodiscard]] Result<void> check_wait(std::string_view command, Milliseconds wait);

}  // namespace tinkerbell
