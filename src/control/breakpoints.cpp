#include "control/routes.hpp"

#include "tinkerbell/protocol/breakpoint.hpp"

namespace tinkerbell::control {

namespace {

protocol::BreakpointList list_of(Context& context, TaskId task) {
  protocol::BreakpointList list{.task = task};
  for (const auto& [number, pattern] : context.parts.calls.breakpoints(task))
    list.breakpoints.push_back({number, pattern});
  return list;
}

/// Answers a request that changed the list with the list as it is then.
Completion<void> answer_with_list(Context& context, const Request& request, int status) {
  return Completion<void>([&context, request, status](const Result<void>& done) {
    if (!done) return request.fail(done.error());
    request.answer(list_of(context, TaskId{request.id()}), status);
  });
}

}  // namespace

void get_breakpoints(Context& context, Request request) {
  const TaskId task{request.id()};
  if (const Result<void> live = context.parts.calls.check_live(task); !live) {
    return request.fail(live.error());
  }
  context.parts.calls.awaken(task,
                             Completion<void>([&context, request, task](const Result<void>& awake) {
                               if (!awake) return request.fail(awake.error());
                               request.answer(list_of(context, task));
                             }));
}

void post_breakpoint(Context& context, Request request) {
  const Result<protocol::BreakpointRequest> wanted = request.body<protocol::BreakpointRequest>();
  if (!wanted) return request.fail(wanted.error());
  context.parts.calls.set_breakpoint(TaskId{request.id()}, wanted->pattern, request.person(),
                                     answer_with_list(context, request, 201));
}

void clear_breakpoints(Context& context, Request request) {
  const Result<protocol::ClearRequest> wanted = request.body<protocol::ClearRequest>();
  if (!wanted) return request.fail(wanted.error());
  context.parts.calls.clear_breakpoints(TaskId{request.id()}, wanted->number, request.person(),
                                        answer_with_list(context, request, 200));
}

}  // namespace tinkerbell::control
