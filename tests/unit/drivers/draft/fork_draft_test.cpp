#include "drivers/draft/draft_stations.hpp"
#include "support/child.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/drivers/draft/draft_driver.hpp"
#include "tinkerbell/io/blocking_pool.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace tinkerbell {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr TaskId kFork{14};
constexpr TaskId kOrigin{12};

/// A workspace, and task 14 that is to begin in a draft of it.
class ForkDraftTest : public testing::Test {
 protected:
  ForkDraftTest() { fs::create_directory(dir_ / "work"); }

  void put(const std::string& name, std::string_view content) const {
    dir_.write("work/" + name, content);
  }

  [[nodiscard]] std::string in_draft(const std::string& name) const {
    return dir_.read("drafts/14/tree/" + name);
  }

  [[nodiscard]] bool stands(const std::string& path) const { return fs::exists(dir_ / path); }

  [[nodiscard]] FileState kept(std::string_view content) const {
    const Sha256 hash = *contents_->put(content);
    EXPECT_TRUE(contents_->sync());
    return {.mode = 0644, .content = hash, .bytes = content.size()};
  }

  Result<void> fork(const Result<ForkFiles>& files) {
    const Result<DraftBase> base = stations_.begin_fork(kFork, (dir_ / "work").string(), {});
    return base ? stations_.end_fork(kFork, *base, files) : Result<void>(base.error());
  }

  Result<void> fork(PathStates states) {
    return fork(ForkFiles{.states = std::move(states), .origins = {}});
  }

  /// What accepting it would change.
  std::vector<std::string> changes() {
    const Result<Prepared> found = stations_.prepare({.id = {kFork, Seq{1}},
                                                      .command = AwaitDraftAccept{},
                                                      .workspace = (dir_ / "work").string(),
                                                      .draft = kFork,
                                                      .key = "0123456789abcdef0123456789abcdef"},
                                                     {});
    if (!found) return {found.error().message};
    std::vector<std::string> paths;
    for (const DraftChange& each : found->facts.changes)
      paths.push_back((each.change.after ? "+" : "-") + each.change.path);
    return paths;
  }

  /// The daemon begins anew, and these tasks are in its journal.
  Result<void> settle(const std::set<TaskId>& tasks) const {
    return settle_fork_drafts(drafts_,
                              [&](TaskId task) -> Result<bool> { return tasks.contains(task); });
  }

  TempDir dir_;
  std::unique_ptr<ContentStore> contents_ = *ContentStore::open(dir_ / "contents");
  Drafts drafts_{dir_ / "drafts"};
  DraftSettings settings_{
      .drafts = drafts_, .own = {dir_ / "work/own"}, .objection_to = [](const std::string&) {
        return std::optional<Objection>();
      }};
  DraftStations stations_{*contents_, settings_};
};

/// However long that takes: nothing relies on its contents before the base is written down.
TEST_F(ForkDraftTest, WhileItIsMadeNothingOfItsBaseIsRemoved) {
  put("a", "of the base");
  boost::asio::io_context loop;
  const auto stays = boost::asio::make_work_guard(loop);
  BlockingPool pool(loop.get_executor(), 1);
  DraftDriver driver(pool, *contents_, settings_);
  std::optional<Result<void>> made;
  driver.make({.task = kFork,
               .workspace = (dir_ / "work").string(),
               .files =
                   [&](Completion<ForkFiles> told) {
                     std::set<Sha256> needed;
                     const WallTime put_before =
                         contents_->before_all_work(wall_from_unix_nanoseconds(INT64_MAX));
                     EXPECT_TRUE(driver.add_contents(needed));
                     EXPECT_TRUE(contents_->remove_all_but(needed, put_before));
                     told(ForkFiles{});
                   }},
              Completion<void>([&](Result<void> outcome) { made = std::move(outcome); }));
  while (!made)
    loop.run_one();
  ASSERT_TRUE(*made) << made->error().message;
  EXPECT_TRUE(contents_->has(sha256("of the base")));
}

TEST_F(ForkDraftTest, HasTheFilesOfThatStepAndTheOthersAsTheyAre) {
  put("changed", "later");
  put("made", "later");
  put("other", "a stranger's");
  const Result<void> made = fork(PathStates{
      {"changed", kept("at the step")}, {"made", std::nullopt}, {"gone/since", kept("was there")}});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(in_draft("changed"), "at the step");
  EXPECT_FALSE(stands("drafts/14/tree/made"));
  EXPECT_EQ(in_draft("gone/since"), "was there");
  EXPECT_EQ(in_draft("other"), "a stranger's");
  EXPECT_EQ(dir_.read("work/changed"), "later");
  EXPECT_EQ(dir_.read("work/made"), "later");
}

TEST_F(ForkDraftTest, ItsChangesAreAgainstTheWorkspaceAsItIsNow) {
  put("changed", "later");
  put("made", "later");
  ASSERT_TRUE(fork(PathStates{{"changed", kept("at the step")},
                              {"made", std::nullopt},
                              {"gone/since", kept("was there")}}));
  EXPECT_THAT(changes(), ElementsAre("+changed", "+gone", "+gone/since", "-made"));
}

TEST_F(ForkDraftTest, IsNoDraftWhereAContentWasNotKept) {
  put("changed", "later");
  const FileState lost{.mode = 0644, .content = sha256("nobody has it"), .bytes = 13};
  const Result<void> made = fork(PathStates{{"changed", lost}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::not_found);
  EXPECT_THAT(made.error().message, HasSubstr("what changed was then has not been kept"));
  EXPECT_FALSE(stands("drafts/14"));
}

TEST_F(ForkDraftTest, IsNoDraftWhereNobodyKnowsWhatTheFilesWere) {
  EXPECT_EQ(fork(Result<ForkFiles>(Error{Errc::conflict, "not known"})).error().code,
            Errc::conflict);
  EXPECT_FALSE(stands("drafts/14"));
}

TEST_F(ForkDraftTest, OfTheDaemonsOwnFilesNothingIsInIt) {
  ASSERT_TRUE(fork(PathStates{{"own/secret", kept("secret")}}));
  EXPECT_FALSE(stands("drafts/14/tree/own"));
}

TEST_F(ForkDraftTest, AStartRemovesThoseOfTasksThatAreNotThere) {
  ASSERT_TRUE(fork(PathStates{}));
  EXPECT_TRUE(stands("drafts/14/unclaimed"));
  ASSERT_TRUE(settle({}));
  EXPECT_FALSE(stands("drafts/14"));
}

TEST_F(ForkDraftTest, AStartLeavesThoseOfTasksThatAreThere) {
  ASSERT_TRUE(fork(PathStates{}));
  ASSERT_TRUE(settle({kFork}));
  EXPECT_TRUE(stands("drafts/14/base"));
  EXPECT_FALSE(stands("drafts/14/unclaimed"));
}

TEST_F(ForkDraftTest, OnceItIsClaimedItIsADraftAsAnyOther) {
  ASSERT_TRUE(fork(PathStates{}));
  ASSERT_TRUE(claim_draft(drafts_, kFork));
  ASSERT_TRUE(settle({}));  // its task may have been collected meanwhile
  EXPECT_TRUE(stands("drafts/14/base"));
}

TEST_F(ForkDraftTest, AStartRemovesHalfACopyOfNobody) {
  ASSERT_TRUE(fork(PathStates{}));
  fs::remove(dir_ / "drafts/14/base");
  fs::remove(dir_ / "drafts/14/unclaimed");
  ASSERT_TRUE(settle({kFork}));  // that task begins it anew
  EXPECT_TRUE(stands("drafts/14"));
  ASSERT_TRUE(settle({}));
  EXPECT_FALSE(stands("drafts/14"));
}

TEST_F(ForkDraftTest, AnEarlierAttemptIsInNobodysWay) {
  put("a", "1");
  ASSERT_TRUE(fork(PathStates{{"a", kept("first")}}));
  ASSERT_TRUE(fork(PathStates{{"a", kept("second")}}));
  EXPECT_EQ(in_draft("a"), "second");
}

/// Git's state of a draft needs the objects that are there.
class ForkOfCommitsTest : public ForkDraftTest {
 protected:
  ForkOfCommitsTest() {
    fs::create_directory(dir_ / "drafts");
    git("work", {"init", "-q", "-b", "main"});
    commit("work", "begin");
    const Result<Reply> opened = stations_.perform({.id = {kOrigin, Seq{1}},
                                                    .command = AwaitDraftOpen{},
                                                    .workspace = (dir_ / "work").string(),
                                                    .draft = kOrigin,
                                                    .key = "k"},
                                                   {});
    EXPECT_TRUE(opened) << opened.error().message;
    commit("drafts/12/tree", "in the draft");
    const std::string branch = dir_.read("drafts/12/tree/.git/refs/heads/main");
    files_ = {.states = {{".git/refs/heads/main", kept(branch)}}, .origins = {{.draft = kOrigin}}};
  }

  void git(const std::string& where, std::vector<std::string> words) const {
    words.insert(words.begin(), {"git", "-C", (dir_ / where).string(), "-c", "user.name=T", "-c",
                                 "user.email=t@tinkerbell.invalid"});
    EXPECT_EQ(run_to_end(words).exit, 0);
  }

  void commit(const std::string& where, const std::string& message) const {
    git(where, {"commit", "-q", "--allow-empty", "-m", message});
  }

  [[nodiscard]] std::string newest_commit() const {
    return run_to_end({"git", "-C", (dir_ / "drafts/14/tree").string(), "log", "-1", "--format=%s"})
        .out;
  }

  ForkFiles files_;
};

TEST_F(ForkOfCommitsTest, CommitsOfADraftThatStandsComeToo) {
  ASSERT_TRUE(fork(files_));
  EXPECT_EQ(newest_commit(), "in the draft\n");
}

TEST_F(ForkOfCommitsTest, WithoutThemGitsStateIsThatOfTheWorkspace) {
  ASSERT_TRUE(remove_draft(drafts_, kOrigin));
  ASSERT_TRUE(fork(files_));
  EXPECT_EQ(newest_commit(), "begin\n");
}

TEST_F(ForkOfCommitsTest, OfOneThatWasAcceptedTheWorkspaceHasThem) {
  git("work", {"pull", "-q", (dir_ / "drafts/12/tree").string(), "main"});
  commit("work", "later");
  ASSERT_TRUE(remove_draft(drafts_, kOrigin));
  files_.origins.front().accepted = true;
  ASSERT_TRUE(fork(files_));
  EXPECT_EQ(newest_commit(), "in the draft\n");
}

}  // namespace
}  // namespace tinkerbell
