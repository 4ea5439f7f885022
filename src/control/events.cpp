#include "control/views.hpp"

namespace tinkerbell::control {

void get_task_events(Context& context, Request request) {
  const auto after = request.query_number("after", 0, INT64_MAX);
  if (!after) return request.fail(after.error());
  const TaskId task{request.id()};
  find_task(context, task,
            Completion<protocol::TaskView>(
                [&context, request, task, after = *after](const Result<protocol::TaskView>& view) {
                  if (!view) return request.fail(view.error());
                  context.hub.follow(request.stream(), task, after, context.parts.journal);
                }));
}

void get_events(Context& context, Request request) {
  const auto after = request.query_number("after", 0, INT64_MAX);
  if (!after) return request.fail(after.error());
  context.hub.follow(request.stream(), kNoTask, *after, context.parts.journal);
}

}  // namespace tinkerbell::control
