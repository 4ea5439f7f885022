#include "cli/verbs.hpp"

#include "cli/cassette.hpp"
#include "cli/new_file.hpp"
#include "cli/print.hpp"
#include "cli/watch.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/base/version.hpp"
#include "tinkerbell/protocol/routes.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <ranges>
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

/// "LSN:SEAL". Errors: invalid.
Result<protocol::AnchorView> anchor_in(const std::string& text) {
  protocol::AnchorView anchor;
  const char* const end = text.data() + text.size();
  const auto [rest, failed] = std::from_chars(text.data(), end, anchor.lsn);
  if (failed != std::errc() || rest == end || *rest != ':') {
    return Error{Errc::invalid, "the anchor is not LSN:SEAL, as in the log"};
  }
  anchor.seal.assign(rest + 1, end);
  return anchor;
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

RunMode mode_of(const Session& session, const RunGoal& run) {
  if (run.mode != RunMode::automatic) return run.mode;
  if (is_watched(session)) return RunMode::follow;
  return run.record.empty() ? RunMode::detach : RunMode::wait;
}

/// Saves what models answered a task.
Result<void> record_task(Session& session, const RecordTask& record) {
  const Result<Document<protocol::CassetteView>> cassette = session.client.cassette(record.task);
  if (!cassette) return cassette.error();
  if (record.file == "-") {
    session.out << pretty_json(cassette->json) << "\n";
    return {};
  }
  Result<void> written = write_cassette(record.file, cassette->json, record.overwrite);
  if (!written) return written;
  const std::uint64_t exchanges = cassette->view.exchanges;
  if (!session.invocation.quiet) {
    session.err << "recorded " << exchanges << (exchanges == 1 ? " exchange" : " exchanges")
                << " with models: " << visible_line(record.file) << "\n";
  }
  return written;
}

/// Once its task has ended, however that was.
Result<void> record_ended(Session& session, TaskId task, const RunGoal& run) {
  if (run.record.empty()) return {};
  const Result<Document<protocol::TaskView>> now = session.client.task(task);
  if (!now) return now.error();
  if (protocol::has_ended(now->view.state)) {
    return record_task(session, {.task = task, .file = run.record, .overwrite = run.overwrite});
  }
  session.err << "nothing is recorded yet: `tinkerbell record " << task_name(task) << " "
              << visible_line(run.record) << "` once it has ended\n";
  return {};
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
  return Error{Errc::conflict,
               name + " is not what you saw: read it again with `tinkerbell show " + name + "`"};
}

/// A whole file, or standard input for "-". Errors: not_found, denied, too_large, io.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const bool input = path == "-";
  const std::string name = input ? "standard input" : path;
  UniqueFd file;
  if (!input) {
    file.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return os_error("open " + name, errno);
  }
  return read_all(input ? STDIN_FILENO : file.get(), bytes_max, name);
}

/// What a person states that a program wrote. Errors: those of read_file.
Result<std::optional<std::string>> stated_result(const Decide& decide) {
  if (decide.result_file.empty()) return decide.result;
  const Result<std::string> text =
      read_file(decide.result_file, protocol::DecisionRequest::kResultBytesMax);
  if (!text) return text.error();
  return std::optional(valid_utf8(*text));
}

/// Errors: those of read_file; invalid.
Result<std::optional<Json>> output_schema(const RunGoal& run) {
  if (run.output_schema_file.empty()) return std::optional<Json>();
  const Result<std::string> text =
      read_file(run.output_schema_file, protocol::SubmitRequest::kSchemaBytesMax);
  if (!text) return text.error();
  Result<Json> schema = parse_json(*text);
  if (!schema) return schema.error().with("--output-schema");
  return std::optional(*std::move(schema));
}

std::string_view state_after(std::string_view action) {
  if (action == "pause") return "pausing";
  return action == "resume" ? "resuming" : "cancelling";
}

}  // namespace

Result<ExitCode> perform(Session& session, const RunGoal& run) {
  Result<std::string> workspace = workspace_at(run.workspace);
  if (!workspace) return workspace.error();
  Result<std::optional<Json>> schema = output_schema(run);
  if (!schema) return schema.error();
  protocol::SubmitRequest request{.goal = run.goal,
                                  .workspace = *std::move(workspace),
                                  .model = run.model,
                                  .approve_all = run.approve_all,
                                  .steps_max = run.steps_max,
                                  .stepping = run.stepping,
                                  .arguments = run.arguments,
                                  .budget = run.budget,
                                  .output_schema = *std::move(schema),
                                  .files = run.files,
                                  .git = run.git};
  if (!run.kind.empty()) request.kind = run.kind;
  if (!run.replay.empty()) {
    Result<Json> cassette = read_cassette(run.replay);
    if (!cassette) return cassette.error();
    request.cassette = *std::move(cassette);
  }
  if (!run.record.empty()) {
    const Result<void> can = check_new_file(run.record, run.overwrite);
    if (!can) return can.error();
  }
  const Result<Document<protocol::TaskView>> task = session.client.submit(request);
  if (!task) return task.error();
  const Result<ExitCode> code = see_to_end(session, *task, mode_of(session, run));
  if (!code) return code;
  const Result<void> recorded = record_ended(session, task->view.id, run);
  return recorded ? code : recorded.error();
}

namespace {

/// One more than is wanted shows whether there are more; --json has what the daemon said.
Result<Document<protocol::TaskList>> tasks_of_list(Session& session, const ListTasks& list) {
  if (list.all) return session.client.every_task(list.state);
  const bool exact = session.invocation.json || list.count == protocol::TaskList::kLimitMax;
  return session.client.tasks(list.count + (exact ? 0 : 1), list.state);
}

}  // namespace

Result<ExitCode> perform(Session& session, const ListTasks& list) {
  Result<Document<protocol::TaskList>> tasks = tasks_of_list(session, list);
  if (tasks && !list.all && tasks->view.tasks.size() > list.count) {
    tasks->view.tasks.resize(list.count);
    if (!session.invocation.quiet) session.err << "… and more: `tinkerbell ls --all`\n";
  }
  return print(session, tasks, [&](const protocol::TaskList& shown) {
    return session.invocation.quiet ? names_of(shown.tasks, task_name)
                                    : task_table(shown, session.terminal, session.now);
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
  return print(session, session.client.diff(show.task, show.step),
               [&](const protocol::DiffView& diff) { return diff_text(diff, session.terminal); });
}

Result<ExitCode> perform(Session& session, const ListApprovals& /*list*/) {
  return print(session, session.client.approvals(), [&](const protocol::ApprovalList& approvals) {
    return session.invocation.quiet ? names_of(approvals.approvals, approval_name)
                                    : approval_table(approvals, session.terminal, session.now);
  });
}

Result<ExitCode> perform(Session& session, const Decide& decide) {
  protocol::DecisionRequest request{.answer = decide.answer,
                                    .scope = decide.scope,
                                    .text = decide.text,
                                    .directory = decide.directory,
                                    .valid_ms = decide.valid_ms};
  Result<std::optional<std::string>> result = stated_result(decide);
  if (!result) return result.error();
  request.result = *std::move(result);
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

namespace {

/// Cancelling ends one task: says which of its children live on.
void tell_children(Session& session, TaskId task) {
  const Result<Document<protocol::TaskList>> live = session.client.every_live_task();
  if (!live) return;  // it was cancelled all the same
  std::string names;
  std::size_t count = 0;
  for (const protocol::TaskView& each : live->view.tasks) {
    if (each.parent != task || each.state == "cancelling") continue;
    names = " " + task_name(each.id) + names;  // the list has the newest first
    ++count;
  }
  if (count == 0) return;
  session.err << count << (count == 1 ? " child goes" : " children go") << " on: cancel" << names
              << "\n";
}

std::string change_line(const protocol::TaskView& task, std::string_view action) {
  const std::string doing(state_after(action));
  const std::string state = visible_line(state_text(task));
  return task_name(task.id) + " " + doing + (doing == state ? "" : ", now " + state) + "\n";
}

}  // namespace

Result<ExitCode> perform(Session& session, const ChangeTask& change) {
  const Result<ExitCode> done = print(session, session.client.change(change.task, change.action),
                                      [&](const protocol::TaskView& task) {
                                        return session.invocation.quiet
                                                   ? task_name(task.id) + "\n"
                                                   : change_line(task, change.action);
                                      });
  const bool talks = !session.invocation.quiet && !session.invocation.json;
  if (done && talks && change.action == "cancel") tell_children(session, change.task);
  return done;
}

namespace {

std::string said_line(const protocol::SayView& said) {
  const std::string task = "task " + task_name(said.task);
  if (said.answered != kNoApproval) {
    return "it is the answer to " + approval_name(said.answered) + " of " + task;
  }
  if (said.wakes) return task + " waited, and goes on with it";
  return task + " hears it at its next step, after " + std::to_string(said.step);
}

}  // namespace

Result<ExitCode> perform(Session& session, const SayWords& say) {
  const Result<Document<protocol::SayView>> said = session.client.say(say.task, {.text = say.text});
  if (!said && said.error().code == Errc::conflict) {
    return Error{Errc::conflict, said.error().message + ": `tinkerbell fork " +
                                     task_name(say.task) +
                                     " --at STEP --say TEXT` goes on from one of its steps"};
  }
  return print(session, said, [&](const protocol::SayView& view) {
    return session.invocation.quiet ? std::string() : said_line(view) + "\n";
  });
}

Result<ExitCode> perform(Session& session, const StepTask& step) {
  const Result<Document<protocol::TaskView>> task = session.client.change(step.task, "step");
  if (!task) return task.error();
  if (step.detach) return detach(session, *task);
  return wait_for_stop(session, step.task);
}

Result<ExitCode> perform(Session& session, const ListRules& /*list*/) {
  return print(session, session.client.rules(), [&](const protocol::RuleList& list) {
    return session.invocation.quiet ? rule_numbers(list) : rule_table(list, session.now);
  });
}

Result<ExitCode> perform(Session& session, const ListMcp& /*list*/) {
  return print(session, session.client.mcp(),
               [&](const protocol::McpServerList& list) { return mcp_table(list); });
}

Result<ExitCode> perform(Session& session, const ForgetTools& forget) {
  return print(session, session.client.forget({.server = forget.server, .tool = forget.tool}),
               [](const protocol::ForgottenTools& forgotten) {
                 return "to be approved again: " + listed(forgotten.tools) + " of " +
                        visible_line(forgotten.server) + "\n";
               });
}

Result<ExitCode> perform(Session& session, const RemoveRule& remove) {
  return print(session, session.client.remove_rule(remove.number),
               [](const protocol::RuleView& removed) {
                 return "standing rule " + std::to_string(removed.number) +
                        " is removed: " + visible_line(removed.rule) + "\n";
               });
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

/// Tasks of several documents, each once.
class TaskSet {
 public:
  explicit TaskSet(Document<protocol::TaskList> list) : json_(std::move(list.json)) {
    for (std::size_t i = 0; i < list.view.tasks.size(); ++i)
      add({std::move(list.view.tasks[i]), std::move(json_["tasks"].at(i))});
  }

  void add(Document<protocol::TaskView> task) { tasks_.emplace(task.view.id, std::move(task)); }

  /// Null: it is not here.
  [[nodiscard]] const protocol::TaskView* find(TaskId id) const {
    const auto found = tasks_.find(id);
    return found == tasks_.end() ? nullptr : &found->second.view;
  }

  [[nodiscard]] std::vector<TaskId> ids() const {
    const auto keys = std::views::keys(tasks_);
    return {keys.begin(), keys.end()};
  }

  /// Only `kept`.
  [[nodiscard]] Document<protocol::TaskList> list_of(const std::set<TaskId>& kept) && {
    protocol::TaskList view;
    Json tasks = Json::array();
    for (const TaskId id : kept) {
      Document<protocol::TaskView>& task = tasks_.at(id);
      view.tasks.push_back(std::move(task.view));
      tasks.push_back(std::move(task.json));
    }
    json_["tasks"] = std::move(tasks);
    return {std::move(view), std::move(json_)};
  }

 private:
  Json json_;
  std::map<TaskId, Document<protocol::TaskView>> tasks_;
};

/// The tasks from `task` up to `root`, both included; empty if it does not stand below it. Those
/// that have ended meanwhile are fetched.
Result<std::vector<TaskId>> way_up(Client& client, TaskSet& tasks, TaskId task, TaskId root) {
  std::vector<TaskId> way;
  while (true) {
    if (tasks.find(task) == nullptr) {
      Result<Document<protocol::TaskView>> fetched = client.task(task);
      const bool forgotten = !fetched && fetched.error().code == Errc::not_found && task != root;
      if (forgotten) return std::vector<TaskId>();
      if (!fetched) return fetched.error();
      tasks.add(*std::move(fetched));
    }
    way.push_back(task);
    if (task == root) return way;
    task = tasks.find(task)->parent;
    if (task == kNoTask) return std::vector<TaskId>();
  }
}

/// The tasks that a tree is made of. What connects a live task with the root is in it though it has
/// ended.
Result<Document<protocol::TaskList>> tasks_of_tree(Session& session, const ShowTree& show) {
  Result<Document<protocol::TaskList>> list =
      show.all ? session.client.every_task() : session.client.every_live_task();
  if (!list || show.task == kNoTask) return list;
  TaskSet tasks(*std::move(list));
  std::set<TaskId> kept{show.task};
  std::vector<TaskId> ends = tasks.ids();
  ends.push_back(show.task);  // or one that is not there would be an empty tree
  for (const TaskId task : ends) {
    const Result<std::vector<TaskId>> way = way_up(session.client, tasks, task, show.task);
    if (!way) return way.error();
    kept.insert(way->begin(), way->end());
  }
  return std::move(tasks).list_of(kept);
}

/// Errors: io, whatever the system says: not_found is for tasks and questions.
Result<void> save(const std::string& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!file) return Error{Errc::io, os_error("open " + path, errno).message};
  file << content;
  file.close();
  if (!file) return Error{Errc::io, os_error("write " + path, errno).message};
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

Result<ExitCode> perform(Session& session, const RecordTask& record) {
  const Result<void> recorded = record_task(session, record);
  return recorded ? Result<ExitCode>(ExitCode::ok) : Result<ExitCode>(recorded.error());
}

/// The daemon makes the directory, but the path is meant as the person stands.
Result<ExitCode> perform(Session& session, const BackUp& back_up) {
  std::error_code failure;
  std::filesystem::path path =
      std::filesystem::absolute(back_up.directory, failure).lexically_normal();
  if (failure) return Error{Errc::invalid, back_up.directory + ": " + failure.message()};
  if (!path.has_filename()) path = path.parent_path();
  return print(session, session.client.back_up({.directory = path}),
               [&](const protocol::BackupView& backup) {
                 const std::string directory = visible_line(backup.directory);
                 if (session.invocation.quiet) return directory + "\n";
                 return directory + ": " + std::to_string(backup.bytes) + " bytes\n";
               });
}

Result<ExitCode> perform(Session& session, const ChangeBudget& change) {
  return print(session,
               change.raise == protocol::BudgetRaiseRequest{}
                   ? session.client.budget(change.task)
                   : session.client.raise_budget(change.task, change.raise),
               budget_details);
}

Result<ExitCode> perform(Session& session, const ShowCosts& show) {
  std::string by = show.by;
  if (by.empty()) by = show.task == kNoTask ? "day" : "model";
  return print(session, session.client.costs(show.task, by, show.days), cost_table);
}

Result<ExitCode> perform(Session& session, const CollectGarbage& collect) {
  protocol::GcRequest request{.older_than = {}, .dry_run = collect.dry_run};
  if (collect.older_than_ms) {
    request.older_than = Milliseconds{static_cast<std::int64_t>(*collect.older_than_ms)};
  }
  return print(session, session.client.collect(request), [&](const protocol::GcView& view) {
    std::string text = view.dry_run ? "would remove " : "removed ";
    text += std::to_string(view.tasks) + " tasks, " + std::to_string(view.records) + " records, " +
            std::to_string(view.blobs) + " blobs, " + std::to_string(view.contents) +
            " contents of files: " + std::to_string(view.bytes) + " bytes\n";
    if (view.drafts != 0) {
      text += std::to_string(view.drafts) + " drafts are open: their tasks stay (accept, drop)\n";
    }
    if (!view.note.empty()) text += "no contents of files: " + visible_line(view.note) + "\n";
    return text;
  });
}

Result<ExitCode> perform(Session& session, const VerifyJournal& verify) {
  protocol::VerifyRequest request;
  if (verify.task != kNoTask) request.task = number(verify.task);
  if (!verify.anchor.empty()) {
    Result<protocol::AnchorView> anchor = anchor_in(verify.anchor);
    if (!anchor) return anchor.error();
    request.anchor = *std::move(anchor);
  }
  const auto verified = session.client.verify(request);
  const Result<ExitCode> printed = print(session, verified, verification_text);
  return printed && !verified->view.good ? ExitCode::failed : printed;
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
