#include "control/views.hpp"

#include "tinkerbell/protocol/draft.hpp"
#include "tinkerbell/syscall/registry.hpp"

namespace tinkerbell::control {

namespace {

/// Starts a task that does something with the draft that another one left.
void submit(Context& context, const Request& request, const protocol::TaskView& owner,
            std::string_view kind, Json arguments, bool approve_all) {
  if (owner.draft == kNoTask) {
    return request.fail({Errc::conflict, "task " + std::to_string(number(owner.id)) +
                                             " works in its workspace itself: it has no draft"});
  }
  context.parts.calls.submit({.kind = std::string(kind),
                              .workspace = owner.workspace,
                              .arguments = std::move(arguments),
                              .approve_all = approve_all,
                              .budget = context.parts.facts.budget,
                              .by = request.person(),
                              .draft = owner.draft},
                             answer_with_new_task(context, request));
}

}  // namespace

void post_accept(Context& context, Request request) {
  Result<protocol::AcceptRequest> wanted = request.body<protocol::AcceptRequest>();
  if (!wanted) return request.fail(wanted.error());
  if (const Result<void> fits = check(*wanted); !fits) return request.fail(fits.error());
  find_task(context, TaskId{request.id()},
            Completion<protocol::TaskView>([&context, request, wanted = *std::move(wanted)](
                                               const Result<protocol::TaskView>& owner) {
              if (!owner) return request.fail(owner.error());
              submit(context, request, *owner, kAcceptKind, {{"paths", wanted.paths}},
                     wanted.approve_all);
            }));
}

void post_drop(Context& context, Request request) {
  const Result<protocol::DropRequest> wanted = request.body<protocol::DropRequest>();
  if (!wanted) return request.fail(wanted.error());
  find_task(
      context, TaskId{request.id()},
      Completion<protocol::TaskView>([&context, request, approve_all = wanted->approve_all](
                                         const Result<protocol::TaskView>& owner) {
        if (!owner) return request.fail(owner.error());
        if (owner->draft != kNoTask && context.parts.calls.check_live(owner->draft)) {
          return request.fail({Errc::conflict, "task " + std::to_string(number(owner->draft)) +
                                                   " still works in it: cancel that first"});
        }
        submit(context, request, *owner, kDropKind, Json::object(), approve_all);
      }));
}

}  // namespace tinkerbell::control
