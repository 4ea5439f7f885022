#include "drivers/process/operands.hpp"

#include "support/temp_dir.hpp"

#include "tinkerbell/base/hash.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

class Operands : public testing::Test {
 protected:
  std::vector<FileFact> found(const std::vector<std::string>& argv, const std::string& cwd = ".") {
    const auto workspace = Workspace::open(directory_.path().string());
    EXPECT_TRUE(workspace);
    const auto place = (*workspace)->resolve(cwd);
    EXPECT_TRUE(place);
    const auto files = files_named_by(argv, **workspace, *place, hashes_);
    EXPECT_TRUE(files);
    return *files;
  }

  std::vector<std::string> names(const std::vector<std::string>& argv,
                                 const std::string& cwd = ".") {
    std::vector<std::string> names;
    for (const FileFact& file : found(argv, cwd))
      names.push_back(file.path);
    return names;
  }

  using Names = std::vector<std::string>;

  TempDir directory_;
  FileHashes hashes_;
};

TEST_F(Operands, AreTheFilesThatTheWordsName) {
  directory_.write("a.sh", "a");
  directory_.write("sub/b.sh", "b");
  const std::string absolute = (directory_ / "a.sh").string();
  EXPECT_EQ(names({"sh", "a.sh"}), Names{"a.sh"});
  EXPECT_EQ(names({"sh", "-x", "./sub/../a.sh", "a.sh", absolute}), Names{"a.sh"});
  EXPECT_EQ(names({"sh", "b.sh", "../a.sh"}, "sub"), (Names{"sub/b.sh", "a.sh"}));
  EXPECT_EQ(names({"make", "-fa.sh", "--file=sub/b.sh"}), (Names{"a.sh", "sub/b.sh"}));
  EXPECT_EQ(names({"cc", "@a.sh"}), Names{"a.sh"});
  EXPECT_EQ(found({"sh", "a.sh"})[0].state, "sha256 " + sha256("a").hex());
}

TEST_F(Operands, AreNotTheProgramNorDirectoriesNorWhatIsMissing) {
  directory_.write("a.sh", "a");
  std::filesystem::create_directory(directory_ / "sub");
  EXPECT_EQ(names({"a.sh", "", "-", "--", "=", "@", "sub", "missing", "a.sh/x"}), Names{});
}

TEST_F(Operands, S42_WaitForNoFifoAndLeadNowhereElse) {
  ASSERT_EQ(::mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  std::filesystem::create_symlink("/etc/passwd", directory_ / "away");
  std::filesystem::create_symlink("/dev/zero", directory_ / "zero");
  EXPECT_EQ(names({"cat", "fifo", "away", "zero", "/etc/passwd", "../../etc/passwd"}), Names{});
}

TEST_F(Operands, AreKnownByTheFileBehindALink) {
  directory_.write("one", "1");
  directory_.write("two", "2");
  std::filesystem::create_symlink("one", directory_ / "link");
  EXPECT_EQ(names({"sh", "link"}), Names{"one"});
  std::filesystem::remove(directory_ / "link");
  std::filesystem::create_symlink("two", directory_ / "link");
  EXPECT_EQ(names({"sh", "link"}), Names{"two"});
}

TEST_F(Operands, ThatAreLargeAreKnownByTheirVersion) {
  directory_.write("big", "1");
  std::filesystem::resize_file(directory_ / "big", 1ULL << 40);
  const std::vector<FileFact> before = found({"tar", "big"});
  ASSERT_EQ(before.size(), 1U);
  EXPECT_TRUE(before[0].state.starts_with("1099511627776 bytes, not hashed")) << before[0].state;
  EXPECT_EQ(found({"tar", "big"}), before);
  std::filesystem::permissions(directory_ / "big", std::filesystem::perms::owner_all);
  EXPECT_NE(found({"tar", "big"}), before);
}

TEST_F(Operands, ThatAreManyAreNotAllHashed) {
  std::vector<std::string> argv{"tar"};
  for (int i = 0; i < 6; ++i) {
    argv.push_back("part" + std::to_string(i));
    directory_.write(argv.back(), "x");
    std::filesystem::resize_file(directory_ / argv.back(), 15 << 20);
  }
  const std::vector<FileFact> files = found(argv);
  ASSERT_EQ(files.size(), 6U);
  EXPECT_EQ(std::ranges::count_if(
                files, [](const FileFact& file) { return file.state.starts_with("sha256 "); }),
            4);
  EXPECT_EQ(found(argv), files);
}

}  // namespace
}  // namespace tinkerbell
