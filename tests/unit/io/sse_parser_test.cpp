#include "tinkerbell/io/sse_parser.hpp"

#include "io/sse_event.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tinkerbell {
namespace {

struct Stream {
  SseParser parser;
  std::vector<std::string> events;  ///< "name|id|data"

  Result<void> feed(std::string_view bytes) {
    return parser.feed(bytes, [this](const SseParser::Event& event) {
      events.push_back(event.name + "|" + event.id + "|" + event.data);
    });
  }
};

std::vector<std::string> events_of(std::string_view bytes) {
  Stream stream;
  EXPECT_TRUE(stream.feed(bytes).ok());
  return stream.events;
}

std::string with_line_end(std::string_view text, std::string_view line_end) {
  std::string result;
  for (const char byte : text) {
    if (byte == '\n') {
      result += line_end;
    } else {
      result += byte;
    }
  }
  return result;
}

using Events = std::vector<std::string>;

TEST(SseParser, JoinsDataLinesAndKeepsNamesAndIds) {
  EXPECT_EQ(events_of("event: a\nid: 7\ndata: x\ndata:  y\n\ndata\n\n"),
            (Events{"a|7|x\n y", "message|7|"}));
}

TEST(SseParser, IgnoresCommentsUnknownFieldsAndEventsWithoutData) {
  EXPECT_EQ(events_of(": hello\n\nretry: 5\nfoo: bar\ndata: x\n: in between\n\nevent: empty\n\n"),
            (Events{"message||x"}));
}

TEST(SseParser, DoesNotTakeAnUnfinishedEventForOne) {
  Stream stream;
  ASSERT_TRUE(stream.feed("data: x\n").ok());
  EXPECT_TRUE(stream.events.empty());
  ASSERT_TRUE(stream.feed("\n").ok());
  EXPECT_EQ(stream.events, (Events{"message||x"}));
}

TEST(SseParser, S65_GivesTheSameEventsForEverySplitAndEveryLineEnd) {
  const std::string text =
      "\xEF\xBB\xBF"
      "data: \xC3\xA4\ndata: b\nid: 1\n\n: c\nevent: two\ndata:z\n\n\n\ndata: last\n\n";
  const Events expected = {"message|1|\xC3\xA4\nb", "two|1|z", "message|1|last"};
  for (const std::string_view line_end : {"\n", "\r", "\r\n"}) {
    const std::string bytes = with_line_end(text, line_end);
    for (std::size_t split = 0; split <= bytes.size(); ++split) {
      Stream stream;
      ASSERT_TRUE(stream.feed(std::string_view(bytes).substr(0, split)).ok());
      ASSERT_TRUE(stream.feed(std::string_view(bytes).substr(split)).ok());
      ASSERT_EQ(stream.events, expected) << "split at " << split;
    }
  }
}

TEST(SseParser, S65_TakesTimeInProportionToItsInput) {
  Stream stream;
  const std::string piece(64, 'x');
  ASSERT_TRUE(stream.feed("data: ").ok());
  for (int i = 0; i < 16'000; ++i)
    ASSERT_TRUE(stream.feed(piece).ok());  // ctest limits the time
  ASSERT_TRUE(stream.feed("\n\n").ok());
  EXPECT_EQ(stream.events.size(), 1U);
}

TEST(SseParser, S63_RefusesALineWithoutEnd) {
  Stream stream;
  const std::string piece(64 << 10, 'a');
  int pieces = 0;
  while (stream.feed(piece).ok())
    ASSERT_LT(++pieces, 17);
  EXPECT_EQ(pieces, 16);  // 1 MiB
}

TEST(SseParser, S63_RefusesAnEventWithoutEnd) {
  Stream stream;
  const std::string line = "data: " + std::string(512 << 10, 'a') + "\n";
  int lines = 0;
  while (stream.feed(line).ok())
    ASSERT_LT(++lines, 9);
  EXPECT_EQ(stream.feed("\n").ok(), true);
  EXPECT_EQ(lines, 7);  // under 4 MiB
}

TEST(SseParser, S64_CountsEmptyDataLines) {
  Stream stream;
  int lines = 0;
  Result<void> fed;
  while ((fed = stream.feed("data:\n")).ok())
    ASSERT_LE(++lines, 10'000);
  EXPECT_EQ(fed.error().code, Errc::too_large);
  EXPECT_EQ(lines, 10'000);
}

TEST(SseParser, S64_CountsCommentsInsideAnEventOnly) {
  Stream stream;
  for (int i = 0; i < 20'000; ++i)
    ASSERT_TRUE(stream.feed(": still here\n").ok());
  ASSERT_TRUE(stream.feed("data: x\n").ok());
  int comments = 0;
  while (stream.feed(":\n").ok())
    ASSERT_LE(++comments, 10'000);
}

TEST(SseEvent, IsReadAsItWasWritten) {
  EXPECT_EQ(events_of(sse_event(12, "task.state", "a\nb\r\nc\rd\n")),
            (Events{"task.state|12|a\nb\nc\nd\n"}));
  EXPECT_EQ(events_of(sse_event(0, "x", "")), (Events{"x|0|"}));
}

}  // namespace
}  // namespace tinkerbell
