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

Scope scope_of(protocol::Scope wanted) {
  switch (wanted) {
    case protocol::Scope::once:
      return Scope::once;
    case protocol::Scope::task:
      return Scope::task;
    case protocol::Scope::always:
      return Scope::always;
  }
  return Scope::once;
}

RuleWish wish_of(const protocol::DecisionRequest& wanted) {
  RuleWish wish{.directory = wanted.directory, .valid = {}};
  if (wanted.valid_ms) wish.valid = Milliseconds(*wanted.valid_ms);
  return wish;
}

/// A list of questions on its way to a client.
struct Listing {
  Context& context;
  Request request;
  std::vector<ApprovalId> wanted;
  std::size_t next = 0;
  protocol::ApprovalList list;
};

/// One after the other: a task that rests is awake only until its question was read.
void list(const std::shared_ptr<Listing>& listing) {
  SystemCalls& calls = listing->context.parts.calls;
  while (listing->next < listing->wanted.size()) {
    const ApprovalId id = listing->wanted[listing->next++];
    if (const Question* const question = calls.approvals().find_open(id)) {
      listing->list.approvals.push_back(approval_view(*question));
      continue;
    }
    return calls.look_at(
        id, Completion<const Question*>([listing](const Result<const Question*>& question) {
          if (question) listing->list.approvals.push_back(approval_view(**question));
          list(listing);
        }));
  }
  answer_from_pool(listing->context, listing->request, [list = std::move(listing->list)]() mutable {
    return Result<protocol::ApprovalList>(std::move(list));
  });
}

}  // namespace

void get_approvals(Context& context, Request request) {
  const auto task = request.query_number("task", 0, kVolatileBit - 1);
  if (!task) return request.fail(task.error());
  list(
      std::make_shared<Listing>(Listing{.context = context,
                                        .request = request,
                                        .wanted = context.parts.calls.open_questions(TaskId{*task}),
                                        .list = {}}));
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
  context.parts.calls.look_at(
      id, Completion<const Question*>([request](const Result<const Question*>& question) {
        if (!question) return request.fail(question.error());
        request.answer(approval_view(**question));
      }));
}

void post_decision(Context& context, Request request) {
  const Result<protocol::DecisionRequest> wanted = request.body<protocol::DecisionRequest>();
  if (!wanted) return request.fail(wanted.error());
  if (const Result<void> fits = check(*wanted); !fits) return request.fail(fits.error());
  context.parts.calls.answer(
      {.approval = ApprovalId{request.id()},
       .answer = answer_of(*wanted->answer),
       .scope = scope_of(wanted->scope),
       .text = wanted->text,
       .hash = wanted->hash,
       .by = request.person(),
       .result = wanted->result,
       .rule = {}},
      Completion<ApprovalPayload>([&context, request](const Result<ApprovalPayload>& decided) {
        if (!decided) return request.fail(decided.error());
        request.answer(protocol::DecisionView{.id = decided->approval,
                                              .state = decided_state(decided->answer),
                                              .by = "uid " + std::to_string(decided->by.uid),
                                              .at = rfc3339(context.parts.clock.wall()),
                                              .rule = rule_made(*decided)});
      }),
      wish_of(*wanted));
}

}  // namespace tinkerbell::control
