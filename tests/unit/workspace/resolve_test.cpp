#include "unit/workspace/workspace_fixture.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace tinkerbell {
namespace {

class Resolve : public WorkspaceTest {
 protected:
  [[nodiscard]] std::string resolved(std::string_view path) const {
    const Result<WorkspacePath> place = workspace_->resolve(path);
    return place ? place->text() : std::string(to_string(place.error().code));
  }

  [[nodiscard]] std::string resolved_to_change(std::string_view path) const {
    const Result<WorkspacePath> place = workspace_->resolve_to_change(path);
    return place ? place->text() : std::string(to_string(place.error().code));
  }
};

TEST_F(Resolve, NamesTheFileThatALinkLeadsTo) {
  put("src/deep/a.cpp", "x");
  link("src/deep", "short");
  link("short/a.cpp", "file");
  EXPECT_EQ(resolved("short/a.cpp"), "src/deep/a.cpp");
  EXPECT_EQ(resolved("file"), "src/deep/a.cpp");
  EXPECT_EQ(resolved("short/../b"), "src/b");
  EXPECT_EQ(resolved("."), ".");
}

TEST_F(Resolve, S22_ShowsTheGitDirectoryBehindALink) {
  put(".git/hooks/sample", "x");
  link(".git", "innocent");
  EXPECT_EQ(resolved_to_change("innocent/hooks/pre-commit"), ".git/hooks/pre-commit");
}

TEST_F(Resolve, AcceptsWhatDoesNotExistYet) {
  put("src/a", "x");
  link("src", "s");
  EXPECT_EQ(resolved("s/new/deeper/b"), "src/new/deeper/b");
  EXPECT_EQ(resolved_to_change("s/new/deeper/b"), "src/new/deeper/b");
}

TEST_F(Resolve, DoesNotGuessWhereDotDotLeadsAfterAMissingDirectory) {
  EXPECT_EQ(resolved("missing/sub/../b"), "not_found");
}

TEST_F(Resolve, ItselfIsALinkAndNotWhereItLeads) {
  put("src/a", "x");
  link("src", "s");
  link("../outside", "out");
  link("nowhere", "dangling");
  const auto itself = [&](std::string_view path) {
    const Result<WorkspacePath> place = workspace_->resolve_itself(path);
    return place ? place->text() : std::string(to_string(place.error().code));
  };
  EXPECT_EQ(itself("s"), "s");
  EXPECT_EQ(itself("s/"), "s");
  EXPECT_EQ(itself("s/a"), "src/a");
  EXPECT_EQ(itself("s/new/b"), "src/new/b");
  EXPECT_EQ(itself("out"), "out");
  EXPECT_EQ(itself("dangling"), "dangling");
  EXPECT_EQ(itself("."), ".");
  EXPECT_EQ(itself("s/.."), ".");
  EXPECT_EQ(itself("out/canary"), "outside_workspace");
  EXPECT_EQ(itself("out/.."), "outside_workspace");
  EXPECT_EQ(itself("../outside/canary"), "outside_workspace");
  EXPECT_EQ(itself("src/a/b"), "invalid");
}

TEST_F(Resolve, NamesTheDirectoriesThatAreMissing) {
  put("a/f", "x");
  const auto missing = [&](std::string_view path) {
    return *workspace_->missing_above(*workspace_->resolve_itself(path));
  };
  EXPECT_EQ(missing("a/b/c/d"), (std::vector<std::string>{"a/b", "a/b/c"}));
  EXPECT_TRUE(missing("a/b").empty());
  EXPECT_TRUE(missing("x").empty());
}

TEST_F(Resolve, RefusesALinkAsTheTargetOfAChange) {
  put("a", "x");
  link("a", "l");
  link("nowhere", "dangling");
  EXPECT_EQ(resolved_to_change("l"), "invalid");
  EXPECT_EQ(resolved_to_change("dangling"), "invalid");
  EXPECT_EQ(resolved_to_change("."), "invalid");
}

TEST_F(Resolve, ReportsALinkLoop) {
  link("b", "a");
  link("a", "b");
  EXPECT_EQ(resolved("a"), "conflict");
}

TEST_F(Resolve, RefusesUnfitWorkspaces) {
  dir_.write("file", "x");
  std::filesystem::create_symlink(dir_ / "work", dir_ / "link");
  EXPECT_EQ(code(Workspace::open("/")), Errc::invalid);
  EXPECT_EQ(code(Workspace::open("//.")), Errc::invalid);
  EXPECT_EQ(code(Workspace::open("work")), Errc::invalid);
  EXPECT_EQ(code(Workspace::open((dir_ / "file").string())), Errc::invalid);
  EXPECT_EQ(code(Workspace::open((dir_ / "link").string())), Errc::invalid);
  EXPECT_EQ(code(Workspace::open((dir_ / "missing").string())), Errc::not_found);
}

TEST_F(Resolve, NoticesADirectoryThatTookItsPlace) {
  EXPECT_TRUE(workspace_->is_current());
  std::filesystem::rename(dir_ / "work", dir_ / "moved");
  EXPECT_FALSE(workspace_->is_current());
  std::filesystem::create_directory(dir_ / "work");
  EXPECT_FALSE(workspace_->is_current());
}

/// Forty ways out, made once; every operation is then sent along each.
class Escape : public WorkspaceTest {
 protected:
  void SetUp() override {
    WorkspaceTest::SetUp();
    put("sub/inner/file", "inside");
    const std::string outside = (dir_ / "outside").string();
    link(outside, "absolute");
    link("../outside", "relative");
    link("../../outside", "sub/up");
    link("../outside/canary", "leaf");
    link(outside + "/canary", "absolute_leaf");
    link("/", "root");
    link("/etc/passwd", "passwd");
    link("/proc/self/root", "proc_root");
    link("/proc/self/cwd", "proc_cwd");
    link("/dev/zero", "zero");
    link("/proc/kmsg", "kmsg");
    link("..", "parent");
    link("relative", "twice");
    link("sub/up/canary", "through");
    link("../outside/not_there", "dangling_outside");
    link(dir_.path().string() + "/work/sub", "absolute_inside");
    const std::string work = (dir_ / "work").string();
    ways_ = {"..",
             "../",
             "../outside/canary",
             "./../outside/canary",
             "sub/../../outside/canary",
             "sub/inner/../../../outside/canary",
             "sub//..//..//outside//canary",
             "missing/../../outside/canary",
             "/",
             "/etc/passwd",
             "/etc/../etc/passwd",
             "//etc/passwd",
             outside + "/canary",
             work + "/../outside/canary",
             work + "2/file",
             dir_.path().string(),
             "absolute",
             "absolute/canary",
             "absolute/new",
             "absolute/new/deeper",
             "relative",
             "relative/canary",
             "relative/new",
             "sub/up",
             "sub/up/canary",
             "sub/inner/../up/canary",
             "leaf",
             "absolute_leaf",
             "root",
             "root/etc/passwd",
             "passwd",
             "proc_root/etc/passwd",
             "proc_cwd/x",
             "zero",
             "kmsg",
             "parent",
             "parent/outside/canary",
             "twice/canary",
             "through",
             "dangling_outside",
             "absolute_inside",
             "absolute_inside/inner/file"};
  }

  std::vector<std::string> ways_;
};

TEST_F(Escape, S38_EveryWayOutIsRefusedForEveryOperation) {
  ASSERT_GE(ways_.size(), 40U);
  for (const std::string& way : ways_) {
    EXPECT_EQ(code(workspace_->resolve(way)), Errc::outside_workspace) << way;
    EXPECT_EQ(code(workspace_->resolve_to_change(way)), Errc::outside_workspace) << way;
    EXPECT_EQ(code(read(way)), Errc::outside_workspace) << way;
    EXPECT_EQ(code(write(way, "broken out")), Errc::outside_workspace) << way;
  }
  EXPECT_EQ(dir_.read("outside/canary"), kCanary);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "outside/new"));
}

TEST_F(Escape, S38_ListAndSearchDoNotFollowLinksOut) {
  const Result<AwaitFileList::Reply> listed =
      workspace_->list(*workspace_->resolve("."), true, 1'000, every_file);
  ASSERT_TRUE(listed);
  for (const FileEntry& entry : listed->entries)
    EXPECT_EQ(entry.path.find("canary"), std::string::npos) << entry.path;
  const Result<AwaitFileSearch::Reply> found =
      workspace_->search(*workspace_->resolve("."), kCanary, 10, every_file);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->matches.empty());
}

/// What is no regular file must answer at once, and the test's time limit proves it.
class OddFiles : public WorkspaceTest {};

TEST_F(OddFiles, S42_FifosSocketsDevicesAndDirectoriesAreInvalidAtOnce) {
  ASSERT_EQ(::mkfifo((dir_ / "work/fifo").c_str(), 0600), 0);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::strncpy(address.sun_path, (dir_ / "work/socket").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(listener);
  std::filesystem::create_directory(dir_ / "work/directory");
  std::vector<std::string> names = {"fifo", "socket", "directory", "."};
  if (::mknod((dir_ / "work/zero").c_str(), S_IFCHR | 0600, makedev(1, 5)) == 0) {
    names.push_back("zero");
  }
  for (const std::string& name : names) {
    EXPECT_EQ(code(read(name)), Errc::invalid) << name;
    EXPECT_EQ(code(write(name, "x", hash("y"))), Errc::invalid) << name;
    if (name == ".") continue;
    EXPECT_EQ(code(workspace_->read_pre_image(*workspace_->resolve(name))), Errc::invalid) << name;
  }
  const Result<AwaitFileSearch::Reply> found =
      workspace_->search(*workspace_->resolve("."), "x", 10, every_file);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->complete);
}

TEST_F(OddFiles, S43_ASparseTerabyteIsTooLargeAtOnce) {
  put("huge", "");
  ASSERT_EQ(::truncate((dir_ / "work/huge").c_str(), off_t{1} << 40), 0);
  const WorkspacePath huge = *workspace_->resolve("huge");
  EXPECT_EQ(code(workspace_->read(huge, 1 << 20)), Errc::too_large);
  EXPECT_EQ(code(workspace_->read(huge, UINT64_MAX)), Errc::too_large);
  EXPECT_EQ(code(workspace_->read_pre_image(huge)), Errc::too_large);
  EXPECT_EQ(code(write("huge", "x", hash("y"))), Errc::conflict);
  EXPECT_TRUE(workspace_->search(*workspace_->resolve("."), "x", 10, every_file));
}

TEST_F(OddFiles, ReadsExactlyUpToTheBound) {
  put("ten", "0123456789");
  EXPECT_EQ(*read("ten", 10), "0123456789");
  EXPECT_EQ(code(read("ten", 9)), Errc::too_large);
  EXPECT_EQ(code(read("missing")), Errc::not_found);
}

TEST_F(OddFiles, S45_NamesAreBytes) {
  const std::vector<std::string> names = {"a\nb",
                                          "\x1b[2Jx",
                                          "\xff\xfe",
                                          " lead",
                                          "trail ",
                                          "-rf",
                                          "quote\"'",
                                          "tab\t",
                                          "back\\slash",
                                          "\xe2\x80\xaegnp.exe",
                                          "*",
                                          "a (deleted)",
                                          std::string(255, 'n'),
                                          "...",
                                          "#",
                                          "$(x)"};
  for (const std::string& name : names) {
    ASSERT_TRUE(write("odd/" + name, name)) << name;
  }
  const Result<AwaitFileList::Reply> listed =
      workspace_->list(*workspace_->resolve("odd"), false, 1'000, every_file);
  ASSERT_TRUE(listed);
  std::vector<std::string> seen;
  for (const FileEntry& entry : listed->entries)
    seen.push_back(entry.path);
  std::vector<std::string> expected;
  for (const std::string& name : names)
    expected.push_back("odd/" + name);
  std::ranges::sort(expected);
  EXPECT_EQ(seen, expected);
  for (const std::string& name : names)
    EXPECT_EQ(*read("odd/" + name), name);
}

}  // namespace
}  // namespace tinkerbell
