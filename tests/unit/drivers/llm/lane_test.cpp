#include "drivers/llm/lane.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace tinkerbell {
namespace {

using testing::ElementsAre;

class LaneTest : public testing::Test {
 protected:
  static CommandId id(std::uint32_t task) { return {TaskId{task}, Seq{1}}; }

  void enter(Lane& lane, std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t task = first; task <= last; ++task)
      lane.enter(id(task), [this, task] { started.push_back(task); });
  }

  std::vector<std::uint32_t> started;
};

TEST_F(LaneTest, LetsSoManyInAtOnceAndTheOthersInTheirOrder) {
  Lane lane(2);
  enter(lane, 1, 5);
  EXPECT_THAT(started, ElementsAre(1, 2));
  EXPECT_EQ(lane.ahead_of(id(2)), std::nullopt);
  EXPECT_EQ(lane.ahead_of(id(3)), 0U);
  EXPECT_EQ(lane.ahead_of(id(5)), 2U);
  EXPECT_EQ(lane.ahead_of(id(6)), std::nullopt);

  lane.ended(id(2), Lane::Health::well);
  EXPECT_THAT(started, ElementsAre(1, 2, 3));
  lane.ended(id(1), Lane::Health::unknown);
  lane.ended(id(3), Lane::Health::well);
  EXPECT_THAT(started, ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(LaneTest, OneThatLeavesIsNotStarted) {
  Lane lane(1);
  enter(lane, 1, 3);
  EXPECT_TRUE(lane.leave(id(2)));
  EXPECT_FALSE(lane.leave(id(2)));
  EXPECT_FALSE(lane.leave(id(1))) << "it has been started";
  lane.ended(id(1), Lane::Health::well);
  EXPECT_THAT(started, ElementsAre(1, 3));
}

TEST_F(LaneTest, F53_AServiceThatFailsIsAskedByOneAtATimeAndEachAnswerLetsOneMoreIn) {
  Lane lane(4);
  enter(lane, 1, 12);
  EXPECT_THAT(started, ElementsAre(1, 2, 3, 4));
  for (std::uint32_t task = 1; task <= 3; ++task)
    lane.ended(id(task), Lane::Health::failing);
  EXPECT_THAT(started, ElementsAre(1, 2, 3, 4)) << "one is still there";
  lane.ended(id(4), Lane::Health::failing);
  EXPECT_THAT(started, ElementsAre(1, 2, 3, 4, 5));
  lane.ended(id(5), Lane::Health::unknown);
  EXPECT_THAT(started, ElementsAre(1, 2, 3, 4, 5, 6));
  lane.ended(id(6), Lane::Health::well);
  EXPECT_THAT(started, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  lane.ended(id(7), Lane::Health::well);
  EXPECT_THAT(started, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  lane.ended(id(8), Lane::Health::well);
  lane.ended(id(9), Lane::Health::well);
  EXPECT_EQ(started.size(), 12U) << "and no more than four at once";
}

TEST_F(LaneTest, OneThatIsStartedMayEndAtOnce) {
  Lane lane(1);
  for (std::uint32_t task = 1; task <= 3; ++task) {
    lane.enter(id(task), [this, &lane, task] {
      started.push_back(task);
      if (task > 1) lane.ended(id(task), Lane::Health::well);
    });
  }
  lane.ended(id(1), Lane::Health::well);
  EXPECT_THAT(started, ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace tinkerbell
