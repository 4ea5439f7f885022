#include "cli/print.hpp"
#include "cli/verbs.hpp"
#include "cli/watch.hpp"

#include "tinkerbell/protocol/draft.hpp"

#include <algorithm>
#include <optional>

namespace tinkerbell::cli {

namespace {

/// The question by which a task offers its draft, if that is open.
Result<std::optional<protocol::ApprovalView>> open_offer(Session& session, TaskId task) {
  const Result<Document<protocol::ApprovalList>> open = session.client.approvals();
  if (!open) return open.error();
  const auto offer =
      std::ranges::find_if(open->view.approvals, [&](const protocol::ApprovalView& question) {
        return question.task == task && question.command == "draft.accept";
      });
  if (offer == open->view.approvals.end()) return std::optional<protocol::ApprovalView>();
  return std::optional(*offer);
}

RunMode watching(const Session& session) {
  return is_watched(session) ? RunMode::follow : RunMode::wait;
}

/// A person says yes by --yes, at the terminal, or later.
Result<ExitCode> answer_offer(Session& session, const protocol::ApprovalView& offer,
                              bool approve_all) {
  if (approve_all) {
    const Result<Document<protocol::DecisionView>> decision =
        session.client.decide(offer.id, {.answer = protocol::Answer::approve, .hash = offer.hash});
    if (!decision) return decision.error();
  }
  if (!approve_all && !session.asks) return report_question(session, offer.task, offer);
  const Result<Document<protocol::TaskView>> task = session.client.task(offer.task);
  if (!task) return task.error();
  return see_to_end(session, *task, watching(session));
}

}  // namespace

/// A task that offers its draft is answered; another one's draft is taken over by a task of its
/// own.
Result<ExitCode> perform(Session& session, const AcceptDraft& accept) {
  if (accept.paths.empty()) {
    const Result<std::optional<protocol::ApprovalView>> offer = open_offer(session, accept.task);
    if (!offer) return offer.error();
    if (*offer) return answer_offer(session, **offer, accept.approve_all);
  }
  const Result<Document<protocol::TaskView>> task = session.client.accept(
      accept.task, {.paths = accept.paths, .approve_all = accept.approve_all});
  if (!task) return task.error();
  return see_to_end(session, *task, watching(session));
}

Result<ExitCode> perform(Session& session, const DropDraft& drop) {
  const Result<Document<protocol::TaskView>> task =
      session.client.drop(drop.task, {.approve_all = drop.approve_all});
  if (!task) return task.error();
  return see_to_end(session, *task, watching(session));
}

Result<ExitCode> perform(Session& session, const ForkTask& fork) {
  const Result<Document<protocol::TaskView>> task = session.client.fork(
      fork.task, {.at = fork.at, .say = fork.say, .approve_all = fork.approve_all});
  if (!task) return task.error();
  return see_to_end(session, *task, fork.detach ? RunMode::detach : watching(session));
}

}  // namespace tinkerbell::cli
