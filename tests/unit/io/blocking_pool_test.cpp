#include "tinkerbell/io/blocking_pool.hpp"

#include "unit/io/loop.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <thread>

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;

TEST(BlockingPool, WhatIsThrownIsAnErrorOfThatWorkAlone) {
  boost::asio::io_context loop;
  BlockingPool pool(loop.get_executor(), 1);
  std::optional<Result<int>> thrown;
  std::optional<Result<int>> next;
  pool.run<int>([]() -> Result<int> { throw std::runtime_error("no memory"); },
                Completion<int>([&](Result<int> result) { thrown = std::move(result); }));
  pool.run<int>([]() -> Result<int> { return 5; },
                Completion<int>([&](Result<int> result) { next = std::move(result); }));
  ASSERT_TRUE(run_until(loop, [&] { return thrown && next; }));
  EXPECT_EQ(thrown->error(), (Error{Errc::internal, "no memory"}));
  EXPECT_EQ(**next, 5);
}

TEST(BlockingPool, DestroyedItBeginsNothingMore) {
  boost::asio::io_context loop;
  std::atomic<int> begun = 0;
  int answered = 0;
  int abandoned = 0;
  constexpr int kAll = 2'000;
  {
    BlockingPool pool(loop.get_executor(), 1);
    for (int i = 0; i < kAll; ++i) {
      pool.run<int>(
          [&]() -> Result<int> {
            std::this_thread::sleep_for(1ms);  // so that all of it would take long
            return ++begun;
          },
          Completion<int>([&](Result<int> result) { result ? ++answered : ++abandoned; }));
    }
  }
  loop.run();
  EXPECT_LT(begun, kAll);
  EXPECT_EQ(answered, begun);
  EXPECT_EQ(answered + abandoned, kAll);
}

}  // namespace
}  // namespace tinkerbell
