#pragma once

#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/kernel/task.hpp"
#include "tinkerbell/kernel/trap.hpp"

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace tinkerbell {

/// What a denial says that a person gave no words to. With words they follow it: ": WORDS".
inline constexpr std::string_view kPlainDenial = "a person said no";

/// A command on its way from a task: the trap that carries it, and the outcome on the way back.
struct CommandTrap : Trap {
  explicit CommandTrap(TaskCommand what) : Trap(Kind::command), command(std::move(what)) {}

  TaskCommand command;
  std::optional<Result<Reply>>
      outcome;  ///< Set before the task is woken; absent if the task is to end.
};

template <Command C>
struct CommandCall : CommandTrap {
  explicit CommandCall(C what) : CommandTrap(TaskCommand(std::move(what))) {}

  [[nodiscard]] Result<typename C::Reply> await_resume() {
    if (!outcome)
      return Error{Errc::cancelled, std::string(C::kName) + ": the task was asked to end"};
    if (!*outcome) return outcome->error();
    return std::get<typename C::Reply>(**std::move(outcome));
  }
};

/// `Result<FileContent> file = co_await AwaitFileRead{.path = "a.txt"};`
template <Command C>
auto operator co_await(C command) {
  return TrapAwaiter<CommandCall<C>>(std::move(command));
}

/// Any command, where the task does not know which: an agent's tool call.
struct AnyCommand {
  TaskCommand command;
};

struct AnyCommandCall : CommandTrap {
  explicit AnyCommandCall(TaskCommand what) : CommandTrap(std::move(what)) {}

  [[nodiscard]] Result<Reply> await_resume() {
    if (!outcome) return Error{Errc::cancelled, "the task was asked to end"};
    return *std::move(outcome);
  }
};

/// `Result<Reply> outcome = co_await AnyCommand{command};`
inline auto operator co_await(AnyCommand any) {
  return TrapAwaiter<AnyCommandCall>(std::move(any.command));
}

/// What a durable task is started with. The same values at its first start and at every replay; but
/// once it has noted a state (Checkpoint) it is entered with the newest one and goes on from there.
struct TaskStart {
  TaskId task = kNoTask;
  WallTime created{};              ///< When it was submitted.
  std::string workspace;           ///< Absolute.
  TaskId draft = kNoTask;          ///< In whose draft of it the task works: if in its own, it makes
                                   ///< that first (AwaitDraftOpen).
  Json arguments;                  ///< As submitted.
  Json definition;                 ///< As frozen when it was submitted.
  std::optional<Json> state = {};  ///< Noted by the newest Checkpoint of an earlier run.
  bool draft_is_made = false;      ///< Its own draft is there already: it makes none.
};

}  // namespace tinkerbell
