#pragma once

#include "cli/asker.hpp"
#include "cli/follow.hpp"
#include "cli/screen.hpp"

#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <string>

namespace tinkerbell::cli {

/// One line for each step, and below it what models say and programs print.
class LineSink final : public FollowSink {
 public:
  /// `asker` puts questions to the person; without one (nullptr) they are only shown. `task` is
  /// the one that is followed.
  LineSink(Screen& screen, Asker* asker, TaskId task)
      : screen_(screen), asker_(asker), task_(task) {}

  void started(const protocol::StepView& step) override;
  void deferred(const protocol::StepView& step) override;
  void finished(const protocol::StepView& step) override;
  void opened(const protocol::ApprovalView& approval) override;
  void decided(const protocol::DecisionView& decision) override;
  void stopped(const protocol::TaskView& task) override;
  void said(const protocol::TextPiece& piece) override;
  void connection_lost(const Error& error) override;
  void connection_back() override;

 private:
  Screen& screen_;
  Asker* asker_;
  TaskId task_;
  std::map<Seq, std::string> lines_;  ///< Of steps under way, until something is printed below.
  bool lost_ = false;
};

/// Each event as one line of JSON.
class JsonSink final : public FollowSink {
 public:
  explicit JsonSink(std::ostream& out) : out_(out) {}

  void happened(const Json& event) override;

 private:
  std::ostream& out_;
};

/// Prints nothing and stops at the first question, or at the end of the budget.
class WaitSink : public FollowSink {
 public:
  void opened(const protocol::ApprovalView& approval) override { question_ = approval; }

  void stopped(const protocol::TaskView& task) override {
    if (task.wants_budget) stop_ = task;
  }

  [[nodiscard]] bool wants_more() const override { return !stop_ && !question_; }

  [[nodiscard]] const std::optional<protocol::TaskView>& stop() const { return stop_; }

  [[nodiscard]] const std::optional<protocol::ApprovalView>& question() const { return question_; }

 protected:
  std::optional<protocol::TaskView> stop_;

 private:
  std::optional<protocol::ApprovalView> question_;
};

/// Stops where the task was told to stop as well. Questions below it are only told: the task itself
/// may well get to its next step.
class StopSink final : public WaitSink {
 public:
  StopSink(std::ostream& talk, TaskId task) : talk_(talk), task_(task) {}

  void opened(const protocol::ApprovalView& approval) override;

  void stopped(const protocol::TaskView& task) override { stop_ = task; }

 private:
  std::ostream& talk_;
  TaskId task_;
};

}  // namespace tinkerbell::cli
