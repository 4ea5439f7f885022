#include "cli/watch.hpp"

#include "cli/asker.hpp"
#include "cli/follow.hpp"
#include "cli/interrupt.hpp"
#include "cli/print.hpp"
#include "cli/screen.hpp"
#include "cli/sinks.hpp"

#include "tinkerbell/base/text.hpp"

#include <optional>
#include <string>

namespace tinkerbell::cli {

namespace {

/// A task's result for people, who may look at it through a pipe; --json has it as it is.
std::string result_text(const protocol::TaskView& task) {
  if (task.result.empty()) return {};
  const std::string text = visible_text(task.result);
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
  LineSink sink(screen, asker ? &*asker : nullptr, task);
  Follower follower(session.client, task, sink, session.patience);
  const Result<std::optional<protocol::TaskView>> end = follower.run();
  asker.reset();
  if (!end) return end.error();
  screen.line(result_text(**end) + ending_line(**end, session.terminal));
  return exit_code_of(**end);
}

}  // namespace

Result<ExitCode> follow_task(Session& session, TaskId task) {
  const InterruptNote note(note_on_interrupt(task));
  return session.invocation.json ? follow_as_json(session, task) : follow_as_lines(session, task);
}

ExitCode report_question(Session& session, TaskId task, const protocol::ApprovalView& question) {
  const std::string name = approval_name(question.id);
  session.out << (session.invocation.json ? pretty_json(to_json_value(question)) : task_name(task))
              << "\n";
  session.err << "task " << task_name(task) << " waits";
  if (question.task != task) session.err << ": child " << task_name(question.task) << " waits";
  session.err << " for approval " << name << ": " << visible_line(question.line)
              << "\nread it with `tinkerbell show " << name << "`, answer it with "
              << how_to_answer(question) << "\n";
  return ExitCode::waiting;
}

namespace {

ExitCode report_budget_stop(Session& session, const protocol::TaskView& task) {
  session.out << (session.invocation.json ? pretty_json(to_json_value(task)) : task_name(task.id))
              << "\n";
  session.err << "task " << task_name(task.id) << " " << stop_line(task) << "\n";
  return ExitCode::waiting;
}

Result<ExitCode> wait_for(Session& session, TaskId task) {
  const InterruptNote note(note_on_interrupt(task));
  WaitSink sink;
  Follower follower(session.client, task, sink, session.patience);
  const Result<std::optional<protocol::TaskView>> end = follower.run();
  if (!end) return end.error();
  if (sink.stop()) return report_budget_stop(session, *sink.stop());
  if (!*end) return report_question(session, task, *sink.question());
  const protocol::TaskView& ended = **end;
  session.out << (session.invocation.json ? pretty_json(to_json_value(ended)) + "\n"
                                          : result_text(ended));
  if (!session.invocation.quiet) session.err << ending_line(ended, Terminal{}) << "\n";
  return exit_code_of(ended);
}

ExitCode report_stop(Session& session, const protocol::TaskView& task) {
  session.out << (session.invocation.json ? pretty_json(to_json_value(task))
                                          : task_name(task.id) + ": " + stop_line(task))
              << "\n";
  return ExitCode::ok;
}

}  // namespace

Result<ExitCode> detach(Session& session, const Document<protocol::TaskView>& task) {
  const std::string name = task_name(task.view.id);
  session.out << (session.invocation.json ? pretty_json(task.json) : name) << "\n";
  if (session.terminal.is_terminal && !session.invocation.quiet && !session.invocation.json) {
    session.err << "follow it with `tinkerbell follow " << name << "`\n";
  }
  return ExitCode::ok;
}

Result<ExitCode> wait_for_stop(Session& session, TaskId task) {
  const InterruptNote note(note_on_interrupt(task));
  StopSink sink(session.err, task);
  Follower follower(session.client, task, sink, session.patience);
  const Result<std::optional<protocol::TaskView>> end = follower.run();
  if (!end) return end.error();
  if (sink.stop()) return report_stop(session, *sink.stop());
  if (sink.question()) return report_question(session, task, *sink.question());
  if (session.invocation.json) session.out << pretty_json(to_json_value(**end)) << "\n";
  session.err << ending_line(**end, Terminal{}) << "\n";
  return exit_code_of(**end);
}

bool is_watched(const Session& session) {
  return session.terminal.is_terminal && !session.invocation.json;
}

Result<ExitCode> see_to_end(Session& session, const Document<protocol::TaskView>& task,
                            RunMode mode) {
  const TaskId id = task.view.id;
  switch (mode) {
    case RunMode::follow:
      if (!session.invocation.json) session.out << "task " << task_name(id) << std::endl;
      return follow_task(session, id);
    case RunMode::wait:
      return wait_for(session, id);
    case RunMode::automatic:
    case RunMode::detach:
      break;
  }
  return detach(session, task);
}

}  // namespace tinkerbell::cli
