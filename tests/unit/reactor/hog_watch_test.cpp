#include "tinkerbell/reactor/hog_watch.hpp"

#include "support/kernel_world.hpp"
#include "support/wait_until.hpp"

#include "tinkerbell/reactor/reactor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <mutex>
#include <thread>
#include <vector>

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Keeps what is reported, from whichever thread.
class Reports {
 public:
  HogWatch::Report sink() {
    return [this](const Hog& hog) {
      const std::lock_guard lock(mutex_);
      all_.push_back(hog);
    };
  }

  [[nodiscard]] std::vector<Hog> all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Hog> all_;
};

/// Hogs until it has been told of, as a task that computes too long.
Task<void> burns(const Reports* reports) {
  const auto give_up = std::chrono::steady_clock::now() + 60s;
  while (reports->all().empty() && std::chrono::steady_clock::now() < give_up) {
  }
  co_return;
}

Task<void> calls_one_that_burns(const Reports* reports) {
  co_await burns(reports);
}

/// The same, and does not answer at first, as on a machine that has too much to do.
Task<void> burns_deaf_at_first(const Reports* reports) {
  sigset_t asked;
  ::sigemptyset(&asked);
  ::sigaddset(&asked, SIGURG);
  ::pthread_sigmask(SIG_BLOCK, &asked, nullptr);
  const auto deaf_until = std::chrono::steady_clock::now() + 100ms;
  while (std::chrono::steady_clock::now() < deaf_until) {
  }
  ::pthread_sigmask(SIG_UNBLOCK, &asked, nullptr);
  co_await burns(reports);
}

Task<void> naps(Nanoseconds length) {
  (void)co_await kernel::sleep_for(length);
}

class HogWatchTest : public testing::Test {
 protected:
  boost::asio::io_context io{1};
  KernelWorld world{TickSource::of_machine()};
  SystemClock clock;
  Reactor reactor{io, world.scheduler, clock};
  Reports reports;
};

TEST_F(HogWatchTest, G14_NamesTheTaskAndItsCallsWhileItHogs) {
  HogWatch watch(world.scheduler, 20ms, reports.sink());
  reactor.set_hog_watch(&watch);
  world.spawn("meek", naps(1ms));
  const TaskId hog = world.spawn("hog", calls_one_that_burns(&reports));
  reactor.run();  // ends only because the hog was reported in the middle of its turn
  const std::vector<Hog> seen = reports.all();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].task, hog);
  EXPECT_GE(seen[0].so_far, 20ms);
  ASSERT_EQ(seen[0].calls.size(), 1U);
  EXPECT_THAT(seen[0].calls[0].function_name(), HasSubstr("calls_one_that_burns"));
}

TEST_F(HogWatchTest, WakesUpWithTheLoopAfterItWasIdle) {
  HogWatch watch(world.scheduler, 20ms, reports.sink());
  reactor.set_hog_watch(&watch);
  world.spawn("idle", naps(50ms));  // so that the watch goes to sleep
  reactor.run();
  world.spawn("idle again", naps(1ms));
  reactor.run();
  const TaskId hog = world.spawn("hog", calls_one_that_burns(&reports));
  reactor.run();
  ASSERT_EQ(reports.all().size(), 1U);
  EXPECT_EQ(reports.all()[0].task, hog);
}

TEST_F(HogWatchTest, StaysAwakeWhileTheLoopIsBusyBetweenTurns) {
  HogWatch watch(world.scheduler, 20ms, reports.sink());
  reactor.set_hog_watch(&watch);
  const TaskId hog = world.spawn("hog", burns(&reports));
  std::this_thread::sleep_for(100ms);  // what a loop may do: no turn, and no waiting for anything
  reactor.run();
  ASSERT_EQ(reports.all().size(), 1U);
  EXPECT_EQ(reports.all()[0].task, hog);
}

TEST_F(HogWatchTest, AsksAgainIfTheLoopDidNotComeToAnswer) {
  HogWatch watch(world.scheduler, 20ms, reports.sink());
  reactor.set_hog_watch(&watch);
  const TaskId hog = world.spawn("hog", burns_deaf_at_first(&reports));
  reactor.run();
  ASSERT_EQ(reports.all().size(), 1U);
  EXPECT_EQ(reports.all()[0].task, hog);
}

}  // namespace
}  // namespace tinkerbell
