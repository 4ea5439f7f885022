#include "drivers/llm/breaker.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

using std::chrono::seconds;

Attempt answered() {
  return {.reply = ModelReply{}};
}

Attempt overloaded(std::optional<Milliseconds> retry_after = std::nullopt) {
  return {.reply = Error{Errc::unavailable, "HTTP 503"},
          .repeat = Repeat::until_it_passes,
          .retry_after = retry_after};
}

Attempt broken_off() {
  return {.reply = Error{Errc::protocol, "cut off"}, .repeat = Repeat::at_most};
}

class BreakerTest : public testing::Test {
 protected:
  void ask(const Attempt& attempt) {
    ASSERT_TRUE(breaker.lets_in(now));
    breaker.began();
    breaker.ended(attempt, now);
  }

  /// How many it lets in, one after the other, that do not come back.
  std::uint32_t let_in() {
    std::uint32_t count = 0;
    for (; breaker.lets_in(now); ++count)
      breaker.began();
    return count;
  }

  RetrySettings retry;
  Breaker breaker{"local/m1", retry};
  SteadyTime now{seconds{100}};
};

TEST_F(BreakerTest, F53_AfterAPauseOneComesAndEachAnswerLetsOneMoreIn) {
  ask(overloaded());
  EXPECT_FALSE(breaker.lets_in(now));
  now = breaker.opens_at();
  EXPECT_EQ(let_in(), 1U);
  breaker.ended(answered(), now);
  EXPECT_EQ(let_in(), 2U);
}

TEST_F(BreakerTest, ThePausesGrowWhileItStaysAway) {
  Nanoseconds pause{0};
  for (int i = 0; i < 12; ++i) {
    ask(overloaded());
    const Nanoseconds next = breaker.opens_at() - now;
    EXPECT_GT(next, i < 7 ? pause : retry.pause_max / 2);
    EXPECT_LE(next, retry.pause_max);
    pause = next;
    now = breaker.opens_at();
  }
  ask(answered());
  ask(overloaded());
  EXPECT_LE(breaker.opens_at() - now, retry.pause_base) << "from the beginning again";
}

TEST_F(BreakerTest, ThoseWhoWereInsideWhenItFailedCountOnce) {
  for (int i = 0; i < 4; ++i)
    breaker.began();
  for (int i = 0; i < 4; ++i)
    breaker.ended(overloaded(), now);
  EXPECT_LE(breaker.opens_at() - now, retry.pause_base);
}

TEST_F(BreakerTest, F43_PausesAsLongAsTheServiceAsksFor) {
  ask(overloaded(seconds{40}));
  EXPECT_EQ(breaker.opens_at(), now + seconds{40});
}

TEST_F(BreakerTest, FailingAtSeveralQuestionsInARowIsFailing) {
  for (std::uint32_t i = 1; i < retry.attempts_max; ++i)
    ask(broken_off());
  ask(answered());
  for (std::uint32_t i = 1; i < retry.attempts_max; ++i)
    ask(broken_off());
  EXPECT_TRUE(breaker.is_worth_asking(now)) << "an answer was between them";
  ask(broken_off());
  EXPECT_FALSE(breaker.lets_in(now));
  EXPECT_FALSE(breaker.is_worth_asking(now));
}

TEST_F(BreakerTest, WhoCanAskAnotherComesBackOneAtATime) {
  ask(overloaded());
  EXPECT_FALSE(breaker.is_worth_asking(now));
  now = breaker.opens_at();
  EXPECT_TRUE(breaker.is_worth_asking(now));
  breaker.began();
  EXPECT_FALSE(breaker.is_worth_asking(now)) << "somebody is looking";
  breaker.ended(answered(), now);
  EXPECT_TRUE(breaker.is_worth_asking(now));
}

TEST_F(BreakerTest, AnAccountThatIsUsedUpIsNotWorthAskingForAWhile) {
  ask({.reply = Error{Errc::exhausted, "no credit"}});
  EXPECT_TRUE(breaker.is_used_up(now));
  EXPECT_FALSE(breaker.is_worth_asking(now));
  EXPECT_TRUE(breaker.lets_in(now)) << "who has no other asks, and is told";
  now += retry.pause_max;
  EXPECT_TRUE(breaker.is_worth_asking(now));
}

}  // namespace
}  // namespace tinkerbell
