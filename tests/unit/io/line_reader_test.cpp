#include "tinkerbell/io/line_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace tinkerbell {
namespace {

using testing::ElementsAre;

struct Lines {
  explicit Lines(std::size_t line_bytes_max = 100) : reader(line_bytes_max) {}

  Result<void> feed(std::string_view bytes) {
    return reader.feed(bytes, [this](std::string_view line) -> Result<void> {
      all.emplace_back(line);
      return {};
    });
  }

  LineReader reader;
  std::vector<std::string> all;
};

TEST(LineReader, S65_EverySplitGivesTheSameLinesWhateverEndsThem) {
  const std::string_view bytes =
      "\xEF\xBB\xBF"
      "a\nb\r\nc\rd\n\nrest";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    Lines lines;
    ASSERT_TRUE(lines.feed(bytes.substr(0, cut)));
    ASSERT_TRUE(lines.feed(bytes.substr(cut)));
    EXPECT_THAT(lines.all, ElementsAre("a", "b", "c", "d", "")) << cut;
  }
}

TEST(LineReader, S63_ALineHasABoundHoweverItComes) {
  Lines lines(3);
  ASSERT_TRUE(lines.feed("abc\nab"));
  ASSERT_TRUE(lines.feed("c"));
  const auto over = lines.feed("d");
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error(), (Error{Errc::too_large, "a line over 3 bytes"}));
}

TEST(LineReader, AnErrorOfTheHandlerEndsTheReading) {
  LineReader reader(10);
  int taken = 0;
  const auto failed = reader.feed("a\nb\n", [&](std::string_view) -> Result<void> {
    ++taken;
    return Error{Errc::protocol, "no"};
  });
  EXPECT_EQ(failed.error().code, Errc::protocol);
  EXPECT_EQ(taken, 1);
}

}  // namespace
}  // namespace tinkerbell
