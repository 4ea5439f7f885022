#include "control/projection.hpp"
#include "control/views.hpp"

namespace tinkerbell::control {

namespace {

Answer answer_of(protocol::Answer wanted) {
  switch (wanted) {
    case protocol::Answer::approve:
      return Answer::approve;
    case protocol::Answer::deny:
      return Answer::deny;
    case protocol::Answer::answer:
      return Answer::text;
    case protocol::Answer::happened:
      return Answer::happened;
    case protocol::Answer::run_again:
      return Answer::run_again;
    case protocol::Answer::abort:
      return Answer::abort;
  }
  return Answer::deny;
}

}  // namespace

void get_approvals(Context& context, Request request) {
  const auto task = request.query_number("task", 0, kVolatileBit - 1);
  if (!task) return request.fail(task.error());
  protocol::ApprovalList list;
  for (const Question* const question : context.parts.calls.approvals().shown()) {
    if (*task != 0 && number(question->command.task) != *task) continue;
    list.approvals.push_back(approval_view(*question));
  }
  request.answer(list);
}

void get_approval(Context& context, Request request) {
  const ApprovalBook& book = context.parts.calls.approvals();
  const ApprovalId id{request.id()};
  if (const Answered* const answered = book.find_answered(id)) {
    protocol::ApprovalView view = approval_view(answered->question);
    view.state = decided_state(answered->decision.answer);
    view.decided_by = "uid " + std::to_string(answered->decision.by.uid);
    view.decided_at = rfc3339(answered->when);
    view.text = answered->decision.text;
    view.result = answered->decision.result;
    return request.answer(view);
  }
  if (const Question* const question = book.find_open(id)) {
    return request.answer(approval_view(*question));
  }
  request.fail(Error{Errc::not_found, "no question a" + std::to_string(number(id))});
}

void post_decision(Context& context, Request request) {
  const Result<protocol::DecisionRequest> wanted = request.body<protocol::DecisionRequest>();
  if (!wanted) return request.fail(wanted.error());
  if (const Result<void> fits = check(*wanted); !fits) return request.fail(fits.error());
  context.parts.calls.answer(
      {.approval = ApprovalId{request.id()},
       .answer = answer_of(*wanted->answer),
       .scope = wanted->scope == protocol::Scope::task ? Scope::task : Scope::once,
       .text = wanted->text,
       .hash = wanted->hash,
       .by = request.person(),
       .result = wanted->result},
      Completion<ApprovalPayload>([&context, request](const Result<ApprovalPayload>& decided) {
        if (!decided) return request.fail(decided.error());
        request.answer(protocol::DecisionView{.id = decided->approval,
                                              .state = decided_state(decided->answer),
                                              .by = "uid " + std::to_string(decided->by.uid),
                                              .at = rfc3339(context.parts.clock.wall())});
      }));
}

}  // namespace tinkerbell::control
