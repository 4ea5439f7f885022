#include "control/projection.hpp"

#include "support/syscall_world.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace tinkerbell::control {
namespace {

Task<Result<Json>> writes(TaskStart /*start*/) {
  const Result<AwaitFileWrite::Reply> written =
      co_await AwaitFileWrite{.path = "a.txt", .content = "new"};
  if (!written) co_return written.error();
  co_return Json{{"summary", "written"}};
}

class ProjectionTest : public testing::Test {
 protected:
  ProjectionTest() {
    world.add_kind("writer@1", writes);
    world.driver->facts("file.write", {.facts = {.object = "a.txt", .diff = "+new\n"}});
    world.driver->reply("file.write", Reply(AwaitFileWrite::Reply{3, true}));
  }

  std::vector<protocol::EventView> events() {
    std::vector<protocol::EventView> all;
    Projection projection;
    for (const Record& record : world.memory->records) {
      for (protocol::EventView& event : projection.apply(record))
        all.push_back(std::move(event));
    }
    return all;
  }

  SyscallWorld world;
};

TEST_F(ProjectionTest, TheRecordsOfATaskTellItsWholeStory) {
  world.submit("writer@1");
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  world.settle();
  std::vector<std::string> names;
  for (const protocol::EventView& event : events())
    names.push_back(event.name);
  EXPECT_EQ(names, (std::vector<std::string>{"task.created", "step.asked", "approval.opened",
                                             "approval.decided", "step.started", "step.done",
                                             "task.ended"}));
}

TEST_F(ProjectionTest, EventNumbersRiseStrictly) {
  world.submit("writer@1");
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  std::uint64_t last = 0;
  for (const protocol::EventView& event : events()) {
    EXPECT_GT(event.seq, last);
    last = event.seq;
  }
}

TEST_F(ProjectionTest, TheCardInAnEventIsTheOneThatIsAsked) {
  world.submit("writer@1");
  const Question& question = *world.calls->approvals().shown().at(0);
  for (const protocol::EventView& event : events()) {
    if (event.name != "approval.opened") continue;
    EXPECT_EQ(event.data["card"], question.card);
    EXPECT_EQ(event.data["hash"], question.hash.hex());
    return;
  }
  FAIL() << "no approval was opened";
}

TEST_F(ProjectionTest, StepsShowWhatWasDecidedAndWhatCameOfIt) {
  world.submit("writer@1");
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  world.settle();
  const StepHistory history = steps_of(world.memory->records, /*with_payloads=*/true);
  ASSERT_EQ(history.steps.size(), 1U);
  const protocol::StepView& step = history.steps[0];
  EXPECT_EQ(step.line, "write a.txt (3 bytes)");
  EXPECT_EQ(step.state, "done");
  EXPECT_EQ(step.verdict, "ask");
  EXPECT_EQ(step.approval, ApprovalId{1});
  EXPECT_EQ(step.attempt, 1U);
  EXPECT_EQ(step.outcome, "created, 3 bytes");
  ASSERT_TRUE(step.reply);
  EXPECT_EQ((*step.reply)["bytes"], 3);
}

TEST_F(ProjectionTest, WhoFollowsFromItsStepsOnMissesNoLiveText) {
  world.submit("writer@1");
  const StepHistory history = steps_of(world.memory->records, /*with_payloads=*/false);
  EXPECT_GE(history.last_event, events().back().seq);
  EXPECT_LT(history.last_event, event_number(world.memory->records.back().lsn, kFirstPiece));
}

TEST_F(ProjectionTest, ADeniedStepSaysSo) {
  world.submit("writer@1");
  ASSERT_TRUE(world.answer(ApprovalId{1}, Answer::deny, "no"));
  world.settle();
  const StepHistory history = steps_of(world.memory->records, /*with_payloads=*/false);
  EXPECT_EQ(history.steps.at(0).state, "denied");
  EXPECT_FALSE(history.steps.at(0).reply);
}

}  // namespace
}  // namespace tinkerbell::control
