#include "tinkerbell/workspace/changes.hpp"

#include "unit/workspace/tree_model.hpp"

#include "tinkerbell/base/fields.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

TEST(Changes, AreInTheOrderOfPathsAndHaveAWayBack) {
  const Tree before =
      tree_of({{"a", model_file("1")}, {"b", model_directory()}, {"b/c", model_file("")}});
  const Tree after = tree_of({{"a", model_file("1", 0755)}, {"b", model_link("a")}});
  const std::vector<FileChange> changes = changes_between(before, after);
  ASSERT_EQ(changes.size(), 3U);
  EXPECT_EQ(changes[0].path, "a");
  EXPECT_EQ(changes[1].path, "b");
  EXPECT_EQ(changes[2], (FileChange{"b/c", state_of(before.entries[2]), std::nullopt}));
  EXPECT_EQ(changes_between(after, before), reversed(changes));
  EXPECT_TRUE(changes_between(before, before).empty());
}

TEST(Changes, SayNothingOfWhatOneOfTheTreesLeftOut) {
  const Tree whole =
      tree_of({{"d", model_directory()}, {"d/f", model_file("x")}, {"g", model_file("x")}});
  Tree part;
  part.left_out = {{"d", LeftOutReason::unreadable}};
  ASSERT_EQ(changes_between(whole, part).size(), 1U);
  EXPECT_EQ(changes_between(whole, part)[0].path, "g");
  EXPECT_EQ(changes_between(part, whole).size(), 1U);
}

TEST(Changes, AreReadBackAsTheyWereWritten) {
  const std::vector<FileChange> changes =
      changes_between(tree_of({{"a\xFF", model_file("1", 04755)}, {"b", model_directory()}}),
                      tree_of({{"a\xFF", model_file("2")}, {"c", model_link("x")}}));
  EXPECT_EQ(*from_canonical<std::vector<FileChange>>(canonical_bytes(changes)), changes);
}

}  // namespace
}  // namespace tinkerbell
