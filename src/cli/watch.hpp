#pragma once

#include "cli/arguments.hpp"
#include "cli/client.hpp"
#include "cli/exit_code.hpp"
#include "cli/verbs.hpp"

#include "tinkerbell/protocol/approval.hpp"
#include "tinkerbell/protocol/task.hpp"

/// How a verb stays with a task. What they print is all that there is to be printed.
namespace tinkerbell::cli {

/// Shows its steps to its end, and puts its questions where that can be.
[[nodiscard]] Result<ExitCode> follow_task(Session& session, TaskId task);

/// Prints its id and leaves.
[[nodiscard]] Result<ExitCode> detach(Session& session, const Document<protocol::TaskView>& task);

/// Until it has stopped, asks something or has ended.
[[nodiscard]] Result<ExitCode> wait_for_stop(Session& session, TaskId task);

/// Stays with a task that was just begun as `mode` says.
[[nodiscard]] Result<ExitCode> see_to_end(Session& session,
                                          const Document<protocol::TaskView>& task, RunMode mode);

/// Whether somebody watches as it happens.
[[nodiscard]] bool is_watched(const Session& session);

/// Says what a task waits for, and how to answer it.
[[nodiscard]] ExitCode report_question(Session& session, TaskId task,
                                       const protocol::ApprovalView& question);

}  // namespace tinkerbell::cli
