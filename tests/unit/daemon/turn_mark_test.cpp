#include "daemon/turn_mark.hpp"

#include "support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace tinkerbell {
namespace {

class Nobody final : public KernelObserver {
 public:
  void task_state_changed(TaskId task, TaskState /*from*/, TaskState /*to*/) override {
    told.push_back(task);
  }

  std::vector<TaskId> told;
};

constexpr TaskId kBad{7};
constexpr TaskId kGood{8};

class TurnMarkTest : public testing::Test {
 protected:
  /// As the next start of the daemon does; the mark before it ends as a killed process' does.
  void start() {
    mark.reset();
    Result<std::unique_ptr<TurnMark>> opened = TurnMark::open(dir.path());
    ASSERT_TRUE(opened) << opened.error().message;
    mark = *std::move(opened);
    mark->connect(next, [this](TaskId task) { return steps[task]; });
  }

  void turn_of(TaskId task, std::uint32_t step) {
    steps[task] = Seq{step};
    mark->task_state_changed(task, TaskState::ready, TaskState::running);
  }

  void die_in_turn_of(TaskId task, std::uint32_t step) {
    turn_of(task, step);
    start();
  }

  void expect_deaths(TaskId task, std::uint64_t count, std::uint32_t step) const {
    EXPECT_EQ(mark->deaths_of(task).count, count);
    EXPECT_EQ(mark->deaths_of(task).at, Seq{step});
  }

  TempDir dir;
  Nobody next;
  std::map<TaskId, Seq> steps;
  std::unique_ptr<TurnMark> mark;
};

TEST_F(TurnMarkTest, F24_CountsDeathsInATasksTurnAtOneStep) {
  start();
  for (std::uint64_t deaths = 1; deaths <= TurnMark::kDeathsMax; ++deaths) {
    die_in_turn_of(kBad, 3);
    expect_deaths(kBad, deaths, 3);
  }
  expect_deaths(kGood, 0, 0);
}

TEST_F(TurnMarkTest, F24_BeginsAnewWhereTheTaskDiesAtAnotherStep) {
  start();
  die_in_turn_of(kBad, 3);
  die_in_turn_of(kBad, 3);
  die_in_turn_of(kBad, 4);
  expect_deaths(kBad, 1, 4);
}

TEST_F(TurnMarkTest, F24_DoesNotCountADeathBetweenTurns) {
  start();
  turn_of(kBad, 3);
  mark->turns_ended();
  start();
  expect_deaths(kBad, 0, 0);
}

TEST_F(TurnMarkTest, F24_DoesNotCountADeathInAnothersTurnOrInATaskOfOurOwn) {
  start();
  turn_of(kBad, 3);
  die_in_turn_of(TaskId{kVolatileBit | 5}, 0);
  expect_deaths(kBad, 0, 0);
  turn_of(kBad, 3);
  die_in_turn_of(kGood, 1);
  expect_deaths(kBad, 0, 0);
  expect_deaths(kGood, 1, 1);
}

TEST_F(TurnMarkTest, F24_CountsDeathsInTheCleanupOfATaskThatIsToEnd) {
  start();
  steps[kBad] = Seq{5};
  mark->cleanup_turn_began(kBad);
  start();
  expect_deaths(kBad, 1, 5);
}

TEST_F(TurnMarkTest, F24_CountsTwoTasksThatTakeTurnsAtIt) {
  start();
  for (std::uint64_t deaths = 1; deaths <= 3; ++deaths) {
    die_in_turn_of(kBad, 3);
    die_in_turn_of(kGood, 1);
    expect_deaths(kBad, deaths, 3);
    expect_deaths(kGood, deaths, 1);
  }
}

TEST_F(TurnMarkTest, F24_ForgetsOneTaskOrAll) {
  start();
  die_in_turn_of(kBad, 3);
  die_in_turn_of(kGood, 1);
  mark->forget(kBad);
  start();
  expect_deaths(kBad, 0, 0);
  expect_deaths(kGood, 1, 1);
  mark->forget_all();
  start();
  expect_deaths(kGood, 0, 0);
}

TEST_F(TurnMarkTest, BeginsAnewOnAFileOfAnotherForm) {
  dir.write("turn", std::string(8'192, 'x'));
  start();
  for (std::uint64_t task = 1; task < 100; ++task)
    expect_deaths(TaskId{task}, 0, 0);
  die_in_turn_of(kBad, 3);
  expect_deaths(kBad, 1, 3);
}

TEST_F(TurnMarkTest, HandsTransitionsOn) {
  start();
  turn_of(kBad, 1);
  EXPECT_EQ(next.told, std::vector{kBad});
}

}  // namespace
}  // namespace tinkerbell
