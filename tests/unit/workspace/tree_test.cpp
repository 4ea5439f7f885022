#include "tinkerbell/workspace/tree.hpp"

#include "unit/workspace/tree_model.hpp"
#include "unit/workspace/workspace_fixture.hpp"

#include "tinkerbell/base/fields.hpp"

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <limits>
#include <thread>

namespace tinkerbell {
namespace {

class LookAtTree : public WorkspaceTest {
 protected:
  [[nodiscard]] Tree look(const TreeLook& how = {}) const {
    Result<Tree> tree = look_at_tree(*workspace_, how);
    EXPECT_TRUE(tree) << tree.error().message;
    return tree ? *std::move(tree) : Tree{};
  }

  [[nodiscard]] std::vector<std::string> paths(const TreeLook& how = {}) const {
    std::vector<std::string> found;
    for (const TreeEntry& entry : look(how).entries)
      found.push_back(entry.path);
    return found;
  }

  [[nodiscard]] std::string place(const std::string& name) const {
    return (dir_ / "work" / name).string();
  }

  /// A tree in which every hash is wrong, so that it shows which of them were taken from it.
  static Tree with_marks(Tree tree) {
    for (TreeEntry& entry : tree.entries)
      if (entry.type != FileType::directory) entry.content = kMark;
    return tree;
  }

  static inline const Sha256 kMark = sha256("a mark");
};

using Paths = std::vector<std::string>;

TEST_F(LookAtTree, SeesFilesDirectoriesAndLinksAsTheyAre) {
  const TreeModel model{{"d", model_directory(0750)},
                        {"d/empty", model_directory()},
                        {"d/f", model_file("hello", 0640)},
                        {"l", model_link("d/nowhere")},
                        {"z", model_file("")}};
  write_model(model, dir_ / "work");
  const Tree tree = look();
  EXPECT_EQ(states_of(tree), states_of(tree_of(model)));
  EXPECT_TRUE(tree.left_out.empty());
  struct stat status{};
  ASSERT_EQ(::stat(place("d/f").c_str(), &status), 0);
  const TreeEntry* const file = tree.find("d/f");
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->inode, status.st_ino);
  EXPECT_EQ(file->device, status.st_dev);
  EXPECT_EQ(file->mtime_ns, status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec);
  EXPECT_EQ(file->ctime_ns, status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec);
}

TEST_F(LookAtTree, KeepsTheByteOrderOfWholePaths) {
  for (const char* name : {"a/x", "a-b/y", "a-/z", "a0", "a.c", "B", "a/-"})
    put(name, "");
  EXPECT_EQ(paths(), (Paths{"B", "a", "a-", "a-/z", "a-b", "a-b/y", "a.c", "a/-", "a/x", "a0"}));
}

TEST_F(LookAtTree, S45_NamesAreBytes) {
  const TreeModel model{{"new\nline", model_file("1")},
                        {std::string(255, 'n'), model_file("2")},
                        {"\xFF\x01\x1B", model_link("\xFE\n")},
                        {"...", model_file("3")}};
  write_model(model, dir_ / "work");
  EXPECT_EQ(states_of(look()), states_of(tree_of(model)));
}

TEST_F(LookAtTree, GoesDeeperThanItHoldsDescriptors) {
  TreeModel model;
  std::string path = "d";
  for (int level = 0; level < 60; ++level) {
    model.emplace(path, model_directory());
    model.emplace(path + "-after", model_file("x"));  // met on the way back
    path += "/d";
  }
  write_model(model, dir_ / "work");
  EXPECT_EQ(states_of(look()), states_of(tree_of(model)));
}

TEST_F(LookAtTree, SaysWhichPathIsTooLongForTheKernel) {
  std::string directory = place("");
  ASSERT_EQ(::chdir(directory.c_str()), 0);
  const std::string name(250, 'd');
  for (int level = 0; level < 18; ++level)
    ASSERT_TRUE(::mkdir(name.c_str(), 0700) == 0 && ::chdir(name.c_str()) == 0);
  ASSERT_EQ(::chdir("/"), 0);
  const Tree tree = look();
  ASSERT_EQ(tree.left_out.size(), 1U);
  EXPECT_EQ(tree.left_out[0].reason, LeftOutReason::long_path);
  EXPECT_EQ(tree.entries.size(), 16U);
}

TEST_F(LookAtTree, S42_SpecialFilesAreLeftOutAndTold) {
  ASSERT_EQ(::mkfifo(place("fifo").c_str(), 0600), 0);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX};
  place("socket").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  const Tree tree = look();
  EXPECT_TRUE(tree.entries.empty());
  EXPECT_EQ(tree.left_out, (std::vector<LeftOut>{{"fifo", LeftOutReason::special},
                                                 {"socket", LeftOutReason::special}}));
}

TEST_F(LookAtTree, S40_AnotherMountIsLeftOutAndTold) {
  put("d/inside", "");
  dir_.write("outside/deep/file", "");
  if (::mount((dir_ / "outside").c_str(), place("d").c_str(), nullptr, MS_BIND, nullptr) != 0) {
    GTEST_SKIP() << "needs to mount";
  }
  const Tree tree = look();
  ::umount2(place("d").c_str(), MNT_DETACH);
  EXPECT_TRUE(tree.entries.empty());
  EXPECT_EQ(tree.left_out, (std::vector<LeftOut>{{"d", LeftOutReason::other_mount}}));
}

TEST_F(LookAtTree, WhatMayNotBeReadIsLeftOutAndTold) {
  const AsOrdinaryUser user(dir_.path());
  put("secret", "x");
  put("closed/inside", "x");
  ASSERT_EQ(::chmod(place("secret").c_str(), 0), 0);
  ASSERT_EQ(::chmod(place("closed").c_str(), 0300), 0);
  const Tree tree = look();
  EXPECT_EQ(tree.left_out, (std::vector<LeftOut>{{"closed", LeftOutReason::unreadable},
                                                 {"secret", LeftOutReason::unreadable}}));
  EXPECT_TRUE(tree.is_left_out("closed/inside"));
  EXPECT_TRUE(tree.is_left_out("secret"));
  EXPECT_FALSE(tree.is_left_out("secretary"));
  ASSERT_EQ(::chmod(place("closed").c_str(), 0700), 0);
}

TEST_F(LookAtTree, S43_ALargeFileIsLeftOutAndTold) {
  put("small", "four");
  put("large", "fives");
  const Tree tree = look({.file_bytes_max = 4});
  EXPECT_EQ(states_of(tree).size(), 1U);
  EXPECT_EQ(tree.left_out, (std::vector<LeftOut>{{"large", LeftOutReason::too_large}}));
}

TEST_F(LookAtTree, LeavesOutWhatTheCallerExcludesWithAllBelow) {
  put("build/a/b", "");
  put("src/c", "");
  const TreeLook how{.excludes = [](std::string_view path) { return path == "build"; }};
  EXPECT_EQ(paths(how), (Paths{"src", "src/c"}));
  EXPECT_EQ(look(how).left_out, (std::vector<LeftOut>{{"build", LeftOutReason::excluded}}));
}

TEST_F(LookAtTree, PassesOverOurTemporaryFilesAndGitsObjectsAndLocks) {
  for (const char* name :
       {".tinkerbell-x", "d/.tinkerbell-y/z", ".git/objects/ab/c", ".git/HEAD", ".git/index.lock",
        ".git/refs/heads/x.lock", "yarn.lock", "sub/.git/objects/ab/c"})
    put(name, "");
  EXPECT_EQ(paths(), (Paths{".git", ".git/HEAD", ".git/objects", ".git/refs", ".git/refs/heads",
                            "d", "sub", "sub/.git", "sub/.git/objects", "sub/.git/objects/ab",
                            "sub/.git/objects/ab/c", "yarn.lock"}));
  EXPECT_TRUE(look().left_out.empty());
}

TEST_F(LookAtTree, TakesTheHashOfAnUntouchedFileFromAnEarlierLook) {
  put("d/same", "same");
  put("other", "before");
  link("x", "l");
  Tree known = with_marks(look());
  known.looked_ns = std::numeric_limits<std::int64_t>::max();  // all that is in it was old then
  put("other", "after!");
  const Tree tree = look({.known = &known});
  EXPECT_EQ(tree.find("d/same")->content, kMark);
  EXPECT_EQ(tree.find("l")->content, kMark);
  EXPECT_EQ(tree.find("other")->content, sha256("after!"));
}

TEST_F(LookAtTree, ReadsAFileAgainThatChangedTooNearToTheEarlierLook) {
  put("racy", "x");
  Tree known = with_marks(look());
  EXPECT_EQ(look({.known = &known}).find("racy")->content, sha256("x"));
  const std::int64_t changed = known.find("racy")->ctime_ns;
  known.looked_ns = changed + 2'000'000'000;
  EXPECT_EQ(look({.known = &known}).find("racy")->content, sha256("x"));
  known.looked_ns = changed + 2'000'000'001;
  EXPECT_EQ(look({.known = &known}).find("racy")->content, kMark);
}

TEST_F(LookAtTree, EveryPartOfAFilesSignatureCounts) {
  put("f", "x");
  Tree known = with_marks(look());
  known.looked_ns = std::numeric_limits<std::int64_t>::max();
  ASSERT_EQ(look({.known = &known}).find("f")->content, kMark);
  const auto counts = [&](auto change) {
    Tree other = known;
    change(other.entries[0]);
    return look({.known = &other}).find("f")->content == sha256("x");
  };
  EXPECT_TRUE(counts([](TreeEntry& entry) { ++entry.bytes; }));
  EXPECT_TRUE(counts([](TreeEntry& entry) { ++entry.mtime_ns; }));
  EXPECT_TRUE(counts([](TreeEntry& entry) { ++entry.ctime_ns; }));
  EXPECT_TRUE(counts([](TreeEntry& entry) { ++entry.inode; }));
  EXPECT_TRUE(counts([](TreeEntry& entry) { ++entry.device; }));
  EXPECT_TRUE(counts([](TreeEntry& entry) { entry.mode ^= 1; }));
}

TEST_F(LookAtTree, KeepsWhatItReadsAndNothingElse) {
  put("old", "old");
  put("new", "new");
  Tree known = look();
  known.looked_ns = std::numeric_limits<std::int64_t>::max();
  put("new", "newer");
  link("target", "l");
  const auto store = *ContentStore::open((dir_ / "store").string());
  const Tree tree = look({.known = &known, .keep = store.get()});
  EXPECT_EQ(tree.find("new")->content, sha256("newer"));
  EXPECT_TRUE(store->has(sha256("newer")));
  EXPECT_TRUE(store->has(sha256("target")));
  EXPECT_FALSE(store->has(sha256("old")));
}

TEST_F(LookAtTree, APartIsWhatStandsAtAPathAndAllBelow) {
  put("a/b/c", "");
  put("a-b", "");
  put("ab/x", "");
  link("a", "l");
  const auto part = [&](const std::string& path, const PartLook& how = {}) {
    const Result<Tree> tree = look_at_part(*workspace_, *workspace_->resolve_itself(path), how);
    Paths found;
    if (!tree) return Paths{std::string(to_string(tree.error().code))};
    for (const TreeEntry& entry : tree->entries)
      found.push_back(entry.path);
    for (const LeftOut& left : tree->left_out)
      found.push_back(left.path + ' ' + std::string(name_of(left.reason)));
    return found;
  };
  EXPECT_EQ(part("a"), (Paths{"a", "a/b", "a/b/c"}));
  EXPECT_EQ(part("a/b/c"), Paths{"a/b/c"});
  EXPECT_EQ(part("l"), Paths{"l"});
  EXPECT_EQ(part("none"), Paths{"not_found"});
  EXPECT_EQ(part("none/deeper"), Paths{"not_found"});
  EXPECT_EQ(part("a", {.entries_max = 3}), (Paths{"a", "a/b", "a/b/c"}));
  EXPECT_EQ(part("a", {.entries_max = 2}), Paths{"too_large"});
  put("a/b/c", "123");
  put("a/d", "45");
  EXPECT_EQ(part("a", {.bytes_max = 5}).size(), 4U);
  EXPECT_EQ(part("a", {.bytes_max = 4}), Paths{"too_large"});
  put(".git/objects/ab/c", "");
  put(".git/index.lock", "");
  put(".git/.tinkerbell-x/y", "");
  EXPECT_EQ(part(".git"), (Paths{".git", ".git/index.lock", ".git/objects", ".git/objects/ab",
                                 ".git/objects/ab/c", ".git/.tinkerbell-x excluded"}));
}

TEST_F(LookAtTree, StopsWhenAsked) {
  put("a", "");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code(look_at_tree(*workspace_, {.stop = stop.get_token()})), Errc::cancelled);
}

TEST_F(LookAtTree, IsNotEndedByWhatComesAndGoesMeanwhile) {
  put("a/stays", "x");
  std::atomic<bool> stop = false;
  std::atomic<int> rounds = 0;
  std::thread other([&] {
    while (!stop) {
      for (const char* name : {"a/d", "a/d/e", "z"})
        ::mkdir(place(name).c_str(), 0700);
      (void)!::symlink("x", place("a/d/l").c_str());
      (void)!::rename(place("z").c_str(), place("a/d/e/z").c_str());
      (void)!::unlink(place("a/d/l").c_str());
      for (const char* name : {"a/d/e/z", "a/d/e", "a/d"})
        ::rmdir(place(name).c_str());
      ++rounds;
    }
  });
  for (int round = 0; round < 1'000 || rounds < 1'000; ++round)
    EXPECT_NE(look().find("a/stays"), nullptr);
  stop = true;
  other.join();
}

TEST_F(LookAtTree, AFileThatIsAlwaysWrittenToIsTold) {
  put("log", std::string(1 << 20, 'x'));
  std::atomic<bool> stop = false;
  std::atomic<int> writes = 0;
  std::thread writer([&] {
    const int fd = ::open(place("log").c_str(), O_WRONLY | O_CLOEXEC);
    while (!stop) {
      // Each write shows: the time of change has a grain of milliseconds, the length has none.
      (void)!::ftruncate(fd, (1 << 20) + writes % 1000);
      ++writes;
    }
    ::close(fd);
  });
  while (writes == 0)
    std::this_thread::yield();
  Tree tree = look();
  while (tree.left_out.empty())  // until a write falls into one
    tree = look();
  stop = true;
  writer.join();
  EXPECT_EQ(tree.left_out, (std::vector<LeftOut>{{"log", LeftOutReason::changing}}));
}

TEST_F(LookAtTree, S39_NeverSeesWhatALinkLeadsToThatTakesADirectorysPlace) {
  put("d/canary", "inside");
  link("../outside", "l");
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    while (!stop)
      ::renameat2(AT_FDCWD, place("d").c_str(), AT_FDCWD, place("l").c_str(), RENAME_EXCHANGE);
  });
  int seen = 0;
  for (int round = 0; round < 1'000; ++round) {
    for (const TreeEntry& entry : look().entries) {
      ASSERT_NE(entry.content, sha256(kCanary));
      seen += entry.content == sha256("inside") ? 1 : 0;
    }
  }
  stop = true;
  swapper.join();
  EXPECT_GT(seen, 0);
}

// ---- on the disk ----

Tree example() {
  Tree tree = tree_of(
      {{"d", model_directory()}, {"d/\xFF\n", model_file("x", 04755)}, {"l", model_link("d")}});
  tree.looked_ns = 17;
  tree.entries[1].mtime_ns = -5;
  tree.entries[1].ctime_ns = std::numeric_limits<std::int64_t>::max();
  tree.entries[1].inode = std::numeric_limits<std::uint64_t>::max();
  tree.entries[1].device = 3;
  tree.left_out = {{"a", LeftOutReason::special}, {"b", LeftOutReason::excluded}};
  return tree;
}

TEST(TreeForm, IsReadBackAsItWasWritten) {
  const Result<Tree> back = from_canonical<Tree>(canonical_bytes(example()));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, example());
  EXPECT_EQ(*from_canonical<Tree>(canonical_bytes(Tree{})), Tree{});
}

TEST(TreeForm, IsRefusedIfOneBitIsDamagedOrTheEndIsMissing) {
  const std::string bytes = canonical_bytes(example());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_FALSE(from_canonical<Tree>(damaged)) << at;
    EXPECT_FALSE(from_canonical<Tree>(bytes.substr(0, at))) << at;
  }
  EXPECT_FALSE(from_canonical<Tree>(bytes + '\0'));
}

/// Bytes that nobody damaged, but that no look would write.
bool is_refused(const auto& change) {
  Tree tree = example();
  change(tree);
  return !from_canonical<Tree>(canonical_bytes(tree));
}

TEST(TreeForm, IsRefusedIfItIsNoTree) {
  EXPECT_FALSE(is_refused([](Tree&) {}));
  for (const char* path : {"", "/etc", "..", "d/../../x", "d//x", "d/", "./x"})
    EXPECT_TRUE(is_refused([&](Tree& tree) { tree.entries = {{.path = path}}; })) << path;
  EXPECT_TRUE(is_refused([](Tree& tree) { std::swap(tree.entries[0], tree.entries[1]); }));
  EXPECT_TRUE(is_refused([](Tree& tree) { tree.entries.push_back(tree.entries.back()); }));
  EXPECT_TRUE(is_refused([](Tree& tree) { std::swap(tree.left_out[0], tree.left_out[1]); }));
  EXPECT_TRUE(is_refused([](Tree& tree) { tree.entries[0].mode = 010000; }));
  EXPECT_TRUE(is_refused([](Tree& tree) { tree.entries[0].type = static_cast<FileType>(3); }));
  EXPECT_TRUE(
      is_refused([](Tree& tree) { tree.left_out[0].reason = static_cast<LeftOutReason>(99); }));
}

}  // namespace
}  // namespace tinkerbell
