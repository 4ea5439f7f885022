#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"
#include "support/wait_until.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

/// What an agent's tools do with long outputs, several calls and patches.
namespace tinkerbell {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

/// What the model was told last of each call, in their order.
std::vector<std::string> told(const LlmRequest& request) {
  std::vector<std::string> texts;
  for (const Json& message : request.body.at("messages"))
    if (message.at("role") == "tool") texts.push_back(message.at("content").get<std::string>());
  return texts;
}

/// The name of the output of which the model was just told the ends.
std::string output_named_in(const std::string& text) {
  const std::string before = "{\"output\":\"";
  const std::size_t begin = text.find(before);
  if (begin == std::string::npos) return "none";
  return text.substr(begin + before.size(), 12);
}

TEST(Tools, ALongOutputIsReadOnAlsoAfterARestart) {
  ScriptedLlm model{[](const LlmRequest& request) {
    switch (request.turn()) {
      case 0:
        return calls("run_program", {{"argv", {"seq", "20000"}}});
      case 1: {
        LlmReply reply =
            calls("read_output", {{"output", output_named_in(request.last())}, {"offset", 60'000}});
        reply.hold = 0;
        return reply;
      }
      default:
        return calls("finish", {{"summary", "read"}});
    }
  }};
  RealDaemon daemon{config_for(model, "none")};
  daemon.start();
  const std::uint64_t id = daemon.run("count", /*approve_all=*/true);
  ASSERT_TRUE(wait_until([&] { return model.held() > 0; }));
  daemon.kill9();
  model.open_gate();
  daemon.start();
  EXPECT_EQ(daemon.wait_for_end(id).at("state"), "completed");
  const std::vector<std::string> texts = told(model.ledger().back());
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_THAT(texts[0], HasSubstr("exit 0, the middle of its 108894 bytes is left out"));
  EXPECT_THAT(texts[0], EndsWith("\n19999\n20000\n"));
  EXPECT_LT(texts[0].size(), 30'000U);
  EXPECT_THAT(texts[1], HasSubstr("\n12000\n"));
  EXPECT_THAT(texts[1], HasSubstr(" of 108894; it goes on at {\"offset\":"));
}

TEST(Tools, ReadsOfOneAnswerAreOneStepAndEachIsJudged) {
  ScriptedLlm model{ScriptedLlm::in_turn({calls_at_once({{"read_file", R"({"path":"a.txt"})"},
                                                         {"read_file", R"({"path":"keys/id"})"},
                                                         {"read_file", R"({"path":"alias"})"},
                                                         {"list_files", R"({"path":"keys"})"}}),
                                          calls("finish", {{"summary", "read"}})})};
  RealDaemon daemon{config_for(model, "none") +
                    "[[policy.rule]]\nname = \"keys\"\ndo = \"deny\"\npaths = [\"keys/**\"]\n"};
  daemon.put("a.txt", "one\n");
  daemon.put("keys/id", "the key\n");
  std::filesystem::create_symlink("keys/id", daemon.workspace() + "/alias");
  daemon.start();
  const std::uint64_t id = daemon.run("read", /*approve_all=*/true);
  EXPECT_EQ(daemon.wait_for_end(id).at("state"), "completed");
  const std::vector<std::string> texts = told(model.ledger().back());
  ASSERT_EQ(texts.size(), 4U);
  EXPECT_EQ(texts[0], "one\n");
  EXPECT_THAT(texts[1], HasSubstr("the rule \"keys\" forbids this"));
  EXPECT_THAT(texts[2], HasSubstr("the rule \"keys\" forbids this"));
  EXPECT_THAT(dump_json(model.ledger().back().body), testing::Not(HasSubstr("the key")));
  const std::string steps = daemon.cli({"steps", std::to_string(id)}).out;
  EXPECT_THAT(steps, HasSubstr("at once: read a.txt from line 1; read keys/id from line 1; read "));
  EXPECT_THAT(steps, HasSubstr("4 parts, 2 of them not done"));
  const std::string strace = daemon.cli({"strace", std::to_string(id)}).out;
  EXPECT_THAT(strace, HasSubstr("task.together(file.read(path=\"a.txt\""));
}

TEST(Tools, APatchOfSeveralFilesIsOneQuestionAndTakenBackAsOne) {
  ScriptedLlm model{ScriptedLlm::in_turn(
      {calls("apply_patch", {{"patch",
                              "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-too\n+two\n"
                              "--- /dev/null\n+++ b/sub/new.txt\n@@\n+new\n"}}),
       calls("apply_patch", {{"patch",
                              "--- a/a.txt\n+++ b/a.txt\n@@ -2 +2 @@\n-two\n+zwei\n"
                              "--- /dev/null\n+++ b/sub/new.txt\n@@ -0,0 +1 @@\n+new\n"
                              "--- a/old.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n"}}),
       calls("finish", {{"summary", "patched"}})})};
  RealDaemon daemon{config_for(model, "none")};
  daemon.put("a.txt", "one\ntwo\n");
  daemon.put("old.txt", "old\n");
  daemon.start();
  const std::uint64_t id = daemon.run("patch");
  const Json question = daemon.wait_for_question(id);
  EXPECT_EQ(question.at("command"), "file.patch");
  const auto card = question.at("card").get<std::string>();
  EXPECT_THAT(card, HasSubstr("--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+zwei\n"));
  EXPECT_THAT(card, HasSubstr("--- a/old.txt\n+++ /dev/null\n"));
  const Json ended = daemon.approve_until_end(id);
  EXPECT_EQ(ended.at("state"), "completed") << ended;
  EXPECT_EQ(ended.at("questions").at("asked"), 1);
  EXPECT_EQ(daemon.file("a.txt"), "one\nzwei\n");
  EXPECT_EQ(daemon.file("sub/new.txt"), "new\n");
  EXPECT_EQ(daemon.file("old.txt"), "");
  const std::vector<std::string> texts = told(model.ledger().back());
  EXPECT_THAT(texts[0],
              HasSubstr("a.txt, hunk 1: its lines are not in the file; most like it is what "
                        "begins at line 1, but not line 2:\n1: one\n2: two"));
  EXPECT_EQ(texts[1], "changed a.txt\nremoved old.txt\nmade sub\nmade sub/new.txt\n");
  EXPECT_EQ(daemon.cli({"undo", std::to_string(id), "--yes"}).exit, 0);
  EXPECT_EQ(daemon.file("a.txt"), "one\ntwo\n");
  EXPECT_EQ(daemon.file("old.txt"), "old\n");
  EXPECT_EQ(daemon.file("sub/new.txt"), "");
}

}  // namespace
}  // namespace tinkerbell
