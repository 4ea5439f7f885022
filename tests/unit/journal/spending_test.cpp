#include "tinkerbell/journal/spending.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>

namespace tinkerbell {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

/// Each field another number.
Spending sample(std::uint64_t first) {
  return {.calls = first,
          .calls_estimated = first + 1,
          .calls_unpriced = first + 2,
          .tokens_in = first + 3,
          .tokens_in_cached = first + 4,
          .tokens_in_cache_write = first + 5,
          .tokens_out = first + 6,
          .cost = Money::of_trillionths(static_cast<std::int64_t>(first) + 7),
          .time = Milliseconds{static_cast<std::int64_t>(first / 4) + 8},
          .questions = first + 9,
          .accepted = first + 10};
}

TEST(Spending, IsAddedFieldByField) {
  Spending sum = sample(100);
  sum += sample(1'000);
  EXPECT_EQ(sum, (Spending{.calls = 1'100,
                           .calls_estimated = 1'102,
                           .calls_unpriced = 1'104,
                           .tokens_in = 1'106,
                           .tokens_in_cached = 1'108,
                           .tokens_in_cache_write = 1'110,
                           .tokens_out = 1'112,
                           .cost = Money::of_trillionths(1'114),
                           .time = Milliseconds{291},
                           .questions = 1'118,
                           .accepted = 1'120}));
}

TEST(Spending, StaysAtTheMostWhereItWouldBeMore) {
  Spending sum = sample(kMost - 10);
  sum.cost = Money::of_trillionths(std::numeric_limits<std::int64_t>::max() - 5);
  sum.time = Milliseconds::max() - Milliseconds{1};
  sum += sample(11);
  EXPECT_EQ(sum, (Spending{.calls = kMost,
                           .calls_estimated = kMost,
                           .calls_unpriced = kMost,
                           .tokens_in = kMost,
                           .tokens_in_cached = kMost,
                           .tokens_in_cache_write = kMost,
                           .tokens_out = kMost,
                           .cost = Money::of_trillionths(std::numeric_limits<std::int64_t>::max()),
                           .time = Milliseconds::max(),
                           .questions = kMost,
                           .accepted = kMost}));
}

TEST(AcceptedWork, CountsATaskOnceWithAllQuestionsBeforeAndSince) {
  const WallTime at = wall_from_unix_nanoseconds(5);
  AcceptedWork accepted;
  accepted.count({}, {.questions = 3}, at);  // asked, and not accepted
  EXPECT_EQ(accepted, AcceptedWork{});
  accepted.count({.questions = 3}, {.questions = 3, .accepted = 1}, at);
  EXPECT_EQ(accepted, (AcceptedWork{.tasks = 1, .questions = 3, .since_unix_ns = 5}));
  accepted.count({.questions = 3, .accepted = 1}, {.questions = 4, .accepted = 1}, at);
  accepted.count({.questions = 4, .accepted = 1}, {.questions = 4, .accepted = 2}, at);
  EXPECT_EQ(accepted, (AcceptedWork{.tasks = 1, .questions = 4, .since_unix_ns = 5}));
  accepted.count({}, {.accepted = 1}, wall_from_unix_nanoseconds(9));  // another one
  EXPECT_EQ(accepted, (AcceptedWork{.tasks = 2, .questions = 4, .since_unix_ns = 5}));
}

TEST(Spending, ComesBackFromItsCanonicalForm) {
  for (const Spending& spent : {Spending{}, sample(1), sample(kMost - 10)}) {
    const Result<Spending> back = from_canonical<Spending>(canonical_bytes(spent));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, spent);
  }
}

TEST(UtcDay, BeginsAtMidnightAlsoBefore1970) {
  constexpr std::chrono::nanoseconds kDay = std::chrono::days(1);
  const auto day_at = [](std::chrono::nanoseconds time) { return utc_day(WallTime{time}); };
  EXPECT_EQ(day_at(Nanoseconds(0)), 0);
  EXPECT_EQ(day_at(kDay - Nanoseconds(1)), 0);
  EXPECT_EQ(day_at(kDay), 1);
  EXPECT_EQ(day_at(Nanoseconds(-1)), -1);
  EXPECT_EQ(day_at(-kDay), -1);
  EXPECT_EQ(day_at(-kDay - Nanoseconds(1)), -2);
  const auto in_2026 = std::chrono::sys_days(std::chrono::year(2026) / 11 / 26);
  EXPECT_EQ(utc_day(in_2026 + std::chrono::hours(23)), in_2026.time_since_epoch().count());
}

}  // namespace
}  // namespace tinkerbell
