#include "drivers/git/git_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr CommandId kId{TaskId{7}, Seq{12}};

std::vector<std::string> argv(const TaskCommand& command) {
  const Result<AwaitProcess> program = git_program(command, kId, "/srv/other.git");
  EXPECT_TRUE(program) << (program ? "" : program.error().message);
  return program ? program->argv : std::vector<std::string>();
}

bool is_refused(const TaskCommand& command) {
  const Result<AwaitProcess> program = git_program(command, kId, "/srv/other.git");
  return !program && program.error().code == Errc::invalid;
}

/// HAZARDS S19.
TEST(GitProgram, S19_NothingThatATaskSaysBecomesAnOption) {
  for (const std::string word : {"-f", "--upload-pack=touch canary", "-", "--", "--output=x"}) {
    EXPECT_TRUE(is_refused(AwaitGitDiff{.from = word})) << word;
    EXPECT_TRUE(is_refused(AwaitGitDiff{.from = "HEAD", .to = word})) << word;
    EXPECT_TRUE(is_refused(AwaitGitDiff{.paths = {"a", word}})) << word;
    EXPECT_TRUE(is_refused(AwaitGitLog{.from = word})) << word;
    EXPECT_TRUE(is_refused(AwaitGitLog{.paths = {word}})) << word;
    EXPECT_TRUE(is_refused(AwaitGitAdd{.paths = {word}})) << word;
    for (const GitBranchAction action :
         {GitBranchAction::create, GitBranchAction::change, GitBranchAction::remove}) {
      EXPECT_TRUE(is_refused(AwaitGitBranch{.action = action, .name = word})) << word;
      EXPECT_TRUE(is_refused(AwaitGitBranch{.action = action, .name = "x", .start = word})) << word;
    }
    EXPECT_TRUE(is_refused(AwaitGitBranch{.action = GitBranchAction::rewind, .start = word}));
    EXPECT_TRUE(is_refused(AwaitGitPush{.remote = word, .branch = "main"})) << word;
    EXPECT_TRUE(is_refused(AwaitGitPush{.branch = word})) << word;
  }
}

TEST(GitProgram, PathsStandBehindTheEndOfAllOptions) {
  EXPECT_THAT(argv(AwaitGitAdd{.paths = {"a b", "c"}}),
              ElementsAre("git", "add", "--all", "--", "a b", "c"));
  EXPECT_THAT(argv(AwaitGitAdd{}), ElementsAre("git", "add", "--all", "--"));
  std::vector<std::string> diff = argv(AwaitGitDiff{.from = "HEAD~1", .to = "x", .paths = {"a"}});
  diff.erase(diff.begin(), std::ranges::find(diff, "--end-of-options"));
  EXPECT_THAT(diff, ElementsAre("--end-of-options", "HEAD~1^{commit}", "x^{commit}", "--", "a"));
}

TEST(GitProgram, ADiffIsOfOneCommitOrOfTwo) {
  for (const std::string range : {"a..b", "a...b", "^a", "..", "b.."}) {
    EXPECT_TRUE(is_refused(AwaitGitDiff{.from = range})) << range;
    EXPECT_TRUE(is_refused(AwaitGitDiff{.from = "a", .to = range})) << range;
  }
}

/// "HEAD:secret" would be the text of a file by a name that no rule sees.
TEST(GitProgram, ACommitIsNoFileInOne) {
  EXPECT_TRUE(is_refused(AwaitGitDiff{.from = "HEAD:secret", .to = "HEAD:other"}));
  EXPECT_TRUE(is_refused(AwaitGitLog{.from = ":/x"}));
  EXPECT_TRUE(is_refused(AwaitGitLog{.from = "a b"}));
  EXPECT_TRUE(is_refused(AwaitGitLog{.from = std::string("a\0b", 3)}));
  EXPECT_TRUE(is_refused(AwaitGitLog{.from = "a\xff"}));
  EXPECT_FALSE(is_refused(AwaitGitLog{.from = "main..HEAD~2"}));
}

TEST(GitProgram, ABranchHasANameThatIsOneEverywhere) {
  for (const std::string name :
       {"",   "a b", "a..b", "a~1", "a^",   "a:b", "a?",     "a*",       "a[",   "a\\b", "@{u}",
        "/a", "a/",  "a//b", ".a",  "a/.b", "a.",  "a.lock", "a.lock/b", "HEAD", "a\n",  "a\x7f"}) {
    EXPECT_TRUE(is_refused(AwaitGitPush{.branch = name})) << name;
  }
  EXPECT_FALSE(is_refused(AwaitGitPush{.branch = "feature/x-1_\xC3\xA9"}));
}

TEST(GitProgram, ThePlacesOfPathsAreWithinTheWorkspace) {
  EXPECT_TRUE(is_refused(AwaitGitAdd{.paths = {"/etc/passwd"}}));
  EXPECT_TRUE(is_refused(AwaitGitAdd{.paths = {""}}));
}

TEST(GitProgram, TheBranchOfATaskHasItsNumber) {
  EXPECT_THAT(argv(AwaitGitBranch{.action = GitBranchAction::change, .start = "HEAD"}),
              Contains("--create=tinkerbell/7"));
  EXPECT_THAT(argv(AwaitGitBranch{
                  .action = GitBranchAction::change, .name = "x", .start = "main", .force = true}),
              testing::IsSupersetOf({"--force-create=x", "main"}));
}

TEST(GitProgram, ABranchIsTakenBackToAWholeHashOnly) {
  const std::string hash(40, 'a');
  EXPECT_THAT(argv(AwaitGitBranch{.action = GitBranchAction::rewind, .start = hash}),
              ElementsAre("git", "reset", "--quiet", "--mixed", hash));
  EXPECT_TRUE(is_refused(AwaitGitBranch{.action = GitBranchAction::rewind, .start = "HEAD"}));
}

TEST(GitProgram, AMessageIsOneWordAndSaysWhereItComesFrom) {
  const auto message = [](std::string text, GitTrailers trailers) {
    return argv(AwaitGitCommit{.message = std::move(text), .trailers = trailers}).back();
  };
  EXPECT_EQ(message("-m x", GitTrailers::none), "--message=-m x");
  EXPECT_EQ(message("Mend it\n", GitTrailers::task), "--message=Mend it\n\nTinkerbell-Task: 7");
  EXPECT_EQ(message("Mend it: x", GitTrailers::step),
            "--message=Mend it: x\n\nTinkerbell-Task: 7\nTinkerbell-Step: 10");
  EXPECT_EQ(message("Mend it\n\nSigned-off-by: A\n", GitTrailers::task),
            "--message=Mend it\n\nSigned-off-by: A\nTinkerbell-Task: 7");
  EXPECT_TRUE(is_refused(AwaitGitCommit{.message = " \n"}));
  EXPECT_TRUE(is_refused(AwaitGitCommit{.message = std::string("a\0b", 3)}));
}

TEST(GitProgram, APushForcesNothingAndBringsNothingAlong) {
  const std::vector<std::string> words = argv(AwaitGitPush{.branch = "main"});
  EXPECT_THAT(words, Contains("refs/heads/main:refs/heads/main"));
  EXPECT_THAT(words, Contains("/srv/other.git"));
  EXPECT_THAT(words, Not(Contains(HasSubstr("force"))));
}

TEST(GitProgram, OnlyCommandsOfGitAreAny) {
  EXPECT_FALSE(git_program(AwaitFileRead{}, kId, ""));
}

TEST(GitEnvironment, SettingsOfOursFollowTheOneThatEveryProgramHas) {
  const auto env = git_environment("/work");
  EXPECT_EQ(env.at("GIT_DIR"), "/work/.git");
  const int count = std::stoi(env.at("GIT_CONFIG_COUNT"));
  EXPECT_FALSE(env.contains("GIT_CONFIG_KEY_0"));
  for (int i = 1; i < count; ++i) {
    EXPECT_TRUE(env.contains("GIT_CONFIG_KEY_" + std::to_string(i))) << i;
    EXPECT_TRUE(env.contains("GIT_CONFIG_VALUE_" + std::to_string(i))) << i;
  }
  EXPECT_FALSE(env.contains("GIT_CONFIG_KEY_" + std::to_string(count)));
}

}  // namespace
}  // namespace tinkerbell
