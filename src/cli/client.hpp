#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/io/unix_http_client.hpp"
#include "tinkerbell/protocol/approval.hpp"
#include "tinkerbell/protocol/backup.hpp"
#include "tinkerbell/protocol/breakpoint.hpp"
#include "tinkerbell/protocol/cassette.hpp"
#include "tinkerbell/protocol/cost.hpp"
#include "tinkerbell/protocol/draft.hpp"
#include "tinkerbell/protocol/event.hpp"
#include "tinkerbell/protocol/gc.hpp"
#include "tinkerbell/protocol/mcp.hpp"
#include "tinkerbell/protocol/replay.hpp"
#include "tinkerbell/protocol/rule.hpp"
#include "tinkerbell/protocol/status.hpp"
#include "tinkerbell/protocol/task.hpp"
#include "tinkerbell/protocol/undo.hpp"
#include "tinkerbell/protocol/verify.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tinkerbell::cli {

/// An answer as we read it, and as it came: `--json` must not lose what a newer daemon adds.
template <class View>
struct Document {
  View view;
  Json json;
};

/// What is told of each step beside the ordinary.
struct StepDetail {
  bool full = false;                   ///< Arguments and replies.
  std::optional<std::uint64_t> calls;  ///< Told as a system call, with texts of so many bytes; 0:
                                       ///< with whole ones.
};

/// The daemon's requests as typed calls. Blocking; one thread at a time. Errors: whatever the
/// daemon says; unavailable (it does not run), denied (we may not connect), unsupported (it speaks
/// another version), protocol, io.
class Client {
 public:
  explicit Client(std::string socket_path);

  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }

  [[nodiscard]] Result<Document<protocol::StatusView>> status();

  [[nodiscard]] Result<Document<protocol::TaskView>> submit(const protocol::SubmitRequest& request);

  /// The newest `limit` tasks; in all states if `state` is empty.
  [[nodiscard]] Result<Document<protocol::TaskList>> tasks(std::uint64_t limit,
                                                           std::string_view state);

  /// Every task, or every one in that state; asked for page by page.
  [[nodiscard]] Result<Document<protocol::TaskList>> every_task(std::string_view state = {});

  /// Every task that has not ended.
  [[nodiscard]] Result<Document<protocol::TaskList>> every_live_task();

  [[nodiscard]] Result<Document<protocol::TaskView>> task(TaskId id);

  /// All steps, asked for page by page; `last_event` is that of the first page.
  [[nodiscard]] Result<Document<protocol::StepList>> steps(TaskId id,
                                                           const StepDetail& detail = {});

  [[nodiscard]] Result<Document<protocol::DiffView>> diff(TaskId id, std::uint64_t step = 0);

  /// The tasks that do it.
  [[nodiscard]] Result<Document<protocol::TaskView>> accept(TaskId id,
                                                            const protocol::AcceptRequest& request);
  [[nodiscard]] Result<Document<protocol::TaskView>> drop(TaskId id,
                                                          const protocol::DropRequest& request);
  [[nodiscard]] Result<Document<protocol::TaskView>> undo(TaskId id,
                                                          const protocol::UndoRequest& request);
  [[nodiscard]] Result<Document<protocol::UndoView>> look_at_undo(TaskId id,
                                                                  protocol::UndoRequest request);
  [[nodiscard]] Result<Document<protocol::TaskView>> fork(TaskId id,
                                                          const protocol::ForkRequest& request);

  [[nodiscard]] Result<Document<protocol::CassetteView>> cassette(TaskId id);

  [[nodiscard]] Result<Document<protocol::SayView>> say(TaskId id,
                                                        const protocol::SayRequest& request);

  /// `action`: "pause", "resume", "step" or "cancel".
  [[nodiscard]] Result<Document<protocol::TaskView>> change(TaskId id, std::string_view action);

  [[nodiscard]] Result<Document<protocol::BudgetView>> budget(TaskId id);
  [[nodiscard]] Result<Document<protocol::BudgetView>> raise_budget(
      TaskId id, const protocol::BudgetRaiseRequest& request);
  /// Of all (kNoTask) in the last so many days, or of a task's family.
  [[nodiscard]] Result<Document<protocol::CostReport>> costs(TaskId task, const std::string& by,
                                                             std::uint64_t days);
  [[nodiscard]] Result<Document<protocol::RuleList>> rules();
  [[nodiscard]] Result<Document<protocol::RuleView>> remove_rule(std::uint64_t number);
  [[nodiscard]] Result<Document<protocol::McpServerList>> mcp();
  [[nodiscard]] Result<Document<protocol::ForgottenTools>> forget(
      const protocol::ForgetTools& wanted);
  [[nodiscard]] Result<Document<protocol::BreakpointList>> breakpoints(TaskId id);
  [[nodiscard]] Result<Document<protocol::BreakpointList>> set_breakpoint(
      TaskId id, const protocol::BreakpointRequest& request);
  [[nodiscard]] Result<Document<protocol::BreakpointList>> clear_breakpoints(
      TaskId id, const protocol::ClearRequest& request);

  [[nodiscard]] Result<Document<protocol::ApprovalList>> approvals();
  [[nodiscard]] Result<Document<protocol::ApprovalView>> approval(ApprovalId id);

  [[nodiscard]] Result<Document<protocol::DecisionView>> decide(
      ApprovalId id, const protocol::DecisionRequest& request);

  [[nodiscard]] Result<Document<protocol::BackupView>> back_up(
      const protocol::BackupRequest& request);
  [[nodiscard]] Result<Document<protocol::GcView>> collect(const protocol::GcRequest& request);
  [[nodiscard]] Result<Document<protocol::VerifyView>> verify(
      const protocol::VerifyRequest& request);

  [[nodiscard]] Result<Document<protocol::ReplayView>> replay(TaskId id);

  /// A core file.
  [[nodiscard]] Result<std::string> core(TaskId id);

  /// The flight recorder in Chrome's trace format, of one task or (kNoTask) of all.
  [[nodiscard]] Result<std::string> trace(TaskId id);

  /// Gives the events of a task after number `after` until `take` returns false or the daemon ends
  /// the stream. Events that this build cannot read are left out.
  [[nodiscard]] Result<void> events(
      TaskId id, std::uint64_t after, const StepDetail& detail,
      const std::function<bool(const Document<protocol::EventView>&)>& take);

 private:
  [[nodiscard]] Result<Document<protocol::TaskList>> every_page(const std::string& filter);

  template <class View>
  [[nodiscard]] Result<Document<View>> call(std::string_view method, const std::string& target,
                                            std::string_view body = {});

  [[nodiscard]] Result<std::string> bytes(const std::string& target);

  [[nodiscard]] Error explained(const Error& error) const;

  std::string socket_path_;
  UnixHttpClient http_;
};

}  // namespace tinkerbell::cli
