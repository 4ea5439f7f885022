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

/// The state of the only entry of a tree.
FileState state(const ModelNode& entry) {
  return state_of(tree_of({{"x", entry}}).entries.front());
}

std::vector<std::string> paths_of(const std::vector<FileChange>& changes) {
  std::vector<std::string> paths;
  for (const FileChange& change : changes)
    paths.push_back((change.after ? "+" : "-") + change.path);
  return paths;
}

using Paths = std::vector<std::string>;

TEST(ChangesToStates, AreThoseThatMakeADifference) {
  const Tree now =
      tree_of({{"a", model_file("1")}, {"b", model_file("2")}, {"c", model_file("3")}});
  const PathStates states{{"a", state(model_file("1"))},
                          {"b", state(model_file("old"))},
                          {"c", std::nullopt},
                          {"d", std::nullopt}};
  const std::vector<FileChange> changes = changes_to(states, now);
  EXPECT_EQ(paths_of(changes), (Paths{"+b", "-c"}));
  EXPECT_EQ(changes[0].before, state(model_file("2")));
  EXPECT_EQ(changes[0].after, state(model_file("old")));
}

TEST(ChangesToStates, MakeTheDirectoriesThatAreMissing) {
  const PathStates states{{"d/e/f", state(model_file("1"))}, {"d/g", state(model_link("e"))}};
  EXPECT_EQ(paths_of(changes_to(states, tree_of({}))), (Paths{"+d", "+d/e", "+d/e/f", "+d/g"}));
  const Tree other = tree_of({{"d", model_file("in the way")}});
  const std::vector<FileChange> changes = changes_to(states, other);
  EXPECT_EQ(paths_of(changes), (Paths{"+d", "+d/e", "+d/e/f", "+d/g"}));
  EXPECT_EQ(changes[0].after->type, FileType::directory);
}

TEST(ChangesToStates, LeaveADirectoryInWhichSomebodyElseHasAFile) {
  const Tree now = tree_of({{"d", model_directory()},
                            {"d/mine", model_file("1")},
                            {"d/theirs", model_file("2")},
                            {"e", model_directory()},
                            {"e/mine", model_file("1")}});
  const PathStates states{
      {"d", std::nullopt}, {"d/mine", std::nullopt}, {"e", std::nullopt}, {"e/mine", std::nullopt}};
  EXPECT_EQ(paths_of(changes_to(states, now)), (Paths{"-d/mine", "-e", "-e/mine"}));
}

TEST(ChangesToStates, TakeAwayWhatStandsBelowAFile) {
  const Tree now = tree_of({{"d", model_directory()},
                            {"d-not-below", model_file("1")},
                            {"d/e", model_directory()},
                            {"d/e/theirs", model_file("2")}});
  const PathStates states{{"d", state(model_file("a file"))}};
  EXPECT_EQ(paths_of(changes_to(states, now)), (Paths{"+d", "-d/e", "-d/e/theirs"}));
}

}  // namespace
}  // namespace tinkerbell
