#include "drivers/file/planned_change.hpp"

#include "tinkerbell/workspace/workspace.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

PreImage file(std::string content) {
  return {.path = "src/a.cpp", .existed = true, .mode = 0644, .content = std::move(content)};
}

Result<PlannedChange> edited(std::string content, std::string old_text, std::string new_text) {
  return planned_change(
      AwaitFileEdit{.path = "a", .old_text = std::move(old_text), .new_text = std::move(new_text)},
      file(std::move(content)));
}

TEST(PlannedEdit, ReplacesTheOnePlaceAndSaysItsLine) {
  const Result<PlannedChange> change = edited("1\n2\n3\n", "2\n", "two\n");
  ASSERT_TRUE(change);
  EXPECT_EQ(change->content, "1\ntwo\n3\n");
  EXPECT_EQ(change->line, 2U);
}

TEST(PlannedEdit, MayRemoveEverything) {
  EXPECT_EQ(edited("all", "all", "")->content, "");
}

TEST(PlannedEdit, NamesTheLinesOfSeveralPlaces) {
  const Error error = edited("x\na\nx\n\nx", "x", "y").error();
  EXPECT_EQ(error.code, Errc::conflict);
  EXPECT_EQ(error.message,
            "old_text occurs 3 times (lines 1, 3, 5): give more context, or change all of "
            "them with replace_all");
}

TEST(PlannedEdit, CountsOverlappingPlaces) {
  EXPECT_EQ(edited("aaa", "aa", "b").error().code, Errc::conflict);
}

TEST(PlannedEdit, StopsCountingWhereNobodyReadsOn) {
  EXPECT_EQ(edited(std::string(8 << 20, 'a'), std::string(4 << 20, 'a'), "b").error().message,
            "old_text occurs more than 10 times (lines 1, 1, 1, 1, 1, 1, 1, 1, 1, 1): give more "
            "context, or change all of them with replace_all");
}

Result<PlannedChange> edited_everywhere(std::string content, std::string old_text,
                                        std::string new_text) {
  return planned_change(AwaitFileEdit{.path = "a",
                                      .old_text = std::move(old_text),
                                      .new_text = std::move(new_text),
                                      .replace_all = true},
                        file(std::move(content)));
}

TEST(PlannedEdit, ReplacesAllPlacesWhereThatIsAsked) {
  const Result<PlannedChange> change = edited_everywhere("-\nx\nax\n", "x", "xx");
  ASSERT_TRUE(change);
  EXPECT_EQ(change->content, "-\nxx\naxx\n");
  EXPECT_EQ(change->line, 2U);
  EXPECT_EQ(change->places, 2U);
  EXPECT_EQ(edited_everywhere("aaa", "aa", "b")->content, "ba");
  EXPECT_EQ(edited_everywhere("one", "one", "")->places, 1U);
  EXPECT_EQ(edited_everywhere("a", "b", "c").error().code, Errc::not_found);
  EXPECT_EQ(edited_everywhere(std::string(1'000, 'a'), "a", std::string(10'000, 'b')).error().code,
            Errc::too_large);
}

/// The end of the message about a text that is not there.
std::string miss(std::string content, std::string old_text, bool may_quote = false) {
  const auto change =
      planned_change(AwaitFileEdit{.path = "a", .old_text = std::move(old_text), .new_text = "x"},
                     file(std::move(content)), may_quote);
  EXPECT_FALSE(change);
  if (change) return {};
  EXPECT_EQ(change.error().code, Errc::not_found);
  const std::string begin = "old_text not found in src/a.cpp";
  EXPECT_TRUE(change.error().message.starts_with(begin)) << change.error().message;
  return change.error().message.substr(begin.size());
}

const std::string kMain = "int main() {\n  if (x)\n    return secret();\n  return 1;\n}\n";

TEST(PlannedEdit, SaysWhereATextStandsButForWhiteSpace) {
  EXPECT_EQ(miss(kMain, "\tif (x)\n\t\treturn  secret();"),
            "; but for white space it stands at line 2");
  EXPECT_EQ(miss(kMain, "\n  return   1;\n\n"), "; but for white space it stands at line 4");
  EXPECT_EQ(miss("f(a,  b)\ng\nf(a,   b)\n", "f(a, b)"),
            "; but for white space it stands at lines 1, 3");
  EXPECT_EQ(miss(kMain, "(x)\n   return sec"), "; but for white space it stands at line 2");
  EXPECT_EQ(miss("a\r\nb\r\n", "a\nb\n"), "; but for white space it stands at line 1");
}

TEST(PlannedEdit, SaysWhichLinesOfTheMostSimilarPlaceDiffer) {
  EXPECT_EQ(miss(kMain, "  if (x)\n    return public();\n  return 1;\n"),
            "; most like it is what begins at line 2, but not line 3");
  EXPECT_EQ(miss(kMain, "  return 1;\n}\nend\n"),
            "; most like it is what begins at line 4, but not line 6");
}

TEST(PlannedEdit, ElsePointsAtTheNearestLine) {
  EXPECT_EQ(miss(kMain, "return sec(1);"), "; nearest is line 3");
  EXPECT_EQ(miss(kMain, "zebra"), "");
  EXPECT_EQ(miss(kMain, "\n\n\n\n\n\n"), "");
}

TEST(PlannedEdit, QuotesWhatStandsThereOnlyWhereItMay) {
  EXPECT_EQ(miss(kMain, "return\tsecret();", true),
            "; but for white space it stands at line 3:\n3:     return secret();");
  EXPECT_EQ(miss(kMain, "  if (x)\n    return public();\n", true),
            "; most like it is what begins at line 2, but not line 3:\n2:   if (x)\n"
            "3:     return secret();");
  EXPECT_FALSE(miss(kMain, "  if (x)\n    return public();\n").contains("secret"));
}

TEST(PlannedEdit, ComparesLongTextsInBoundedTime) {
  std::string content;
  for (int i = 0; i < 200'000; ++i)
    content += "same\n";
  EXPECT_TRUE(miss(content, content + "other\n", true)
                  .starts_with("; most like it is what begins at line 1:\n1: same\n2: same\n"));
}

TEST(PlannedEdit, RefusesWhatChangesNothing) {
  EXPECT_EQ(edited("a", "", "b").error().code, Errc::invalid);
  EXPECT_EQ(edited("a", "a", "a").error().code, Errc::invalid);
  EXPECT_EQ(planned_change(AwaitFileEdit{.path = "a", .old_text = "a", .new_text = "b"},
                           PreImage{.path = "a"})
                .error()
                .code,
            Errc::not_found);
}

TEST(PlannedChange, IsBounded) {
  EXPECT_EQ(edited("a", "a", std::string(kChangeBytesMax + 1, 'b')).error().code, Errc::too_large);
  const AwaitFileWrite write{.path = "a", .content = std::string(kChangeBytesMax + 1, 'b')};
  EXPECT_EQ(planned_change(write, PreImage{}).error().code, Errc::too_large);
}

}  // namespace
}  // namespace tinkerbell
