#include "cli/follow.hpp"

#include <algorithm>

namespace tinkerbell::cli {

namespace {

/// Whether the daemon may come back from it: it was killed, restarts, or shuts down.
bool may_pass(Errc code) {
  switch (code) {
    case Errc::unavailable:
    case Errc::abandoned:
    case Errc::protocol:  // an answer that was cut off
    case Errc::io:
    case Errc::timed_out:
      return true;
    default:
      return false;
  }
}

template <class View, class Take>
void with_view(const Json& data, Take take) {
  const Result<View> view = from_json_value<View>(data);
  if (view) take(*view);
}

}  // namespace

Result<std::optional<protocol::TaskView>> Follower::run() {
  next_pause_ = patience_.first_pause;
  while (true) {
    Result<void> heard = catch_up();
    if (heard && !done()) heard = listen();
    if (done()) return std::move(ended_);
    const Error lost =
        heard ? Error{Errc::unavailable, "the daemon closed the stream"} : heard.error();
    if (!connected_before_ || !may_pass(lost.code)) return lost;
    sink_.connection_lost(lost);
    if (!pause()) return lost;
  }
}

Result<void> Follower::catch_up() {
  Result<Document<protocol::StepList>> steps = client_.steps(task_, detail_);
  if (!steps) return steps.error();
  if (connected_before_) sink_.connection_back();  // before what happened meanwhile
  for (const protocol::StepView& step : steps->view.steps)
    see_step(step);
  if (Result<void> approvals = see_open_approvals(); !approvals) return approvals;
  Result<Document<protocol::TaskView>> task = client_.task(task_);
  if (!task) return task.error();
  if (!connected_before_ && from_ == From::lists) last_event_ = steps->view.last_event;
  connected_before_ = true;
  see_task(std::move(task->view));
  return {};
}

Result<void> Follower::listen() {
  return client_.events(task_, last_event_, detail_,
                        [this](const Document<protocol::EventView>& event) {
                          paused_ = Milliseconds{0};
                          next_pause_ = patience_.first_pause;
                          if (event.view.task != task_) {  // a question below, in no order
                            take(event);
                          } else if (event.view.seq > last_event_) {
                            last_event_ = event.view.seq;
                            take(event);
                          }
                          return !done();
                        });
}

bool Follower::pause() {
  if (paused_ >= patience_.total) return false;
  const Milliseconds length = std::min(next_pause_, patience_.total - paused_);
  patience_.sleep(length);
  paused_ += length;
  next_pause_ = std::min(next_pause_ * 2, patience_.pause_max);
  return true;
}

void Follower::take(const Document<protocol::EventView>& event) {
  using namespace protocol::event_name;
  const std::string_view name = event.view.name;
  const Json& data = event.view.data;
  sink_.happened(event.json);
  if (name == kTaskState || name == kTaskEnded) {
    with_view<protocol::TaskView>(data, [this](const auto& task) { see_task(task); });
  } else if (name == kStepAsked || name == kStepStarted || name == kStepDeferred ||
             name == kStepDone) {
    with_view<protocol::StepView>(data, [this](const auto& step) { see_step(step); });
  } else if (name == kApprovalOpened) {
    with_view<protocol::ApprovalView>(data, [this](const auto& each) { see_approval(each); });
  } else if (name == kApprovalDecided) {
    with_view<protocol::DecisionView>(data, [this](const auto& each) { see_decision(each); });
  } else if (name == kModelText || name == kProgramOutput) {
    with_view<protocol::TextPiece>(data, [this](const auto& piece) {
      if (!finished_.contains(piece.seq)) sink_.said(piece);
    });
  }
}

void Follower::see_task(protocol::TaskView task) {
  if (protocol::has_ended(task.state) || protocol::is_stuck(task.state)) {
    ended_ = std::move(task);
  } else if (task.state != "suspended") {
    stop_.clear();
  } else if (std::exchange(stop_, task.waiting_for) != task.waiting_for) {
    sink_.stopped(task);
  }
}

void Follower::see_step(const protocol::StepView& step) {
  const bool over = step.state == "done" || step.state == "failed" || step.state == "denied";
  if (over) {
    if (finished_.insert(step.seq).second) sink_.finished(step);
    return;
  }
  if (asked_.insert(step.seq).second) sink_.asked(step);
  if (step.state == "started" && started_.emplace(step.seq, step.attempt).second) {
    sink_.started(step);
  }
  if (step.state == "deferred" && deferred_.emplace(step.seq, step.attempt).second) {
    sink_.deferred(step);
  }
}

void Follower::see_approval(const protocol::ApprovalView& approval) {
  if (closed_.contains(approval.id)) return;
  if (open_.insert(approval.id).second) sink_.opened(approval);
}

void Follower::see_decision(const protocol::DecisionView& decision) {
  open_.erase(decision.id);
  if (closed_.insert(decision.id).second) sink_.decided(decision);
}

/// Questions that opened, and those that were answered, while nobody listened.
Result<void> Follower::see_open_approvals() {
  Result<Document<protocol::ApprovalList>> list = client_.approvals();
  if (!list) return list.error();
  std::set<ApprovalId> gone = open_;
  for (const protocol::ApprovalView& approval : list->view.approvals) {
    gone.erase(approval.id);
    if (approval.task == task_) see_approval(approval);
  }
  for (const ApprovalId id : gone) {
    const Result<protocol::DecisionView> decision = decision_on(id);
    if (!decision) return decision.error();
    see_decision(*decision);
  }
  return {};
}

/// The daemon need not remember a question that was answered.
Result<protocol::DecisionView> Follower::decision_on(ApprovalId id) {
  const Result<Document<protocol::ApprovalView>> approval = client_.approval(id);
  if (approval) {
    return protocol::DecisionView{.id = id,
                                  .state = approval->view.state,
                                  .by = approval->view.decided_by,
                                  .at = approval->view.decided_at};
  }
  if (approval.error().code != Errc::not_found) return approval.error();
  return protocol::DecisionView{.id = id, .state = "decided", .by = "somebody else"};
}

}  // namespace tinkerbell::cli
