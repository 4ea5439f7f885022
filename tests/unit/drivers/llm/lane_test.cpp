#include "drivers/llm/lane.hpp"

#include "support/dice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace tinkerbell {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;

constexpr CommandId id(std::uint32_t task) {
  return {TaskId{task}, Seq{1}};
}

Attempt answered() {
  return {.reply = ModelReply{}};
}

Attempt overloaded(std::optional<Milliseconds> retry_after = std::nullopt) {
  return {.reply = Error{Errc::rate_limited, "HTTP 429"},
          .repeat = Repeat::until_it_passes,
          .retry_after = retry_after};
}

class LaneTest : public testing::Test {
 protected:
  void enter(Lane& lane, std::uint32_t first, std::uint32_t last, std::uint64_t tokens = 0) {
    for (std::uint32_t task = first; task <= last; ++task) {
      lane.enter({.id = id(task),
                  .tokens = tokens,
                  .breaker = &breaker,
                  .start = [this, task] { started.push_back(task); }},
                 now);
    }
  }

  SteadyTime now{seconds{100}};
  Breaker breaker{"local/m1", {}};
  std::vector<std::uint32_t> started;
};

TEST_F(LaneTest, LetsSoManyInAtOnceAndTheOthersInTheirOrder) {
  Lane lane(2, {});
  enter(lane, 1, 5);
  EXPECT_THAT(started, ElementsAre(1, 2));
  EXPECT_FALSE(lane.place_of(id(2), now));
  EXPECT_EQ(lane.place_of(id(3), now)->ahead, 0U);
  EXPECT_EQ(lane.place_of(id(5), now)->ahead, 2U);
  EXPECT_FALSE(lane.place_of(id(6), now));
  EXPECT_THAT(lane.waiting(), ElementsAre(id(3), id(4), id(5)));

  lane.ended(id(2), answered(), now);
  EXPECT_THAT(started, ElementsAre(1, 2, 3));
  lane.ended(id(1), answered(), now);
  lane.ended(id(3), answered(), now);
  EXPECT_THAT(started, ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(LaneTest, OneThatLeavesIsNotStarted) {
  Lane lane(1, {});
  enter(lane, 1, 3);
  EXPECT_TRUE(lane.leave(id(2)));
  EXPECT_FALSE(lane.leave(id(2)));
  EXPECT_FALSE(lane.leave(id(1))) << "it has been started";
  lane.ended(id(1), answered(), now);
  EXPECT_THAT(started, ElementsAre(1, 3));
}

TEST_F(LaneTest, OneThatIsStartedMayEndAtOnce) {
  Lane lane(1, {});
  for (std::uint32_t task = 1; task <= 3; ++task) {
    lane.enter({.id = id(task),
                .breaker = &breaker,
                .start =
                    [this, &lane, task] {
                      started.push_back(task);
                      if (task > 1) lane.ended(id(task), answered(), now);
                    }},
               now);
  }
  lane.ended(id(1), answered(), now);
  EXPECT_THAT(started, ElementsAre(1, 2, 3));
}

TEST_F(LaneTest, WhileAModelIsNotToBeAskedTheOthersOfItsServiceAre) {
  Lane lane(8, {});
  Breaker other("local/m2", {});
  enter(lane, 1, 1);
  lane.ended(id(1), overloaded(seconds{5}), now);
  enter(lane, 2, 3);
  EXPECT_EQ(lane.next_look(now), now + seconds{5});
  EXPECT_EQ(lane.place_of(id(2), now)->not_before, now + seconds{5});
  lane.enter({.id = id(4), .breaker = &other, .start = [this] { started.push_back(4); }}, now);
  EXPECT_THAT(started, ElementsAre(1, 4));
  now += seconds{5};
  lane.let_in(now);
  EXPECT_THAT(started, ElementsAre(1, 4, 2)) << "one at a time";
  EXPECT_EQ(lane.next_look(now), kNever) << "the answer lets the next one in";
}

TEST_F(LaneTest, ABoundAMinuteIsKeptInTheirOrder) {
  Lane lane(8, {.requests = 3, .tokens = 100});
  enter(lane, 1, 1, 60);
  enter(lane, 2, 2, 50);
  enter(lane, 3, 3, 10);
  EXPECT_THAT(started, ElementsAre(1))
      << "a small one does not overtake: the large one would never go";
  EXPECT_EQ(lane.next_look(now), now + minutes{1});
  EXPECT_EQ(lane.place_of(id(2), now)->not_before, now + minutes{1});
  Attempt used_little = answered();
  used_little.reply->usage = {.input = 10, .output = 5, .known = true};
  lane.ended(id(1), used_little, now);
  EXPECT_THAT(started, ElementsAre(1, 2, 3));
  enter(lane, 4, 4, 1);
  EXPECT_THAT(started, ElementsAre(1, 2, 3)) << "three requests";
}

/// Two hundred tasks that ask a service one question after the other, on a clock that passes when
/// nothing else happens.
class Crowd {
 public:
  static constexpr std::uint32_t kTasks = 200;
  static constexpr std::uint32_t kQuestions = 5;  // each

  Crowd(std::uint64_t seed, Lane& lane, Breaker& breaker)
      : dice_(seed), lane_(lane), breaker_(breaker) {}

  /// What a service says at this moment to one more question.
  std::move_only_function<Attempt(SteadyTime now)> service;

  SteadyTime now{seconds{100}};
  std::uint32_t inside = 0;
  std::uint32_t inside_most = 0;
  std::uint32_t attempts = 0;
  std::map<std::uint32_t, std::uint32_t> answers;  ///< By task.

  /// False: something is left that nobody does.
  bool run() {
    for (std::uint32_t task = 1; task <= kTasks; ++task)
      enter(task);
    while (true) {
      const SteadyTime look = lane_.next_look(now);
      const SteadyTime event = events_.empty() ? kNever : events_.begin()->first;
      if (look == kNever && event == kNever) break;
      now = std::max(now, std::min(look, event));
      if (look <= event) {
        lane_.let_in(now);
        continue;
      }
      const auto happens = std::move(events_.extract(events_.begin()).mapped());
      happens();
    }
    return answers.size() == kTasks &&
           std::ranges::all_of(answers, [](const auto& each) { return each.second == kQuestions; });
  }

 private:
  void enter(std::uint32_t task) {
    lane_.enter({.id = id(task), .breaker = &breaker_, .start = [this, task] { ask(task); }}, now);
  }

  void ask(std::uint32_t task) {
    ++attempts;
    inside_most = std::max(inside_most, ++inside);
    after(milliseconds{50 + dice_.pick(400)}, [this, task] {
      --inside;
      const Attempt attempt = service(now);
      lane_.ended(id(task), attempt, now);
      if (!attempt.reply) {  // as the driver has it: when the pause is over, in line again
        after(breaker_.opens_at() - now, [this, task] { enter(task); });
      } else if (++answers[task] < kQuestions) {
        after(milliseconds{dice_.pick(200)}, [this, task] { enter(task); });
      }
    });
  }

  void after(Nanoseconds time, std::move_only_function<void() const> happens) {
    events_.emplace(now + std::max(time, Nanoseconds{0}), std::move(happens));
  }

  Dice dice_;
  Lane& lane_;
  Breaker& breaker_;
  std::multimap<SteadyTime, std::move_only_function<void() const>> events_;
};

/// A service that counts by whole minutes of its own and refuses what is too much.
class Refusing {
 public:
  explicit Refusing(std::uint32_t a_minute) : a_minute_(a_minute) {}

  Attempt operator()(SteadyTime now) {
    const auto minute = std::chrono::floor<minutes>(now);
    if (minute != minute_) asked_ = 0;
    minute_ = minute;
    if (asked_++ < a_minute_) return answered();
    ++refused;
    return overloaded(std::chrono::ceil<Milliseconds>(minute + minutes{1} - now));
  }

  std::uint32_t refused = 0;

 private:
  std::uint32_t a_minute_;
  std::chrono::time_point<std::chrono::steady_clock, minutes> minute_{};
  std::uint32_t asked_ = 0;
};

TEST_F(LaneTest, F53_TwoHundredTasksShareAServiceThatRefusesWhatIsTooMuch) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Breaker model("local/m1", {});
    Lane lane(64, {});
    Refusing service(100);
    Crowd crowd(seed, lane, model);
    crowd.service = [&service](SteadyTime now) { return service(now); };
    ASSERT_TRUE(crowd.run()) << "seed " << seed << ": somebody starves";
    EXPECT_LE(crowd.now, SteadyTime{seconds{100}} + minutes{13}) << "10 minutes are needed";
    EXPECT_LE(service.refused, 10 * 64U) << "at most those who are inside, once a minute";
  }
}

TEST_F(LaneTest, TwoHundredTasksThatKnowTheBoundAreNeverRefused) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Breaker model("local/m1", {});
    Lane lane(64, {.requests = 100});
    Refusing service(100);
    Crowd crowd(seed, lane, model);
    crowd.service = [&service](SteadyTime now) { return service(now); };
    ASSERT_TRUE(crowd.run()) << "seed " << seed;
    EXPECT_EQ(crowd.attempts, Crowd::kTasks * Crowd::kQuestions) << "seed " << seed;
  }
}

TEST_F(LaneTest, F53_TwoHundredTasksAskAServiceThatIsAwayOneAtATime) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Breaker model("local/m1", {});
    Lane lane(64, {});
    Crowd crowd(seed, lane, model);
    const SteadyTime back = crowd.now + minutes{60};
    std::uint32_t in_vain = 0;
    std::uint32_t inside_as_it_came_back = 0;
    crowd.service = [&](SteadyTime now) {
      if (now >= back) return answered();
      ++in_vain;
      inside_as_it_came_back = crowd.inside;
      return overloaded();
    };
    ASSERT_TRUE(crowd.run()) << "seed " << seed;
    EXPECT_LE(in_vain, 64U + 90U) << "those who were inside, then one at a time; seed " << seed;
    EXPECT_EQ(inside_as_it_came_back, 0U) << "one at a time; seed " << seed;
  }
}

/// Nobody is more than a few answers ahead of anybody.
TEST_F(LaneTest, TwoHundredTasksAreServedInTurns) {
  Breaker model("local/m1", {});
  Lane lane(8, {});
  Crowd crowd(1, lane, model);
  std::uint32_t spread = 0;
  crowd.service = [&](SteadyTime) {
    std::uint32_t most = 0;
    std::uint32_t least = Crowd::kQuestions;
    for (std::uint32_t task = 1; task <= Crowd::kTasks; ++task) {
      const auto found = crowd.answers.find(task);
      const std::uint32_t has = found == crowd.answers.end() ? 0 : found->second;
      most = std::max(most, has);
      least = std::min(least, has);
    }
    spread = std::max(spread, most - least);
    return answered();
  };
  ASSERT_TRUE(crowd.run());
  EXPECT_LE(spread, 2U);
  EXPECT_EQ(crowd.inside_most, 8U);
}

}  // namespace
}  // namespace tinkerbell
