#include "tinkerbell/base/money.hpp"

#include "tinkerbell/base/fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

Money amount(std::string_view text) {
  const Result<Money> parsed = Money::parse(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed ? *parsed : Money{};
}

TEST(Money, IsWrittenAsItWasRead) {
  for (const char* text : {"0.00", "2.00", "0.25", "1234.000001", "0.000000000001", "10.50"})
    EXPECT_EQ(amount(text).text(), text);
  EXPECT_EQ(amount("3").text(), "3.00");
  EXPECT_EQ(amount("007.5").text(), "7.50");
  EXPECT_EQ((amount("1") - amount("2.5")).text(), "-1.50");
}

TEST(Money, S88_TakesNothingThatIsNoAmount) {
  for (const char* text : {"", ".", ".5", "5.", "-1", "+1", " 1", "1 ", "1e3", "nan", "inf", "0x1",
                           "1,5", "1.2.3", "$1", "0.0000000000001", "1.-5", "12a"}) {
    EXPECT_EQ(Money::parse(text).error().code, Errc::invalid) << text;
  }
}

TEST(Money, HasAsManyDecimalsAsAreAllowed) {
  EXPECT_TRUE(Money::parse("0.000001", 6).ok());
  EXPECT_EQ(Money::parse("0.0000001", 6).error().code, Errc::invalid);
}

TEST(Money, S88_IsMoreThanItsRangeAndNotLessThanNothing) {
  EXPECT_EQ(amount("9000000").text(), "9000000.00");
  EXPECT_THAT(Money::parse("99999999999999999999").error().message,
              ::testing::HasSubstr("more than 9 million"));
  const Money much = amount("9000000");
  EXPECT_GT(much + much, much);
  EXPECT_GT(much * 1'000'000, much);
  EXPECT_EQ(much * UINT64_MAX, much + much);
  EXPECT_LT(Money{} - (much + much) - much, Money{} - much);
}

TEST(Money, CountsEachTokenExactly) {
  const Money price_of_one = Money::of_trillionths(1);  // 0.000001 per million
  EXPECT_EQ((price_of_one * 1'234'567).text(), "0.000001234567");
  const Money tenth = amount("0.1");
  Money sum;
  for (int i = 0; i < 1'000'000; ++i)
    sum += tenth;
  EXPECT_EQ(sum.text(), "100000.00");
}

TEST(Money, ComesBackFromTheJournal) {
  for (const Money each : {amount("0.000000000001"), amount("9000000"), Money{} - amount("3.25")}) {
    const Result<Money> read = from_canonical<Money>(canonical_bytes(each));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(*read, each);
  }
  EXPECT_EQ(to_json_value(amount("1.25")), Json("1.25"));
}

}  // namespace
}  // namespace tinkerbell
