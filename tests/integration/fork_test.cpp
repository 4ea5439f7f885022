#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

/// A new task from a step of another one.
namespace tinkerbell {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class ForkTest : public testing::Test {
 protected:
  void SetUp() override {
    daemon.put("a.txt", "one\n");
    daemon.start();
  }

  [[nodiscard]] Json task(std::uint64_t id) const { return daemon.cli_json({"show", name(id)}); }

  [[nodiscard]] static std::string name(std::uint64_t id) { return std::to_string(id); }

  /// The step that changed this file.
  [[nodiscard]] std::string step_that_wrote(std::uint64_t id, const std::string& file) const {
    for (const Json& step : daemon.cli_json({"steps", name(id)}).at("steps")) {
      const std::string line = step.at("line");
      if (line.find(file) != std::string::npos) return name(step.at("seq").get<std::uint64_t>());
    }
    ADD_FAILURE() << file;
    return {};
  }

  /// Forks, and returns the new task.
  [[nodiscard]] std::uint64_t fork(std::uint64_t id, const std::string& at,
                                   const std::string& say) const {
    return daemon.cli_json({"fork", name(id), "--at", at, "--say", say, "--detach"})
        .at("id")
        .get<std::uint64_t>();
  }

  [[nodiscard]] fs::path draft_of(std::uint64_t id) const {
    return fs::path(daemon.state_dir()) / "drafts" / name(id);
  }

  /// Writes three times and ends; once it has heard what is said, it writes something else.
  static LlmReply answer(const LlmRequest& request) {
    static const std::vector<LlmReply> kAtFirst = {
        calls("write_file", {{"path", "b.txt"}, {"content", "first\n"}}),
        calls("write_file", {{"path", "c.txt"}, {"content", "second\n"}}),
        calls("write_file", {{"path", "b.txt"}, {"content", "third\n"}}),
        calls("finish", {{"summary", "all done"}})};
    static const std::vector<LlmReply> kOtherwise = {
        calls("write_file", {{"path", "d.txt"}, {"content", "as was said\n"}}),
        calls("finish", {{"summary", "done otherwise"}})};
    const std::string conversation = dump_json(request.body.at("messages"));
    const std::size_t said = conversation.find("Your user says: leave c.txt out");
    if (said == std::string::npos) return kAtFirst.at(request.turn());
    return kOtherwise.at(conversation.find("as was said") == std::string::npos ? 0 : 1);
  }

  ScriptedLlm model{answer};
  RealDaemon daemon{config_for(model, usual_sandbox()) + "[agent]\nfiles = \"live\"\n"};
};

TEST_F(ForkTest, GoesOnFromAStepWithTheFilesOfThenAndTheFirstTaskStays) {
  const std::uint64_t first = daemon.run("change things", /*approve_all=*/true);
  ASSERT_EQ(daemon.wait_for_end(first).at("state"), "completed");
  daemon.put("other.txt", "a stranger's\n");
  const Json before = task(first);
  const std::uint64_t fork = this->fork(first, step_that_wrote(first, "b.txt"), "leave c.txt out");
  const Json shown = task(fork);
  EXPECT_EQ(shown.at("forked_from"), first);
  EXPECT_EQ(shown.at("draft"), fork);
  EXPECT_THAT(daemon.cli({"show", name(fork)}).out, HasSubstr("from " + name(first) + " at step"));
  EXPECT_THAT(daemon.cli({"ls"}).out, HasSubstr("fork of " + name(first) + " at"));

  const Json question = daemon.wait_for_question(fork);
  EXPECT_EQ(question.at("command"), "draft.accept");
  const fs::path tree = draft_of(fork) / "tree";
  EXPECT_FALSE(fs::exists(draft_of(fork) / "unclaimed"));
  EXPECT_FALSE(fs::exists(tree / "c.txt"));
  EXPECT_TRUE(fs::exists(tree / "other.txt"));
  const std::string card = question.at("card");
  EXPECT_THAT(card, HasSubstr("-third\n+first\n"));
  EXPECT_THAT(card, HasSubstr("-second\n"));
  EXPECT_THAT(card, HasSubstr("+as was said\n"));
  EXPECT_EQ(daemon.file("b.txt"), "third\n");
  EXPECT_EQ(daemon.file("c.txt"), "second\n");

  EXPECT_EQ(daemon.approve_until_end(fork).at("result"), "done otherwise");
  EXPECT_EQ(daemon.file("b.txt"), "first\n");
  EXPECT_EQ(daemon.file("c.txt"), "");
  EXPECT_EQ(daemon.file("d.txt"), "as was said\n");
  EXPECT_EQ(daemon.file("other.txt"), "a stranger's\n");
  EXPECT_EQ(task(first), before);
}

TEST_F(ForkTest, OverKill9ItIsTheSameFork) {
  const std::uint64_t first = daemon.run("change things", /*approve_all=*/true);
  (void)daemon.wait_for_end(first);
  const std::uint64_t fork = this->fork(first, step_that_wrote(first, "b.txt"), "leave c.txt out");
  const Json before = daemon.wait_for_question(fork);
  daemon.kill9();
  daemon.start();
  const Json after = daemon.wait_for_question(fork);
  EXPECT_EQ(after.at("id"), before.at("id"));
  EXPECT_EQ(after.at("hash"), before.at("hash"));
  EXPECT_EQ(daemon.approve_until_end(fork).at("result"), "done otherwise");
  EXPECT_EQ(daemon.file("b.txt"), "first\n");
}

TEST_F(ForkTest, OutlivesTheTaskThatItComesFrom) {
  const std::uint64_t first = daemon.run("change things", /*approve_all=*/true);
  (void)daemon.wait_for_end(first);
  const std::uint64_t fork = this->fork(first, step_that_wrote(first, "b.txt"), "leave c.txt out");
  (void)daemon.wait_for_question(fork);
  EXPECT_EQ(daemon.cli({"gc", "--older-than", "0s"}).exit, 0);
  EXPECT_NE(daemon.cli({"show", name(first)}).exit, 0);
  daemon.kill9();
  daemon.start();
  EXPECT_EQ(daemon.approve_until_end(fork).at("result"), "done otherwise");
}

TEST_F(ForkTest, TheDraftOfAForkThatNeverWasIsRemovedAtTheNextStart) {
  const std::uint64_t first = daemon.run("change things", /*approve_all=*/true);
  (void)daemon.wait_for_end(first);
  daemon.kill9();
  fs::create_directories(draft_of(first + 1) / "tree");
  std::ofstream(draft_of(first + 1) / "unclaimed");
  std::ofstream(draft_of(first + 1) / "base");
  daemon.start();
  EXPECT_FALSE(fs::exists(draft_of(first + 1)));
}

TEST_F(ForkTest, WhereThereIsNothingToForkItSaysSo) {
  const std::uint64_t first = daemon.run("change things", /*approve_all=*/true);
  (void)daemon.wait_for_end(first);
  const Finished too_far = daemon.cli({"fork", name(first), "--at", "99"});
  EXPECT_NE(too_far.exit, 0);
  EXPECT_THAT(too_far.err, HasSubstr("has no step 99"));
  EXPECT_THAT(daemon.cli({"fork", "77", "--at", "1"}).err, HasSubstr("no task 77"));
  EXPECT_NE(daemon.cli({"fork", name(first)}).exit, 0);
  EXPECT_EQ(daemon.curl("/v1/tasks/" + name(first) + "/fork", Json::object()).status, 400);
}

}  // namespace
}  // namespace tinkerbell
