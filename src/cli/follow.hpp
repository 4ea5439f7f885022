#pragma once

#include "cli/client.hpp"

#include "tinkerbell/base/clock.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace tinkerbell::cli {

/// What happens to a followed task, each thing once. Called on the thread that follows.
class FollowSink {
 public:
  FollowSink() = default;
  FollowSink(const FollowSink&) = delete;
  FollowSink& operator=(const FollowSink&) = delete;
  virtual ~FollowSink() = default;

  /// It is there, but not over: it may wait for somebody, or have started.
  virtual void asked(const protocol::StepView& /*step*/) {}

  virtual void started(const protocol::StepView& /*step*/) {}

  /// An attempt came to nothing; the next one waits for its time.
  virtual void deferred(const protocol::StepView& /*step*/) {}

  virtual void finished(const protocol::StepView& /*step*/) {}

  /// Also a question of a task below the followed one: `approval.task` says whose.
  virtual void opened(const protocol::ApprovalView& /*approval*/) {}

  virtual void decided(const protocol::DecisionView& /*decision*/) {}

  /// It has come to where a person told it to stop.
  virtual void stopped(const protocol::TaskView& /*task*/) {}

  virtual void said(const protocol::TextPiece& /*piece*/) {}

  /// Any event, as it came.
  virtual void happened(const Json& /*event*/) {}

  virtual void connection_lost(const Error& /*error*/) {}

  virtual void connection_back() {}

  /// False ends the following.
  [[nodiscard]] virtual bool wants_more() const { return true; }
};

/// How long to try again when the daemon goes away. `sleep` is std::this_thread::sleep_for outside
/// of tests.
struct Patience {
  Milliseconds first_pause{200};  ///< Doubled each time.
  Milliseconds pause_max{5'000};
  Milliseconds total{60'000};  ///< Of the pauses since something was last heard.
  std::function<void(Milliseconds)> sleep;
};

/// Follows one task: what there is so far from the lists, then the event stream, over restarts of
/// the daemon. Of the tasks below it, the questions come with the stream. After each connection the
/// lists are read again, so that nothing is missed that the daemon no longer holds as an event;
/// sequence numbers, steps and questions seen before are left out, so that nothing comes twice.
class Follower {
 public:
  enum class From : std::uint8_t {
    lists,   ///< The events after the lists: each step once.
    events,  ///< All events that the daemon still holds: for who wants the events themselves.
  };

  Follower(Client& client, TaskId task, FollowSink& sink, Patience patience,
           From from = From::lists, const StepDetail& detail = {})
      : client_(client),
        task_(task),
        sink_(sink),
        patience_(std::move(patience)),
        from_(from),
        detail_(detail) {}

  /// Until the task has ended or is stuck (then gives it), or the sink wants no more (nothing).
  /// Errors: as Client; of a daemon that went away only when the patience is exhausted.
  [[nodiscard]] Result<std::optional<protocol::TaskView>> run();

 private:
  [[nodiscard]] Result<void> catch_up();
  [[nodiscard]] Result<void> listen();

  [[nodiscard]] bool done() const { return ended_.has_value() || !sink_.wants_more(); }

  /// False when the patience is exhausted.
  [[nodiscard]] bool pause();

  void take(const Document<protocol::EventView>& event);
  void see_task(protocol::TaskView task);
  void see_step(const protocol::StepView& step);
  void see_approval(const protocol::ApprovalView& approval);
  void see_decision(const protocol::DecisionView& decision);
  [[nodiscard]] Result<void> see_open_approvals();
  [[nodiscard]] Result<protocol::DecisionView> decision_on(ApprovalId id);

  Client& client_;
  TaskId task_;
  FollowSink& sink_;
  Patience patience_;
  From from_;
  StepDetail detail_;

  std::optional<protocol::TaskView> ended_;
  bool connected_before_ = false;
  std::uint64_t last_event_ = 0;
  std::set<Seq> asked_;
  std::set<Seq> finished_;
  std::set<std::pair<Seq, std::uint32_t>> started_;   ///< With the attempt.
  std::set<std::pair<Seq, std::uint32_t>> deferred_;  ///< The same.
  std::set<ApprovalId> open_;
  std::set<ApprovalId> closed_;
  std::string stop_;  ///< Where the task stands, as it was told last.
  Milliseconds next_pause_{0};
  Milliseconds paused_{0};
};

}  // namespace tinkerbell::cli
