#include "cli/print.hpp"

#include "cli/table.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <map>

namespace tinkerbell::cli {

namespace {

constexpr std::size_t kLabelColumns = 12;

/// "state       waiting"; nothing for an empty value. Further lines stand below the first.
std::string labelled(std::string_view label, std::string_view value) {
  if (value.empty()) return {};
  std::string text(label);
  text.append(kLabelColumns - label.size(), ' ');
  for (const char each : visible_text(value)) {
    text += each;
    if (each == '\n') text.append(kLabelColumns, ' ');
  }
  text.erase(text.find_last_not_of(" \n") + 1);
  return text + "\n";
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::string duration_text(std::uint64_t milliseconds) {
  if (milliseconds < 1000) return std::to_string(milliseconds) + " ms";
  return std::to_string(milliseconds / 1000) + "." + std::to_string(milliseconds % 1000 / 100) +
         " s";
}

struct Mark {
  std::string_view sign;
  Style style = Style::plain;
};

Mark mark_of_step(std::string_view state) {
  if (state == "done") return {"✓", Style::good};
  if (state == "failed") return {"✗", Style::bad};
  if (state == "denied") return {"⊘", Style::bad};
  if (state == "waiting") return {"?", Style::asking};
  if (state == "deferred") return {"…", Style::dim};
  return {"›", Style::dim};
}

Mark mark_of_task(std::string_view state) {
  if (state == "completed") return {"✓", Style::good};
  if (state == "cancelled") return {"⊘", Style::bad};
  return {"✗", Style::bad};
}

Style style_of_diff_line(std::string_view line) {
  if (line.starts_with('+')) return Style::good;
  if (line.starts_with('-')) return Style::bad;
  return line.starts_with("@@") ? Style::dim : Style::plain;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string indented_json(std::string_view label, const std::optional<Json>& json) {
  if (!json) return {};
  std::string text = "    " + std::string(label) + "\n";
  for (const std::string_view line : lines_of(visible_text(pretty_json(*json))))
    text += "      " + std::string(line) + "\n";
  return text;
}

}  // namespace

std::string task_name(TaskId id) {
  return std::to_string(number(id));
}

std::string approval_name(ApprovalId id) {
  return "a" + std::to_string(number(id));
}

std::string state_text(const protocol::TaskView& task) {
  return task.state + (task.to_stop ? " (to stop)" : "");
}

std::string age_of(std::string_view time, WallTime now) {
  std::tm parts{};
  if (strptime(std::string(time).c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return {};
  const auto then = std::chrono::seconds(timegm(&parts));
  const auto seconds =
      std::max(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()) - then,
               std::chrono::seconds(0))
          .count();
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) return std::to_string(seconds / 60) + "m";
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86400) + "d";
}

namespace {

/// What stands behind the title of a task that waits.
std::string reason_of(const protocol::TaskView& task) {
  return task.waiting_for.empty() ? "" : "  [" + task.waiting_for + "]";
}

}  // namespace

std::string task_table(const protocol::TaskList& list, const Terminal& terminal, WallTime now) {
  Table table({"ID", "STATE", "STEPS", "SINCE", "TASK"});
  for (const protocol::TaskView& task : list.tasks) {
    const std::string& title = task.title.empty() ? task.goal : task.title;
    table.add({task_name(task.id), state_text(task), std::to_string(task.steps),
               age_of(task.changed, now), title},
              reason_of(task));
  }
  return table.text(terminal.columns);
}

std::string short_duration(std::uint64_t microseconds) {
  if (microseconds < 1000) return std::to_string(microseconds) + " µs";
  const bool long_one = microseconds >= 1'000'000;
  const std::uint64_t tenths = microseconds / (long_one ? 100'000 : 100);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) +
         (long_one ? " s" : " ms");
}

namespace {

/// "12, 13".
std::string names_of(const std::vector<TaskId>& tasks) {
  std::string names;
  for (const TaskId task : tasks)
    names += (names.empty() ? "" : ", ") + task_name(task);
  return names;
}

/// The await chain, a call a line.
std::string calls_text(const std::vector<protocol::CallView>& calls) {
  std::size_t width = 0;
  for (const protocol::CallView& call : calls)
    width = std::max(width, call.where.size());
  std::string text;
  for (const protocol::CallView& call : calls) {
    text += text.empty() ? "" : "\n";
    text += call.where + std::string(width - call.where.size(), ' ') + "  " + call.function;
  }
  return text;
}

std::string scheduling_lines(const protocol::SchedulingView& seen) {
  std::string used =
      plural(seen.turns, "turn") + ", " + short_duration(seen.cpu_us) + " of processor time";
  if (seen.longest_turn_us) used += ", longest turn " + short_duration(*seen.longest_turn_us);
  return labelled("deadline", seen.deadline) + labelled("stands at", calls_text(seen.calls)) +
         labelled("priority", seen.priority) + labelled("used", used);
}

/// Rows of a tree, depth first.
class TreeRows {
 public:
  TreeRows(const protocol::TaskList& list, WallTime now)
      : now_(now), table_({"TASK", "STATE", "SINCE", "WHAT"}) {
    for (const protocol::TaskView& task : list.tasks)
      tasks_[task.id] = &task;
    for (const auto& [id, task] : tasks_) {
      if (tasks_.contains(task->parent)) children_[task->parent].push_back(task);
    }
    for (const auto& [id, task] : tasks_) {
      if (!tasks_.contains(task->parent)) add(*task, "", "");
    }
  }

  [[nodiscard]] std::string text(std::size_t columns_max) const { return table_.text(columns_max); }

 private:
  /// `branch` stands before the task, `trunk` before what is below it.
  void add(const protocol::TaskView& task, const std::string& branch, const std::string& trunk) {
    std::string what = task.title.empty() ? task.goal : task.title;
    if (branch.empty() && task.parent != kNoTask)
      what += "  (child of " + task_name(task.parent) + ")";
    const std::string& since = task.waiting_since.empty() ? task.changed : task.waiting_since;
    table_.add({branch + task_name(task.id), state_text(task), age_of(since, now_), what},
               reason_of(task));
    const std::vector<const protocol::TaskView*>& below = children_[task.id];
    for (const protocol::TaskView* const child : below) {
      const bool last = child == below.back();
      add(*child, trunk + (last ? "└─ " : "├─ "), trunk + (last ? "   " : "│  "));
    }
  }

  WallTime now_;
  Table table_;
  std::map<TaskId, const protocol::TaskView*> tasks_;
  std::map<TaskId, std::vector<const protocol::TaskView*>> children_;
};

}  // namespace

std::string task_tree(const protocol::TaskList& list, const Terminal& terminal, WallTime now) {
  return TreeRows(list, now).text(terminal.columns);
}

namespace {

std::string fork_of(const protocol::TaskView& task) {
  if (task.forked_from == kNoTask) return {};
  return "from " + task_name(task.forked_from) + " at step " + std::to_string(task.forked_step);
}

/// A line for each step: "[x] find the bug".
std::string plan_of(const protocol::TaskView& task) {
  std::string lines;
  for (const protocol::PlanStepView& step : task.plan) {
    const std::string_view box = step.state == "done"    ? "[x] "
                                 : step.state == "doing" ? "[>] "
                                                         : "[ ] ";
    lines += std::string(box) + visible_line(step.text) + "\n";
  }
  return lines;
}

std::string draft_of(const protocol::TaskView& task) {
  const std::string whose = task.draft == task.id ? "its own" : "of task " + task_name(task.draft);
  return task.draft_note.empty() ? whose : whose + ": " + task.draft_note;
}

}  // namespace

std::string task_details(const protocol::TaskView& task, WallTime now) {
  std::string waits = task.waiting_for;
  const std::string waiting = age_of(task.waiting_since, now);
  if (!waits.empty() && !waiting.empty()) waits += " (for " + waiting + ")";
  const std::string origin = task.origin.via + ", uid " + std::to_string(task.origin.uid) +
                             ", pid " + std::to_string(task.origin.pid);
  const std::string error =
      task.error ? task.error->message + " (" + task.error->code + ")" : std::string();
  return labelled("task", task_name(task.id)) +
         labelled("parent", task.parent == kNoTask ? "" : task_name(task.parent)) +
         labelled("forked", fork_of(task)) + labelled("children", names_of(task.children)) +
         labelled("kind", task.kind) + labelled("state", state_text(task)) +
         labelled("waits for", waits) +
         labelled("add to it", task.wants_budget ? how_to_add_to_budget(task) : "") +
         (task.scheduling ? scheduling_lines(*task.scheduling) : "") + labelled("goal", task.goal) +
         labelled("plan", plan_of(task)) + labelled("workspace", task.workspace) +
         labelled("model", task.model) +
         labelled("draft", task.draft == kNoTask ? "" : draft_of(task)) +
         labelled("asked", task.has_cassette ? "no model: a cassette answers" : "") +
         labelled("origin", origin) + labelled("created", task.created) +
         labelled("changed", task.changed) + labelled("steps", std::to_string(task.steps)) +
         labelled("questions", std::to_string(task.questions.asked)) +
         labelled("tokens", std::to_string(task.usage.input) + " in, " +
                                std::to_string(task.usage.output) + " out") +
         labelled("cost", task.usage.cost) + labelled("error", error) +
         labelled("result", task.result);
}

std::string step_table(const protocol::StepList& list, const Terminal& terminal) {
  Table table({"STEP", "STATE", "TIME", "RULE", "COMMAND"});
  for (const protocol::StepView& step : list.steps) {
    const std::string outcome = step.outcome.empty() ? "" : "  → " + step.outcome;
    const std::string time = step.ended.empty() ? "" : duration_text(step.duration_ms);
    table.add({std::to_string(number(step.seq)), step.state, time, step.rule, step.line}, outcome);
  }
  return table.text(terminal.columns);
}

std::string steps_in_full(const protocol::StepList& list, const Terminal& terminal) {
  std::string text;
  for (const protocol::StepView& step : list.steps) {
    text += std::to_string(number(step.seq)) + " " + step_line(step, terminal) + "\n";
    text += "    " + visible_line(step.command) + ", " + visible_line(step.verdict) + " by " +
            visible_line(step.rule) + ", attempt " + std::to_string(step.attempt) + "\n";
    text += indented_json("arguments", step.arguments);
    text += indented_json("reply", step.reply);
  }
  return text;
}

std::string approval_table(const protocol::ApprovalList& list, const Terminal& terminal,
                           WallTime now) {
  Table table({"ID", "TASK", "SINCE", "KIND", "QUESTION"});
  for (const protocol::ApprovalView& approval : list.approvals) {
    table.add({approval_name(approval.id), task_name(approval.task), age_of(approval.opened, now),
               approval.kind, approval.line});
  }
  return table.text(terminal.columns);
}

std::string approval_details(const protocol::ApprovalView& approval, const Terminal& terminal) {
  const std::string name = approval_name(approval.id);
  std::string text = name + " (" + visible_line(approval.state) + "), " +
                     visible_line(approval.kind) + " for " + visible_line(approval.requested_by) +
                     "\n";
  if (approval.state != "open") {
    text += "by " + visible_line(approval.decided_by) + ", " + visible_line(approval.decided_at);
    if (!approval.text.empty()) text += ": " + visible_line(approval.text);
    text += "\n";
    if (approval.result) {
      text += "stated result, " + plural(approval.result->size(), "byte") + ":\n";
      for (const std::string& line : framed(*approval.result, terminal.columns))
        text += line + "\n";
    }
  }
  for (const std::string& line : always_lines(approval))
    text += line + "\n";
  for (const std::string& line : framed(approval.card, terminal.columns))
    text += line + "\n";
  text += plural(approval.card.size(), "byte") + ", hash " + visible_line(approval.hash) + "\n";
  if (!approval.rule.empty()) text += "asked by rule " + visible_line(approval.rule) + "\n";
  for (const std::string& choice : approval.choices)
    text += "suggested answer: " + visible_line(choice) + "\n";
  if (approval.state == "open") text += "answer with " + how_to_answer(approval) + "\n";
  return text;
}

namespace {

std::string tokens_of(const protocol::SpendingView& spent) {
  std::string text = std::to_string(spent.tokens_in) + " in";
  if (spent.tokens_in_cached > 0) {
    text += " (" + std::to_string(spent.tokens_in_cached) + " from the cache)";
  }
  return text + ", " + std::to_string(spent.tokens_out) + " out";
}

/// What is not exact about a sum: "2 calls estimated, 1 without a price".
std::string reservations_of(const protocol::SpendingView& spent) {
  std::string text;
  if (spent.calls_estimated > 0) text = plural(spent.calls_estimated, "call") + " estimated";
  if (spent.calls_unpriced > 0) {
    text += (text.empty() ? "" : ", ") + plural(spent.calls_unpriced, "call") + " without a price";
  }
  return text;
}

}  // namespace

std::string budget_details(const protocol::BudgetView& budget) {
  const auto against = [](std::uint64_t used, const std::optional<std::uint64_t>& bound) {
    return std::to_string(used) + " of " + (bound ? std::to_string(*bound) : "no bound");
  };
  const auto duration = [](std::uint64_t ms) { return short_duration(ms * 1'000); };
  const protocol::SpendingView& spent = budget.spent;
  return labelled("task", task_name(budget.task)) +
         labelled("family of", budget.root == budget.task ? "" : task_name(budget.root)) +
         labelled("money", spent.cost + " of " + budget.cost.value_or("no bound")) +
         labelled("tokens", against(spent.tokens_in + spent.tokens_out, budget.tokens)) +
         labelled("calls", against(spent.calls, budget.calls)) +
         labelled("tasks", budget.tasks ? against(spent.tasks, budget.tasks) : "") +
         labelled("time", duration(spent.time_ms) + " of " +
                              (budget.time_ms ? duration(*budget.time_ms) : "no bound")) +
         labelled("not exact", reservations_of(spent)) + labelled("at the end", budget.on_limit);
}

std::string cost_table(const protocol::CostReport& report) {
  std::string key = report.by;
  std::ranges::transform(key, key.begin(), [](unsigned char c) { return std::toupper(c); });
  Table table({"COST", "CALLS", key, "TOKENS"});
  table.align_right(2);
  const auto add = [&](const std::string& name, const protocol::SpendingView& spent) {
    const std::string inexact = reservations_of(spent);
    table.add({spent.cost, std::to_string(spent.calls), name,
               tokens_of(spent) + (inexact.empty() ? "" : "; " + inexact)});
  };
  for (const protocol::CostLine& line : report.lines)
    add(line.key, line.spent);
  if (report.lines.size() != 1) add(report.more ? "all, and more" : "all", report.total);
  return table.text(0);
}

std::string rule_table(const protocol::RuleList& list, WallTime now) {
  Table table({"N", "SINCE", "BY", "EXPIRES", "USED", "LAST USED", "ALLOWS"});
  for (const protocol::RuleView& each : list.rules) {
    const std::string expires = each.expires.empty() ? "never" : each.expires;
    table.add({std::to_string(each.number), each.since, each.by + " (" + each.via + ")",
               each.expired ? "expired" : expires, std::to_string(each.used),
               each.last_used.empty() ? "never" : age_of(each.last_used, now) + " ago", each.rule});
  }
  return table.text(0);
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names)
    text += (text.empty() ? "" : ", ") + visible_line(name);
  return text;
}

std::string mcp_table(const protocol::McpServerList& list) {
  Table table({"SERVER", "STATE", "APPROVED", "COMMAND"});
  for (const protocol::McpServerView& each : list.servers) {
    std::string state = each.running == 0 ? "idle" : std::to_string(each.running) + " running";
    if (each.crashes > 0) state += ", crashed " + std::to_string(each.crashes) + "x";
    if (each.command.empty()) state = "not in the config";
    table.add({each.name, state, each.approved.empty() ? "nothing yet" : listed(each.approved),
               each.command});
  }
  return table.text(0);
}

std::string rule_numbers(const protocol::RuleList& list) {
  std::string text;
  for (const protocol::RuleView& each : list.rules)
    text += std::to_string(each.number) + "\n";
  return text;
}

std::vector<std::string> always_lines(const protocol::ApprovalView& approval) {
  std::vector<std::string> lines;
  if (!approval.always.empty()) lines.push_back("always: " + visible_line(approval.always));
  if (!approval.always_directory.empty()) {
    lines.push_back("always, --directory: " + visible_line(approval.always_directory));
  }
  if (!approval.always_not.empty()) {
    lines.push_back("always: not possible: " + visible_line(approval.always_not));
  }
  return lines;
}

std::string breakpoint_table(const protocol::BreakpointList& list) {
  Table table({"N", "STOPS BEFORE"});
  for (const protocol::BreakpointView& each : list.breakpoints)
    table.add({std::to_string(each.number), each.pattern});
  return table.text(0);
}

namespace {

std::string files_text(const std::vector<protocol::FileDiff>& files, const Terminal& terminal) {
  std::string text;
  for (const protocol::FileDiff& file : files) {
    text += visible_line(file.status) + " " + visible_line(file.path) + "\n";
    const std::string shown = visible_text(file.diff);
    for (const std::string_view line : lines_of(shown))
      text += styled(terminal, style_of_diff_line(line), line) + "\n";
  }
  return text;
}

std::string stays_text(std::string_view title, const std::vector<protocol::StaysView>& all) {
  std::string text;
  for (const protocol::StaysView& each : all) {
    text += text.empty() ? std::string(title) + "\n" : "";
    text += "  " + (each.path.empty() ? "" : visible_line(each.path) + ": ") +
            visible_line(each.why) + "\n";
  }
  return text;
}

}  // namespace

std::string diff_text(const protocol::DiffView& diff, const Terminal& terminal) {
  return files_text(diff.files, terminal);
}

std::string undo_text(const protocol::UndoView& undo, const Terminal& terminal) {
  if (!undo.note.empty()) {
    return visible_line(undo.note) + "\n" + stays_text("not known, and as it is:", undo.unknown);
  }
  std::string text = files_text(undo.files, terminal);
  if (undo.in_draft) text += "all of it in the draft of the task, which is not taken over yet\n";
  text += stays_text("refused without --keep-others, because of:", undo.others);
  return text + stays_text("not known, and as it is:", undo.unknown);
}

namespace {

/// "3 timers, 1024 turns, the longest of the newest 12 ms (task 3)".
std::string scheduler_line(const protocol::SchedulerView& seen) {
  std::string line = std::to_string(seen.ready) + " ready, " + plural(seen.timers, "timer") + ", " +
                     plural(seen.turns, "turn");
  if (seen.longest_turn) {
    line += ", the longest lately " + short_duration(seen.longest_turn->us) + " (task " +
            task_name(seen.longest_turn->task) + ")";
  }
  return line;
}

}  // namespace

std::string replay_text(const protocol::ReplayView& replay) {
  if (const auto& difference = replay.difference) {
    const std::string where =
        difference->step == 0 ? "its end" : "step " + std::to_string(difference->step);
    return "DIFFERS at " + where +
           (difference->from_snapshot ? ", going on from the state that it noted last" : "") +
           "\n" + labelled("recorded", visible_line(difference->recorded)) +
           labelled("now", visible_line(difference->found));
  }
  return "replays: " + plural(replay.steps, "step") + ", same commands, " +
         (replay.end.empty() ? "up to where it is now" : "same end") + "\n";
}

std::string verification_text(const protocol::VerifyView& verified) {
  const auto number_of = [](std::uint64_t number) { return std::to_string(number); };
  std::string text;
  if (const auto& damage = verified.damage) {
    text = "NOT as it was written: ";
    if (damage->lsn != 0) text += "record " + number_of(damage->lsn);
    if (damage->task) text += " of task " + number_of(*damage->task);
    if (damage->command != 0) text += ", step " + number_of(damage->command);
    if (damage->lsn != 0) text += ": ";
    text += visible_line(damage->what) + "\nnothing behind it was looked at\n";
  } else {
    text = number_of(verified.records) + " records and " + number_of(verified.blobs) +
           " payloads beside them are as they were written\n";
  }
  text += labelled("sealed", "from record " + number_of(verified.sealed_from) + " on");
  text += labelled("anchored", "up to record " + number_of(verified.anchored) +
                                   ": a start notices if they are missing");
  text +=
      labelled("newest", number_of(verified.newest.lsn) + ":" + visible_line(verified.newest.seal));
  for (const std::string& each : verified.notes)
    text += labelled("noted", visible_line(each));
  return text;
}

namespace {

/// "14 tasks, with 1.2 questions each (17 in all, since 2026-11-27T08:00:00Z)".
std::string accepted_line(const protocol::AcceptedView& accepted) {
  if (accepted.tasks == 0) return {};
  return plural(accepted.tasks, "task") + ", with " + accepted.mean + " questions each (" +
         std::to_string(accepted.questions) + " in all, since " + accepted.since + ")";
}

}  // namespace

std::string status_text(const protocol::StatusView& status) {
  std::string tasks;
  for (const protocol::StateCount& each : status.tasks) {
    if (!tasks.empty()) tasks += ", ";
    tasks += std::to_string(each.count) + " " + each.state;
  }
  return labelled("tinkerbelld", status.version + ", pid " + std::to_string(status.pid) + ", run " +
                                     std::to_string(status.epoch)) +
         labelled("up", std::to_string(status.uptime_s) + " s") +
         labelled("tasks", tasks.empty() ? "none" : tasks) +
         labelled("questions", std::to_string(status.approvals_open) + " open") +
         labelled("accepted", accepted_line(status.accepted)) +
         labelled("scheduler", status.scheduler ? scheduler_line(*status.scheduler) : "") +
         labelled("sandbox", status.sandbox) + labelled("model", status.model) +
         labelled("socket", status.socket) + labelled("state", status.state_dir) +
         labelled("storage", status.storage) + labelled("log", status.log);
}

std::string step_line(const protocol::StepView& step, const Terminal& terminal) {
  const Mark mark = mark_of_step(step.state);
  std::string text = styled(terminal, mark.style, mark.sign) + " " + visible_line(step.line);
  if (!step.outcome.empty()) {
    text += "  " + styled(terminal, Style::dim, visible_line(step.outcome));
  }
  if (!step.next_attempt.empty()) {
    text += styled(terminal, Style::dim, "; next attempt at " + visible_line(step.next_attempt));
  }
  return text;
}

namespace {

/// What became of a task's draft, or what can be done with it.
std::string draft_line(const protocol::TaskView& task) {
  if (!task.draft_note.empty()) return "\n  draft: " + visible_line(task.draft_note);
  if (task.draft != task.id || task.state == "completed") return {};
  const std::string name = task_name(task.id);
  return "\n  its draft is kept: see `tinkerbell diff " + name + "`, then `tinkerbell accept " +
         name + "` or `tinkerbell drop " + name + "`";
}

}  // namespace

std::string ending_line(const protocol::TaskView& task, const Terminal& terminal) {
  const Mark mark = mark_of_task(task.state);
  std::string text = styled(terminal, mark.style, mark.sign) + " task " + task_name(task.id) + " " +
                     visible_line(task.state) + ": " + plural(task.steps, "step") + ", " +
                     plural(task.questions.asked, "question") + ", " +
                     std::to_string(task.usage.input) + " + " + std::to_string(task.usage.output) +
                     " tokens";
  const bool free = task.usage.cost.empty() || task.usage.cost == "0.00";
  if (!free) text += ", cost " + visible_line(task.usage.cost);
  if (task.error) text += "\n  " + visible_line(task.error->message);
  return text + draft_line(task);
}

std::string how_to_add_to_budget(const protocol::TaskView& task) {
  return "`tinkerbell budget " + task_name(task.id) +
         " --add AMOUNT`, or --add-tokens, --add-calls, --add-tasks N, --add-time 30m";
}

std::string stop_line(const protocol::TaskView& task) {
  return "waits for: " + visible_line(task.waiting_for) +
         (task.wants_budget ? "; add to it with " + how_to_add_to_budget(task) : "");
}

std::vector<std::string> framed(std::string_view card, std::size_t columns) {
  constexpr std::size_t kFrame = 2;
  const std::size_t room = columns > kFrame ? columns - kFrame : std::string::npos;
  std::vector<std::string> lines;
  const std::string shown = visible_text(card);
  for (const std::string_view line : lines_of(shown)) {
    std::string_view frame = "│ ";
    for (const std::string_view piece : wrapped(line, room)) {
      lines.push_back(std::string(frame) + std::string(piece));
      frame = "┆ ";
    }
  }
  return lines;
}

std::string how_to_answer(const protocol::ApprovalView& approval) {
  const std::string name = approval_name(approval.id);
  switch (protocol::form_of(approval)) {
    case protocol::AnswerForm::verdict:
      return "`tinkerbell approve " + name + "` or `tinkerbell deny " + name + "`";
    case protocol::AnswerForm::words:
      return "`tinkerbell answer " + name + " TEXT` or `tinkerbell deny " + name + "`";
    case protocol::AnswerForm::outcome:
      return "`tinkerbell resolve " + name + " --happened`, `--run-again` or `--abort`";
  }
  return {};
}

std::string question_line(const protocol::ApprovalView& approval, TaskId followed) {
  const std::string name = approval_name(approval.id);
  const std::string whose = approval.task == followed
                                ? "approval " + name + "  "
                                : "child " + task_name(approval.task) + " waits for " + name + ": ";
  return whose + visible_line(approval.line) + ": " + how_to_answer(approval);
}

std::string note_on_interrupt(TaskId task) {
  const std::string name = task_name(task);
  return "\ntask " + name + " goes on: `tinkerbell follow " + name + "`, or `tinkerbell cancel " +
         name + "`\n";
}

std::string decision_line(const protocol::DecisionView& decision) {
  const bool resolved =
      decision.state == "happened" || decision.state == "run_again" || decision.state == "abort";
  return approval_name(decision.id) + " was " + (resolved ? "resolved as " : "") +
         visible_line(decision.state) + " by " + visible_line(decision.by) +
         (decision.rule.empty() ? "" : "; " + visible_line(decision.rule));
}

}  // namespace tinkerbell::cli
