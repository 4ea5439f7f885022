#pragma once

#include "cli/terminal.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/protocol/approval.hpp"
#include "tinkerbell/protocol/breakpoint.hpp"
#include "tinkerbell/protocol/cost.hpp"
#include "tinkerbell/protocol/mcp.hpp"
#include "tinkerbell/protocol/replay.hpp"
#include "tinkerbell/protocol/rule.hpp"
#include "tinkerbell/protocol/status.hpp"
#include "tinkerbell/protocol/task.hpp"
#include "tinkerbell/protocol/undo.hpp"
#include "tinkerbell/protocol/verify.hpp"

#include <string>
#include <string_view>
#include <vector>

/// The daemon's documents as text for people. Everything from outside passes visible_text or
/// visible_line on its way.
namespace tinkerbell::cli {

[[nodiscard]] std::string task_name(TaskId id);          ///< "12".
[[nodiscard]] std::string approval_name(ApprovalId id);  ///< "a3".

/// "waiting", or "waiting (to stop)" of a task that was told to stop and has not come to it. Not
/// made visible.
[[nodiscard]] std::string state_text(const protocol::TaskView& task);

/// How long ago an RFC 3339 time was: "12s", "5m", "3h", "8d"; empty if it is no time.
[[nodiscard]] std::string age_of(std::string_view time, WallTime now);

[[nodiscard]] std::string task_table(const protocol::TaskList& list, const Terminal& terminal,
                                     WallTime now);
/// Tasks by parent, each below the one that spawned it; those whose parent is not in the list stand
/// at the left, and say so.
[[nodiscard]] std::string task_tree(const protocol::TaskList& list, const Terminal& terminal,
                                    WallTime now);
[[nodiscard]] std::string task_details(const protocol::TaskView& task, WallTime now);
[[nodiscard]] std::string step_table(const protocol::StepList& list, const Terminal& terminal);

/// Each step with its arguments and its reply below it.
[[nodiscard]] std::string steps_in_full(const protocol::StepList& list, const Terminal& terminal);

[[nodiscard]] std::string approval_table(const protocol::ApprovalList& list,
                                         const Terminal& terminal, WallTime now);

/// The whole card in its frame, with its size and hash below.
[[nodiscard]] std::string approval_details(const protocol::ApprovalView& approval,
                                           const Terminal& terminal);

[[nodiscard]] std::string budget_details(const protocol::BudgetView& budget);
[[nodiscard]] std::string cost_table(const protocol::CostReport& report);
[[nodiscard]] std::string rule_table(const protocol::RuleList& list, WallTime now);

[[nodiscard]] std::string mcp_table(const protocol::McpServerList& list);

/// `a, b`, each on one line for people.
[[nodiscard]] std::string listed(const std::vector<std::string>& names);

/// A line for each.
[[nodiscard]] std::string rule_numbers(const protocol::RuleList& list);

/// What an approval for good would make of a permission, or why nothing: a line each. Nothing for
/// other questions.
[[nodiscard]] std::vector<std::string> always_lines(const protocol::ApprovalView& approval);

[[nodiscard]] std::string breakpoint_table(const protocol::BreakpointList& list);
[[nodiscard]] std::string diff_text(const protocol::DiffView& diff, const Terminal& terminal);
[[nodiscard]] std::string replay_text(const protocol::ReplayView& replay);

/// What an undo would do.
[[nodiscard]] std::string undo_text(const protocol::UndoView& undo, const Terminal& terminal);
[[nodiscard]] std::string verification_text(const protocol::VerifyView& verified);
[[nodiscard]] std::string status_text(const protocol::StatusView& status);

/// "✓ read src/a.cpp  340 bytes".
[[nodiscard]] std::string step_line(const protocol::StepView& step, const Terminal& terminal);

/// "✓ task 12 completed: 14 steps, 3 questions, 12300 + 800 tokens".
[[nodiscard]] std::string ending_line(const protocol::TaskView& task, const Terminal& terminal);

/// "waits for: step or resume, told to stop before: run git push".
/// How to give a task more to spend: "`tinkerbell budget 3 --add AMOUNT`".
[[nodiscard]] std::string how_to_add_to_budget(const protocol::TaskView& task);

[[nodiscard]] std::string stop_line(const protocol::TaskView& task);

/// The lines of a card with "│ " before each, so that no data can pass for a prompt. The terminal
/// must not break lines by itself, or a padded argument would forge one: what is longer than
/// `columns` goes on behind "┆ ". 0: unbounded. (HAZARDS S29, S30)
[[nodiscard]] std::vector<std::string> framed(std::string_view card, std::size_t columns);

/// "tinkerbell approve a3" and what else can answer it.
[[nodiscard]] std::string how_to_answer(const protocol::ApprovalView& approval);

/// "approval a3  run ./test.sh: `tinkerbell approve a3` …", for somebody who looks at `followed`;
/// of a task below that "child 13 waits for a3: run ./test.sh: …".
[[nodiscard]] std::string question_line(const protocol::ApprovalView& approval, TaskId followed);

/// What is said to somebody who stops looking at a task.
[[nodiscard]] std::string note_on_interrupt(TaskId task);

/// "12 µs", "3.4 ms", "5.6 s".
[[nodiscard]] std::string short_duration(std::uint64_t microseconds);

/// "a3 was approved by uid 1000".
[[nodiscard]] std::string decision_line(const protocol::DecisionView& decision);

}  // namespace tinkerbell::cli
