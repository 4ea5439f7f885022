#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

/// Drafts: one question instead of many.
namespace tinkerbell {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class DraftTest : public testing::Test {
 protected:
  void SetUp() override {
    if (usual_sandbox() == "none") GTEST_SKIP() << "without a sandbox programs ask, in drafts too";
    daemon.put("a.txt", "one\n");
    daemon.put("tool", "#!/bin/sh\npwd\necho two > a.txt\necho made > made.txt\n", true);
    commit("more");
    daemon.start();
  }

  void commit(const std::string& message) const {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"add", "-A"}, {"commit", "-q", "-m", message}}) {
      std::vector<std::string> argv = {"git",
                                       "-C",
                                       daemon.workspace(),
                                       "-c",
                                       "user.name=T",
                                       "-c",
                                       "user.email=t@tinkerbell.invalid"};
      argv.insert(argv.end(), words.begin(), words.end());
      EXPECT_EQ(run_to_end(argv).exit, 0);
    }
  }

  [[nodiscard]] Json task(std::uint64_t id) const { return daemon.cli_json({"show", name(id)}); }

  [[nodiscard]] static std::string name(std::uint64_t id) { return std::to_string(id); }

  [[nodiscard]] fs::path draft_of(std::uint64_t id) const {
    return fs::path(daemon.state_dir()) / "drafts" / name(id);
  }

  /// Writes a file, runs a program that changes two, commits, and ends.
  ScriptedLlm model{ScriptedLlm::in_turn(
      {calls("write_file", {{"path", "b.txt"}, {"content", "new\n"}}),
       calls("run_program", {{"argv", {"./tool"}}}),
       calls("run_program", {{"argv",
                              {"git", "-c", "user.name=A", "-c", "user.email=a@tinkerbell.invalid",
                               "commit", "-qam", "Say two"}}}),
       calls("finish", {{"summary", "all done"}}), calls("finish", {{"summary", "now it is"}})})};
  RealDaemon daemon{config_for(model, usual_sandbox()) + "[agent]\nfiles = \"draft\"\n"};
};

TEST_F(DraftTest, AllIsDoneInADraftAndAskedInOneQuestion) {
  const std::uint64_t id = daemon.run("change things");
  const Json question = daemon.wait_for_question(id);
  EXPECT_EQ(question.at("command"), "draft.accept");
  const std::string card = question.at("card");
  EXPECT_THAT(card, HasSubstr("-one\n+two\n"));
  EXPECT_THAT(card, HasSubstr("+new\n"));
  EXPECT_THAT(card, HasSubstr("Say two"));
  EXPECT_THAT(card, HasSubstr("| run ./tool\n"));
  EXPECT_THAT(card, HasSubstr("| exit 0"));
  // The program has seen the workspace's own path.
  EXPECT_THAT(card, HasSubstr("| " + daemon.workspace() + "\n"));
  EXPECT_EQ(daemon.file("a.txt"), "one\n");
  EXPECT_EQ(daemon.file("b.txt"), "");
  EXPECT_THAT(daemon.commits(), ElementsAre("more", "begin"));
  EXPECT_THAT(daemon.cli({"diff", name(id)}).out, HasSubstr("-one\n+two\n"));

  const Finished accepted = daemon.cli({"accept", name(id), "--yes"});
  EXPECT_EQ(accepted.exit, 0) << accepted.err << accepted.out;
  const Json ended = daemon.wait_for_end(id);
  EXPECT_EQ(ended.at("state"), "completed") << ended;
  EXPECT_EQ(ended.at("questions").at("asked"), 1);
  EXPECT_EQ(ended.at("result"), "all done");
  EXPECT_THAT(ended.at("draft_note").get<std::string>(), HasSubstr("taken over"));
  EXPECT_EQ(daemon.file("a.txt"), "two\n");
  EXPECT_EQ(daemon.file("b.txt"), "new\n");
  EXPECT_EQ(daemon.file("made.txt"), "made\n");
  EXPECT_THAT(daemon.commits(), ElementsAre("Say two", "more", "begin"));
  EXPECT_FALSE(fs::exists(draft_of(id)));
  EXPECT_THAT(daemon.cli({"diff", name(id)}).out, HasSubstr("-one\n+two\n"));
}

TEST_F(DraftTest, AYesToWhatHoldsNoMoreIsAskedAgainAndNotWaitedForWithoutATerminal) {
  const std::uint64_t id = daemon.run("change things");
  (void)daemon.wait_for_question(id);
  daemon.put("b.txt", "a person's\n");
  const Finished first = daemon.cli({"accept", name(id), "--yes"});
  EXPECT_EQ(first.exit, 4) << first.err << first.out;
  EXPECT_THAT(first.err, HasSubstr("waits for approval a2"));
  const Finished second = daemon.cli({"accept", name(id), "--yes"});
  EXPECT_EQ(second.exit, 0) << second.err << second.out;
  EXPECT_EQ(daemon.file("a.txt"), "two\n");
  EXPECT_EQ(daemon.file("b.txt"), "a person's\n");
}

TEST_F(DraftTest, OverKill9BeforeTheQuestionAndWhileItIsOpen) {
  const std::uint64_t id = daemon.run("change things");
  const Json before = daemon.wait_for_question(id);
  daemon.kill9();
  daemon.start();
  const Json after = daemon.wait_for_question(id);
  EXPECT_EQ(after.at("id"), before.at("id"));
  EXPECT_EQ(after.at("hash"), before.at("hash"));
  EXPECT_EQ(daemon.approve_until_end(id).at("state"), "completed");
  EXPECT_EQ(daemon.file("a.txt"), "two\n");
}

TEST_F(DraftTest, WordsSendItBackToWorkInTheSameDraft) {
  const std::uint64_t id = daemon.run("change things");
  const Json first = daemon.wait_for_question(id);
  const std::string asked = "a" + name(first.at("id").get<std::uint64_t>());
  EXPECT_EQ(daemon.cli({"deny", asked, "--reason", "mend the test, too"}).exit, 0);
  const Json second = daemon.wait_for_question(id);
  EXPECT_NE(second.at("id"), first.at("id"));
  EXPECT_THAT(model.ledger().back().last(), HasSubstr("mend the test, too"));
  EXPECT_EQ(daemon.approve_until_end(id).at("result"), "now it is");
  EXPECT_EQ(daemon.file("a.txt"), "two\n");
}

TEST_F(DraftTest, AfterAPlainNoItCanStillBeAcceptedInPartAndThenDropped) {
  const std::uint64_t id = daemon.run("change things");
  const Json question = daemon.wait_for_question(id);
  const std::string asked = "a" + name(question.at("id").get<std::uint64_t>());
  EXPECT_EQ(daemon.cli({"deny", asked}).exit, 0);
  EXPECT_THAT(daemon.wait_for_end(id).at("draft_note").get<std::string>(),
              HasSubstr("a person said no"));
  EXPECT_TRUE(fs::exists(draft_of(id)));
  EXPECT_EQ(daemon.file("a.txt"), "one\n");

  const Finished part = daemon.cli({"accept", name(id), "b.txt", "--yes"});
  EXPECT_EQ(part.exit, 0) << part.err << part.out;
  EXPECT_THAT(part.out, HasSubstr("1 path taken over"));
  EXPECT_EQ(daemon.file("b.txt"), "new\n");
  EXPECT_EQ(daemon.file("a.txt"), "one\n");

  const Finished dropped = daemon.cli({"drop", name(id), "--yes"});
  EXPECT_EQ(dropped.exit, 0) << dropped.err << dropped.out;
  EXPECT_FALSE(fs::exists(draft_of(id)));
  EXPECT_THAT(daemon.cli({"accept", name(id), "--yes"}).err, HasSubstr("no draft"));
  EXPECT_EQ(daemon.file("a.txt"), "one\n");
}

TEST_F(DraftTest, WhileATaskWorksInItsDraftThatIsNotDropped) {
  const std::uint64_t id = daemon.run("change things");
  (void)daemon.wait_for_question(id);
  const Finished dropped = daemon.cli({"drop", name(id), "--yes"});
  EXPECT_NE(dropped.exit, 0);
  EXPECT_THAT(dropped.err, HasSubstr("cancel that first"));
  EXPECT_EQ(daemon.cli({"cancel", name(id)}).exit, 0);
  (void)daemon.wait_for_end(id);
  EXPECT_EQ(daemon.cli({"drop", name(id), "--yes"}).exit, 0);
}

TEST_F(DraftTest, LiveItAsksAtEachEffectAndHasNoDraft) {
  const Finished begun =
      daemon.cli({"run", "change things", "-w", daemon.workspace(), "--live", "--detach"});
  ASSERT_EQ(begun.exit, 0) << begun.err;
  EXPECT_EQ(daemon.wait_for_question(1).at("command"), "file.write");
  EXPECT_FALSE(fs::exists(draft_of(1)));
  EXPECT_THAT(daemon.cli({"accept", "1", "--yes"}).err, HasSubstr("it has no draft"));
  EXPECT_EQ(daemon.approve_until_end(1).at("questions").at("asked"), 3);
  EXPECT_EQ(daemon.file("a.txt"), "two\n");
}

TEST_F(DraftTest, TheStatusAndTheLogSayHowManyQuestionsAnAcceptedTaskTook) {
  const auto accepted = [&] { return daemon.ask("/v1/status").body.at("accepted"); };
  EXPECT_EQ(accepted().at("tasks"), 0);
  EXPECT_THAT(daemon.cli({"status"}).out, Not(HasSubstr("accepted")));
  const std::uint64_t id = daemon.run("change things");
  const Json question = daemon.wait_for_question(id);
  EXPECT_EQ(daemon.cli({"deny", "a" + name(question.at("id").get<std::uint64_t>())}).exit, 0);
  (void)daemon.wait_for_end(id);
  EXPECT_EQ(accepted().at("tasks"), 0) << "nobody has accepted anything";

  const Json accept = daemon.cli_json({"accept", name(id), "--yes"});
  EXPECT_EQ(accepted().at("tasks"), 1);
  EXPECT_EQ(accepted().at("questions"), 1);
  daemon.kill9();
  daemon.start();
  EXPECT_THAT(daemon.cli({"status"}).out, HasSubstr("accepted    1 task, with 1.0 questions each"));
  EXPECT_THAT(daemon.log(), HasSubstr(R"("event":"task.accepted","questions":1,"task":1)"));
}

/// One that says nothing of it in its config.
class DefaultDraftTest : public testing::Test {
 protected:
  ScriptedLlm model{ScriptedLlm::in_turn(
      {calls("write_file", {{"path", "b.txt"}, {"content", "new\n"}}), says("done")})};

  [[nodiscard]] std::string config(const std::string& agent) const {
    return config_for(model, "none") + "# no files = \n[agent]\n" + agent;
  }
};

TEST_F(DefaultDraftTest, AgentsWorkInDraftsAndSayWhatOneTakesBeforeTheyMakeIt) {
  RealDaemon daemon(config(""));
  daemon.start();
  const std::uint64_t id = daemon.run("change things", /*approve_all=*/true);
  const Json ended = daemon.wait_for_end(id);
  EXPECT_EQ(ended.at("draft_note"), "1 path taken over") << ended;
  EXPECT_EQ(daemon.file("b.txt"), "new\n");
  const Json first = daemon.cli_json({"steps", std::to_string(id)}).at("steps").front();
  EXPECT_THAT(first.at("line").get<std::string>(),
              testing::MatchesRegex("make its draft: [0-9]+ files, [0-9.]+ kB(, shared| to copy)"));
}

TEST_F(DefaultDraftTest, WhereMuchMustBeCopiedAPersonIsAskedFirst) {
  RealDaemon daemon(config("draft_ask_above = \"1KiB\"\n"));
  daemon.put("large", std::string(100'000, 'x'));
  daemon.start();
  const std::uint64_t first = daemon.run("change things");
  const Json question = daemon.wait_for_question(first);
  if (question.at("command") != "draft.open") GTEST_SKIP() << "a copy shares its blocks";
  EXPECT_THAT(question.at("card").get<std::string>(), HasSubstr("with --live"));
  const fs::path drafts = fs::path(daemon.state_dir()) / "drafts";
  EXPECT_FALSE(fs::exists(drafts / std::to_string(first)));
  const std::string asked = "a" + std::to_string(question.at("id").get<std::uint64_t>());
  EXPECT_EQ(daemon.cli({"deny", asked, "--reason", "too much"}).exit, 0);
  EXPECT_THAT(daemon.wait_for_end(first).at("error").at("message").get<std::string>(),
              HasSubstr("make a draft of the workspace: a person said no: too much"));

  const std::uint64_t second = daemon.run("change things");
  EXPECT_EQ(daemon.approve_until_end(second).at("draft_note"), "1 path taken over");
}

}  // namespace
}  // namespace tinkerbell
