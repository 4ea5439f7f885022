#pragma once

#include "cli/exit_code.hpp"

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/json.hpp"
#include "tinkerbell/protocol/approval.hpp"
#include "tinkerbell/protocol/cost.hpp"
#include "tinkerbell/protocol/task.hpp"
#include "tinkerbell/protocol/undo.hpp"

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The command line as plain values: what was asked for, nothing looked up yet.
namespace tinkerbell::cli {

enum class RunMode : std::uint8_t {
  automatic,  ///< Follow on a terminal, detach otherwise.
  follow,
  detach,
  wait,
};

struct RunGoal {
  std::string kind;  ///< Empty: an agent.
  std::string goal;
  std::optional<Json> arguments;  ///< In place of a goal.
  std::string workspace;          ///< Empty: the current directory.
  std::string model;
  RunMode mode = RunMode::automatic;
  bool approve_all = false;
  bool stepping = false;  ///< It stops before its first step.
  std::optional<std::uint64_t> steps_max;
  protocol::BudgetRequest budget;
  std::string output_schema_file;  ///< Empty: none; "-": standard input.
  std::string record;              ///< The cassette that is written at the end; empty: none.
  bool overwrite = false;          ///< It may be there.
  std::string replay;              ///< The cassette that answers in place of models; empty: none.
  std::string files;               ///< "draft", "live"; empty: as is usual.
  std::optional<protocol::GitRequest> git;  ///< What it does becomes commits.
};

struct ListTasks {
  std::string state;  ///< Empty: all.
  std::uint64_t count = 20;
  bool all = false;  ///< `count` does not matter.
};

struct ShowTask {
  TaskId task = kNoTask;
};

struct ShowApproval {
  ApprovalId approval = kNoApproval;
};

struct ListSteps {
  TaskId task = kNoTask;
  bool full = false;
};

struct FollowTask {
  TaskId task = kNoTask;
};

struct ShowDiff {
  TaskId task = kNoTask;
  std::uint64_t step = 0;  ///< Only what this one changed; 0: all.
};

/// Take over what a task changed in its draft.
struct AcceptDraft {
  TaskId task = kNoTask;
  std::vector<std::string> paths;  ///< Only these; empty: all.
  bool approve_all = false;        ///< Without asking.
};

/// Throw the draft of a task away.
struct DropDraft {
  TaskId task = kNoTask;
  bool approve_all = false;
};

/// Take back what a task changed.
struct UndoTask {
  TaskId task = kNoTask;
  protocol::UndoRequest request;
};

/// Begin a new task with the first steps of another one.
struct ForkTask {
  TaskId task = kNoTask;
  std::uint32_t at = 0;  ///< The last of them.
  std::string say;       ///< What the new one is told; empty: nothing.
  bool approve_all = false;
  bool detach = false;
};

struct ListApprovals {};

struct Decide {
  ApprovalId approval = kNoApproval;
  protocol::Answer answer = protocol::Answer::deny;
  protocol::Scope scope = protocol::Scope::once;
  std::string text;  ///< The reason or the answer.
  std::string hash;  ///< The first digits of the hash of what was seen; empty: not given.
  std::optional<std::string> result;  ///< What the program wrote that happened.
  std::string result_file;            ///< Where that stands; "-": standard input; empty: nowhere.
  bool directory = false;             ///< Of `always`: all files below the directory.
  std::optional<std::uint64_t> valid_ms;  ///< Of `always`: for how long; nothing: for good.
};

struct ListRules {};

struct RemoveRule {
  std::uint64_t number = 0;
};

struct ListMcp {};

struct ForgetTools {
  std::string server;
  std::string tool;  ///< Empty: all of them.
};

/// Pause, resume or cancel.
struct ChangeTask {
  TaskId task = kNoTask;
  std::string_view action;
};

/// Words for a task.
struct SayWords {
  TaskId task = kNoTask;
  std::string text;
};

/// Let a task take one step, and see where it stops.
struct StepTask {
  TaskId task = kNoTask;
  bool detach = false;  ///< Do not wait until it stops.
};

/// Breakpoints: list them, set one, or clear one or all.
struct ListBreakpoints {
  TaskId task = kNoTask;
};

struct SetBreakpoint {
  TaskId task = kNoTask;
  std::string pattern;
};

struct ClearBreakpoints {
  TaskId task = kNoTask;
  std::uint32_t number = 0;  ///< 0: all.
};

/// Tasks by parent.
struct ShowTree {
  TaskId task = kNoTask;  ///< Only this one and what belongs to it; kNoTask: all.
  bool all = false;       ///< Those that have ended too.
};

/// What a task asked for, as strace(1) shows it.
struct TraceCalls {
  static constexpr std::uint64_t kTextMax = 64;  ///< Unless it is said.

  TaskId task = kNoTask;
  bool follow = false;                ///< As it happens, and its children.
  bool summary = false;               ///< A table instead of the calls.
  std::vector<std::string> only;      ///< Families ("file") and commands ("file.read"); empty: all.
  std::uint64_t text_max = kTextMax;  ///< Longer texts are cut; 0: none.
};

/// The flight recorder as a file for Perfetto.
struct SaveTrace {
  TaskId task = kNoTask;  ///< kNoTask: all.
  std::string file;       ///< "-": to standard output.
};

/// What models answered a task, as a file.
struct RecordTask {
  TaskId task = kNoTask;
  std::string file;  ///< "-": to standard output.
  bool overwrite = false;
};

/// The past of a task, run again.
struct CheckReplay {
  TaskId task = kNoTask;
};

/// A task and its family as one file.
struct SaveCore {
  TaskId task = kNoTask;
  std::string file;  ///< "-": to standard output.
  bool overwrite = false;
};

/// A look at such a file, without a daemon.
struct DebugCore {
  std::string file;
  std::uint64_t task = 0;  ///< 0: the one that the core was taken of.
  std::uint64_t step = 0;  ///< Show this one and end; 0: take commands.
  std::string program;     ///< The daemon that knows the kinds of its tasks; empty: tinkerbelld.
};

/// The journal, copied while the daemon runs.
struct BackUp {
  std::string directory;
};

/// What ended long ago, removed.
struct CollectGarbage {
  std::optional<std::uint64_t> older_than_ms;  ///< Absent: as the daemon's config says.
  bool dry_run = false;
};

/// The journal, compared with its seals.
struct VerifyJournal {
  TaskId task = kNoTask;  ///< Only this task's payloads; kNoTask: all.
  std::string anchor;     ///< "LSN:SEAL"; empty: none.
};

/// What a task and its family may use and have used; more of it.
struct ChangeBudget {
  TaskId task = kNoTask;
  protocol::BudgetRaiseRequest raise;  ///< Nothing in it: only show.
};

/// What model calls cost.
struct ShowCosts {
  TaskId task = kNoTask;  ///< Only of its family; kNoTask: of all.
  std::string by;         ///< One of kCostKeys.
  std::uint64_t days = protocol::CostReport::kDays;
};

struct ShowStatus {};

struct ShowVersion {};

struct PrintCompletion {};

using Command =
    std::variant<RunGoal, ListTasks, ShowTask, ShowApproval, ListSteps, FollowTask, ShowDiff,
                 AcceptDraft, DropDraft, UndoTask, ForkTask, ListApprovals, Decide, ListRules,
                 RemoveRule, ListMcp, ForgetTools, ChangeTask, SayWords, StepTask, ListBreakpoints,
                 SetBreakpoint, ClearBreakpoints, ShowTree, TraceCalls, SaveTrace, RecordTask,
                 CheckReplay, SaveCore, DebugCore, BackUp, CollectGarbage, VerifyJournal,
                 ChangeBudget, ShowCosts, ShowStatus, ShowVersion, PrintCompletion>;

enum class ColorWhen : std::uint8_t { automatic, always, never };

struct Invocation {
  std::string socket;  ///< Empty: look it up.
  bool json = false;   ///< The daemon's documents instead of tables.
  bool quiet = false;  ///< Only ids.
  ColorWhen color = ColorWhen::automatic;
  Command command = ShowStatus{};
};

/// There is nothing to do but to print this: help was asked for, or the line makes no sense.
struct Parting {
  ExitCode code = ExitCode::usage;
  std::string text;
};

/// Reads a command line without the program's name.
[[nodiscard]] std::expected<Invocation, Parting> parse_arguments(std::vector<std::string> words);

/// "tinkerbell 0.1.0, protocol 1".
[[nodiscard]] std::string version_text();

/// The verb that was probably meant; empty if none is near.
[[nodiscard]] std::string_view nearest_verb(std::string_view word);

/// A script for bash: `source <(tinkerbell completion bash)`.
[[nodiscard]] std::string bash_completion();

}  // namespace tinkerbell::cli
