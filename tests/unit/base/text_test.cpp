#include "tinkerbell/base/text.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

TEST(VisibleText, S27_EscapesWhatCouldRedrawTheScreen) {
  EXPECT_EQ(visible_line("curl x|sh\r\x1b[2K ls"), "curl x|sh\\x0d\\x1b[2K ls");
  EXPECT_EQ(visible_text("a\nb\tc\x7f"), "a\nb\tc\\x7f");
  EXPECT_EQ(visible_line("a\nb"), "a\\x0ab");
}

TEST(VisibleText, S28_ShowsInvisibleAndReorderingCodePoints) {
  EXPECT_EQ(visible_line("a\u202Eb"), "a\\u{202e}b");
  EXPECT_EQ(visible_line("\u200B\u2028"), "\\u{200b}\\u{2028}");
  EXPECT_EQ(visible_line("\U000E0041\U000E0100\U0001D173"), "\\u{e0041}\\u{e0100}\\u{1d173}");
  EXPECT_EQ(visible_line("\u00e4\u4e2d\U0001F600"), "\u00e4\u4e2d\U0001F600");
}

TEST(VisibleText, ShowsInvalidBytesAsBytes) {
  EXPECT_EQ(visible_line("\xff\xc0\x80z"), "\\xff\\xc0\\x80z");
}

TEST(ValidUtf8, S67_ReplacesWhatIsNotUtf8AndKeepsTheRest) {
  EXPECT_EQ(valid_utf8("a\xff\xe4z"), "a\xEF\xBF\xBD\xEF\xBF\xBDz");
  EXPECT_EQ(valid_utf8("plain \xff plain \u00e4 \x7f plain"),
            "plain \uFFFD plain \u00e4 \x7f plain");
  EXPECT_EQ(valid_utf8(""), "");
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate
  EXPECT_EQ(valid_utf8(std::string_view("a\0b", 3)),
            "a\xE2\x90\x80"
            "b");
}

TEST(Shortened, CutsBetweenCodePointsAndSaysHowMuch) {
  EXPECT_EQ(shortened("short", 10), "short");
  EXPECT_EQ(shortened("\u00e4\u00e4\u00e4", 3), "\u00e4… (4 more bytes)");
}

TEST(PageLength, EndsAfterAWholeLineElseAfterAWholeCodePoint) {
  EXPECT_EQ(page_length("one\ntwo\n", 8), 8U);
  EXPECT_EQ(page_length("one\ntwo\n", 7), 4U);
  EXPECT_EQ(page_length("one\ntwo\n", 4), 4U);
  EXPECT_EQ(page_length("\u00e4\u00e4\u00e4", 3), 2U);
  EXPECT_EQ(page_length("\u00e4", 1), 1U);  // so that whoever goes on comes to an end
  EXPECT_EQ(page_length("", 0), 0U);
}

TEST(TextEnds, AreWholeLinesElseWholeCodePoints) {
  const TextEnds lines = ends_of("one\ntwo\nthree\nfour\nfive\n", 18);
  EXPECT_EQ(lines.head, "one\ntwo\n");
  EXPECT_EQ(lines.tail, "five\n");
  const TextEnds letters = ends_of("\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4", 10);
  EXPECT_EQ(letters.head, "\u00e4\u00e4\u00e4");
  EXPECT_EQ(letters.tail, "\u00e4\u00e4");
  EXPECT_EQ(ends_of("xx\u00e4\u00e4\u00e4y", 6).tail, "y");
}

TEST(FirstCodePoint, IsReadWithItsLengthAndInvalidBytesOneByOne) {
  EXPECT_EQ(first_code_point("\u4e2dx").value, U'\u4e2d');
  EXPECT_EQ(first_code_point("\u4e2dx").length, 3U);
  const CodePoint cut = first_code_point("\xe4\xb8");
  EXPECT_FALSE(cut.valid);
  EXPECT_EQ(cut.length, 1U);
}

TEST(EditDistance, CountsChangedAddedAndMissingBytes) {
  EXPECT_EQ(edit_distance("approve", "approve"), 0U);
  EXPECT_EQ(edit_distance("aprove", "approve"), 1U);
  EXPECT_EQ(edit_distance("stauts", "status"), 2U);
  EXPECT_EQ(edit_distance("", "ls"), 2U);
}

}  // namespace
}  // namespace tinkerbell
