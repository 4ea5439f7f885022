#include "drivers/llm/rate_window.hpp"

#include "support/dice.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace tinkerbell {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr CommandId id(std::uint32_t task) {
  return {TaskId{task}, Seq{1}};
}

TEST(RateWindow, WithoutLimitsThereIsAlwaysRoom) {
  RateWindow window({});
  const SteadyTime now{seconds{100}};
  for (std::uint32_t i = 0; i < 1'000; ++i)
    window.add(id(i), 1'000'000, now);
  EXPECT_EQ(window.room_at(1'000'000, now), now);
}

TEST(RateWindow, SoManyRequestsAMinute) {
  RateWindow window({.requests = 2});
  const SteadyTime now{seconds{100}};
  window.add(id(1), 5, now);
  EXPECT_EQ(window.room_at(5, now + seconds{10}), now + seconds{10});
  window.add(id(2), 5, now + seconds{10});
  EXPECT_EQ(window.room_at(5, now + seconds{11}), now + seconds{60});
  EXPECT_EQ(window.room_at(5, now + seconds{60}), now + seconds{60});
}

TEST(RateWindow, SoManyTokensAMinuteAndWhatWasNotUsedComesBack) {
  RateWindow window({.tokens = 100});
  const SteadyTime now{seconds{100}};
  window.add(id(1), 60, now);
  EXPECT_EQ(window.room_at(50, now), now + seconds{60});
  EXPECT_EQ(window.room_at(40, now), now);
  window.correct(id(1), 20);
  EXPECT_EQ(window.room_at(50, now), now);
  window.correct(id(2), 90);  // of whom nothing is known
  EXPECT_EQ(window.room_at(50, now), now);
}

TEST(RateWindow, AQuestionLargerThanTheBoundGoesAlone) {
  RateWindow window({.tokens = 100});
  const SteadyTime now{seconds{100}};
  EXPECT_EQ(window.room_at(500, now), now);
  window.add(id(1), 500, now);
  EXPECT_EQ(window.room_at(1, now + seconds{1}), now + seconds{60});
}

TEST(RateWindow, NoMinuteHasMoreWheneverItBegins) {
  constexpr RateLimits kLimits{.requests = 20, .tokens = 1'000};

  struct Sent {
    SteadyTime at;
    std::uint64_t tokens;
  };

  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Dice dice(seed);
    RateWindow window(kLimits);
    std::vector<Sent> sent;
    SteadyTime now{seconds{100}};
    for (std::uint32_t i = 0; i < 300; ++i) {
      now += milliseconds{dice.pick(4'000)};
      const std::uint64_t tokens = 1 + dice.pick(200);
      now = window.room_at(tokens, now);
      ASSERT_EQ(window.room_at(tokens, now), now) << "it keeps its word; seed " << seed;
      window.add(id(i), tokens, now);
      sent.push_back({now, tokens});
    }
    for (auto first = sent.begin(); first != sent.end(); ++first) {
      const auto end =
          std::ranges::lower_bound(first, sent.end(), first->at + seconds{60}, {}, &Sent::at);
      std::uint64_t tokens = 0;
      for (auto each = first; each != end; ++each)
        tokens += each->tokens;
      ASSERT_LE(end - first, kLimits.requests) << "seed " << seed;
      ASSERT_LE(tokens, kLimits.tokens) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace tinkerbell
