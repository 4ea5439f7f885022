#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tinkerbell {
namespace {

/// Writes the file that the goal names.
LlmReply reply_in(const LlmRequest& request) {
  if (request.turn() > 0) return calls("finish", {{"summary", "done"}});
  const std::string goal = request.goal();
  return calls("write_file", {{"path", goal}, {"content", "x"}});
}

std::string question_name(const Json& question) {
  return "a" + std::to_string(question.at("id").get<std::uint64_t>());
}

TEST(Rules, WhatWasAllowedForGoodHoldsAfterAKillUntilItIsRemoved) {
  ScriptedLlm model(reply_in);
  RealDaemon daemon(config_for(model, usual_sandbox()));
  daemon.start();
  const Json question = daemon.wait_for_question(daemon.run("docs/a.md"));
  const std::string allows = "write docs/a.md; in " + daemon.workspace();
  EXPECT_EQ(question.at("always"), allows);
  const Finished approved =
      daemon.cli({"approve", question_name(question), "--always", "--for", "30d"});
  ASSERT_EQ(approved.exit, 0) << approved.err;
  EXPECT_NE(approved.out.find("standing rule 1: " + allows), std::string::npos) << approved.out;
  daemon.kill9();  // what was acknowledged is there
  daemon.start();

  const std::uint64_t again = daemon.run("docs/a.md");
  EXPECT_EQ(daemon.wait_for_end(again).at("state"), "completed");
  const Finished steps = daemon.cli({"steps", std::to_string(again), "--full"});
  EXPECT_NE(steps.out.find("allow by standing rule 1, by uid "), std::string::npos) << steps.out;
  EXPECT_NE(daemon.log().find("\"standing_rule\":1"), std::string::npos);

  const Json list = daemon.cli_json({"rules"});
  ASSERT_EQ(list.at("rules").size(), 1U);
  const Json& rule = list.at("rules").front();
  EXPECT_EQ(rule.at("rule"), allows);
  EXPECT_GE(rule.at("used"), 1U);
  EXPECT_NE(rule.at("expires"), "");
  EXPECT_NE(rule.at("last_used"), "");

  ASSERT_EQ(daemon.cli({"rules", "remove", "1"}).exit, 0);
  (void)daemon.wait_for_question(daemon.run("docs/a.md"));
  daemon.kill9();
  daemon.start();
  EXPECT_TRUE(daemon.cli_json({"rules"}).at("rules").empty());
  EXPECT_NE(daemon.cli({"rules", "remove", "1"}).exit, 0);
}

TEST(Rules, NoneIsMadeForProtectedFilesAndTheQuestionSaysWhy) {
  ScriptedLlm model(reply_in);
  RealDaemon daemon(config_for(model, usual_sandbox()));
  daemon.start();
  const Json question = daemon.wait_for_question(daemon.run(".envrc"));
  EXPECT_EQ(question.at("always"), "");
  EXPECT_NE(question.at("always_not").get<std::string>().find("protected path"), std::string::npos);
  const Finished refused = daemon.cli({"approve", question_name(question), "--always"});
  EXPECT_NE(refused.exit, 0);
  EXPECT_NE(refused.err.find("no standing rule can be made"), std::string::npos) << refused.err;
  EXPECT_EQ(daemon.curl("/v1/approvals/" + question_name(question)).body.at("state"), "open");
}

}  // namespace
}  // namespace tinkerbell
