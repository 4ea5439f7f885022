#include "control/views.hpp"

#include <filesystem>

namespace tinkerbell::control {

namespace {

Json agent_arguments(const protocol::SubmitRequest& wanted) {
  Json arguments{{"goal", wanted.goal}};
  if (!wanted.model.empty()) arguments["model"] = wanted.model;
  if (wanted.steps_max) arguments["steps_max"] = *wanted.steps_max;
  if (wanted.time_max_ms) arguments["time_max_ms"] = *wanted.time_max_ms;
  return arguments;
}

/// The directory with its links followed: what a task is bound to for life.
Result<std::string> checked_workspace(const std::string& path) {
  if (!path.starts_with('/')) {
    return Error{Errc::invalid, "workspace: must be an absolute path"};
  }
  std::error_code failure;
  const std::filesystem::path real = std::filesystem::canonical(path, failure);
  if (failure || !std::filesystem::is_directory(real, failure)) {
    return Error{Errc::invalid, "workspace " + path + ": there is no such directory"};
  }
  if (real == "/") return Error{Errc::invalid, "workspace /: the whole system is no workspace"};
  return real.string();
}

}  // namespace

void overlay(protocol::TaskView& view, const LiveView& live) {
  view.state = std::string(name_of(live.state));
  view.waiting_for = live.waiting_for;
  if (!live.waiting_for.empty()) view.waiting_since = rfc3339(live.waiting_since);
}

void find_task(Context& context, TaskId id, Completion<protocol::TaskView> done) {
  const protocol::TaskView* const known = context.hub.task(id);
  const std::optional<LiveView> live = context.parts.calls.view(id);
  if (known != nullptr && live) {
    protocol::TaskView view = *known;
    overlay(view, *live);
    done(std::move(view));
    return;
  }
  context.parts.journal.read_records(
      id, Completion<std::vector<Record>>(
              [id, done = std::move(done)](const Result<std::vector<Record>>& records) mutable {
                if (!records) {
                  done(Error{Errc::not_found, "no task " + std::to_string(number(id))});
                  return;
                }
                Projection projection;
                for (const Record& record : *records)
                  projection.apply(record);
                done(projection.task());
              }));
}

void post_task(Context& context, Request request) {
  const Result<protocol::SubmitRequest> wanted = request.body<protocol::SubmitRequest>();
  if (!wanted) return request.fail(wanted.error());
  if (const Result<void> fits = check(*wanted); !fits) return request.fail(fits.error());
  const Result<std::string> workspace = checked_workspace(wanted->workspace);
  if (!workspace) return request.fail(workspace.error());
  context.parts.calls.submit(
      {.kind = wanted->kind,
       .workspace = *workspace,
       .arguments = agent_arguments(*wanted),
       .approve_all = wanted->approve_all,
       .by = request.person()},
      Completion<TaskId>([&context, request](Result<TaskId> task) {
        if (!task) return request.fail(task.error());
        find_task(context, *task,
                  Completion<protocol::TaskView>([request](const Result<protocol::TaskView>& view) {
                    view ? request.answer(*view, 201) : request.fail(view.error());
                  }));
      }));
}

void get_task(Context& context, Request request) {
  find_task(context, TaskId{request.id()},
            Completion<protocol::TaskView>([request](const Result<protocol::TaskView>& view) {
              view ? request.answer(*view) : request.fail(view.error());
            }));
}

void get_tasks(Context& context, Request request) {
  const auto limit = request.query_number("limit", protocol::TaskList::kLimitDefault,
                                          protocol::TaskList::kLimitMax);
  if (!limit) return request.fail(limit.error());
  const auto before = request.query_number("before", 0, kVolatileBit - 1);
  if (!before) return request.fail(before.error());
  context.parts.journal.read_tasks(
      TaskId{*before}, static_cast<std::uint32_t>(*limit),
      Completion<std::vector<TaskHead>>(
          [&context, request](const Result<std::vector<TaskHead>>& heads) {
            if (!heads) return request.fail(heads.error());
            const std::string wanted = request.query_text("state");
            protocol::TaskList list;
            for (const TaskHead& head : *heads) {
              const protocol::TaskView* const known = context.hub.task(head.task);
              protocol::TaskView view = known != nullptr ? *known : task_view(head);
              if (const auto live = context.parts.calls.view(head.task)) overlay(view, *live);
              if (wanted.empty() || wanted == view.state) list.tasks.push_back(std::move(view));
            }
            request.answer(list);
          }));
}

namespace {

/// Answers a request that changed a task with the task as it is then.
Completion<void> answer_with_task(Context& context, const Request& request) {
  return Completion<void>([&context, request](const Result<void>& done) {
    if (!done) return request.fail(done.error());
    get_task(context, request);
  });
}

}  // namespace

void cancel_task(Context& context, Request request) {
  context.parts.calls.cancel_task(TaskId{request.id()}, "cancelled by a person", request.person(),
                                  answer_with_task(context, request));
}

void pause_task(Context& context, Request request) {
  context.parts.calls.pause(TaskId{request.id()}, request.person(),
                            answer_with_task(context, request));
}

void resume_task(Context& context, Request request) {
  context.parts.calls.resume(TaskId{request.id()}, request.person(),
                             answer_with_task(context, request));
}

}  // namespace tinkerbell::control
