#include "tinkerbell/workspace/tree_watch.hpp"

#include "unit/workspace/workspace_fixture.hpp"

#include "tinkerbell/workspace/changes.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <algorithm>
#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace tinkerbell {
namespace {

class WatchedTree : public WorkspaceTest {
 protected:
  void SetUp() override {
    WorkspaceTest::SetUp();
    Result<std::unique_ptr<ContentStore>> store = ContentStore::open((dir_ / "store").string());
    ASSERT_TRUE(store) << store.error().message;
    store_ = *std::move(store);
  }

  [[nodiscard]] TreeWatch watch(WatchBounds bounds = {}) const { return {*store_, bounds}; }

  static std::shared_ptr<const Tree> must_look(TreeWatch& watch, const Workspace& workspace,
                                               const TreeWatch::Look& how = {}) {
    auto tree = watch.look(workspace, how);
    EXPECT_TRUE(tree) << tree.error().message;
    return tree ? *tree : std::make_shared<const Tree>();
  }

  /// A look that has seen it all and believes that it was long ago.
  [[nodiscard]] static Tree marked(Tree tree) {
    tree.looked_ns += 10'000'000'000;
    for (TreeEntry& entry : tree.entries)
      entry.content = kMark;
    return tree;
  }

  [[nodiscard]] bool is_kept(std::string_view content) const {
    return store_->has(sha256(content));
  }

  static inline const Sha256 kMark = sha256("a mark");

  std::unique_ptr<ContentStore> store_;
};

TEST_F(WatchedTree, KeepsWhatStandsThere) {
  put("a", "one");
  link("nowhere", "l");
  TreeWatch trees = watch();
  const auto before = must_look(trees, *workspace_);
  put("a", "two");
  const auto after = must_look(trees, *workspace_);
  ASSERT_TRUE(trees.sync());
  for (const char* content : {"one", "two", "nowhere"})
    EXPECT_TRUE(is_kept(content)) << content;
  const std::vector<FileChange> changes = changes_between(*before, *after);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].path, "a");
  EXPECT_EQ(changes[0].before->content, sha256("one"));
  EXPECT_EQ(changes[0].after->content, sha256("two"));
}

TEST_F(WatchedTree, OfALongFileOnlyTheHashIsNoted) {
  put("big", "0123456789");
  put("small", "01234567");
  TreeWatch trees = watch({.kept_file_max = 8});
  const auto tree = must_look(trees, *workspace_);
  ASSERT_NE(tree->find("big"), nullptr);
  EXPECT_EQ(tree->find("big")->content, sha256("0123456789"));
  EXPECT_FALSE(trees.is_kept(*tree->find("big")));
  EXPECT_TRUE(trees.is_kept(*tree->find("small")));
  EXPECT_FALSE(is_kept("0123456789"));
  EXPECT_TRUE(is_kept("01234567"));
  ASSERT_TRUE(store_->put("0123456789"));
  EXPECT_TRUE(trees.is_kept(*tree->find("big"))) << "somebody else keeps it";
}

TEST_F(WatchedTree, WithTooMuchThereNothingIsReadOrKept) {
  put("a", "0123456789");
  put("z", "0123456789x");
  TreeWatch trees = watch({.kept_total_max = 20});
  const auto tree = trees.look(*workspace_, {});
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().code, Errc::too_large);
  EXPECT_TRUE(tree.error().message.contains("20 bytes")) << tree.error().message;
  EXPECT_FALSE(is_kept("0123456789"));
}

TEST_F(WatchedTree, ThatGrowsBeyondTheBoundIsFoundOut) {
  put("a", "0123456789");
  TreeWatch trees = watch({.kept_total_max = 20});
  (void)must_look(trees, *workspace_);
  put("b", "0123456789x");
  EXPECT_EQ(code(trees.look(*workspace_, {})), Errc::too_large);
  const Result<Tree> seen = trees.look_without_keeping(*workspace_, {});
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_NE(seen->find("b"), nullptr);
  EXPECT_FALSE(is_kept("0123456789x"));
}

TEST_F(WatchedTree, TheFirstLookCanKnowAnEarlierOne) {
  put("a", "one");
  const Result<Tree> earlier = look_at_tree(*workspace_);
  ASSERT_TRUE(earlier);
  TreeWatch trees = watch();
  const auto tree =
      must_look(trees, *workspace_, {.earlier = [&] { return Result<Tree>(marked(*earlier)); }});
  EXPECT_EQ(tree->find("a")->content, kMark) << "it was read";
}

TEST_F(WatchedTree, WhatTheNewestTreesHoldIsToldToWhoRemovesContents) {
  put("a", "one");
  TreeWatch trees = watch();
  (void)must_look(trees, *workspace_);
  put("a", "two");
  (void)must_look(trees, *workspace_);
  std::set<Sha256> needed;
  trees.add_contents(needed);
  EXPECT_EQ(needed, std::set{sha256("two")});
}

TEST_F(WatchedTree, OfADirectoryThatIsGoneNothingIsHeldOnceContentsAreRemoved) {
  put("a", "one");
  TreeWatch trees = watch();
  const std::weak_ptr<const Tree> tree = must_look(trees, *workspace_);
  std::filesystem::remove_all(dir_ / "work");
  std::set<Sha256> needed;
  trees.add_contents(needed);
  EXPECT_TRUE(needed.empty());
  EXPECT_TRUE(tree.expired());
}

/// What a look that takes as long as one likes has put, and what it knows from the one before.
TEST_F(WatchedTree, WhatALookUnderWayReliesOnIsNotRemoved) {
  TreeWatch trees = watch();
  put("a", "old");
  (void)must_look(trees, *workspace_);
  put("b", "new");
  put("c", "not seen");
  bool collected = false;
  const auto collect = [&] {
    for (int i = 0; i < 12; ++i) {  // so many others look that the tree of this one goes
      put("others/" + std::to_string(i) + "/file", "x");
      const auto place = Workspace::open((dir_ / ("work/others/" + std::to_string(i))).string());
      (void)must_look(trees, **place);
    }
    ASSERT_TRUE(trees.sync());
    const WallTime put_before = store_->before_all_work(wall_from_unix_nanoseconds(INT64_MAX));
    std::set<Sha256> needed;
    trees.add_contents(needed);
    ASSERT_TRUE(store_->remove_all_but(needed, put_before));
    collected = true;
  };
  (void)must_look(trees, *workspace_, {.excludes = [&](std::string_view path) {
                    if (path == "c" && !collected) collect();
                    return path == "c" || path.starts_with("others");
                  }});
  EXPECT_TRUE(collected);
  EXPECT_TRUE(is_kept("old"));
  EXPECT_TRUE(is_kept("new"));
}

TEST_F(WatchedTree, ALookThatIsYoungEnoughIsTakenForThisOne) {
  put("a", "one");
  TreeWatch trees = watch();
  const auto first = must_look(trees, *workspace_);
  put("a", "two");
  EXPECT_EQ(must_look(trees, *workspace_, {.age_max = std::chrono::hours{1}}), first);
  EXPECT_NE(must_look(trees, *workspace_), first);
}

TEST_F(WatchedTree, ItsTreesAreHeldForAFewDirectories) {
  TreeWatch trees = watch();
  std::vector<std::weak_ptr<const Tree>> held;
  for (int i = 0; i < 12; ++i) {
    put(std::to_string(i) + "/file", "x");
    const auto place = Workspace::open((dir_ / ("work/" + std::to_string(i))).string());
    ASSERT_TRUE(place);
    held.emplace_back(must_look(trees, **place));
  }
  EXPECT_EQ(std::ranges::count_if(held, [](const auto& tree) { return !tree.expired(); }), 8);
  EXPECT_TRUE(held.front().expired());
  EXPECT_FALSE(held.back().expired());
}

TEST_F(WatchedTree, ManyMayLookAtOnce) {
  for (int i = 0; i < 50; ++i)
    put(std::to_string(i), std::string(100, 'x'));
  TreeWatch trees = watch();
  std::atomic<int> whole = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 10; ++round) {
          const auto tree = trees.look(*workspace_, {});
          if (tree && (*tree)->entries.size() == 50) ++whole;
        }
      });
    }
  }
  EXPECT_EQ(whole, 40);
}

TEST_F(WatchedTree, ALookCanBeStopped) {
  put("a", "one");
  std::stop_source stop;
  stop.request_stop();
  TreeWatch trees = watch();
  EXPECT_EQ(code(trees.look(*workspace_, {.stop = stop.get_token()})), Errc::cancelled);
}

}  // namespace
}  // namespace tinkerbell
