#include "unit/workspace/workspace_fixture.hpp"

namespace tinkerbell {
namespace {

class Look : public WorkspaceTest {
 protected:
  [[nodiscard]] AwaitFileList::Reply list(std::string_view path, bool recursive = true,
                                          std::uint32_t entries_max = 1'000) const {
    Result<AwaitFileList::Reply> reply =
        workspace_->list(*workspace_->resolve(path), recursive, entries_max, may_show_);
    EXPECT_TRUE(reply) << reply.error().message;
    return *reply;
  }

  [[nodiscard]] AwaitFileSearch::Reply search(std::string_view text, std::string_view path = ".",
                                              std::uint32_t matches_max = 200) const {
    Result<AwaitFileSearch::Reply> reply =
        workspace_->search(*workspace_->resolve(path), text, matches_max, may_show_);
    EXPECT_TRUE(reply) << reply.error().message;
    return *reply;
  }

  static std::vector<std::string> paths(const AwaitFileList::Reply& reply) {
    std::vector<std::string> result;
    for (const FileEntry& entry : reply.entries)
      result.push_back(entry.path);
    return result;
  }

  static std::vector<std::string> places(const AwaitFileSearch::Reply& reply) {
    std::vector<std::string> result;
    for (const FileMatch& match : reply.matches)
      result.push_back(match.path + ":" + std::to_string(match.line) + ":" + match.text);
    return result;
  }

  std::function<bool(const std::string&)> may_show_ = every_file;
};

using Paths = std::vector<std::string>;

TEST_F(Look, ListsInOrderAndDoesNotEnterGit) {
  put("b.txt", "12345");
  put("a/z", "1");
  put("a/.git/config", "");
  put("a-b", "");
  put(".git/HEAD", "");
  link("a", "linked");
  const AwaitFileList::Reply reply = list(".");
  EXPECT_EQ(paths(reply), (Paths{".git", "a", "a/.git", "a/z", "a-b", "b.txt", "linked"}));
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.entries[0].type, "directory");
  EXPECT_EQ(reply.entries[5].type, "file");
  EXPECT_EQ(reply.entries[5].bytes, 5U);
  EXPECT_EQ(reply.entries[6].type, "link");
  EXPECT_EQ(paths(list(".", false)), (Paths{".git", "a", "a-b", "b.txt", "linked"}));
  EXPECT_EQ(paths(list("a")), (Paths{"a/.git", "a/z"}));
}

TEST_F(Look, SaysWhenTheListIsCut) {
  put("a", "");
  put("b", "");
  EXPECT_TRUE(list(".", true, 2).complete);
  const AwaitFileList::Reply cut = list(".", true, 1);
  EXPECT_EQ(paths(cut), Paths{"a"});
  EXPECT_FALSE(cut.complete);
}

TEST_F(Look, ShowsNoTemporaryFileOfOurs) {
  put(std::string(kTemporaryPrefix) + "0123456789abcdef", "needle");
  EXPECT_TRUE(list(".").entries.empty());
  EXPECT_TRUE(search("needle").matches.empty());
}

TEST_F(Look, ListsOnlyDirectories) {
  put("a", "");
  EXPECT_EQ(code(workspace_->list(*workspace_->resolve("a"), true, 10, may_show_)), Errc::invalid);
  EXPECT_EQ(code(workspace_->list(*workspace_->resolve("b"), true, 10, may_show_)),
            Errc::not_found);
}

TEST_F(Look, GoesDownAThousandDirectories) {
  std::filesystem::path deep = dir_ / "work";
  for (int i = 0; i < 1'000; ++i)
    deep /= "d";
  std::filesystem::create_directories(deep);
  EXPECT_EQ(list(".", true, 5'000).entries.size(), 1'000U);
}

TEST_F(Look, FindsLinesInOrder) {
  put("b.txt", "no\nneedle needle\nno\nlast needle");
  put("a/c.txt", "needle\r\n");
  EXPECT_EQ(places(search("needle")),
            (Paths{"a/c.txt:1:needle\r", "b.txt:2:needle needle", "b.txt:4:last needle"}));
  EXPECT_EQ(places(search("needle", "a")), (Paths{"a/c.txt:1:needle\r"}));
  EXPECT_EQ(search("needle", "b.txt").matches.size(), 2U) << "a file is a place, too";
  EXPECT_TRUE(search("needle").complete);
}

TEST_F(Look, PassesOverGitBinaryAndLargeFiles) {
  put(".git/x", "needle");
  put("binary", std::string("\0needle", 7));
  put("large", std::string((1 << 20) + 1, '\n') + "needle");
  put("text", "needle");
  EXPECT_EQ(places(search("needle")), Paths{"text:1:needle"});
}

TEST_F(Look, SaysWhenMatchesAreCut) {
  put("a", "x\nx\nx\n");
  EXPECT_TRUE(search("x", ".", 3).complete);
  const AwaitFileSearch::Reply cut = search("x", ".", 2);
  EXPECT_EQ(cut.matches.size(), 2U);
  EXPECT_FALSE(cut.complete);
}

TEST_F(Look, ShowsNothingOfAFileThatMayNotBeShown) {
  put("a", "needle");
  put("d/.env", "needle");
  may_show_ = [](const std::string& file) { return file != "d/.env"; };
  EXPECT_EQ(places(search("needle")), (Paths{"a:1:needle"}));
  EXPECT_FALSE(search("needle").complete);
  EXPECT_TRUE(search("needle", "d/.env").matches.empty());
  EXPECT_EQ(paths(list(".")), (Paths{"a", "d"}));
  EXPECT_FALSE(list(".").complete);
}

TEST_F(Look, ShortensLongLines) {
  put("a", "needle" + std::string(1'000, '-'));
  const AwaitFileSearch::Reply found = search("needle");
  ASSERT_EQ(found.matches.size(), 1U);
  EXPECT_LT(found.matches[0].text.size(), 450U);
}

TEST_F(Look, RefusesTextsThatNoLineHolds) {
  const WorkspacePath all = *workspace_->resolve(".");
  EXPECT_EQ(code(workspace_->search(all, "", 10, may_show_)), Errc::invalid);
  EXPECT_EQ(code(workspace_->search(all, "a\nb", 10, may_show_)), Errc::invalid);
}

}  // namespace
}  // namespace tinkerbell
