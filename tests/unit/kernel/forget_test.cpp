#include "support/kernel_world.hpp"

#include "tinkerbell/kernel/group.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

/// A task that can be begun anew may be dropped while it waits for a command.

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

struct Leaves {
  KernelWorld* world;
  std::string what;

  ~Leaves() { world->say("~" + what); }
};

Task<std::string> asks_inside(KernelWorld* world) {
  const Leaves inner{world, "inner"};
  co_return co_await ask();
}

Task<void> asks(KernelWorld* world) {
  const Leaves outer{world, "outer"};
  world->say(co_await asks_inside(world));
}

constexpr TaskId kTask{7};

class ForgetTest : public testing::Test, public KernelWorld {
 protected:
  /// Runs it up to where it waits.
  template <class T>
  void begin(Task<T> body) {
    scheduler.spawn_as(kTask, {.name = "task"}, std::move(body),
                       [this](TaskId, const Exit&) { say("ended"); });
    run_all();
  }
};

TEST_F(ForgetTest, ItsFramesAreGoneAndNobodyIsTold) {
  begin(asks(this));
  scheduler.arm(kTask, *asked[0].second, now + 1h);
  ASSERT_TRUE(scheduler.can_forget(kTask));
  scheduler.forget(kTask);
  EXPECT_THAT(log, ElementsAre("~inner", "~outer"));
  EXPECT_FALSE(scheduler.is_live(kTask));
  EXPECT_EQ(scheduler.counters().tasks, 0U);
  EXPECT_EQ(scheduler.counters().timers, 0U);
  EXPECT_EQ(scheduler.contradiction(), std::nullopt);
  EXPECT_EQ(cancels, 0);
}

TEST_F(ForgetTest, ItCanBeBegunAnewUnderItsId) {
  begin(asks(this));
  scheduler.forget(kTask);
  log.clear();
  begin(asks(this));
  answer(1, "yes");
  run_all();
  EXPECT_THAT(log, ElementsAre("~inner", "yes", "~outer", "ended"));
}

TEST_F(ForgetTest, OneThatDoesNotWaitForACommandCannotBeForgotten) {
  EXPECT_FALSE(scheduler.can_forget(kTask));
  scheduler.spawn_as(kTask, {.name = "task"}, asks(this));
  EXPECT_FALSE(scheduler.can_forget(kTask));  // it is ready
  run_all();
  answer(0, "yes");
  EXPECT_FALSE(scheduler.can_forget(kTask));  // and again
}

Task<void> sleeps() {
  (void)co_await kernel::sleep_for(1h);
}

TEST_F(ForgetTest, OneThatSleepsCannotBeForgotten) {
  begin(sleeps());
  EXPECT_FALSE(scheduler.can_forget(kTask));
}

TEST_F(ForgetTest, OneThatIsToEndCannotBeForgotten) {
  begin(asks(this));
  ASSERT_TRUE(scheduler.kill(kTask, "enough"));
  EXPECT_FALSE(scheduler.can_forget(kTask));
}

Task<void> joins(TaskId whom) {
  (void)co_await kernel::join(whom);
}

TEST_F(ForgetTest, OneThatSomebodyJoinsCannotBeForgotten) {
  begin(asks(this));
  const TaskId joiner = spawn("joins", joins(kTask));
  run_all();
  EXPECT_FALSE(scheduler.can_forget(kTask));
  ASSERT_TRUE(scheduler.kill(joiner, "enough"));
  run_all();
  EXPECT_TRUE(scheduler.can_forget(kTask));
}

Task<void> asks_in_scope() {
  const auto scope = co_await kernel::deadline(1h);
  (void)co_await ask();
}

TEST_F(ForgetTest, OneWithAScopeInItsFramesCannotBeForgotten) {
  begin(asks_in_scope());
  EXPECT_FALSE(scheduler.can_forget(kTask));
}

Task<Result<void>> asks_beside_a_member(TaskGroup* group) {
  group->spawn("member", sleeps());
  (void)co_await ask();
  co_return Result<void>{};
}

TEST_F(ForgetTest, OneWithAGroupInItsFramesCannotBeForgotten) {
  begin(in_group(TaskGroup::OnFailure::cancel_rest, asks_beside_a_member));
  EXPECT_FALSE(scheduler.can_forget(kTask));
}

}  // namespace
}  // namespace tinkerbell
