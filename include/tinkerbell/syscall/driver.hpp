#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/completion.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/names.hpp"
#include "tinkerbell/command/cassette.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/facts.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tinkerbell {

/// A command as a driver sees it.
struct Call {
  CommandId id;
  std::uint32_t attempt = 1;  ///< Counts the releases of this command, also across restarts.
  TaskCommand command;
  std::string workspace;   ///< The task's directory, absolute.
  TaskId draft = kNoTask;  ///< In whose draft of it the task works; kNoTask: in itself.
  std::string only;        ///< The directory in it that a program may see; empty: all of it.
  std::string key;  ///< Idempotency key: the same after every restart, 32 hexadecimal digits.
                    ///< Empty: a pure command, which may run as often as it likes.

  WallTime asked{};  ///< When the task asked for it: the same after every restart.

  Facts facts;                        ///< What was judged and approved. Empty during prepare.
  std::optional<PreImage> pre_image;  ///< As journalled. Only for local effects.
  CassetteRef cassette = {};          ///< What answers in place of a model, if anything does.
  Milliseconds worked{0};             ///< By earlier attempts together, without the waits.
};

/// What prepare found.
struct Prepared {
  Facts facts;
  std::optional<PreImage> pre_image;
  std::optional<Reservation> reserved = {};  ///< Of what has its price.
};

enum class ProgressKind : std::uint8_t {
  model_text,      ///< A piece of a model's answer. Provisional until the reply is there.
  program_output,  ///< What a program wrote.
};

template <>
inline constexpr std::array<std::string_view, 2> kNames<ProgressKind> = {"model_text",
                                                                         "program_output"};

/// Takes what a running command shows before its reply. Loop thread.
class ProgressSink {
 public:
  ProgressSink() = default;
  ProgressSink(const ProgressSink&) = delete;
  ProgressSink& operator=(const ProgressSink&) = delete;
  virtual ~ProgressSink() = default;

  virtual void progress(CommandId id, ProgressKind kind, std::string_view text) = 0;
};

/// Performs one family of commands. Loop thread only; never blocks it; answers at once or later,
/// exactly once. Knows no task, journal or policy. Owned by the daemon; outlives every task.
class Driver {
 public:
  Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  virtual ~Driver() = default;

  /// Gathers the facts that a verdict must bind. Changes nothing. Done again after a restart.
  /// An Error here is the command's outcome: it is journalled and delivered without a verdict.
  virtual void prepare(Call call, Completion<Prepared> prepared) = 0;

  /// The effect. Must check that the world still is what `call.facts` say, else Errc::conflict.
  /// Errors with a meaning here: unknown_outcome (a person must answer); any with `retry_at` (the
  /// effect did not take place; the command waits until then, over restarts too, and is prepared,
  /// judged and performed once more). With `rejected` what that used is charged, else with
  /// `may_have_cost` what was reserved for it. Whatever the error, what `rejected` says that it
  /// changed is journalled with it.
  virtual void perform(Call call, Completion<Reply> done) = 0;

  /// After a restart: the journal holds a START and no RESULT. Finds out what became of it, or goes
  /// on with it (a program that still runs). Errors with a meaning here: not_started (perform it),
  /// unknown_outcome (a person must answer).
  virtual void recover(Call /*call*/, Completion<Reply> done) {
    done(Error{Errc::unknown_outcome, "the daemon ended while this was under way"});
  }

  /// The RESULT of the command with this key is durable: what was kept for recovery may go.
  virtual void settled(const std::string& /*key*/) {}

  /// Asks a running command to stop; its completion then answers Errc::cancelled (or the reply, if
  /// that was faster).
  virtual void cancel(CommandId id) = 0;

  /// For what a command that is performed still waits before its effect begins, in words; empty:
  /// for nothing.
  [[nodiscard]] virtual std::string waits_for(CommandId /*id*/) const { return {}; }
};

}  // namespace tinkerbell
