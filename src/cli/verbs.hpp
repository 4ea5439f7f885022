#pragma once

#include "cli/arguments.hpp"
#include "cli/client.hpp"
#include "cli/exit_code.hpp"
#include "cli/follow.hpp"
#include "cli/terminal.hpp"

#include <ostream>

namespace tinkerbell::cli {

/// What a verb works with.
struct Session {
  Client& client;
  const Invocation& invocation;
  std::ostream& out;  ///< Data.
  std::ostream& err;  ///< Talk.
  Terminal terminal;  ///< Where `out` goes.
  int input = 0;      ///< The keyboard, if `asks`.
  bool asks = false;  ///< Questions may be put: input and output are a terminal.
  WallTime now;
  Patience patience;
};

// One function for each verb. An error has not been printed yet.

[[nodiscard]] Result<ExitCode> perform(Session& session, const RunGoal& run);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ListTasks& list);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ShowTask& show);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ShowApproval& show);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ListSteps& list);
[[nodiscard]] Result<ExitCode> perform(Session& session, const FollowTask& follow);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ShowDiff& show);
[[nodiscard]] Result<ExitCode> perform(Session& session, const AcceptDraft& accept);
[[nodiscard]] Result<ExitCode> perform(Session& session, const DropDraft& drop);
[[nodiscard]] Result<ExitCode> perform(Session& session, const UndoTask& undo);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ForkTask& fork);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ListApprovals& list);
[[nodiscard]] Result<ExitCode> perform(Session& session, const Decide& decide);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ListRules& list);
[[nodiscard]] Result<ExitCode> perform(Session& session, const RemoveRule& remove);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ListMcp& list);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ForgetTools& forget);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ChangeTask& change);
[[nodiscard]] Result<ExitCode> perform(Session& session, const SayWords& say);
[[nodiscard]] Result<ExitCode> perform(Session& session, const StepTask& step);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ListBreakpoints& list);
[[nodiscard]] Result<ExitCode> perform(Session& session, const SetBreakpoint& set);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ClearBreakpoints& clear);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ShowTree& show);
[[nodiscard]] Result<ExitCode> perform(Session& session, const TraceCalls& trace);
[[nodiscard]] Result<ExitCode> perform(Session& session, const SaveTrace& save);
[[nodiscard]] Result<ExitCode> perform(Session& session, const RecordTask& record);
[[nodiscard]] Result<ExitCode> perform(Session& session, const CheckReplay& check);
[[nodiscard]] Result<ExitCode> perform(Session& session, const SaveCore& save);
[[nodiscard]] Result<ExitCode> perform(Session& session, const DebugCore& debug);
[[nodiscard]] Result<ExitCode> perform(Session& session, const BackUp& back_up);
[[nodiscard]] Result<ExitCode> perform(Session& session, const CollectGarbage& collect);
[[nodiscard]] Result<ExitCode> perform(Session& session, const VerifyJournal& verify);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ChangeBudget& change);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ShowCosts& show);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ShowStatus& show);
[[nodiscard]] Result<ExitCode> perform(Session& session, const ShowVersion& show);
[[nodiscard]] Result<ExitCode> perform(Session& session, const PrintCompletion& print);

}  // namespace tinkerbell::cli
