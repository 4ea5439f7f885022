#include "unit/workspace/workspace_fixture.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace tinkerbell {
namespace {

class Change : public WorkspaceTest {
 protected:
  [[nodiscard]] mode_t mode_of(const std::string& name) const {
    struct stat status{};
    EXPECT_EQ(::stat((dir_ / ("work/" + name)).c_str(), &status), 0);
    return status.st_mode & 07777;
  }

  void set_mode(const std::string& name, mode_t mode) const {
    ASSERT_EQ(::chmod((dir_ / ("work/" + name)).c_str(), mode), 0);
  }

  [[nodiscard]] PreImage pre_image(const std::string& name) const {
    Result<PreImage> image = workspace_->read_pre_image(*workspace_->resolve_to_change(name));
    EXPECT_TRUE(image);
    return image ? *image : PreImage{};
  }

  /// Whether only `names` are in the workspace: no temporary file is left.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(dir_ / "work"))
      found.push_back(entry.path().filename());
    std::ranges::sort(found);
    return found;
  }
};

TEST_F(Change, CreatesAFileWithTheDirectoriesAboveIt) {
  ASSERT_TRUE(write("a/b/c.txt", "hello"));
  EXPECT_EQ(get("a/b/c.txt"), "hello");
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

TEST_F(Change, ReplacesAFileAndKeepsItsMode) {
  put("run.sh", "old");
  set_mode("run.sh", 0751);
  ASSERT_TRUE(write("run.sh", "new", hash("old")));
  EXPECT_EQ(get("run.sh"), "new");
  EXPECT_EQ(mode_of("run.sh"), 0751U);
  EXPECT_EQ(names(), std::vector<std::string>{"run.sh"});
}

TEST_F(Change, DropsSetUserIdOnTheWayAndSaysSo) {
  put("tool", "old");
  set_mode("tool", 04755);
  EXPECT_EQ(pre_image("tool").mode, 04755U);
  const Result<std::uint32_t> mode = write("tool", "new", hash("old"));
  ASSERT_TRUE(mode);
  EXPECT_EQ(*mode, 0755U);
  EXPECT_EQ(mode_of("tool"), 0755U);
  EXPECT_EQ(*write("new", "x"), mode_of("new"));
}

TEST_F(Change, S32_AFileThatIsNotAsExpectedIsAConflict) {
  put("a", "meanwhile");
  EXPECT_EQ(code(write("a", "new", hash("old"))), Errc::conflict);
  EXPECT_EQ(code(write("a", "new", "")), Errc::conflict);
  EXPECT_EQ(code(write("gone", "new", hash("old"))), Errc::conflict);
  EXPECT_EQ(code(write("gone/too", "new", hash("old"))), Errc::conflict);
  EXPECT_EQ(get("a"), "meanwhile");
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

TEST_F(Change, RefusesMoreThanItCanShow) {
  EXPECT_EQ(code(write("a", std::string(kChangeBytesMax + 1, 'x'))), Errc::too_large);
  put("b", std::string(kChangeBytesMax + 1, 'x'));
  EXPECT_EQ(code(workspace_->read_pre_image(*workspace_->resolve("b"))), Errc::too_large);
  EXPECT_TRUE(write("c", std::string(kChangeBytesMax, 'x')));
}

TEST_F(Change, RefusesAReadOnlyFile) {
  put("a", "old");
  set_mode("a", 0444);
  EXPECT_EQ(code(write("a", "new", hash("old"))), Errc::denied);
  EXPECT_EQ(get("a"), "old");
}

TEST_F(Change, S40_RefusesAHardLinkToAnotherOwnersFile) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs another owner";
  ASSERT_EQ(::chown((dir_ / "outside/canary").c_str(), 12345, 12345), 0);
  std::filesystem::create_hard_link(dir_ / "outside/canary", dir_ / "work/linked");
  EXPECT_EQ(code(write("linked", "new", hash(kCanary))), Errc::denied);
  EXPECT_EQ(code(workspace_->read_pre_image(*workspace_->resolve("linked"))), Errc::denied);
  EXPECT_EQ(dir_.read("outside/canary"), kCanary);
}

TEST_F(Change, S40_AHardLinkOfOurOwnIsReplacedAndTheOtherNameKeepsItsContent) {
  put("a", "old");
  std::filesystem::create_hard_link(dir_ / "work/a", dir_ / "work/b");
  ASSERT_TRUE(write("a", "new", hash("old")));
  EXPECT_EQ(get("a"), "new");
  EXPECT_EQ(get("b"), "old");
}

TEST_F(Change, AnEarlierResolvedPathFollowsNoLinkThatAppearedSince) {
  put("d/a", "old");
  const WorkspacePath place = *workspace_->resolve_to_change("d/a");
  std::filesystem::rename(dir_ / "work/d", dir_ / "work/e");
  link("e", "d");
  EXPECT_EQ(code(workspace_->read(place, 100)), Errc::conflict);
  EXPECT_EQ(code(workspace_->replace(place, {"new", hash("old"), kKey})), Errc::conflict);
  EXPECT_EQ(get("e/a"), "old");
}

TEST_F(Change, RemovesWhatACrashLeftOfTheSameChange) {
  put(".tinkerbell-" + std::string(kKey), "torn");
  put(".tinkerbell-other", "of another change");
  ASSERT_TRUE(write("a", "new"));
  EXPECT_EQ(get("a"), "new");
  EXPECT_FALSE(exists(".tinkerbell-" + std::string(kKey)));
  EXPECT_TRUE(exists(".tinkerbell-other"));
}

TEST_F(Change, MakeDurableAcceptsAFileThatIsThere) {
  put("d/a", "x");
  EXPECT_TRUE(workspace_->make_durable(*workspace_->resolve("d/a")));
  EXPECT_EQ(code(workspace_->make_durable(*workspace_->resolve("d/b"))), Errc::not_found);
}

TEST_F(Change, S46_AReaderSeesTheOldOrTheNewContentAndNeverAPart) {
  const std::string old_text(200'000, 'o');
  const std::string new_text(300'000, 'n');
  put("a", old_text);
  std::atomic<bool> stop = false;
  std::atomic<int> mixed = 0;
  std::atomic<int> reads = 0;
  std::thread reader([&] {
    while (!stop || reads == 0) {
      const std::string seen = get("a");
      mixed += seen == old_text || seen == new_text ? 0 : 1;
      ++reads;
    }
  });
  for (int round = 0; round < 50; ++round) {
    const bool even = round % 2 == 0;
    const Result<std::uint32_t> done =
        write("a", even ? new_text : old_text, hash(even ? old_text : new_text));
    EXPECT_TRUE(done);
  }
  stop = true;
  reader.join();
  EXPECT_EQ(mixed, 0);
}

/// Exchanges a directory of the workspace with a link to the canary's, again and again.
class SwapRace : public WorkspaceTest {
 protected:
  void SetUp() override {
    WorkspaceTest::SetUp();
    put("d/canary", "inside");
    link("../outside", "l");
    swapper_ = std::thread([this] {
      const std::string directory = (dir_ / "work/d").string();
      const std::string link = (dir_ / "work/l").string();
      while (!stop_)
        ::renameat2(AT_FDCWD, directory.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE);
    });
  }

  void TearDown() override {
    stop_ = true;
    swapper_.join();
    EXPECT_EQ(dir_.read("outside/canary"), kCanary);
    const auto outside = std::filesystem::directory_iterator(dir_ / "outside");
    EXPECT_EQ(std::distance(begin(outside), end(outside)), 1) << "something was written outside";
  }

  std::atomic<bool> stop_ = false;
  std::thread swapper_;
};

TEST_F(SwapRace, S39_NoReadEverReachesTheCanary) {
  int inside = 0;
  for (int round = 0; round < 20'000; ++round) {
    const Result<std::string> seen = read("d/canary");
    if (seen) {
      ASSERT_EQ(*seen, "inside");
      ++inside;
    } else {
      ASSERT_TRUE(seen.error().code == Errc::outside_workspace ||
                  seen.error().code == Errc::conflict || seen.error().code == Errc::not_found)
          << seen.error().message;
    }
  }
  EXPECT_GT(inside, 0);
}

TEST_F(SwapRace, S39_NoWriteEverReachesTheCanary) {
  // Resolved first, all of them, so that every second write meets the link.
  std::vector<WorkspacePath> places;
  while (places.size() < 300) {
    const auto place = workspace_->resolve_to_change("d/new" + std::to_string(places.size()));
    if (place) places.push_back(*place);
  }
  int written = 0;
  for (const WorkspacePath& place : places) {
    written += workspace_->replace(place, {"x", "", kKey}) ? 1 : 0;
  }
  EXPECT_GT(written, 0);
}

}  // namespace
}  // namespace tinkerbell
