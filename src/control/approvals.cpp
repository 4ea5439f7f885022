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

/// Questions on their way to who wants to see them.
struct Listing {
  SystemCalls& calls;
  std::vector<ApprovalId> wanted;
  std::function<void(protocol::ApprovalView)> each;
  std::function<void()> done;
  std::size_t next = 0;
};

/// One after the other: a task that rests is awake only until its question was read.
void list(const std::shared_ptr<Listing>& listing) {
  while (listing->next < listing->wanted.size()) {
    const ApprovalId id = listing->wanted[listing->next++];
    if (const Question* const question = listing->calls.approvals().find_open(id)) {
      listing->each(approval_view(*question));
      continue;
    }
    return listing->calls.look_at(
        id, Completion<const Question*>([listing](const Result<const Question*>& question) {
          if (question) listing->each(approval_view(**question));
          list(listing);
        }));
  }
  listing->done();
}

}  // namespace

void for_each_open(Context& context, TaskId task, std::function<void(protocol::ApprovalView)> each,
                   std::function<void()> done) {
  SystemCalls& calls = context.parts.calls;
  list(std::make_shared<Listing>(Listing{.calls = calls,
                                         .wanted = calls.open_questions(task),
                                         .each = std::move(each),
                                         .done = std::move(done)}));
}

void decide(Context& context, ApprovalId approval, const protocol::DecisionRequest& wanted,
            Person by, Completion<ApprovalPayload> done) {
  if (const Result<void> fits = check(wanted); !fits) return done(fits.error());
  context.parts.calls.answer({.approval = approval,
                              .answer = answer_of(*wanted.answer),
                              .scope = scope_of(wanted.scope),
                              .text = wanted.text,
                              .hash = wanted.hash,
                              .by = std::move(by),
                              .result = wanted.result,
                              .rule = {}},
                             std::move(done), wish_of(wanted));
}

void get_approvals(Context& context, Request request) {
  const auto task = request.query_number("task", 0, kVolatileBit - 1);
  if (!task) return request.fail(task.error());
  const auto found = std::make_shared<protocol::ApprovalList>();
  for_each_open(
      context, TaskId{*task},
      [found](protocol::ApprovalView view) { found->approvals.push_back(std::move(view)); },
      [&context, request, found] {
        answer_from_pool(context, request, [found]() mutable {
          return Result<protocol::ApprovalList>(std::move(*found));
        });
      });
}

void get_approval(Context& context, Request request) {
  const ApprovalBook& book = context.parts.calls.approvals();
  const ApprovalId id{request.id()};
  if (const Answered* const answered = book.find_answered(id)) {
    protocol::ApprovalView view = approval_view(answered->question);
    view.state = decided_state(answered->decision.answer);
    view.decided_by = in_words(answered->decision.by);
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
  decide(context, ApprovalId{request.id()}, *wanted, request.person(),
         Completion<ApprovalPayload>([&context, request](const Result<ApprovalPayload>& decided) {
           if (!decided) return request.fail(decided.error());
           request.answer(protocol::DecisionView{.id = decided->approval,
                                                 .state = decided_state(decided->answer),
                                                 .by = in_words(decided->by),
                                                 .at = rfc3339(context.parts.clock.wall()),
                                                 .rule = rule_made(*decided)});
         }));
}

}  // namespace tinkerbell::control
