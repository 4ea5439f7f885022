#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/protocol/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Times are RFC 3339 in UTC with milliseconds; empty where there is none yet. Text comes from
/// models, programs and files: a client passes it through visible_text before it reaches a
/// terminal.
namespace tinkerbell::protocol {

/// What a new task and all that come from it may use together.
struct BudgetRequest {
  std::string cost;                      ///< "2.50", 0: nothing; empty: the configured default.
  std::optional<std::uint64_t> tokens;   ///< In and out, 0: none; absent: the configured default.
  std::string on_limit;                  ///< "ask", "stop"; empty: the configured default.
  std::optional<std::uint64_t> calls;    ///< Of models, 0: none; absent: the configured default.
  std::optional<std::uint64_t> tasks;    ///< That come from it; likewise.
  std::optional<std::uint64_t> time_ms;  ///< That model calls and programs work; likewise.

  static constexpr auto fields() {
    return described(field("cost", &BudgetRequest::cost), field("tokens", &BudgetRequest::tokens),
                     field("on_limit", &BudgetRequest::on_limit),
                     field("calls", &BudgetRequest::calls), field("tasks", &BudgetRequest::tasks),
                     field("time_ms", &BudgetRequest::time_ms));
  }

  bool operator==(const BudgetRequest&) const = default;
};

/// How the work of an agent becomes commits.
struct GitRequest {
  std::string branch;  ///< On which they are left; empty: they go to the one that is checked out.
  bool keep = false;   ///< One for each step; false: one for all of it.

  static constexpr auto fields() {
    return described(field("branch", &GitRequest::branch), field("keep", &GitRequest::keep));
  }

  bool operator==(const GitRequest&) const = default;
};

/// POST /v1/tasks → 201 and a TaskView. Unknown keys are refused.
struct SubmitRequest {
  static constexpr std::size_t kGoalBytesMax = 256 << 10;
  static constexpr std::size_t kArgumentsBytesMax = 256 << 10;
  static constexpr std::size_t kSchemaBytesMax = 64 << 10;
  static constexpr std::size_t kPathBytesMax = 4095;  // PATH_MAX without its NUL
  static constexpr std::size_t kNameBytesMax = 128;

  std::string goal;
  std::string workspace;         ///< Absolute; must exist and be a directory.
  std::string model;             ///< An alias from the configuration; empty: the default.
  bool approve_all = false;      ///< Approve what would be asked; what a rule denies stays
                                 ///< denied.
  std::string kind = "agent@1";  ///< A registered kind of task.
  std::optional<std::uint64_t> steps_max;    ///< Absent: the configured default. 0 means none.
  std::optional<std::uint64_t> time_max_ms;  ///< Of its model calls and programs together.
  bool stepping = false;                     ///< Stop before the first command.
  std::optional<Json> arguments;  ///< An object: what the kind takes, in place of goal, model and
                                  ///< limits, which are an agent's.
  BudgetRequest budget;
  std::optional<Json> output_schema;  ///< JSON Schema of an object: what the agent is to return.
  std::optional<Json> cassette;       ///< A CassetteView, in JSON: answers in place of models.
  std::string files;  ///< "draft": it works in a copy of the workspace, which a person accepts or
                      ///< drops; "live": in the workspace itself; empty: an agent as the
                      ///< configuration says, another kind live.
  std::optional<GitRequest> git;  ///< An agent's, in a draft: what it does becomes commits.

  static constexpr auto fields() {
    return described(
        field("goal", &SubmitRequest::goal), field("workspace", &SubmitRequest::workspace),
        field("model", &SubmitRequest::model), field("approve_all", &SubmitRequest::approve_all),
        field("kind", &SubmitRequest::kind), field("steps_max", &SubmitRequest::steps_max),
        field("time_max_ms", &SubmitRequest::time_max_ms),
        field("stepping", &SubmitRequest::stepping), field("arguments", &SubmitRequest::arguments),
        field("budget", &SubmitRequest::budget),
        field("output_schema", &SubmitRequest::output_schema),
        field("cassette", &SubmitRequest::cassette), field("files", &SubmitRequest::files),
        field("git", &SubmitRequest::git));
  }

  bool operator==(const SubmitRequest&) const = default;
};

/// Whether a request keeps its bounds. Asks nothing of the file system. Errors: invalid, too_large.
[[nodiscard]] Result<void> check(const SubmitRequest& request);

/// Who started a task.
struct OriginView {
  std::string via;  ///< "cli" or "api"; a child has that of its parent.
  std::uint32_t uid = 0;
  std::int64_t pid = 0;

  static constexpr auto fields() {
    return described(field("via", &OriginView::via), field("uid", &OriginView::uid),
                     field("pid", &OriginView::pid));
  }

  bool operator==(const OriginView&) const = default;
};

/// Tokens, as the provider counted them.
struct UsageView {
  std::uint64_t input = 0;
  std::uint64_t output = 0;
  std::string
      cost;  ///< As far as it is known; GET /v1/costs has what is estimated, and the family's.

  static constexpr auto fields() {
    return described(field("input", &UsageView::input), field("output", &UsageView::output),
                     field("cost", &UsageView::cost));
  }

  bool operator==(const UsageView&) const = default;
};

/// Questions that a task put to people.
struct QuestionsView {
  std::uint64_t asked = 0;

  static constexpr auto fields() { return described(field("asked", &QuestionsView::asked)); }

  bool operator==(const QuestionsView&) const = default;
};

/// One `co_await` at which a task stands, or that led there.
struct CallView {
  std::string where;     ///< "src/tasks/agent.cpp:143", from the source root on.
  std::string function;  ///< "ask_model".

  static constexpr auto fields() {
    return described(field("where", &CallView::where), field("function", &CallView::function));
  }

  bool operator==(const CallView&) const = default;
};

/// A step of what a task says that it is going to do.
struct PlanStepView {
  std::string text;
  std::string state;  ///< "pending", "doing" or "done".

  static constexpr auto fields() {
    return described(field("text", &PlanStepView::text), field("state", &PlanStepView::state));
  }

  bool operator==(const PlanStepView&) const = default;
};

/// A task as the scheduler sees it. Counts are those of this run of the daemon, what was replayed
/// included; of an ended task those of the run in which it ended, and nothing else is known.
struct SchedulingView {
  std::string priority;  ///< "interactive", "normal" or "background"; empty: it has ended.
  std::uint64_t turns = 0;
  std::uint64_t cpu_us = 0;
  std::optional<std::uint64_t> longest_turn_us;
  std::string deadline;         ///< Of what it waits for; empty: none.
  std::vector<CallView> calls;  ///< The await chain, innermost first; empty: it has no coroutine.

  static constexpr auto fields() {
    return described(
        field("priority", &SchedulingView::priority), field("turns", &SchedulingView::turns),
        field("cpu_us", &SchedulingView::cpu_us),
        field("longest_turn_us", &SchedulingView::longest_turn_us),
        field("deadline", &SchedulingView::deadline), field("calls", &SchedulingView::calls));
  }

  bool operator==(const SchedulingView&) const = default;
};

/// GET /v1/tasks/{id}; also the answer of submit, cancel, pause, resume and step.
struct TaskView {
  static constexpr std::string_view kSchema = "tinkerbell.task/1";

  std::string schema{kSchema};
  TaskId id = kNoTask;
  TaskId parent = kNoTask;  ///< 0: none.
  TaskId root = kNoTask;    ///< From which its family comes: itself, if it has no parent.
  std::string kind;
  std::string title;  ///< One short line, for lists.
  std::string goal;
  std::string workspace;
  std::string model;
  std::string state;        ///< "ready", "running", "waiting", "cancelling", "suspended", "unsure",
                            ///< "diverged", "quarantined", "completed", "failed" or "cancelled".
  std::string waiting_for;  ///< One line, why it waits: "approval a3: run ./test.sh".
  std::string waiting_since;
  std::string created;
  std::string changed;  ///< When the state last changed.
  std::uint64_t steps = 0;
  OriginView origin;
  std::string result;              ///< What it returned, once completed.
  std::optional<ErrorBody> error;  ///< Why it failed.
  UsageView usage;
  QuestionsView questions;
  std::vector<TaskId> children;              ///< In order; lists do not have those of the ended.
  std::optional<SchedulingView> scheduling;  ///< Absent where nothing is known, and in lists.
  bool to_stop = false;  ///< It was told to stop before its next command, and has not come there.
  bool wants_budget = false;  ///< It is suspended until somebody adds to its budget.
  bool has_cassette = false;  ///< Models are not asked: a cassette answers. Lists of tasks that
                              ///< have ended do not tell.
  TaskId draft = kNoTask;     ///< In whose draft it works; 0: in the workspace. Lists do not tell
                              ///< of the ended either.
  std::string draft_note;     ///< What became of its draft, once it has completed.
  TaskId forked_from = kNoTask;    ///< Whose first steps are its own as well; 0: nobody's. Lists do
                                   ///< not tell of the ended.
  std::uint64_t forked_step = 0;   ///< The last of these.
  std::vector<PlanStepView> plan;  ///< As it last said; empty: it said nothing.

  static constexpr auto fields() {
    return described(
        field("schema", &TaskView::schema), field("id", &TaskView::id),
        field("parent", &TaskView::parent), field("root", &TaskView::root),
        field("kind", &TaskView::kind), field("title", &TaskView::title),
        field("goal", &TaskView::goal), field("workspace", &TaskView::workspace),
        field("model", &TaskView::model), field("state", &TaskView::state),
        field("waiting_for", &TaskView::waiting_for),
        field("waiting_since", &TaskView::waiting_since), field("created", &TaskView::created),
        field("changed", &TaskView::changed), field("steps", &TaskView::steps),
        field("origin", &TaskView::origin), field("result", &TaskView::result),
        field("error", &TaskView::error), field("usage", &TaskView::usage),
        field("questions", &TaskView::questions), field("children", &TaskView::children),
        field("scheduling", &TaskView::scheduling), field("to_stop", &TaskView::to_stop),
        field("wants_budget", &TaskView::wants_budget),
        field("has_cassette", &TaskView::has_cassette), field("draft", &TaskView::draft),
        field("draft_note", &TaskView::draft_note), field("forked_from", &TaskView::forked_from),
        field("forked_step", &TaskView::forked_step), field("plan", &TaskView::plan));
  }

  bool operator==(const TaskView&) const = default;
};

/// POST /v1/tasks/{id}/say → SayView: words for a task. 409: it has ended.
struct SayRequest {
  static constexpr std::size_t kTextBytesMax = 64 << 10;

  std::string text;

  static constexpr auto fields() { return described(field("text", &SayRequest::text)); }

  bool operator==(const SayRequest&) const = default;
};

/// Whether a request keeps its bounds. Errors: invalid, too_large.
[[nodiscard]] Result<void> check(const SayRequest& request);

/// What becomes of them.
struct SayView {
  static constexpr std::string_view kSchema = "tinkerbell.said/1";

  std::string schema{kSchema};
  TaskId task = kNoTask;
  std::uint64_t step = 0;             ///< So far it had come: it hears them before the next one.
  bool wakes = false;                 ///< It waited, and goes on.
  ApprovalId answered = kNoApproval;  ///< They are the answer to this question of it; 0: to none.

  static constexpr auto fields() {
    return described(field("schema", &SayView::schema), field("task", &SayView::task),
                     field("step", &SayView::step), field("wakes", &SayView::wakes),
                     field("answered", &SayView::answered));
  }

  bool operator==(const SayView&) const = default;
};

/// All that TaskView::state may say.
inline constexpr auto kTaskStates = std::to_array<std::string_view>(
    {"ready", "running", "waiting", "cancelling", "suspended", "unsure", "diverged", "quarantined",
     "completed", "failed", "cancelled"});

/// Completed, failed or cancelled: nothing will happen any more.
[[nodiscard]] bool has_ended(std::string_view state);

/// Diverged or quarantined: nothing happens until a person looks into it.
[[nodiscard]] bool is_stuck(std::string_view state);

/// GET /v1/tasks?limit=&before=&state=&live=1: the newest first; `before` is a task id, `limit` at
/// most kLimitMax; with `live=1` only those that have not ended.
struct TaskList {
  static constexpr std::string_view kSchema = "tinkerbell.tasks/1";
  static constexpr std::uint64_t kLimitMax = 1000;
  static constexpr std::uint64_t kLimitDefault = 100;

  std::string schema{kSchema};
  std::vector<TaskView> tasks;

  static constexpr auto fields() {
    return described(field("schema", &TaskList::schema), field("tasks", &TaskList::tasks));
  }

  bool operator==(const TaskList&) const = default;
};

/// One command of a task.
struct StepView {
  Seq seq{0};
  std::string command;  ///< Its stable name: "file.read".
  std::string line;     ///< As shown to people: "read src/a.cpp".
  std::string state;    ///< "asked", "waiting", "started", "deferred", "done", "failed" or
                        ///< "denied".
  std::string verdict;  ///< "allow", "ask" or "deny".
  std::string rule;     ///< The name of the rule that decided.
  ApprovalId approval = kNoApproval;  ///< 0: none was needed.
  std::uint32_t attempt = 0;          ///< From 1; 0 before it started.
  std::string outcome;                ///< One line: "exit 0, 1.2 s, 340 bytes"; of a deferred one
                                      ///< why the attempt came to nothing.
  std::string started;
  std::string ended;
  std::uint64_t duration_ms = 0;
  std::optional<Json> arguments;  ///< Only with ?full=1.
  std::optional<Json> reply;      ///< Only with ?full=1, and once there is one.
  std::string asked;            ///< When the task asked for it: `started` is when it was released.
  std::uint64_t waited_us = 0;  ///< From then to its release: for people, mostly.
  std::uint64_t duration_us = 0;      ///< duration_ms, finer.
  std::uint64_t answered_us = 0;      ///< How long questions about it were open, to the answer.
  std::optional<std::string> call;    ///< Only with ?calls=N: "file.read(path=\"a.txt\", …)".
  std::optional<std::string> result;  ///< Only with ?calls=N, and once there is one: "137 bytes",
                                      ///< "-1 not_found (no such file)".
  std::string next_attempt;           ///< Of a deferred one: when that is made.
  std::string fingerprint;  ///< 32 hexadecimal digits: the same for the same command with the same
                            ///< arguments, in whatever task and daemon.

  static constexpr auto fields() {
    return described(field("seq", &StepView::seq), field("command", &StepView::command),
                     field("line", &StepView::line), field("state", &StepView::state),
                     field("verdict", &StepView::verdict), field("rule", &StepView::rule),
                     field("approval", &StepView::approval), field("attempt", &StepView::attempt),
                     field("outcome", &StepView::outcome), field("started", &StepView::started),
                     field("ended", &StepView::ended), field("duration_ms", &StepView::duration_ms),
                     field("arguments", &StepView::arguments), field("reply", &StepView::reply),
                     field("asked", &StepView::asked), field("waited_us", &StepView::waited_us),
                     field("duration_us", &StepView::duration_us),
                     field("answered_us", &StepView::answered_us), field("call", &StepView::call),
                     field("result", &StepView::result),
                     field("next_attempt", &StepView::next_attempt),
                     field("fingerprint", &StepView::fingerprint));
  }

  bool operator==(const StepView&) const = default;
};

/// All that StepView::command may say. The word before the dot is the family.
inline constexpr auto kCommandNames = std::to_array<std::string_view>(
    {"task.id",     "task.yield",   "task.spawn",      "task.join",     "task.kill",
     "task.send",   "task.receive", "task.checkpoint", "time.sleep",    "time.now",
     "random",      "file.read",    "file.write",      "file.edit",     "file.list",
     "file.search", "user.answer",  "process.run",     "user.approval", "llm.response",
     "draft.open",  "draft.accept", "draft.drop",      "file.stat",     "file.move",
     "file.remove", "file.restore", "task.hear",       "guidance.read", "skill.read",
     "task.plan",   "content.read", "file.patch",      "task.together", "tool.list",
     "tool.trust",  "tool.call",    "http.request",    "task.wait",     "git.status",
     "git.diff",    "git.log",      "git.add",         "git.commit",    "git.branch",
     "git.push",    "file.save"});

/// GET /v1/tasks/{id}/steps?after=&limit=&full=1&calls=N: in order; `after` is a step's number,
/// `limit` at most kLimitMax. With `calls` each step is also told as a system call, its texts cut
/// to N bytes (0: not at all; kCallTextMax at most). A page may end before `limit` where its steps
/// are large: look at `more`.
struct StepList {
  static constexpr std::string_view kSchema = "tinkerbell.steps/1";
  static constexpr std::uint64_t kLimitMax = 1000;
  static constexpr std::uint64_t kCallTextMax = 1 << 30;

  std::string schema{kSchema};
  std::uint64_t last_event = 0;  ///< Every event up to this sequence number is contained in the
                                 ///< list: follow from here and nothing is missed.
  bool more = false;             ///< Further steps exist: ask again, after the last one of these.
  std::vector<StepView> steps;

  static constexpr auto fields() {
    return described(field("schema", &StepList::schema), field("last_event", &StepList::last_event),
                     field("more", &StepList::more), field("steps", &StepList::steps));
  }

  bool operator==(const StepList&) const = default;
};

struct FileDiff {
  std::string path;    ///< Relative to the workspace.
  std::string status;  ///< "created", "changed" or "removed".
  std::string diff;    ///< Unified; of a binary file a line that says so.

  static constexpr auto fields() {
    return described(field("path", &FileDiff::path), field("status", &FileDiff::status),
                     field("diff", &FileDiff::diff));
  }

  bool operator==(const FileDiff&) const = default;
};

/// GET /v1/tasks/{id}/diff?step=: what the task changed. Of one that works in a draft: what
/// accepting it would change in the workspace, or what was accepted of it. Of another: from how
/// files were before it, and those that came from it, to how they are now. With `step`: what that
/// one changed.
struct DiffView {
  static constexpr std::string_view kSchema = "tinkerbell.diff/1";

  std::string schema{kSchema};
  std::vector<FileDiff> files;

  static constexpr auto fields() {
    return described(field("schema", &DiffView::schema), field("files", &DiffView::files));
  }

  bool operator==(const DiffView&) const = default;
};

}  // namespace tinkerbell::protocol
