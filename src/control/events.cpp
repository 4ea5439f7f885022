#include "control/views.hpp"

namespace tinkerbell::control {

Result<std::optional<std::size_t>> calls_asked_for(const Request& request) {
  if (request.query_text("calls").empty()) return std::optional<std::size_t>();
  const auto text_max = request.query_number("calls", 0, protocol::StepList::kCallTextMax);
  if (!text_max) return text_max.error();
  return std::optional<std::size_t>(*text_max);
}

namespace {

/// Events after which one are wanted, and in which form. Errors: invalid.
Result<Following> following_of(const Request& request, TaskId task) {
  const auto after = request.query_number("after", 0, INT64_MAX);
  if (!after) return after.error();
  const Result<std::optional<std::size_t>> calls = calls_asked_for(request);
  if (!calls) return calls.error();
  return Following{.task = task, .after = *after, .calls = *calls};
}

}  // namespace

void get_task_events(Context& context, Request request) {
  const TaskId task{request.id()};
  const Result<Following> wanted = following_of(request, task);
  if (!wanted) return request.fail(wanted.error());
  find_task(context, task,
            Completion<protocol::TaskView>(
                [&context, request, wanted = *wanted](const Result<protocol::TaskView>& view) {
                  if (!view) return request.fail(view.error());
                  context.hub.follow(request.stream(), wanted, context.parts.journal,
                                     context.parts.calls.approvals().shown());
                }));
}

void get_events(Context& context, Request request) {
  const Result<Following> wanted = following_of(request, kNoTask);
  if (!wanted) return request.fail(wanted.error());
  context.hub.follow(request.stream(), *wanted, context.parts.journal, {});
}

}  // namespace tinkerbell::control
