#include "tinkerbell/reactor/reactor.hpp"

#include "support/kernel_world.hpp"

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;

class ReactorTest : public testing::Test {
 protected:
  boost::asio::io_context io{1};
  KernelWorld world{TickSource::of_machine()};
  Scheduler& scheduler = world.scheduler;
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
  scheduler.spawn({.name = "sleeper"}, sleeps_and_stops(&log, &reactor));
  reactor.run();
  EXPECT_EQ(log, std::vector<std::string>{"awake"});
}

Task<void> asks_and_stops(std::vector<std::string>* log, Reactor* reactor) {
  (void)co_await ask();
  log->push_back("answered");
  reactor->stop();
}

TEST_F(ReactorTest, ACompletionOfTheLoopWakesItsTask) {
  scheduler.spawn({.name = "asker"}, asks_and_stops(&log, &reactor));
  scheduler.run(1, clock.steady());
  boost::asio::post(io, [this] { world.answer(0, "here"); });
  reactor.run();
  EXPECT_EQ(log, std::vector<std::string>{"answered"});
}

Task<void> never_waits(const bool* stop) {
  while (!*stop)
    co_await kernel::yield();
}

TEST_F(ReactorTest, TasksThatNeverWaitDoNotStarveTheLoop) {
  bool stop = false;
  scheduler.spawn({.name = "hog"}, never_waits(&stop));
  boost::asio::post(io, [&] {
    stop = true;
    reactor.stop();
  });
  reactor.run();
  EXPECT_TRUE(stop);
}

TEST_F(ReactorTest, ReturnsWhenNothingCanHappenAnyMore) {
  scheduler.spawn({.name = "asker"}, asks_and_stops(&log, &reactor));
  reactor.run();
  EXPECT_TRUE(log.empty());
}

}  // namespace
}  // namespace tinkerbell
