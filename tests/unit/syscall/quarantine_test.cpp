#include "support/syscall_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

/// A task that ended the daemon too often is not run, until somebody says so.

namespace tinkerbell {
namespace {

using testing::Contains;

Task<Result<Json>> asks(TaskStart /*start*/) {
  const Result<AwaitUserApproval::Reply> answer = co_await AwaitUserApproval{.question = "on?"};
  if (!answer) co_return answer.error();
  co_return Json("went on");
}

Task<Result<Json>> joins(TaskStart start) {
  const TaskId other{start.arguments.at("task").get<std::uint64_t>()};
  const Result<Join::Reply> end = co_await Join{.task = other};
  if (!end) co_return end.error();
  co_return Json(end->state);
}

Task<Result<Json>> sends(TaskStart start) {
  const TaskId other{start.arguments.at("task").get<std::uint64_t>()};
  const Result<Send::Reply> sent = co_await Send{.task = other, .message = "hello"};
  if (!sent) co_return sent.error();
  co_return Json("sent");
}

class QuarantineTest : public testing::Test {
 protected:
  QuarantineTest() {
    world.add_kind("asks@1", asks);
    world.add_kind("joins@1", joins);
    world.add_kind("sends@1", sends);
    task = world.submit("asks@1");
    world.poisonous.insert(task);
    world.crash();
  }

  [[nodiscard]] TaskState state() const { return world.calls->view(task)->state; }

  Result<void> resume() {
    Result<void> told = Error{Errc::internal, "never told"};
    world.calls->resume(task, {.via = "test", .uid = 7},
                        Completion<void>([&told](Result<void> done) { told = std::move(done); }));
    world.settle();
    return told;
  }

  [[nodiscard]] Json with_task() const { return {{"task", number(task)}}; }

  SyscallWorld world;
  TaskId task = kNoTask;
};

TEST_F(QuarantineTest, F24_ItDoesNothingAndSaysWhyAlsoAfterRestarts) {
  for (int restarts = 0; restarts < 2; ++restarts) {
    EXPECT_EQ(state(), TaskState::quarantined);
    EXPECT_EQ(world.calls->view(task)->waiting_for, "resume or cancel: it ends the daemon");
    EXPECT_TRUE(world.calls->approvals().shown().empty());
    EXPECT_EQ(world.calls->states().at(TaskState::quarantined), 1U);
    world.crash();
  }
  EXPECT_EQ(world.payload_of<SignalPayload>(task, RecordKind::signal).signal, Signal::quarantined);
}

TEST_F(QuarantineTest, F24_ItsHeadKeepsTheNumberOfItsSteps) {
  EXPECT_EQ(world.head(task).steps, 1U);
}

TEST_F(QuarantineTest, F24_ResumedItIsBroughtBackFromItsRecords) {
  EXPECT_TRUE(resume());
  EXPECT_EQ(state(), TaskState::waiting);
  EXPECT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  EXPECT_EQ(world.end_of(task).value, "went on");
}

TEST_F(QuarantineTest, F24_ResumedItStaysSoAfterARestart) {
  EXPECT_TRUE(resume());
  world.crash();
  EXPECT_EQ(state(), TaskState::waiting);
}

TEST_F(QuarantineTest, F24_WhatIsAskedOfItMeanwhileHoldsOnceItIsResumed) {
  world.calls->set_breakpoint(task, "user.approval", {}, Completion<void>([](Result<void>) {}));
  EXPECT_TRUE(resume());
  EXPECT_EQ(world.calls->breakpoints(task).at(1), "user.approval");
}

TEST_F(QuarantineTest, F24_WhatIsAskedOfItWhileItIsReadHoldsAsWell) {
  world.calls->resume(task, {}, Completion<void>([this](const Result<void>& done) {
                        EXPECT_TRUE(done);
                        EXPECT_EQ(world.calls->breakpoints(task).size(), 1U);
                      }));
  world.calls->set_breakpoint(task, "user.approval", {}, Completion<void>([](Result<void>) {}));
  world.settle();
  EXPECT_EQ(state(), TaskState::waiting);
}

TEST_F(QuarantineTest, F24_WhoeverWaitsForItsEndIsToldAlsoAfterItWasResumed) {
  const TaskId joiner = world.submit("joins@1", false, with_task());
  EXPECT_TRUE(resume());
  EXPECT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  EXPECT_EQ(world.end_of(joiner).value, "completed");
}

TEST_F(QuarantineTest, F24_NoMessageIsSentToIt) {
  const TaskId sender = world.submit("sends@1", false, with_task());
  EXPECT_EQ(world.end_of(sender).error_code, "unavailable");
}

TEST_F(QuarantineTest, F24_CancelledItEndsWithoutRunning) {
  world.calls->cancel_task(task, "enough", {}, Completion<void>([](Result<void>) {}));
  EXPECT_EQ(world.end_of(task).state, "cancelled");
}

TEST_F(QuarantineTest, F24_CancelledWhileItIsReadItIsNotBroughtBack) {
  Result<void> told;
  world.calls->resume(task, {},
                      Completion<void>([&told](Result<void> done) { told = std::move(done); }));
  world.calls->cancel_task(task, "enough", {}, Completion<void>([](Result<void>) {}));
  world.settle();
  EXPECT_EQ(told.error().code, Errc::conflict);
  EXPECT_EQ(world.end_of(task).state, "cancelled");
}

}  // namespace
}  // namespace tinkerbell
