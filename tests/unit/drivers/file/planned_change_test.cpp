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
  EXPECT_EQ(error.message, "old_text occurs 3 times (lines 1, 3, 5): give more context");
}

TEST(PlannedEdit, CountsOverlappingPlaces) {
  EXPECT_EQ(edited("aaa", "aa", "b").error().code, Errc::conflict);
}

TEST(PlannedEdit, StopsCountingWhereNobodyReadsOn) {
  EXPECT_EQ(edited(std::string(8 << 20, 'a'), std::string(4 << 20, 'a'), "b").error().message,
            "old_text occurs more than 10 times (lines 1, 1, 1, 1, 1, 1, 1, 1, 1, 1): give more "
            "context");
}

TEST(PlannedEdit, PointsAtTheNearestLineWithoutShowingIt) {
  const std::string content = "int main() {\n  return secret();\n}\n";
  const Error near = edited(content, "return sec(1);", "x").error();
  EXPECT_EQ(near.code, Errc::not_found);
  EXPECT_EQ(near.message, "old_text not found in src/a.cpp; nearest is line 2");
  EXPECT_EQ(edited(content, "\treturn secret();", "x").error().message,
            "old_text not found in src/a.cpp; its first line stands at line 2, but white space or "
            "the lines after it differ");
  EXPECT_EQ(edited(content, "zebra", "x").error().message, "old_text not found in src/a.cpp");
  EXPECT_EQ(edited(content, "\n\n\n\n", "x").error().message, "old_text not found in src/a.cpp");
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
