#include "support/built_program.hpp"
#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

/// What people say to an agent that is at work, and what they see of it meanwhile.
namespace tinkerbell {
namespace {

using testing::HasSubstr;
using testing::Not;

/// The gate holds each answer after its first words.
LlmReply held(LlmReply reply) {
  reply.hold = 1;
  return reply;
}

TEST(Say, WordsToAnAgentAtWorkAreHeardBeforeItsNextQuestionAlsoOverAKill) {
  ScriptedLlm model(ScriptedLlm::in_turn(
      {held(calls("list_files", {{"path", "."}})), calls("finish", {{"summary", "over"}})}));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const std::uint64_t task = daemon.run("look around");
  const std::string id = std::to_string(task);
  ASSERT_TRUE(wait_until([&] { return model.held() > 0; })) << daemon.log();
  EXPECT_THAT(daemon.cli({"say", id, "leave *.md alone"}).out,
              HasSubstr("task " + id + " hears it at its next step, after "));
  daemon.kill9();
  model.open_gate();
  daemon.start();
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed") << daemon.log();
  const std::vector<LlmRequest> asked = model.ledger();
  EXPECT_THAT(dump_json(asked.front().body), Not(HasSubstr("leave *.md alone")));
  EXPECT_THAT(dump_json(asked.back().body), HasSubstr("leave *.md alone"));
  EXPECT_EQ(daemon.cli({"replay", id, "--check"}).exit, 0);

  const Finished late = daemon.cli({"say", id, "too late"});
  EXPECT_EQ(late.exit, 1);
  EXPECT_THAT(late.err, HasSubstr("`tinkerbell fork " + id + " --at STEP --say TEXT"));
}

TEST(Say, WordsAnswerTheQuestionThatATaskHasOpen) {
  ScriptedLlm model(ScriptedLlm::in_turn({calls("ask_user", {{"question", "which colour?"}}),
                                          calls("finish", {{"summary", "over"}})}));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const std::uint64_t task = daemon.run("paint it");
  const Json question = daemon.wait_for_question(task);
  const Finished said = daemon.cli({"say", std::to_string(task), "blue"});
  EXPECT_THAT(said.out, HasSubstr("it is the answer to a"));
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed");
  EXPECT_THAT(model.ledger().back().last(), HasSubstr("blue"));
}

TEST(Say, WhatNobodyCanHearIsRefused) {
  ScriptedLlm model(ScriptedLlm::in_turn({held(says("over"))}));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const std::string say = "/v1/tasks/" + std::to_string(daemon.run("wait")) + "/say";
  EXPECT_EQ(daemon.ask("/v1/tasks/99/say", Json{{"text", "hello"}}).status, 404);
  EXPECT_EQ(daemon.ask(say, Json{{"text", ""}}).status, 400);
  EXPECT_EQ(daemon.ask(say, Json{{"text", 7}}).status, 400);
  EXPECT_EQ(daemon.ask(say, Json{{"words", "hello"}}).status, 400);
  EXPECT_EQ(daemon.ask(say, Json{{"text", std::string(65'537, 'x')}}).status, 413);
  EXPECT_EQ(daemon.ask(say, Json{{"text", "hello"}}).status, 200);
  model.open_gate();
}

TEST(Follow, WhoComesWhileAModelSpeaksHearsWhatItSaidSoFarAndTheRest) {
  ScriptedLlm model(ScriptedLlm::in_turn({held(says("Let me think."))}));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const std::uint64_t task = daemon.run("think");
  ASSERT_TRUE(wait_until([&] { return model.held() > 0; })) << daemon.log();
  TempDir shown;
  const UniqueFd out(::open((shown / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  Child follow(
      {built_program("tinkerbell"), "--socket", daemon.socket(), "follow", std::to_string(task)},
      out.get(), out.get());
  EXPECT_TRUE(wait_until([&] { return shown.read("out").contains("Let me think."); }))
      << shown.read("out");
  EXPECT_EQ(model.held(), 1U) << "it has not come to its end";
  model.open_gate();
  daemon.wait_for_end(task);
  follow.wait();
  EXPECT_THAT(shown.read("out"), HasSubstr("completed"));
}

}  // namespace
}  // namespace tinkerbell
