#include "support/kernel_world.hpp"
#include "support/thread_switches.hpp"
#include "support/wait_until.hpp"

#include "tinkerbell/reactor/hog_watch.hpp"
#include "tinkerbell/reactor/inbox.hpp"
#include "tinkerbell/reactor/reactor.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <gtest/gtest.h>
#include <time.h>

#include <chrono>
#include <cstddef>
#include <future>
#include <thread>

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;

#if __has_feature(address_sanitizer)
constexpr std::size_t kTasks = 50'000;  // each costs ten times the memory there
#else
constexpr std::size_t kTasks = 1'000'000;
#endif

Task<void> waits() {
  (void)co_await ask();
}

Task<void> waits_for_long() {
  (void)co_await kernel::sleep_for(1h);
}

Nanoseconds processor_time(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds{time.tv_sec} + Nanoseconds{time.tv_nsec};
}

Nanoseconds processor_time_of_others() {
  return processor_time(CLOCK_PROCESS_CPUTIME_ID) - processor_time(CLOCK_THREAD_CPUTIME_ID);
}

/// A loop with all that the daemon gives it.
struct Loop {
  Loop() {
    reactor.set_inbox(&inbox);
    reactor.set_hog_watch(&watch);
    for (std::size_t i = 0; i < kTasks; ++i)
      world.spawn("", waits());
    world.spawn("sleeper", waits_for_long());
  }

  boost::asio::io_context io{1};
  Inbox inbox{io};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  KernelWorld world{TickSource::of_machine()};
  SystemClock clock;
  Reactor reactor{io, world.scheduler, clock};
  HogWatch watch{world.scheduler, 100ms, [](const Hog&) {}};
};

/// It has a thread of its own here; this one looks on.
TEST(Idle, AMillionParkedTasksCostNoWakeUpAndNoProcessorTime) {
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "the sanitizer has a thread of its own that never rests";
#endif
  std::promise<Loop*> made;
  std::jthread thread([&made] {
    Loop loop;
    made.set_value(&loop);
    loop.reactor.run();
    EXPECT_EQ(loop.world.asked.size(), kTasks);
  });
  Loop& loop = *made.get_future().get();

  std::uint64_t before = 0;
  EXPECT_TRUE(wait_until([&] {  // the loop, and the watch over it, go to sleep
    before = switches_of_other_threads();
    std::this_thread::sleep_for(200ms);
    return switches_of_other_threads() == before;
  })) << "the other threads do not come to rest";
  const Nanoseconds used = processor_time_of_others();
  std::this_thread::sleep_for(2s);
  EXPECT_EQ(switches_of_other_threads(), before);
  EXPECT_LT(processor_time_of_others() - used, 1ms);

  loop.inbox.post([&loop] { loop.reactor.stop(); });
}

}  // namespace
}  // namespace tinkerbell
