#include "cli/follow.hpp"

#include "unit/cli/fake_daemon.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace tinkerbell::cli {
namespace {

namespace name = protocol::event_name;
using ::testing::ElementsAre;

class SeenSink final : public FollowSink {
 public:
  void started(const protocol::StepView& step) override { seen.push_back("› " + step.line); }

  void finished(const protocol::StepView& step) override { seen.push_back("✓ " + step.line); }

  void opened(const protocol::ApprovalView& each) override {
    seen.push_back("? " + each.line);
    if (at_question) at_question();
  }

  void decided(const protocol::DecisionView& each) override { seen.push_back(each.state); }

  void said(const protocol::TextPiece& piece) override { seen.push_back(piece.text); }

  void connection_lost(const Error& /*error*/) override { seen.emplace_back("lost"); }

  void connection_back() override { seen.emplace_back("back"); }

  std::vector<std::string> seen;
  std::function<void()> at_question;
};

class FollowTest : public ::testing::Test {
 protected:
  FollowTest() { daemon_.lay_out_task(task_12("running")); }

  /// Follows task 12; `sleep` stands for the pauses between attempts.
  Result<std::optional<protocol::TaskView>> follow(std::function<void(Milliseconds)> sleep) {
    Client client(daemon_.socket());
    Follower follower(client, TaskId{12}, sink_, {.sleep = std::move(sleep)});
    return follower.run();
  }

  FakeDaemon daemon_;
  SeenSink sink_;
};

void never(Milliseconds /*length*/) {
  ADD_FAILURE() << "paused";
}

TEST_F(FollowTest, TakesAnEventOfManyMegabytes) {
  protocol::ApprovalView large = approval_a3();
  large.card.assign(9 << 20, 'x');
  daemon_.emit(1, name::kApprovalOpened, large);
  sink_.at_question = [this] { daemon_.emit(2, name::kTaskEnded, task_12("completed")); };
  const auto end = follow(never);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_THAT(sink_.seen, ElementsAre("? run ./test.sh"));
}

TEST_F(FollowTest, GivesEachEventAndEndsWithTheTask) {
  daemon_.emit(1, name::kTaskCreated, task_12("ready"));
  daemon_.emit(2, name::kStepStarted, step(1, "read a", "started"));
  daemon_.emit(3, name::kStepDone, step(1, "read a", "done"));
  daemon_.emit(4, name::kModelText, protocol::TextPiece{Seq{2}, "text", "hello"});
  daemon_.emit(5, name::kApprovalOpened, approval_a3());
  daemon_.emit(6, name::kApprovalDecided,
               protocol::DecisionView{.id = ApprovalId{3}, .state = "approved"});
  daemon_.emit(7, name::kTaskEnded, task_12("completed"));
  const auto end = follow(never);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ((*end)->state, "completed");
  EXPECT_THAT(sink_.seen,
              ElementsAre("› read a", "✓ read a", "hello", "? run ./test.sh", "approved"));
}

TEST_F(FollowTest, BeginsWithWhatTheListsHold) {
  daemon_.lay_out("GET /v1/tasks/12/steps",
                  protocol::StepList{.last_event = 2, .steps = {step(1, "read a", "done")}});
  daemon_.lay_out("GET /v1/approvals", protocol::ApprovalList{.approvals = {approval_a3()}});
  daemon_.emit(2, name::kStepDone, step(1, "read a", "done"));
  daemon_.emit(3, name::kApprovalOpened, approval_a3());
  daemon_.emit(4, name::kTaskEnded, task_12("failed"));
  ASSERT_TRUE(follow(never));
  EXPECT_THAT(sink_.seen, ElementsAre("✓ read a", "? run ./test.sh"));
}

TEST_F(FollowTest, LeavesOutWhatComesTwice) {
  daemon_.emit(1, name::kStepDone, step(1, "read a", "done"));
  daemon_.emit(1, name::kStepDone, step(2, "the same number", "done"));
  daemon_.emit(2, name::kStepDone, step(1, "the same step", "done"));
  daemon_.emit(3, name::kModelText, protocol::TextPiece{Seq{1}, "text", "of a finished step"});
  daemon_.emit(4, name::kTaskEnded, task_12("completed"));
  ASSERT_TRUE(follow(never));
  EXPECT_THAT(sink_.seen, ElementsAre("✓ read a"));
}

TEST_F(FollowTest, OfATaskThatHasEndedIsOverAtOnce) {
  daemon_.lay_out("GET /v1/tasks/12", task_12("cancelled"));
  const auto end = follow(never);
  ASSERT_TRUE(end);
  EXPECT_EQ((*end)->state, "cancelled");
}

TEST_F(FollowTest, OutlivesTheDaemonAndRepeatsNothing) {
  daemon_.emit(1, name::kStepDone, step(1, "read a", "done"));
  daemon_.emit(2, name::kApprovalOpened, approval_a3());
  sink_.at_question = [this] { daemon_.kill(); };
  int pauses = 0;
  const auto end = follow([&](Milliseconds) {
    if (++pauses != 3) return;  // stays away for a while
    protocol::ApprovalView decided = approval_a3();
    decided.state = "denied";
    daemon_.lay_out("GET /v1/approvals/3", decided);
    daemon_.lay_out(
        "GET /v1/tasks/12/steps",
        protocol::StepList{.steps = {step(1, "read a", "done"), step(2, "write b", "done")}});
    daemon_.emit(3, name::kStepDone, step(2, "write b", "done"));
    daemon_.emit(4, name::kTaskEnded, task_12("completed"));
    daemon_.start();
  });
  ASSERT_TRUE(end) << end.error().message;
  std::erase(sink_.seen, "lost");
  EXPECT_THAT(sink_.seen,
              ElementsAre("✓ read a", "? run ./test.sh", "back", "✓ write b", "denied"));
  EXPECT_EQ(pauses, 3);
  const std::vector<std::string> seen = daemon_.seen();
  EXPECT_EQ(std::ranges::count(seen, "GET /v1/tasks/12/events after=2"), 1);
}

TEST_F(FollowTest, GoesOnWhenTheDaemonHasForgottenAnAnsweredQuestion) {
  daemon_.emit(1, name::kApprovalOpened, approval_a3());
  sink_.at_question = [this] { daemon_.kill(); };
  const auto end = follow([&](Milliseconds) {
    daemon_.emit(2, name::kTaskEnded, task_12("completed"));
    daemon_.start();
  });
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_THAT(sink_.seen, ElementsAre("? run ./test.sh", "lost", "back", "decided"));
}

TEST_F(FollowTest, GivesUpAMinuteAfterTheDaemonWentAway) {
  daemon_.emit(1, name::kApprovalOpened, approval_a3());
  sink_.at_question = [this] { daemon_.kill(); };
  Milliseconds waited{0};
  Milliseconds longest{0};
  const auto end = follow([&](Milliseconds length) {
    waited += length;
    longest = std::max(longest, length);
  });
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Errc::unavailable);
  EXPECT_EQ(waited, Milliseconds{60'000});
  EXPECT_EQ(longest, Milliseconds{5'000});
}

TEST_F(FollowTest, DoesNotWaitForADaemonThatNeverWasThere) {
  daemon_.kill();
  const auto end = follow(never);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace tinkerbell::cli
