#include "tinkerbell/workspace/merge.hpp"

#include "unit/workspace/quick_directory.hpp"
#include "unit/workspace/tree_model.hpp"
#include "workspace/line_merge.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

// ---- lines ----

using Text = std::optional<std::string>;

TEST(MergedLines, HaveTheChangesOfBoth) {
  EXPECT_EQ(merged_lines("1\n2\n3\n4\n5\n", "1\nTWO\n3\n4\n5\n", "1\n2\n3\n4\nFIVE\n"),
            Text("1\nTWO\n3\n4\nFIVE\n"));
  EXPECT_EQ(merged_lines("1\n2\n3\n", "0\n1\n2\n3\n", "1\n2\n"), Text("0\n1\n2\n"));
  EXPECT_EQ(merged_lines("1\n2\n3\n4\n", "1\n4\n", "1\n2\n3\n4\n5"), Text("1\n4\n5"));
}

TEST(MergedLines, OfOneSideAloneAreThatSide) {
  EXPECT_EQ(merged_lines("1\n", "1\n", "2\n3"), Text("2\n3"));
  EXPECT_EQ(merged_lines("1\n", "", "1\n"), Text(""));
}

TEST(MergedLines, HaveWhatBothDidAlikeOnce) {
  EXPECT_EQ(merged_lines("1\n2\n3\n4\n", "1\nX\n3\n4\n", "1\nX\n3\nY\n"), Text("1\nX\n3\nY\n"));
  EXPECT_EQ(merged_lines("1\n", "1\nX\n", "1\nX\n"), Text("1\nX\n"));
}

TEST(MergedLines, AreNoneIfTheSameLinesOrTouchingOnesChanged) {
  EXPECT_EQ(merged_lines("1\n2\n3\n", "1\nX\n3\n", "1\nY\n3\n"), Text());
  EXPECT_EQ(merged_lines("1\n2\n3\n4\n", "1\nX\n3\n4\n", "1\n2\nY\n4\n"), Text());
  EXPECT_EQ(merged_lines("1\n2\n", "1\nX\n2\n", "1\nY\n2\n"), Text());
  EXPECT_EQ(merged_lines("1\n2\n3\n", "1\n3\n", "1\n2\nX\n3\n"), Text());
  EXPECT_EQ(merged_lines("", "a\n", "b\n"), Text());
  // One side's change is a part of the other's.
  EXPECT_EQ(merged_lines("1\n2\n3\n4\n", "1\nX\nY\n4\n", "1\nX\n3\n4\n"), Text());
}

// ---- trees ----

class Merge : public ::testing::Test {
 protected:
  [[nodiscard]] TreeMerge merge(const TreeModel& base, const TreeModel& ours,
                                const TreeModel& theirs) {
    for (const TreeModel* model : {&base, &ours, &theirs})
      put_contents(*model, *store_);
    return merge_trees_of(tree_of(base), tree_of(ours), tree_of(theirs));
  }

  [[nodiscard]] TreeMerge merge_trees_of(const Tree& base, const Tree& ours, const Tree& theirs) {
    Result<TreeMerge> merged = merge_trees(base, ours, theirs, *store_);
    EXPECT_TRUE(merged) << merged.error().message;
    return merged ? *std::move(merged) : TreeMerge{};
  }

  /// "path reason" of each conflict.
  static std::vector<std::string> conflicts(const TreeMerge& merge) {
    std::vector<std::string> found;
    for (const MergeConflict& conflict : merge.conflicts)
      found.push_back(conflict.path + ' ' + std::string(name_of(conflict.reason)));
    return found;
  }

  static std::vector<std::string> changed(const TreeMerge& merge) {
    std::vector<std::string> found;
    for (const FileChange& change : merge.changes)
      found.push_back(change.path);
    return found;
  }

  TempDir dir_{quick_directory()};
  std::unique_ptr<ContentStore> store_ = *ContentStore::open((dir_ / "store").string());
};

using Strings = std::vector<std::string>;

const FileState& state(const std::optional<FileState>& state) {
  return *state;
}

TEST_F(Merge, TakesWhatOnlyTheyChangedAndLeavesWhatOnlyWeChanged) {
  const TreeModel base{{"a", model_file("a")}, {"b", model_file("b")}, {"c", model_file("c")}};
  const TreeModel ours{{"a", model_file("OURS")},
                       {"b", model_file("b")},
                       {"c", model_file("c")},
                       {"new-of-ours", model_file("")}};
  const TreeModel theirs{
      {"a", model_file("a")}, {"b", model_file("THEIRS")}, {"new", model_link("x")}};
  const TreeMerge merged = merge(base, ours, theirs);
  EXPECT_EQ(changed(merged), (Strings{"b", "c", "new"}));
  EXPECT_EQ(state(merged.changes[0].before).content, sha256("b"));
  EXPECT_EQ(state(merged.changes[0].after).content, sha256("THEIRS"));
  EXPECT_FALSE(merged.changes[1].after);
  EXPECT_FALSE(merged.changes[2].before);
  EXPECT_TRUE(merged.conflicts.empty());
}

TEST_F(Merge, DoesNothingWhereBothDidTheSame) {
  const TreeModel both{{"new", model_file("x")}, {"a", model_file("y", 0755)}};
  const TreeMerge merged = merge({{"a", model_file("a")}, {"gone", model_file("")}}, both, both);
  EXPECT_TRUE(merged.changes.empty());
  EXPECT_TRUE(merged.conflicts.empty());
}

TEST_F(Merge, JoinsTextsLineByLineAndKeepsTheResult) {
  const TreeMerge merged =
      merge({{"f", model_file("1\n2\n3\n")}}, {{"f", model_file("ONE\n2\n3\n")}},
            {{"f", model_file("1\n2\nTHREE\n", 0755)}});
  ASSERT_EQ(merged.changes.size(), 1U);
  EXPECT_EQ(merged.line_merged, Strings{"f"});
  const FileState after = state(merged.changes[0].after);
  EXPECT_EQ(*store_->read(after.content, 100), "ONE\n2\nTHREE\n");
  EXPECT_EQ(after.bytes, 12U);
  EXPECT_EQ(after.mode, 0755U);
  EXPECT_EQ(state(merged.changes[0].before).content, sha256("ONE\n2\n3\n"));
}

TEST_F(Merge, JoinsAModeOfOneSideWithAContentOfTheOther) {
  const TreeMerge merged = merge({{"f", model_file("x")}, {"g", model_file("x")}},
                                 {{"f", model_file("x", 0755)}, {"g", model_file("OURS")}},
                                 {{"f", model_file("THEIRS")}, {"g", model_file("x", 0600)}});
  ASSERT_EQ(merged.changes.size(), 2U);
  EXPECT_EQ(merged.changes[0].after,
            state_of(tree_of({{"f", model_file("THEIRS", 0755)}}).entries[0]));
  EXPECT_EQ(merged.changes[1].after,
            state_of(tree_of({{"g", model_file("OURS", 0600)}}).entries[0]));
  EXPECT_TRUE(merged.line_merged.empty());
}

TEST_F(Merge, NeverDecidesBetweenTwoChangesOfOneThing) {
  const std::string binary("a\0b", 3);
  const TreeModel base{{"bin", model_file(binary)}, {"dir", model_directory()},
                       {"gone", model_file("x")},   {"lines", model_file("1\n")},
                       {"link", model_link("a")},   {"mode", model_file("x")}};
  const TreeModel ours{{"bin", model_file(binary + "\n1")},
                       {"dir", model_directory(0700)},
                       {"gone", model_file("y")},
                       {"lines", model_file("2\n")},
                       {"link", model_link("b")},
                       {"mode", model_file("x", 0600)},
                       {"new", model_file("1")}};
  const TreeModel theirs{{"bin", model_file("0\n" + binary)}, {"dir", model_directory(0775)},
                         {"lines", model_file("3\n")},        {"link", model_link("c")},
                         {"mode", model_file("x", 0755)},     {"new", model_file("2")}};
  const TreeMerge merged = merge(base, ours, theirs);
  EXPECT_TRUE(merged.changes.empty());
  EXPECT_EQ(conflicts(merged), (Strings{"bin both_changed", "dir both_changed", "gone both_changed",
                                        "lines both_changed", "link both_changed",
                                        "mode both_changed", "new both_changed"}));
  EXPECT_EQ(merged.conflicts[2].base, state_of(tree_of(base).entries[2]));
  EXPECT_EQ(merged.conflicts[2].ours, state_of(tree_of(ours).entries[2]));
  EXPECT_EQ(merged.conflicts[2].theirs, std::nullopt);
}

TEST_F(Merge, OfTextsThatAreNotInTheStoreIsAConflict) {
  const TreeModel ours{{"f", model_file("ONE\n2\n3\n")}};
  const TreeModel theirs{{"f", model_file("1\n2\nTHREE\n")}};
  put_contents(ours, *store_);
  put_contents(theirs, *store_);
  const TreeMerge merged =
      merge_trees_of(tree_of({{"f", model_file("1\n2\n3\n")}}), tree_of(ours), tree_of(theirs));
  EXPECT_EQ(conflicts(merged), Strings{"f both_changed"});
}

TEST_F(Merge, PutsNothingIntoADirectoryThatIsNoMore) {
  const TreeModel base{{"d", model_directory()}, {"d/f", model_file("x")}};
  TreeModel theirs = base;
  theirs["d/e"] = model_directory();
  theirs["d/e/new"] = model_file("");
  const Strings expected{"d/e no_directory", "d/e/new no_directory"};
  const TreeMerge removed = merge(base, {}, theirs);
  EXPECT_EQ(conflicts(removed), expected);
  EXPECT_TRUE(removed.changes.empty());
  const TreeMerge replaced = merge(base, {{"d", model_file("now a file")}}, theirs);
  EXPECT_EQ(conflicts(replaced), expected);
  EXPECT_TRUE(replaced.changes.empty());
}

TEST_F(Merge, KeepsTheDirectoriesOfWhatOnlyTheWorkspaceHas) {
  const TreeModel base{{"d", model_directory()},
                       {"d/e", model_directory()},
                       {"d/e/f", model_file("x")},
                       {"d/g", model_file("y")}};
  TreeModel ours = base;
  ours["d/e/ours"] = model_file("mine");
  const TreeMerge gone = merge(base, ours, {});
  EXPECT_EQ(conflicts(gone), (Strings{"d not_empty", "d/e not_empty"}));
  EXPECT_EQ(changed(gone), (Strings{"d/e/f", "d/g"}));
  const TreeMerge replaced = merge(base, ours, {{"d", model_file("now a file")}});
  EXPECT_EQ(conflicts(replaced), (Strings{"d not_empty", "d/e not_empty"}));
}

TEST_F(Merge, TouchesNothingThatNobodyCouldSee) {
  const TreeModel base{{"d", model_directory()}, {"d/f", model_file("x")}, {"g", model_file("x")}};
  Tree ours = tree_of({{"d", model_directory()}, {"g", model_file("x")}});
  ours.left_out = {{"d/f", LeftOutReason::changing}, {"new", LeftOutReason::special}};
  const Tree theirs = tree_of({{"d", model_directory()},
                               {"d/f", model_file("y")},
                               {"g", model_file("x")},
                               {"new", model_file("")}});
  const TreeMerge merged = merge_trees_of(tree_of(base), ours, theirs);
  EXPECT_EQ(conflicts(merged), (Strings{"d/f not_seen", "new not_seen"}));
  EXPECT_TRUE(merged.changes.empty());
  // A directory with something unseen in it stays as well.
  const TreeMerge gone = merge_trees_of(tree_of(base), ours, tree_of({{"g", model_file("x")}}));
  EXPECT_EQ(conflicts(gone), (Strings{"d not_empty", "d/f not_seen"}));
}

TEST_F(Merge, TakesWhatTheyLeftOutForUnchanged) {
  const Tree base = tree_of({{"f", model_file("x")}});
  Tree theirs;
  theirs.left_out = {{"f", LeftOutReason::unreadable}};
  const TreeMerge merged = merge_trees_of(base, base, theirs);
  EXPECT_TRUE(merged.changes.empty());
  EXPECT_TRUE(merged.conflicts.empty());
}

}  // namespace
}  // namespace tinkerbell
