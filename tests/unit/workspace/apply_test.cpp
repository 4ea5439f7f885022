#include "tinkerbell/workspace/apply.hpp"

#include "support/temp_dir.hpp"
#include "unit/workspace/quick_directory.hpp"
#include "unit/workspace/tree_model.hpp"

#include "tinkerbell/workspace/workspace.hpp"

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <atomic>
#include <thread>

namespace tinkerbell {
namespace {

/// A workspace "work" in memory, a store beside it.
class ApplyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_.write("outside/canary", kCanary);
    std::filesystem::create_directories(dir_ / "work");
    workspace_ = *Workspace::open((dir_ / "work").string());
    store_ = *ContentStore::open((dir_ / "store").string());
  }

  void TearDown() override {
    EXPECT_EQ(dir_.read("outside/canary"), kCanary);
    remove_contents(dir_ / "work");
  }

  void begin_with(const TreeModel& model) {
    remove_contents(dir_ / "work");
    write_model(model, dir_ / "work");
  }

  /// From one tree to another one, with the contents of both in the store.
  [[nodiscard]] std::vector<FileChange> changes(const TreeModel& before, const TreeModel& after) {
    put_contents(before, *store_);
    put_contents(after, *store_);
    if (!store_->sync()) ADD_FAILURE();
    return changes_between(tree_of(before), tree_of(after));
  }

  [[nodiscard]] Result<Applied> apply(const std::vector<FileChange>& changes) const {
    return apply_changes(*workspace_, changes, *store_, {.key = kKey});
  }

  [[nodiscard]] Result<Applied> recover(const std::vector<FileChange>& changes) const {
    return recover_changes(*workspace_, changes, *store_, {.key = kKey});
  }

  static ApplyEnd ending(const Result<Applied>& applied) {
    EXPECT_TRUE(applied) << applied.error().message;
    if (applied && applied->end != ApplyEnd::refused) {
      EXPECT_TRUE(applied->obstacles.empty());
    }
    return applied ? applied->end : ApplyEnd::refused;
  }

  /// "path reason" of each obstacle; the workspace is as it was.
  [[nodiscard]] std::vector<std::string> obstacles(const std::vector<FileChange>& changes,
                                                   bool again = false) const {
    const auto before = states();
    const Result<Applied> applied = again ? recover(changes) : apply(changes);
    EXPECT_EQ(ending(applied), ApplyEnd::refused);
    EXPECT_EQ(states(), before);
    std::vector<std::string> found;
    if (!applied) return found;
    for (const Obstacle& obstacle : applied->obstacles)
      found.push_back(obstacle.path + ' ' + obstacle.reason);
    return found;
  }

  [[nodiscard]] std::map<std::string, FileState> states() const {
    const Result<Tree> tree = look_at_tree(*workspace_);
    EXPECT_TRUE(tree) << tree.error().message;
    return tree ? states_of(*tree) : std::map<std::string, FileState>{};
  }

  /// Whether exactly this stands there, and nothing of ours.
  void expect_tree(const TreeModel& model) const {
    EXPECT_EQ(states(), states_of(tree_of(model)));
    EXPECT_FALSE(std::filesystem::exists(staging()));
  }

  [[nodiscard]] std::filesystem::path staging() const {
    return dir_ / "work" / (".tinkerbell-" + std::string(kKey));
  }

  [[nodiscard]] std::string place(const std::string& name) const {
    return (dir_ / "work" / name).string();
  }

  static Errc code(const auto& result) { return result ? Errc::internal : result.error().code; }

  static constexpr std::string_view kCanary = "canary";
  static constexpr std::string_view kKey = "00112233445566778899aabbccddeeff";

  TempDir dir_{quick_directory()};
  std::shared_ptr<Workspace> workspace_;
  std::unique_ptr<ContentStore> store_;
};

using ApplyChanges = ApplyTest;
using Strings = std::vector<std::string>;

TEST_F(ApplyChanges, MakesWritesRemovesAndChangesEveryKind) {
  const TreeModel before{{"dir", model_directory()},     {"dir/f", model_file("x")},
                         {"exec", model_file("x")},      {"file", model_file("x")},
                         {"gone", model_directory()},    {"gone/a", model_directory()},
                         {"gone/a/b", model_file("x")},  {"l", model_link("a")},
                         {"to-dir", model_file("x")},    {"to-link", model_directory()},
                         {"to-link/x", model_file("x")}, {"was-link", model_link("dir")}};
  const TreeModel after{{"dir", model_directory(0700)},  {"dir/f", model_file("y")},
                        {"exec", model_file("x", 0755)}, {"file", model_link("dir/f")},
                        {"l", model_link("b")},          {"new", model_directory(0555)},
                        {"new/n", model_file("", 0400)}, {"to-dir", model_directory()},
                        {"to-dir/x", model_file("x")},   {"to-link", model_link("dir")},
                        {"was-link", model_directory()}, {"was-link/x", model_file("x")}};
  begin_with(before);
  const auto way = changes(before, after);
  EXPECT_EQ(ending(apply(way)), ApplyEnd::done);
  expect_tree(after);
  EXPECT_EQ(ending(apply(reversed(way))), ApplyEnd::done);
  expect_tree(before);
}

TEST_F(ApplyChanges, OfNothingIsDone) {
  EXPECT_EQ(ending(apply({})), ApplyEnd::done);
  EXPECT_EQ(ending(recover({})), ApplyEnd::done);
}

TEST_F(ApplyChanges, RefusesAndListsAllThatIsNotAsExpected) {
  const TreeModel before{{"a", model_file("x")}, {"b", model_file("x")}, {"c", model_file("x")},
                         {"d", model_file("x")}, {"e", model_link("x")}, {"same", model_file("x")}};
  const TreeModel after{{"a", model_file("y")},   {"b", model_file("y")},   {"c", model_file("y")},
                        {"d", model_file("y")},   {"e", model_link("y")},   {"f", model_file("")},
                        {"g", model_directory()}, {"same", model_file("y")}};
  const auto way = changes(before, after);
  begin_with({{"a", model_file("X")},
              {"b", model_file("longer")},
              {"c", model_file("x", 0600)},
              {"e", model_file("x")},
              {"f", model_file("")},
              {"same", model_file("x")}});
  ASSERT_EQ(::mkfifo(place("g").c_str(), 0600), 0);
  EXPECT_EQ(obstacles(way),
            (Strings{"a is not as expected", "b is not as expected", "c is not as expected",
                     "d is not as expected", "e is not as expected", "f is not as expected",
                     "g is not as expected"}));
  EXPECT_EQ(ending(recover(way)), ApplyEnd::refused);
}

TEST_F(ApplyChanges, RefusesToRemoveADirectoryThatHoldsMore) {
  const TreeModel before{{"d", model_directory()}, {"d/f", model_file("x")}};
  const auto removal = changes(before, {});
  const auto replacement = changes(before, {{"d", model_link("x")}});
  TreeModel now = before;
  now["d/of\nmine"] = model_file("x");
  begin_with(now);
  EXPECT_EQ(obstacles(removal), Strings{"d also holds of\\x0amine"});
  EXPECT_EQ(obstacles(replacement), Strings{"d also holds of\\x0amine"});
}

TEST_F(ApplyChanges, RefusesToPutSomethingWhereThereIsNoDirectory) {
  const TreeModel with_directory{{"d", model_directory()}};
  TreeModel after = with_directory;
  after["d/new"] = model_file("x");
  const auto way = changes(with_directory, after);
  EXPECT_EQ(obstacles(way), Strings{"d/new has no directory above it"});
  begin_with({{"d", model_file("")}});
  EXPECT_EQ(obstacles(way), Strings{"d/new has no directory above it"});
}

TEST_F(ApplyChanges, S38_FollowsNoLink) {
  const TreeModel before{{"d", model_directory()}, {"d/canary", model_file(std::string(kCanary))}};
  TreeModel after = before;
  after["d/canary"] = model_file("gone");
  after["d/new"] = model_file("x");
  const auto way = changes(before, after);
  begin_with({{"d", model_link("../outside")}});
  EXPECT_EQ(obstacles(way),
            (Strings{"d/canary is not as expected", "d/new has no directory above it"}));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "outside/new"));
}

TEST_F(ApplyChanges, S40_RefusesAHardLinkToAnotherOwnersFile) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs another owner";
  const TreeModel before{{"gone", model_file("x")}, {"linked", model_file("x")}};
  const auto way = changes(before, {{"linked", model_file("y")}});
  dir_.write("outside/x", "x");
  ASSERT_EQ(::chown((dir_ / "outside/x").c_str(), 12345, 12345), 0);
  std::filesystem::create_hard_link(dir_ / "outside/x", dir_ / "work/linked");
  std::filesystem::create_hard_link(dir_ / "outside/x", dir_ / "work/gone");
  EXPECT_EQ(obstacles(way), (Strings{"gone is a hard link to a file of another owner",
                                     "linked is a hard link to a file of another owner"}));
}

TEST_F(ApplyChanges, S40_AnotherNameOfAFileKeepsItsContentAndMode) {
  begin_with({{"a", model_file("x")}, {"b", model_file("z")}});
  std::filesystem::create_hard_link(dir_ / "work/a", dir_ / "outside/a");
  std::filesystem::create_hard_link(dir_ / "work/b", dir_ / "outside/b");
  put_contents({{"a", model_file("y")}}, *store_);
  ASSERT_TRUE(store_->sync());
  // The content of b is not in the store: only its mode changes.
  EXPECT_EQ(ending(apply(
                changes_between(tree_of({{"a", model_file("x")}, {"b", model_file("z")}}),
                                tree_of({{"a", model_file("y")}, {"b", model_file("z", 0755)}})))),
            ApplyEnd::done);
  expect_tree({{"a", model_file("y")}, {"b", model_file("z", 0755)}});
  EXPECT_EQ(dir_.read("outside/a"), "x");
  struct stat status{};
  ASSERT_EQ(::stat((dir_ / "outside/b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0644U);
}

TEST_F(ApplyChanges, S40_TouchesNothingInAnotherMount) {
  const TreeModel before{{"d", model_directory()}, {"d/x", model_file("x")}};
  TreeModel after = before;
  after["d/x"] = model_file("y");
  after["d/new"] = model_file("");
  const auto way = changes(before, after);
  begin_with({{"d", model_directory()}});
  dir_.write("outside/x", "x");
  if (::mount((dir_ / "outside").c_str(), place("d").c_str(), nullptr, MS_BIND, nullptr) != 0) {
    GTEST_SKIP() << "needs to mount";
  }
  const Strings found = obstacles(way);
  const Strings directory = obstacles(changes(before, {}));
  ::umount2(place("d").c_str(), MNT_DETACH);
  EXPECT_EQ(found, (Strings{"d/new has no directory above it", "d/x is not as expected"}));
  EXPECT_EQ(directory, (Strings{"d is not as expected", "d/x is not as expected"}));
  EXPECT_EQ(dir_.read("outside/x"), "x");
}

TEST_F(ApplyChanges, NeverGivesSetUserId) {
  begin_with({{"s", model_file("x", 04755)}});
  const auto way = changes({{"s", model_file("x", 04755)}},
                           {{"new", model_file("x", 06755)}, {"s", model_file("y", 04755)}});
  EXPECT_EQ(ending(apply(way)), ApplyEnd::done);
  expect_tree({{"new", model_file("x", 0755)}, {"s", model_file("y", 0755)}});
  EXPECT_EQ(ending(recover(way)), ApplyEnd::done);
}

TEST_F(ApplyChanges, KeepsWhatADirectoryGivesToItsGroup) {
  begin_with({{"d", model_directory()}});
  ASSERT_EQ(::chmod(place("d").c_str(), 02755), 0);
  EXPECT_EQ(ending(apply(changes({{"d", model_directory()}}, {{"d", model_directory(0700)}}))),
            ApplyEnd::done);
  struct stat status{};
  ASSERT_EQ(::stat(place("d").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 02700U);
}

TEST_F(ApplyChanges, KeepsTheOwnerOfAFile) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs another owner";
  begin_with({{"f", model_file("x", 0600)}});
  ASSERT_EQ(::chown(place("f").c_str(), 12345, 54321), 0);
  EXPECT_EQ(ending(apply(changes({{"f", model_file("x", 0600)}}, {{"f", model_file("y", 0600)}}))),
            ApplyEnd::done);
  struct stat status{};
  ASSERT_EQ(::stat(place("f").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 12345U);
  EXPECT_EQ(status.st_gid, 54321U);
}

TEST_F(ApplyChanges, WorksInDirectoriesThatMayNotBeWrittenTo) {
  const AsOrdinaryUser user(dir_.path());
  store_ = *ContentStore::open((dir_ / "store").string());
  const TreeModel before{{"gone", model_directory(0555)},
                         {"gone/x", model_file("x", 0444)},
                         {"r", model_directory(0555)},
                         {"r/x", model_file("x", 0444)},
                         {"to-file", model_directory(0555)}};
  const TreeModel after{{"r", model_directory(0555)},
                        {"r/n", model_directory(0555)},
                        {"r/n/y", model_file("y", 0444)},
                        {"to-file", model_file("")}};
  begin_with(before);
  const auto way = changes(before, after);
  EXPECT_EQ(ending(apply(way)), ApplyEnd::done);
  expect_tree(after);
  EXPECT_EQ(ending(apply(reversed(way))), ApplyEnd::done);
  expect_tree(before);
}

TEST_F(ApplyChanges, S46_AFailureLeavesNothingBehind) {
  begin_with({{"a", model_file("x")}});
  const auto way = changes_between(tree_of({{"a", model_file("x")}}),
                                   tree_of({{"a", model_file("not in the store")}}));
  EXPECT_EQ(code(apply(way)), Errc::not_found);
  expect_tree({{"a", model_file("x")}});
}

TEST_F(ApplyChanges, SeesWhatOthersDoWhileItStages) {
  begin_with({{"a", model_file("x")}, {"b", model_file("x")}});
  const auto way = changes({{"a", model_file("x")}, {"b", model_file("x")}},
                           {{"a", model_file("y")}, {"b", model_file("y")}});
  const Result<Applied> applied = apply_changes(
      *workspace_, way, *store_, {.key = kKey, .observe = [&](std::string_view step, auto&) {
                                    if (step == "sync what is staged")
                                      dir_.write("work/b", "stranger's");
                                  }});
  ASSERT_EQ(ending(applied), ApplyEnd::refused);
  EXPECT_EQ(applied->obstacles, (std::vector<Obstacle>{{"b", "is not as expected"}}));
  expect_tree({{"a", model_file("x")}, {"b", model_file("stranger's")}});
}

TEST_F(ApplyChanges, WantsChangesThatMakeATree) {
  const auto refused = [&](std::vector<FileChange> list) {
    return code(apply(list)) == Errc::invalid && code(recover(list)) == Errc::invalid;
  };
  const FileState file{.type = FileType::file, .mode = 0644, .content = sha256("x"), .bytes = 1};
  const FileState directory{.type = FileType::directory, .mode = 0755};
  for (const char* path :
       {"", "..", "a/../b", "/etc/passwd", "a//b", ".tinkerbell-x", "a/.tinkerbell-x/b"})
    EXPECT_TRUE(refused({{path, std::nullopt, file}})) << path;
  EXPECT_TRUE(refused({{"b", std::nullopt, file}, {"a", std::nullopt, file}}));
  EXPECT_TRUE(refused({{"a", std::nullopt, file}, {"a", std::nullopt, file}}));
  EXPECT_TRUE(refused({{"a", directory, file}, {"a/b", std::nullopt, file}}));
  EXPECT_TRUE(refused({{"a", file, directory}, {"a/b", file, file}}));
  EXPECT_TRUE(refused({{"a", directory, std::nullopt}, {"a/b/c", std::nullopt, file}}));
  EXPECT_TRUE(refused({{"a", std::nullopt, FileState{.type = FileType::link, .mode = 0644}}}));
  EXPECT_TRUE(refused({{"a", std::nullopt, FileState{.type = FileType::directory, .bytes = 1}}}));
}

TEST_F(ApplyChanges, TheirOutlookIsWhatTheyWouldMeetAndTouchesNothing) {
  const TreeModel before{{"d", model_directory()}, {"d/f", model_file("x")},
                         {"f", model_file("x")},   {"g", model_file("x")},
                         {"h", model_file("x")},   {"m", model_file("nobody kept it")}};
  TreeModel after{{"f", model_file("y")},
                  {"g", model_file("z")},
                  {"h", model_file("y")},
                  {"m", model_file("nobody kept it", 0755)},
                  {"n", model_file("lost")}};
  put_contents({{"y", model_file("y")}}, *store_);
  const auto way = changes_between(tree_of(before), tree_of(after));
  begin_with(before);
  dir_.write("work/d/more", "");
  dir_.write("work/g", "stranger's");
  dir_.write("work/h", "y");
  const auto now = states();
  const Result<Outlook> outlook = outlook_of_changes(*workspace_, way, *store_);
  ASSERT_TRUE(outlook) << outlook.error().message;
  EXPECT_EQ(outlook->obstacles,
            (std::vector<Obstacle>{{"d", "also holds more"}, {"g", "is not as expected"}}));
  EXPECT_EQ(outlook->as_after, Strings{"h"});
  EXPECT_EQ(outlook->not_kept, Strings{"n"});
  EXPECT_EQ(states(), now);
  EXPECT_EQ(code(outlook_of_changes(*workspace_, {{"../x", std::nullopt, FileState{}}}, *store_)),
            Errc::invalid);
}

TEST_F(ApplyChanges, S39_NeverReachesTheCanaryThroughALinkThatTakesADirectorysPlace) {
  begin_with({{"d", model_directory()}, {"l", model_link("../outside")}});
  const TreeModel before{{"d", model_directory()}};
  const TreeModel after{{"d", model_directory()}, {"d/canary", model_file("x")}};
  const auto way = changes(before, after);
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    Dice dice(1);
    while (!stop) {
      ::renameat2(AT_FDCWD, place("d").c_str(), AT_FDCWD, place("l").c_str(), RENAME_EXCHANGE);
      for (std::uint64_t pause = dice.chance(2) ? 0 : dice.pick(20'000); pause > 0; --pause)
        (void)::getppid();
    }
  });
  int done = 0;
  for (int round = 0; round < 500 || (done == 0 && round < 20'000); ++round) {
    const Result<Applied> applied = apply(way);
    done += applied && applied->end == ApplyEnd::done ? 1 : 0;
    const Result<Applied> undone = apply(reversed(way));
    done += undone && undone->end == ApplyEnd::done ? 1 : 0;
  }
  stop = true;
  swapper.join();
  EXPECT_GT(done, 0);
  EXPECT_EQ(dir_.read("outside/canary"), kCanary);
  const auto outside = std::filesystem::directory_iterator(dir_ / "outside");
  EXPECT_EQ(std::distance(begin(outside), end(outside)), 1) << "something was written outside";
}

// ---- after a crash ----

struct Crash {};

class RecoverChanges : public ApplyTest {
 protected:
  /// Ends before the n-th step, as a crash would. False: there are not so many.
  [[nodiscard]] bool crash(const std::vector<FileChange>& way, std::uint64_t n,
                           bool again = false) {
    const Applying applying{.key = kKey, .observe = [&](std::string_view, const std::string&) {
                              if (n-- == 0) throw Crash{};
                            }};
    try {
      const Result<Applied> applied = again ? recover_changes(*workspace_, way, *store_, applying)
                                            : apply_changes(*workspace_, way, *store_, applying);
      EXPECT_TRUE(applied) << applied.error().message;
      return false;
    } catch (const Crash&) {
      return true;
    }
  }

  static inline const TreeModel kBefore{{"d", model_directory(0555)}, {"d/f", model_file("x")},
                                        {"e", model_directory(0555)}, {"e/f", model_file("x")},
                                        {"f", model_file("x")},       {"g", model_directory(0555)},
                                        {"g/x", model_file("x")},     {"h", model_link("there")}};
  static inline const TreeModel kAfter{
      {"d", model_directory(0555)}, {"d/f", model_file("y", 0400)},  {"d/n", model_directory(0555)},
      {"d/n/f", model_file("n")},   {"e", model_file("now a file")}, {"f", model_directory(0555)},
      {"f/x", model_file("x")},     {"h", model_link("elsewhere")}};
};

TEST_F(RecoverChanges, FinishesFromEveryStep) {
  const AsOrdinaryUser user(dir_.path());
  store_ = *ContentStore::open((dir_ / "store").string());
  const auto way = changes(kBefore, kAfter);
  int finished = 0;
  int not_begun = 0;
  bool crashed = true;
  for (std::uint64_t n = 0; crashed; ++n) {
    begin_with(kBefore);
    crashed = crash(way, n);
    const ApplyEnd ended = ending(recover(way));
    finished += ended == ApplyEnd::done ? 1 : 0;
    not_begun += ended == ApplyEnd::not_begun ? 1 : 0;
    expect_tree(ended == ApplyEnd::done ? kAfter : kBefore);
  }
  EXPECT_GT(finished, 10);
  EXPECT_GT(not_begun, 10);
}

TEST_F(RecoverChanges, FinishesFromEveryStepOfARecovery) {
  const AsOrdinaryUser user(dir_.path());
  store_ = *ContentStore::open((dir_ / "store").string());
  const auto way = changes(kBefore, kAfter);
  bool crashed = true;
  for (std::uint64_t first = 0; crashed; first += 3) {
    bool crashed_again = true;
    for (std::uint64_t n = 0; crashed_again; ++n) {
      begin_with(kBefore);
      crashed = crash(way, first);
      crashed_again = crash(way, n, true);
      const ApplyEnd ended = ending(recover(way));
      expect_tree(ended == ApplyEnd::done ? kAfter : kBefore);
    }
  }
}

TEST_F(RecoverChanges, CanBeAppliedAgainWhereItHadNotBegun) {
  const AsOrdinaryUser user(dir_.path());
  store_ = *ContentStore::open((dir_ / "store").string());
  const auto way = changes(kBefore, kAfter);
  bool not_begun = true;
  for (std::uint64_t n = 0; not_begun; ++n) {
    begin_with(kBefore);
    ASSERT_TRUE(crash(way, n));
    const Result<Applied> again = apply(way);
    not_begun = ending(again) == ApplyEnd::done;
    if (not_begun) {
      expect_tree(kAfter);
    } else {
      EXPECT_EQ(ending(recover(way)), ApplyEnd::done);
      EXPECT_GT(n, 10U);
    }
  }
}

TEST_F(RecoverChanges, RefusesWhatAStrangerChangedAndTouchesNothing) {
  const auto way = changes(kBefore, kAfter);
  bool crashed = true;
  int refused = 0;
  for (std::uint64_t n = 0; crashed; ++n) {
    begin_with(kBefore);
    crashed = crash(way, n);
    std::filesystem::remove(place("h"));
    dir_.write("work/h", "stranger's");
    EXPECT_EQ(obstacles(way, true), Strings{"h is not as expected"});
    EXPECT_EQ(std::filesystem::exists(staging()), crashed && n > 0);
    ++refused;
  }
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace tinkerbell
