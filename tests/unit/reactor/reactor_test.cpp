#include "tinkerbell/reactor/reactor.hpp"

#include "tinkerbell/kernel/calls.hpp"

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;

/// Keeps the trap of the one task that asks for something.
struct Handler : CommandHandler, KernelObserver {
  void dispatch(TaskId task, Trap& trap) override {
    asker = task;
    asked = &trap;
  }

  void cancel(TaskId /*task*/, Trap& /*trap*/) override {}

  void expired(TaskId /*task*/, Trap& /*trap*/) override {}

  void task_state_changed(TaskId /*task*/, TaskState /*from*/, TaskState /*to*/) override {}

  TaskId asker = kNoTask;
  Trap* asked = nullptr;
};

struct QuestionTrap : Trap {
  QuestionTrap() : Trap(Kind::command) {}

  void await_resume() const noexcept {}
};

class ReactorTest : public testing::Test {
 protected:
  boost::asio::io_context io{1};
  Handler handler;
  Scheduler scheduler{handler, handler};
  SystemClock clock;
  Reactor reactor{io, scheduler, clock};
  std::vector<std::string> log;
};

Task<void> sleeps_and_stops(std::vector<std::string>* log, Reactor* reactor) {
  EXPECT_TRUE(co_await kernel::sleep_for(2ms));
  log->push_back("awake");
  reactor->stop();
}

TEST_F(ReactorTest, SleepersAreWokenByTheOneTimer) {
  scheduler.spawn("sleeper", sleeps_and_stops(&log, &reactor));
  reactor.run();
  EXPECT_EQ(log, std::vector<std::string>{"awake"});
}

Task<void> asks_and_stops(std::vector<std::string>* log, Reactor* reactor) {
  co_await TrapAwaiter<QuestionTrap>();
  log->push_back("answered");
  reactor->stop();
}

TEST_F(ReactorTest, ACompletionOfTheLoopWakesItsTask) {
  scheduler.spawn("asker", asks_and_stops(&log, &reactor));
  scheduler.run(1, clock.steady());
  boost::asio::post(io, [this] { scheduler.wake(handler.asker, *handler.asked); });
  reactor.run();
  EXPECT_EQ(log, std::vector<std::string>{"answered"});
}

Task<void> never_waits(const bool* stop) {
  while (!*stop)
    co_await kernel::yield();
}

TEST_F(ReactorTest, TasksThatNeverWaitDoNotStarveTheLoop) {
  bool stop = false;
  scheduler.spawn("hog", never_waits(&stop));
  boost::asio::post(io, [&] {
    stop = true;
    reactor.stop();
  });
  reactor.run();
  EXPECT_TRUE(stop);
}

TEST_F(ReactorTest, ReturnsWhenNothingCanHappenAnyMore) {
  scheduler.spawn("asker", asks_and_stops(&log, &reactor));
  reactor.run();
  EXPECT_TRUE(log.empty());
}

}  // namespace
}  // namespace tinkerbell
