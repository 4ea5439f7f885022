#include "support/seeds.hpp"
#include "unit/workspace/quick_directory.hpp"
#include "unit/workspace/tree_model.hpp"

#include "tinkerbell/workspace/apply.hpp"
#include "tinkerbell/workspace/copy_tree.hpp"
#include "tinkerbell/workspace/merge.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <set>

/// Random trees, random changes; what holds for all of them. TINKERBELL_SEEDS and its like say how
/// many (support/seeds.hpp).

namespace tinkerbell {
namespace {

constexpr std::string_view kKey = "00112233445566778899aabbccddeeff";

class RandomTrees : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(dir_ / "work");
    std::filesystem::create_directories(dir_ / "draft");
    user_ = std::make_unique<AsOrdinaryUser>(dir_.path());
    workspace_ = *Workspace::open((dir_ / "work").string());
    draft_ = *Workspace::open((dir_ / "draft").string());
    store_ = *ContentStore::open((dir_ / "store").string());
  }

  void TearDown() override {
    remove_contents(dir_ / "work");
    remove_contents(dir_ / "draft");
  }

  /// Runs one case after the other until one fails.
  template <class Case>
  void for_each_seed(std::uint64_t usually, const Case& run) {
    const Seeds seeds = seeds_to_run(usually);
    const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
    const std::string name = std::string(info->test_suite_name()) + '.' + info->name();
    for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
      RandomTree random(seed);
      run(random);
      ASSERT_FALSE(HasFailure()) << how_to_repeat(seed, name);
    }
  }

  void begin_with(const TreeModel& model) {
    remove_contents(dir_ / "work");
    write_model(model, dir_ / "work");
  }

  void keep(std::initializer_list<const TreeModel*> models) {
    for (const TreeModel* model : models)
      put_contents(*model, *store_);
    ASSERT_TRUE(store_->sync());
  }

  [[nodiscard]] ApplyEnd apply(const std::vector<FileChange>& changes,
                               const Applying& applying = {.key = kKey}) const {
    return ending(apply_changes(*workspace_, changes, *store_, applying));
  }

  [[nodiscard]] ApplyEnd recover(const std::vector<FileChange>& changes,
                                 const Applying& applying = {.key = kKey}) const {
    return ending(recover_changes(*workspace_, changes, *store_, applying));
  }

  static ApplyEnd ending(const Result<Applied>& applied) {
    EXPECT_TRUE(applied) << applied.error().message;
    if (!applied) return ApplyEnd::refused;
    for (const Obstacle& obstacle : applied->obstacles)
      ADD_FAILURE() << obstacle.path << ' ' << obstacle.reason;
    return applied->end;
  }

  [[nodiscard]] Tree look(const Workspace& workspace, const TreeLook& how = {}) const {
    Result<Tree> tree = look_at_tree(workspace, how);
    EXPECT_TRUE(tree) << tree.error().message;
    return tree ? *std::move(tree) : Tree{};
  }

  void expect_tree(const TreeModel& model) const {
    const Tree tree = look(*workspace_);
    EXPECT_EQ(states_of(tree), states_of(tree_of(model)));
    EXPECT_TRUE(tree.left_out.empty());
    EXPECT_FALSE(std::filesystem::exists(staging()));
  }

  [[nodiscard]] std::filesystem::path staging() const {
    return dir_ / "work" / (".tinkerbell-" + std::string(kKey));
  }

  TempDir dir_{quick_directory()};
  std::unique_ptr<AsOrdinaryUser> user_;
  std::shared_ptr<Workspace> workspace_;
  std::shared_ptr<Workspace> draft_;
  std::unique_ptr<ContentStore> store_;
};

TEST_F(RandomTrees, ComeBackByteForByteWhenTheirChangesAreReversed) {
  for_each_seed(1'000, [&](RandomTree& random) {
    const TreeModel before = random.grow();
    TreeModel after = before;
    random.change(after);
    begin_with(before);
    keep({&before, &after});
    const std::vector<FileChange> way = changes_between(tree_of(before), tree_of(after));
    EXPECT_EQ(apply(way), ApplyEnd::done);
    expect_tree(after);
    EXPECT_EQ(apply(reversed(way)), ApplyEnd::done);
    expect_tree(before);
  });
}

struct Crash {};

/// Ends before the n-th step.
Applying crash_at(std::uint64_t n) {
  return {.key = kKey, .observe = [n](std::string_view, const std::string&) mutable {
            if (n-- == 0) throw Crash{};
          }};
}

TEST_F(RandomTrees, AreOldOrNewAtEveryInstantAndWholeAfterRecovery) {
  for_each_seed(40, [&](RandomTree& random) {
    const TreeModel before = random.grow();
    TreeModel after = before;
    random.change(after);
    keep({&before, &after});
    const std::vector<FileChange> way = changes_between(tree_of(before), tree_of(after));
    const auto old_states = states_of(tree_of(before));
    const auto new_states = states_of(tree_of(after));
    bool crashed = true;
    for (std::uint64_t n = 0; crashed && !HasFailure(); ++n) {
      begin_with(before);
      crashed = false;
      try {
        (void)apply(way, crash_at(n));
      } catch (const Crash&) {
        crashed = true;
      }
      for (const auto& [path, state] : states_of(look(*workspace_))) {
        if (state.type == FileType::directory) continue;
        const auto then = old_states.find(path);
        const auto now = new_states.find(path);
        EXPECT_TRUE((then != old_states.end() && then->second == state) ||
                    (now != new_states.end() && now->second == state))
            << path << " is neither old nor new";
      }
      try {  // The recovery is killed as well, now and then.
        (void)recover(way, crash_at(random.dice().pick(60)));
      } catch (const Crash&) {
      }
      const ApplyEnd ended = recover(way);
      expect_tree(ended == ApplyEnd::done ? after : before);
    }
  });
}

TEST_F(RandomTrees, AreMergedIntoChangesThatCanBeMade) {
  for_each_seed(500, [&](RandomTree& random) {
    const TreeModel base = random.grow();
    TreeModel ours = base;
    TreeModel theirs = base;
    random.change(ours);
    random.change(theirs);
    begin_with(ours);
    keep({&base, &ours, &theirs});
    const Result<TreeMerge> merge =
        merge_trees(tree_of(base), tree_of(ours), tree_of(theirs), *store_);
    ASSERT_TRUE(merge) << merge.error().message;
    ASSERT_TRUE(store_->sync());
    EXPECT_EQ(apply(merge->changes), ApplyEnd::done);

    // Each path by the rule, told once more in other words.
    const Tree result = look(*workspace_);
    std::set<std::string> special(merge->line_merged.begin(), merge->line_merged.end());
    for (const MergeConflict& conflict : merge->conflicts)
      special.insert(conflict.path);
    const auto node = [](const TreeModel& model, const std::string& path) {
      const auto found = model.find(path);
      return found == model.end() ? std::nullopt : std::optional(found->second);
    };
    TreeModel all = base;
    all.insert(ours.begin(), ours.end());
    all.insert(theirs.begin(), theirs.end());
    for (const auto& [path, ignored] : all) {
      const auto was = node(base, path);
      const auto our = node(ours, path);
      const auto their = node(theirs, path);
      const TreeEntry* const entry = result.find(path);
      const auto is = [&](const std::optional<ModelNode>& wanted) {
        if (!wanted || entry == nullptr) return !wanted && entry == nullptr;
        return state_of(*entry) == state_of(tree_of({{path, *wanted}}).entries[0]);
      };
      if (special.contains(path)) {
        EXPECT_TRUE(our != their && their != was) << path;
        const auto& lines = merge->line_merged;
        EXPECT_TRUE(std::ranges::count(lines, path) > 0 || is(our)) << path;
      } else if (their == was || our == their) {
        EXPECT_TRUE(is(our)) << path;
      } else if (our == was) {
        EXPECT_TRUE(is(their)) << path;
      } else {  // mode of one, content of the other
        ASSERT_TRUE(was && our && their && entry != nullptr) << path;
        EXPECT_EQ(entry->mode, our->mode == was->mode ? their->mode : our->mode) << path;
        const bool of_them = our->content == was->content;
        EXPECT_EQ(entry->content, sha256(of_them ? their->content : our->content)) << path;
      }
    }
  });
}

TEST_F(RandomTrees, AreCopiedAsTheyAre) {
  for_each_seed(300, [&](RandomTree& random) {
    const TreeModel model = random.grow();
    begin_with(model);
    remove_contents(dir_ / "draft");
    const Result<TreeCopy> copy = copy_tree(*workspace_, *draft_);
    ASSERT_TRUE(copy) << copy.error().message;
    const Tree source = look(*workspace_);
    const Tree copied = look(*draft_);
    EXPECT_EQ(copy->source.entries, source.entries);
    EXPECT_EQ(copy->copied.entries, copied.entries);
    EXPECT_EQ(states_of(source), states_of(tree_of(model)));
    EXPECT_EQ(states_of(copied), states_of(tree_of(model)));
    EXPECT_EQ(look(*draft_, {.known = &copy->copied}).entries, copied.entries);
  });
}

}  // namespace
}  // namespace tinkerbell
