#include "tinkerbell/reactor/inbox.hpp"

#include "support/kernel_world.hpp"

#include "tinkerbell/base/completion.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/reactor/reactor.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace tinkerbell {
namespace {

using testing::ElementsAre;

class InboxTest : public testing::Test {
 protected:
  boost::asio::io_context io{1};
  Inbox inbox{io};
  std::vector<int> log;
};

TEST_F(InboxTest, WorkIsRunInTheOrderOfItsArrival) {
  for (int i = 1; i <= 3; ++i)
    inbox.post([this, i] { log.push_back(i); });
  EXPECT_TRUE(log.empty());
  EXPECT_EQ(inbox.run(), 3U);
  EXPECT_EQ(inbox.run(), 0U);
  EXPECT_THAT(log, ElementsAre(1, 2, 3));
}

TEST_F(InboxTest, WorkThatPostsWorkIsNotRunForEver) {
  const std::function<void()> again = [&] {
    log.push_back(1);
    inbox.post(again);
  };
  inbox.post(again);
  EXPECT_EQ(inbox.run(), 1U);
  EXPECT_EQ(inbox.run(), 1U);
}

TEST_F(InboxTest, WorkThatThrowsLeavesTheRestForLater) {
  inbox.post([] { throw std::runtime_error("no memory"); });
  inbox.post([this] { log.push_back(2); });
  EXPECT_THROW(inbox.run(), std::runtime_error);
  EXPECT_FALSE(inbox.announce_sleep());
  EXPECT_EQ(inbox.run(), 1U);
  EXPECT_THAT(log, ElementsAre(2));
}

TEST_F(InboxTest, TheLoopIsWokenOnceAndOnlyIfItSleeps) {
  inbox.post([] {});
  EXPECT_EQ(io.poll(), 0U);
  inbox.run();
  io.restart();
  ASSERT_TRUE(inbox.announce_sleep());
  inbox.post([] {});
  inbox.post([] {});
  EXPECT_EQ(io.poll(), 1U);
}

TEST_F(InboxTest, WhatIsLeftIsAnsweredAbandoned) {
  std::vector<std::optional<Result<int>>> answers(3);
  {
    Inbox closing(io);
    for (auto& answer : answers) {
      closing.post([done = Completion<int>(
                        [&](Result<int> result) { answer = std::move(result); })]() mutable {
        done(1);
        throw std::runtime_error("the rest stays");
      });
    }
    EXPECT_THROW(closing.run(), std::runtime_error);  // two are taken already
    closing.post([done = Completion<int>([&](Result<int>) { log.push_back(4); })]() mutable {});
  }
  EXPECT_TRUE(*answers[0]);
  EXPECT_EQ((*answers[1]).error().code, Errc::abandoned);
  EXPECT_EQ((*answers[2]).error().code, Errc::abandoned);
  EXPECT_THAT(log, ElementsAre(4));
}

/// The whole of it: a reactor, and threads that hand work over to it.
class BusyInboxTest : public InboxTest {
 protected:
  BusyInboxTest() { reactor.set_inbox(&inbox); }

  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  KernelWorld world{TickSource::of_machine()};
  SystemClock clock;
  Reactor reactor{io, world.scheduler, clock};
};

/// Each hands one over and waits until it is done, so that the loop goes to sleep all the time.
TEST_F(BusyInboxTest, NoWorkIsSleptThrough) {
  constexpr int kGivers = 3;
  constexpr int kEach = 2'000;
  int givers_left = kGivers;
  std::vector<std::jthread> givers;
  for (int i = 0; i < kGivers; ++i) {
    givers.emplace_back([&] {
      std::atomic<int> done = 0;
      for (int piece = 1; piece <= kEach; ++piece) {
        inbox.post([&done] {
          ++done;
          done.notify_one();
        });
        done.wait(piece - 1);
      }
      inbox.post([&] {
        if (--givers_left == 0) reactor.stop();
      });
    });
  }
  reactor.run();
  EXPECT_EQ(givers_left, 0);
}

Task<void> says(KernelWorld* world) {
  world->say("ran");
  co_return;
}

TEST_F(BusyInboxTest, NoTaskRunsAfterWorkThatStopsTheLoop) {
  world.spawn("ready", says(&world));
  inbox.post([&] { reactor.stop(); });
  reactor.run();
  EXPECT_THAT(world.log, ElementsAre());
}

TEST_F(BusyInboxTest, ALoopThatRunsNoTasksAnyMoreIsServed) {
  world.spawn("ready", says(&world));
  std::jthread giver([&] { inbox.post([&] { log.push_back(1); }); });
  while (log.empty())
    reactor.serve_once(clock.steady() + std::chrono::seconds{60});
  EXPECT_THAT(world.log, ElementsAre());
  reactor.serve_once(clock.steady());  // in vain, and returns
}

BlockingPool::Post into(Inbox& inbox) {
  return [&inbox](std::move_only_function<void()> work) { inbox.post(std::move(work)); };
}

TEST_F(BusyInboxTest, AnswersOfABlockingPoolComeThroughIt) {
  const auto loop_thread = std::this_thread::get_id();
  BlockingPool pool(into(inbox), 2);
  int answers = 0;
  for (int i = 0; i < 1'000; ++i) {
    pool.run<std::thread::id>(
        []() -> Result<std::thread::id> { return std::this_thread::get_id(); },
        Completion<std::thread::id>([&](Result<std::thread::id> worker) {
          EXPECT_NE(*worker, loop_thread);
          EXPECT_EQ(std::this_thread::get_id(), loop_thread);
          if (++answers == 1'000) reactor.stop();
        }));
  }
  reactor.run();
  EXPECT_EQ(answers, 1'000);
}

TEST_F(BusyInboxTest, AnswersThatComeAfterTheLoopAreAbandoned) {
  int answered = 0;
  int abandoned = 0;
  {
    Inbox closing(io);
    BlockingPool pool(into(closing), 2);
    for (int i = 0; i < 100; ++i) {
      pool.run<int>([]() -> Result<int> { return 1; }, Completion<int>([&](Result<int> result) {
                      result ? ++answered : ++abandoned;
                    }));
    }
  }
  EXPECT_EQ(answered, 0);
  EXPECT_EQ(abandoned, 100);
}

Task<void> works(const bool* stop) {
  while (!*stop)
    co_await kernel::yield();
}

/// Into a loop that has enough to do, from several threads at once.
TEST_F(BusyInboxTest, EachGiversWorkIsDoneInItsOrder) {
  constexpr std::size_t kGivers = 4;
  constexpr int kEach = 20'000;
  bool stop = false;
  world.spawn("busy", works(&stop));
  std::vector<int> done(kGivers, 0);
  std::size_t givers_left = kGivers;
  std::vector<std::jthread> givers;
  for (std::size_t giver = 0; giver < kGivers; ++giver) {
    givers.emplace_back([&, giver] {
      for (int piece = 0; piece < kEach; ++piece)
        inbox.post([&done, giver, piece] { EXPECT_EQ(done[giver]++, piece); });
      inbox.post([&] {
        stop = --givers_left == 0;
        if (stop) reactor.stop();
      });
    });
  }
  reactor.run();
  EXPECT_THAT(done, testing::Each(kEach));
}

}  // namespace
}  // namespace tinkerbell
