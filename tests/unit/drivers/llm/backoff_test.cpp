#include "drivers/llm/backoff.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace tinkerbell {
namespace {

TEST(RepeatPause, DoublesUpToItsCapLessAQuarterAtMost) {
  const RetrySettings settings;
  const std::int64_t full[] = {500, 1'000, 2'000, 4'000, 8'000, 16'000, 32'000, 60'000, 60'000};
  for (std::uint32_t failed = 1; failed <= 9; ++failed) {
    const auto pause = repeat_pause(failed, settings, std::nullopt, "key").count();
    EXPECT_LE(pause, full[failed - 1]);
    EXPECT_GE(pause, full[failed - 1] * 3 / 4);
  }
  EXPECT_LE(repeat_pause(4'000'000'000, settings, std::nullopt, "key"), settings.pause_max);
}

TEST(RepeatPause, DiffersBetweenCalls) {
  std::set<Milliseconds> pauses;
  for (int call = 0; call < 100; ++call)
    pauses.insert(repeat_pause(3, {}, std::nullopt, "key" + std::to_string(call)));
  EXPECT_GT(pauses.size(), 50U);
}

TEST(RepeatPause, F43_HonoursTheServersWishUpToACap) {
  EXPECT_EQ(repeat_pause(1, {}, Milliseconds{7'000}, "key"), Milliseconds{7'000});
  EXPECT_EQ(repeat_pause(1, {}, Milliseconds{0}, "key"), Milliseconds{0});
  EXPECT_EQ(repeat_pause(1, {}, Milliseconds{1'000'000'000}, "key"), Milliseconds{3'600'000});
}

TEST(RepeatPause, CanBeNothingForTests) {
  EXPECT_EQ(repeat_pause(3, {.pause_base = Milliseconds{0}}, std::nullopt, "key"), Milliseconds{0});
}

}  // namespace
}  // namespace tinkerbell
