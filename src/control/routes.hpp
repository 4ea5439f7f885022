#pragma once

#include "control/event_hub.hpp"
#include "control/request.hpp"

#include "tinkerbell/control/control.hpp"
#include "tinkerbell/protocol/approval.hpp"

#include <functional>
#include <string_view>

namespace tinkerbell::control {

/// What handlers work with.
struct Context {
  ControlPlane::Parts parts;
  EventHub& hub;
  SteadyTime started;
};

using RouteHandler = void (*)(Context&, Request);

/// One row of the table that is the whole interface.
struct Route {
  std::string_view method;
  std::string_view collection;  ///< "/v1/tasks".
  std::string_view rest;  ///< "/{id}/steps". "{id}" stands for a number ("12"), "{approval}" for
                          ///< that of a question ("a3" or "3").
  RouteHandler handler;
  bool needs_room = false;  ///< Refused while the disk is full.
};

/// Finds the row for a request and runs it; answers 404 or 405 where there is none.
void route(Context& context, HttpRequest request, std::shared_ptr<HttpResponder> responder);

// ---- the handlers, a file per resource ----

// status.cpp
void get_status(Context& context, Request request);

// backup.cpp
void post_backup(Context& context, Request request);

// gc.cpp
void post_gc(Context& context, Request request);

// verify.cpp
void post_verify(Context& context, Request request);

// scheduler.cpp
void get_scheduler(Context& context, Request request);
void get_trace(Context& context, Request request);

// tasks.cpp
void post_task(Context& context, Request request);
void get_tasks(Context& context, Request request);
void get_task(Context& context, Request request);
void cancel_task(Context& context, Request request);
void pause_task(Context& context, Request request);
void resume_task(Context& context, Request request);
void step_task(Context& context, Request request);
void say_to_task(Context& context, Request request);

// drafts.cpp
void post_accept(Context& context, Request request);
void post_drop(Context& context, Request request);

// undo.cpp
void post_undo(Context& context, Request request);
// fork.cpp
void post_fork(Context& context, Request request);

// costs.cpp
void get_costs(Context& context, Request request);
void get_budget(Context& context, Request request);
void post_budget(Context& context, Request request);

// breakpoints.cpp
void get_breakpoints(Context& context, Request request);
void post_breakpoint(Context& context, Request request);
void clear_breakpoints(Context& context, Request request);

// steps.cpp
void get_steps(Context& context, Request request);

// diff.cpp
void get_diff(Context& context, Request request);

// cassette.cpp
void get_cassette(Context& context, Request request);

// replay.cpp
void post_replay(Context& context, Request request);

// core.cpp
void get_core(Context& context, Request request);

// events.cpp
void get_task_events(Context& context, Request request);
void get_events(Context& context, Request request);

// approvals.cpp
void get_approvals(Context& context, Request request);
void get_approval(Context& context, Request request);
void post_decision(Context& context, Request request);

/// Shows the open questions of a task, or all (kNoTask), by id; then calls `done`.
void for_each_open(Context& context, TaskId task, std::function<void(protocol::ApprovalView)> each,
                   std::function<void()> done);

/// Answers a question. Errors: those of SystemCalls::answer; invalid, too_large.
void decide(Context& context, ApprovalId approval, const protocol::DecisionRequest& wanted,
            Person by, Completion<ApprovalPayload> done);

// rules.cpp
void get_rules(Context& context, Request request);
void remove_rule(Context& context, Request request);

// mcp.cpp
void get_mcp(Context& context, Request request);
void forget_tools(Context& context, Request request);

}  // namespace tinkerbell::control
