#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

/// A machine that goes down takes the shim with it: then nobody can tell what a program has done,
/// and a person is asked.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

/// Notes who watches over it, and lasts until it may end.
constexpr std::string_view kDeploy =
    "#!/bin/sh\n"
    "echo deployed >> deployments.txt\n"
    "echo $PPID > shim.txt\n"
    "while ! [ -e may-end ]; do sleep 0.02; done\n";

class OutcomeTest : public testing::Test {
 protected:
  OutcomeTest() {
    daemon.put("deploy.sh", kDeploy, true);
    daemon.start();
    task = daemon.run("deploy it", true);
    EXPECT_TRUE(wait_until([this] { return daemon.file("shim.txt").ends_with('\n'); }))
        << daemon.log();
    daemon.kill9();
    EXPECT_EQ(kill(std::stoi(daemon.file("shim.txt")), SIGKILL), 0);
    daemon.put("may-end", "");
    daemon.start();
    question = daemon.wait_for_question(task);
    name = "a" + question.at("id").dump();
  }

  ScriptedLlm model{ScriptedLlm::in_turn(
      {calls("run_program", {{"argv", {"./deploy.sh"}}}), calls("finish", {{"summary", "done"}})})};
  RealDaemon daemon{config_for(model, "none")};
  std::uint64_t task = 0;
  Json question;
  std::string name;
};

TEST_F(OutcomeTest, WhatHappenedIsNotDoneTwiceAndTheModelIsToldSo) {
  EXPECT_EQ(question.at("kind"), "outcome");
  EXPECT_EQ(question.at("line"), "did this happen? run ./deploy.sh");
  const Finished yes = daemon.cli({"approve", name});
  EXPECT_EQ(yes.exit, 65);
  EXPECT_THAT(yes.err, HasSubstr("resolve"));

  const Finished resolved = daemon.cli({"resolve", name, "--happened", "--reason", "it is live"});
  EXPECT_EQ(resolved.exit, 0) << resolved.err;
  EXPECT_THAT(resolved.out, HasSubstr(name + " was resolved as happened by uid "));
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed");
  EXPECT_EQ(daemon.file("deployments.txt"), "deployed\n");
  EXPECT_THAT(model.ledger().back().last(),
              HasSubstr("a person says that it happened; its result is not known: it is live"));
}

TEST_F(OutcomeTest, RunAgainStartsItOnceMore) {
  const RealDaemon::Answer answer =
      daemon.curl("/v1/approvals/" + name, Json{{"answer", "run_again"}});
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body.at("state"), "run_again");
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed");
  EXPECT_EQ(daemon.file("deployments.txt"), "deployed\ndeployed\n");
}

TEST_F(OutcomeTest, AbortLeavesItAsItIs) {
  EXPECT_EQ(daemon.cli({"resolve", name, "--abort"}).exit, 0);
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed");
  EXPECT_EQ(daemon.file("deployments.txt"), "deployed\n");
  EXPECT_THAT(model.ledger().back().last(), HasSubstr("nobody knows whether it happened"));
}

}  // namespace
}  // namespace tinkerbell
