#include "tinkerbell/workspace/copy_tree.hpp"

#include "unit/workspace/tree_model.hpp"
#include "unit/workspace/workspace_fixture.hpp"

#include <limits>

namespace tinkerbell {
namespace {

class CopyOfATree : public WorkspaceTest {
 protected:
  void SetUp() override {
    WorkspaceTest::SetUp();
    std::filesystem::create_directories(dir_ / "draft");
    draft_ = *Workspace::open((dir_ / "draft").string());
  }

  [[nodiscard]] TreeCopy copy(const TreeCopying& how = {}) const {
    Result<TreeCopy> copied = copy_tree(*workspace_, *draft_, how);
    EXPECT_TRUE(copied) << copied.error().message;
    return copied ? *std::move(copied) : TreeCopy{};
  }

  [[nodiscard]] struct stat status(const std::string& name) const {
    struct stat found{};
    EXPECT_EQ(::lstat((dir_ / name).c_str(), &found), 0) << name;
    return found;
  }

  void set_times(const std::string& name, time_t seconds) const {
    const std::array<timespec, 2> times{timespec{1, 0}, timespec{seconds, 123'456'789}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (dir_ / name).c_str(), times.data(), AT_SYMLINK_NOFOLLOW), 0);
  }

  static std::int64_t mtime_ns(const struct stat& status) {
    return status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  }

  std::shared_ptr<Workspace> draft_;
};

TEST_F(CopyOfATree, HasEveryEntryWithModeAndTime) {
  const TreeModel model{{"d", model_directory(0750)},       {"d/e", model_directory()},
                        {"d/f", model_file("hello", 0640)}, {"l", model_link("../outside/canary")},
                        {"r", model_directory(0555)},       {"r/x", model_file("", 0444)},
                        {"\xFF\n", model_file("odd")}};
  write_model(model, dir_ / "work");
  set_times("work/d/f", 1'000);
  set_times("work/l", 2'000);
  set_times("work/r", -3'000);
  const TreeCopy made = copy();
  const Tree tree = *look_at_tree(*draft_);
  EXPECT_EQ(states_of(tree), states_of(tree_of(model)));
  for (const auto& [path, node] : model)
    EXPECT_EQ(mtime_ns(status("draft/" + path)), mtime_ns(status("work/" + path))) << path;
  EXPECT_EQ(made.copied.entries, tree.entries);
  EXPECT_EQ(made.source.entries, look_at_tree(*workspace_)->entries);
  EXPECT_EQ(dir_.read("outside/canary"), kCanary);
}

TEST_F(CopyOfATree, IsKnownToALaterLook) {
  put("f", "x");
  const TreeCopy made = copy();
  Tree known = made.copied;
  known.entries[0].content = sha256("a mark");
  known.looked_ns = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(look_at_tree(*draft_, {.known = &known})->find("f")->content, sha256("a mark"));
}

TEST_F(CopyOfATree, KeepsHolesAndSeparatesTheNamesOfOneFile) {
  const std::string sparse = std::string(1 << 20, '\0') + "end";
  write_model({{"sparse", model_file(sparse)}, {"one", model_file("shared")}}, dir_ / "work");
  std::filesystem::create_hard_link(dir_ / "work/one", dir_ / "work/two");
  (void)copy();
  EXPECT_TRUE(dir_.read("draft/sparse") == sparse);
  EXPECT_LT(status("draft/sparse").st_blocks * 512, 1 << 18);
  EXPECT_EQ(dir_.read("draft/two"), "shared");
  EXPECT_EQ(status("draft/one").st_nlink, 1U);
  EXPECT_EQ(status("draft/two").st_nlink, 1U);
}

TEST_F(CopyOfATree, HasNoSetUserIdAndThatIsNoChangeOfIts) {
  put("tool", "x");
  ASSERT_EQ(::chmod((dir_ / "work/tool").c_str(), 06755), 0);
  const TreeCopy made = copy();
  EXPECT_EQ(status("draft/tool").st_mode & 07777, 0755U);
  EXPECT_EQ(made.source.find("tool")->mode, 06755U);
  EXPECT_EQ(made.copied.find("tool")->mode, 0755U);
}

TEST_F(CopyOfATree, HasGitsObjectsThoughNoTreeHasThem) {
  for (const char* name : {".git/HEAD", ".git/objects/ab/cd", ".git/objects/pack/p.pack",
                           ".git/index.lock", ".git/objects/maintenance.lock"})
    put(name, name);
  ASSERT_EQ(::chmod((dir_ / "work/.git/objects/ab/cd").c_str(), 0444), 0);
  const TreeCopy made = copy();
  EXPECT_EQ(dir_.read("draft/.git/objects/pack/p.pack"), ".git/objects/pack/p.pack");
  EXPECT_EQ(status("draft/.git/objects/ab/cd").st_mode & 07777, 0444U);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "draft/.git/index.lock"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "draft/.git/objects/maintenance.lock"));
  EXPECT_EQ(made.copied.find(".git/objects/ab"), nullptr);
  EXPECT_NE(made.copied.find(".git/objects"), nullptr);
  EXPECT_EQ(made.copied.entries, look_at_tree(*draft_)->entries);
}

TEST_F(CopyOfATree, TellsWhatItLeavesOut) {
  ASSERT_EQ(::mkfifo((dir_ / "work/fifo").c_str(), 0600), 0);
  put("large", "12345");
  put("node_modules/x", "");
  const TreeCopy made =
      copy({.excludes = [](auto path) { return path == "node_modules"; }, .file_bytes_max = 4});
  EXPECT_EQ(made.source.left_out,
            (std::vector<LeftOut>{{"fifo", LeftOutReason::special},
                                  {"large", LeftOutReason::too_large},
                                  {"node_modules", LeftOutReason::excluded}}));
  EXPECT_TRUE(look_at_tree(*draft_)->entries.empty());
}

TEST_F(CopyOfATree, KeepsTheContentsForALaterMerge) {
  put("f", "x");
  link("target", "l");
  const auto store = *ContentStore::open((dir_ / "store").string());
  (void)copy({.keep = store.get()});
  EXPECT_TRUE(store->has(sha256("x")));
  EXPECT_TRUE(store->has(sha256("target")));
}

TEST_F(CopyOfATree, OfADeepTreeIsWhole) {
  TreeModel model;
  std::string path = "d";
  for (int level = 0; level < 50; ++level) {
    model.emplace(path, model_directory(level % 2 == 0 ? 0555 : 0755));
    path += "/d";
  }
  model.emplace(path, model_file("bottom"));
  write_model(model, dir_ / "work");
  (void)copy();
  EXPECT_EQ(states_of(*look_at_tree(*draft_)), states_of(tree_of(model)));
}

TEST_F(CopyOfATree, WantsAnEmptyDirectory) {
  dir_.write("draft/there", "");
  EXPECT_EQ(code(copy_tree(*workspace_, *draft_)), Errc::conflict);
}

TEST_F(CopyOfATree, StopsWhenAsked) {
  put("a", "");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code(copy_tree(*workspace_, *draft_, {.stop = stop.get_token()})), Errc::cancelled);
  EXPECT_EQ(code(estimate_copy(*workspace_, *draft_, {.stop = stop.get_token()})), Errc::cancelled);
}

TEST_F(CopyOfATree, HasAPriceThatIsToldBefore) {
  write_model({{"a", model_file(std::string(1 << 20, '\0'))}, {"b", model_file("12345")}},
              dir_ / "work");
  put(".git/objects/ab/cd", "123");
  const Result<CopyEstimate> estimate = estimate_copy(*workspace_, *draft_);
  ASSERT_TRUE(estimate);
  EXPECT_EQ(estimate->files, 3U);
  EXPECT_EQ(estimate->bytes, (1U << 20) + 8U);
  EXPECT_LT(estimate->bytes_used, 1U << 19);
  EXPECT_GT(estimate->bytes_free, 0U);
  EXPECT_EQ(estimate->method, copy().method);
  put("c", "");
  EXPECT_EQ(estimate_copy(*workspace_, *draft_)->files, 4U);
}

}  // namespace
}  // namespace tinkerbell
