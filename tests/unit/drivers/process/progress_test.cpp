#include "drivers/process/progress.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

TEST(Progress, HoldsBackOnlyACharacterThatIsNotComplete) {
  EXPECT_EQ(incomplete_tail(""), 0U);
  EXPECT_EQ(incomplete_tail("abc"), 0U);
  EXPECT_EQ(incomplete_tail("\xC3\xA4"), 0U);
  EXPECT_EQ(incomplete_tail("a\xC3"), 1U);
  EXPECT_EQ(incomplete_tail("a\xE2\x82"), 2U);
  EXPECT_EQ(incomplete_tail("a\xF0\x9F\x98"), 3U);
  EXPECT_EQ(incomplete_tail("a\xF0\x9F\x98\x80"), 0U);
}

TEST(Progress, LetsBytesPassThatAreNoTextAtAll) {
  EXPECT_EQ(incomplete_tail("\x80\x80\x80\x80"), 0U);
}

}  // namespace
}  // namespace tinkerbell
