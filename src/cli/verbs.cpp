#include "cli/verbs.hpp"

#include "cli/interrupt.hpp"
#include "cli/print.hpp"
#include "cli/sinks.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/base/version.hpp"
#include "tinkerbell/protocol/routes.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>

namespace tinkerbell::cli {

namespace {

/// Prints a document: as it came with --json, as `text` makes it otherwise.
template <class View, class MakeText>
Result<ExitCode> print(Session& session, const Result<Document<View>>& document,
                       MakeText make_text) {
  if (!document) return document.error();
  session.out << (session.invocation.json ? pretty_json(document->json) + "\n"
                                          : make_text(document->view));
  return ExitCode::ok;
}

/// The --quiet form of a list.
template <class Views, class NameOf>
std::string names_of(const Views& views, NameOf name_of) {
  std::string text;
  for (const auto& view : views)
    text += name_of(view.id) + "\n";
  return text;
}

/// The directory as an absolute path. Errors: invalid (it is none).
Result<std::string> workspace_at(const std::string& given) {
  std::error_code failure;
  const std::filesystem::path path =
      std::filesystem::absolute(given.empty() ? "." : given, failure).lexically_normal();
  if (failure) return Error{Errc::invalid, "workspace " + given + ": " + failure.message()};
  if (!std::filesystem::is_directory(path, failure)) {
    const std::string why = failure ? failure.message() : "is not a directory";
    return Error{Errc::invalid, "workspace " + path.string() + ": " + why};
  }
  return (path.has_filename() ? path : path.parent_path()).string();
}

/// A task's result: safe on a terminal, as it is in a pipe.
std::string result_text(const Session& session, const protocol::TaskView& task) {
  if (task.result.empty()) return {};
  const std::string text = session.terminal.is_terminal ? visible_text(task.result) : task.result;
  return text.ends_with('\n') ? text : text + "\n";
}

Result<ExitCode> follow_as_json(Session& session, TaskId task) {
  JsonSink sink(session.out);
  Follower follower(session.client, task, sink, session.patience, Follower::From::events);
  const Result<std::optional<protocol::TaskView>> end = follower.run();
  if (!end) return end.error();
  sink.happened(to_json_value(**end));
  return exit_code_of(**end);
}

Result<ExitCode> follow_as_lines(Session& session, TaskId task) {
  Screen screen(session.out, session.terminal);
  Client deciding(session.client.socket_path());  // the other one is busy with the events
  std::optional<Asker> asker;
  if (session.asks) {
    asker.emplace(screen, session.input, [&](ApprovalId id, const protocol::DecisionRequest& what) {
      const Result<Document<protocol::DecisionView>> decision = deciding.decide(id, what);
      return decision ? Result<protocol::DecisionView>(decision->view)
                      : Result<protocol::DecisionView>(decision.error());
    });
  }
  LineSink sink(screen, asker ? &*asker : nullptr);
  Follower follower(session.client, task, sink, session.patience);
  const Result<std::optional<protocol::TaskView>> end = follower.run();
  asker.reset();
  if (!end) return end.error();
  screen.line(result_text(session, **end) + ending_line(**end, session.terminal));
  return exit_code_of(**end);
}

Result<ExitCode> follow_task(Session& session, TaskId task) {
  const InterruptNote note(note_on_interrupt(task));
  return session.invocation.json ? follow_as_json(session, task) : follow_as_lines(session, task);
}

ExitCode report_question(Session& session, TaskId task, const protocol::ApprovalView& question) {
  const std::string name = approval_name(question.id);
  session.out << task_name(task) << "\n";
  session.err << "task " << task_name(task) << " waits for approval " << name << ": "
              << visible_line(question.line) << "\nread it with `tinkerbell show " << name
              << "`, answer it with " << how_to_answer(question) << "\n";
  return ExitCode::waiting;
}

Result<ExitCode> wait_for(Session& session, TaskId task) {
  const InterruptNote note(note_on_interrupt(task));
  WaitSink sink;
  Follower follower(session.client, task, sink, session.patience);
  const Result<std::optional<protocol::TaskView>> end = follower.run();
  if (!end) return end.error();
  if (!*end) return report_question(session, task, *sink.question());
  const protocol::TaskView& ended = **end;
  session.out << (session.invocation.json ? pretty_json(to_json_value(ended)) + "\n"
                                          : result_text(session, ended));
  if (!session.invocation.quiet) session.err << ending_line(ended, Terminal{}) << "\n";
  return exit_code_of(ended);
}

Result<ExitCode> detach(Session& session, const Document<protocol::TaskView>& task) {
  const std::string name = task_name(task.view.id);
  session.out << (session.invocation.json ? pretty_json(task.json) : name) << "\n";
  if (session.terminal.is_terminal && !session.invocation.quiet && !session.invocation.json) {
    session.err << "follow it with `tinkerbell follow " << name << "`\n";
  }
  return ExitCode::ok;
}

RunMode mode_of(const Session& session, const RunGoal& run) {
  if (run.mode != RunMode::automatic) return run.mode;
  const bool watched = session.terminal.is_terminal && !session.invocation.json;
  return watched ? RunMode::follow : RunMode::detach;
}

/// Whether somebody who types `approve a3` may be taken to have read all of it.
bool needs_hash(const protocol::ApprovalView& approval) {
  constexpr std::size_t kLinesMax = 200;
  constexpr std::size_t kBytesMax = 16 << 10;
  return approval.card.size() > kBytesMax ||
         static_cast<std::size_t>(std::ranges::count(approval.card, '\n')) > kLinesMax;
}

/// The approval was read, as far as one can tell. Errors: invalid, conflict.
Result<void> check_read(const Decide& decide, const protocol::ApprovalView& approval) {
  constexpr std::size_t kDigitsMin = 8;
  const std::string name = approval_name(approval.id);
  if (decide.hash.empty()) {
    if (!needs_hash(approval)) return {};
    return Error{Errc::invalid, name + " is about " + std::to_string(approval.card.size()) +
                                    " bytes: read them with `tinkerbell show " + name +
                                    "`, then answer with `--hash` and the hash at the end"};
  }
  if (decide.hash.size() < kDigitsMin) {
    return Error{Errc::invalid, "--hash needs at least 8 digits"};
  }
  if (approval.hash.starts_with(decide.hash)) return {};
  return Error{Errc::conflict, name + " is not what you saw: its hash is " + approval.hash};
}

ExitCode report_stop(Session& session, const protocol::TaskView& task) {
  session.out << (session.invocation.json ? pretty_json(to_json_value(task))
                                          : task_name(task.id) + ": " + stop_line(task))
              << "\n";
  return ExitCode::ok;
}

/// Until the task has stopped, asks something or has ended.
Result<ExitCode> wait_for_stop(Session& session, TaskId task) {
  const InterruptNote note(note_on_interrupt(task));
  StopSink sink;
  Follower follower(session.client, task, sink, session.patience);
  const Result<std::optional<protocol::TaskView>> end = follower.run();
  if (!end) return end.error();
  if (sink.stop()) return report_stop(session, *sink.stop());
  if (sink.question()) return report_question(session, task, *sink.question());
  session.err << ending_line(**end, Terminal{}) << "\n";
  return exit_code_of(**end);
}

std::string_view state_after(std::string_view action) {
  if (action == "pause") return "pausing";
  return action == "resume" ? "resuming" : "cancelling";
}

}  // namespace

Result<ExitCode> perform(Session& session, const RunGoal& run) {
  Result<std::string> workspace = workspace_at(run.workspace);
  if (!workspace) return workspace.error();
  protocol::SubmitRequest request{.goal = run.goal,
                                  .workspace = *std::move(workspace),
                                  .model = run.model,
                                  .approve_all = run.approve_all,
                                  .steps_max = run.steps_max,
                                  .stepping = run.stepping,
                                  .arguments = run.arguments};
  if (!run.kind.empty()) request.kind = run.kind;
  const Result<Document<protocol::TaskView>> task = session.client.submit(request);
  if (!task) return task.error();
  const TaskId id = task->view.id;
  switch (mode_of(session, run)) {
    case RunMode::follow:
      if (!session.invocation.json) session.out << "task " << task_name(id) << std::endl;
      return follow_task(session, id);
    case RunMode::wait:
      return wait_for(session, id);
    case RunMode::automatic:
    case RunMode::detach:
      break;
  }
  return detach(session, *task);
}

Result<ExitCode> perform(Session& session, const ListTasks& list) {
  return print(session, session.client.tasks(list.count, list.state),
               [&](const protocol::TaskList& tasks) {
                 return session.invocation.quiet ? names_of(tasks.tasks, task_name)
                                                 : task_table(tasks, session.terminal, session.now);
               });
}

Result<ExitCode> perform(Session& session, const ShowTask& show) {
  return print(session, session.client.task(show.task),
               [&](const protocol::TaskView& task) { return task_details(task, session.now); });
}

Result<ExitCode> perform(Session& session, const ShowApproval& show) {
  return print(session, session.client.approval(show.approval),
               [&](const protocol::ApprovalView& approval) {
                 return approval_details(approval, session.terminal);
               });
}

Result<ExitCode> perform(Session& session, const ListSteps& list) {
  return print(session, session.client.steps(list.task, {.full = list.full}),
               [&](const protocol::StepList& steps) {
                 return list.full ? steps_in_full(steps, session.terminal)
                                  : step_table(steps, session.terminal);
               });
}

Result<ExitCode> perform(Session& session, const FollowTask& follow) {
  return follow_task(session, follow.task);
}

Result<ExitCode> perform(Session& session, const ShowDiff& show) {
  return print(session, session.client.diff(show.task),
               [&](const protocol::DiffView& diff) { return diff_text(diff, session.terminal); });
}

Result<ExitCode> perform(Session& session, const ListApprovals& /*list*/) {
  return print(session, session.client.approvals(), [&](const protocol::ApprovalList& approvals) {
    return session.invocation.quiet ? names_of(approvals.approvals, approval_name)
                                    : approval_table(approvals, session.terminal, session.now);
  });
}

Result<ExitCode> perform(Session& session, const Decide& decide) {
  protocol::DecisionRequest request{
      .answer = decide.answer, .scope = decide.scope, .text = decide.text};
  const bool binds =
      decide.answer != protocol::Answer::deny && decide.answer != protocol::Answer::abort;
  if (binds) {
    const Result<Document<protocol::ApprovalView>> approval =
        session.client.approval(decide.approval);
    if (!approval) return approval.error();
    if (Result<void> read = check_read(decide, approval->view); !read) return read.error();
    request.hash = approval->view.hash;
  }
  return print(
      session, session.client.decide(decide.approval, request),
      [&](const protocol::DecisionView& decision) {
        return (session.invocation.quiet ? approval_name(decision.id) : decision_line(decision)) +
               "\n";
      });
}

Result<ExitCode> perform(Session& session, const ChangeTask& change) {
  return print(session, session.client.change(change.task, change.action),
               [&](const protocol::TaskView& task) {
                 const std::string name = task_name(task.id);
                 if (session.invocation.quiet) return name + "\n";
                 return name + " " + std::string(state_after(change.action)) + ", now " +
                        visible_line(task.state) + "\n";
               });
}

Result<ExitCode> perform(Session& session, const StepTask& step) {
  const Result<Document<protocol::TaskView>> task = session.client.change(step.task, "step");
  if (!task) return task.error();
  if (step.detach) return detach(session, *task);
  return wait_for_stop(session, step.task);
}

namespace {

Result<ExitCode> print_breakpoints(Session& session,
                                   const Result<Document<protocol::BreakpointList>>& list) {
  return print(session, list, breakpoint_table);
}

}  // namespace

Result<ExitCode> perform(Session& session, const ListBreakpoints& list) {
  return print_breakpoints(session, session.client.breakpoints(list.task));
}

Result<ExitCode> perform(Session& session, const SetBreakpoint& set) {
  return print_breakpoints(session,
                           session.client.set_breakpoint(set.task, {.pattern = set.pattern}));
}

Result<ExitCode> perform(Session& session, const ClearBreakpoints& clear) {
  return print_breakpoints(session,
                           session.client.clear_breakpoints(clear.task, {.number = clear.number}));
}

namespace {

/// Leaves only `root` and what belongs to it.
void keep_subtree(Document<protocol::TaskList>& list, TaskId root) {
  std::set<TaskId> kept{root};
  std::ranges::sort(list.view.tasks, {}, &protocol::TaskView::id);  // a child is younger
  std::erase_if(list.view.tasks, [&](const protocol::TaskView& task) {
    if (kept.contains(task.parent)) kept.insert(task.id);
    return !kept.contains(task.id);
  });
  Json tasks = Json::array();
  for (Json& task : list.json["tasks"]) {
    if (kept.contains(TaskId{task.at("id").get<std::uint64_t>()})) tasks.push_back(std::move(task));
  }
  list.json["tasks"] = std::move(tasks);
}

/// The tasks that a tree is made of. The root of a part is in it though it has ended.
Result<Document<protocol::TaskList>> tasks_of_tree(Session& session, const ShowTree& show) {
  Result<Document<protocol::TaskList>> list = session.client.every_task(!show.all);
  if (!list || show.task == kNoTask) return list;
  if (std::ranges::find(list->view.tasks, show.task, &protocol::TaskView::id) ==
      list->view.tasks.end()) {
    Result<Document<protocol::TaskView>> root = session.client.task(show.task);
    if (!root) return root.error();
    list->view.tasks.push_back(std::move(root->view));
    list->json["tasks"].push_back(std::move(root->json));
  }
  keep_subtree(*list, show.task);
  return list;
}

/// Errors: as the system has them.
Result<void> save(const std::string& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!file) return os_error("open " + path, errno);
  file << content;
  file.close();
  if (!file) return os_error("write " + path, errno);
  return {};
}

}  // namespace

Result<ExitCode> perform(Session& session, const ShowTree& show) {
  return print(session, tasks_of_tree(session, show), [&](const protocol::TaskList& tasks) {
    return session.invocation.quiet ? names_of(tasks.tasks, task_name)
                                    : task_tree(tasks, session.terminal, session.now);
  });
}

Result<ExitCode> perform(Session& session, const SaveTrace& save_trace) {
  const Result<std::string> trace = session.client.trace(save_trace.task);
  if (!trace) return trace.error();
  if (save_trace.file == "-") {
    session.out << *trace;
    return ExitCode::ok;
  }
  if (const Result<void> saved = save(save_trace.file, *trace); !saved) return saved.error();
  if (session.terminal.is_terminal && !session.invocation.quiet) {
    session.err << "open " << visible_line(save_trace.file) << " at https://ui.perfetto.dev\n";
  }
  return ExitCode::ok;
}

Result<ExitCode> perform(Session& session, const ShowStatus& /*show*/) {
  return print(session, session.client.status(), status_text);
}

Result<ExitCode> perform(Session& session, const ShowVersion& /*show*/) {
  const Json json = {{"schema", "tinkerbell.version/1"},
                     {"version", kBuildVersion},
                     {"protocol", protocol::kVersion}};
  session.out << (session.invocation.json ? pretty_json(json) : version_text()) << "\n";
  return ExitCode::ok;
}

Result<ExitCode> perform(Session& session, const PrintCompletion& /*print*/) {
  session.out << bash_completion();
  return ExitCode::ok;
}

}  // namespace tinkerbell::cli
