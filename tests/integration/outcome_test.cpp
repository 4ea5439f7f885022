#include "support/process_lives.hpp"
#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <sstream>
#include <string>

/// A machine that goes down takes the shim with it: then nobody can tell what a program has done,
/// and a person is asked.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

/// Notes who watches over it and who it is, and lasts until it may end.
constexpr std::string_view kDeploy =
    "#!/bin/sh\n"
    "echo deployed >> deployments.txt\n"
    "echo $PPID $$ > processes.txt\n"
    "while ! [ -e may-end ]; do sleep 0.02; done\n";

/// What a machine that goes down does to a daemon with such a program under way. What is started
/// after this may end at once.
void go_down_with(RealDaemon& daemon) {
  ASSERT_TRUE(wait_until([&] { return daemon.file("processes.txt").ends_with('\n'); }))
      << daemon.log();
  std::istringstream processes(daemon.file("processes.txt"));
  pid_t shim = 0;
  pid_t program = 0;
  ASSERT_TRUE(processes >> shim >> program);
  daemon.kill9();
  ASSERT_EQ(kill(shim, SIGKILL), 0);
  ASSERT_TRUE(wait_until([program] { return !process_lives(program); }));
  daemon.put("may-end", "");
}

class OutcomeTest : public testing::Test {
 protected:
  OutcomeTest() {
    daemon.put("deploy.sh", kDeploy, true);
    daemon.start();
    task = daemon.run("deploy it", true);
    go_down_with(daemon);
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

/// The same, with a probe in the config.
class ProbedTest : public testing::Test {
 protected:
  /// Runs a program until it waits, takes everything down, and goes on.
  void cut_off(std::string_view program) {
    daemon.put("deploy.sh", program, true);
    daemon.start();
    task = daemon.run("deploy it", true);
    go_down_with(daemon);
    daemon.start();
  }

  ScriptedLlm model{ScriptedLlm::in_turn(
      {calls("run_program", {{"argv", {"./deploy.sh"}}}), calls("finish", {{"summary", "done"}})})};
  RealDaemon daemon{config_for(model, "none") +
                    "[[probe]]\nname = \"look\"\ncommand = [\"./deploy.sh\"]\n"
                    "argv = [\"grep\", \"deployed\", \"deployments.txt\"]\n"};
  std::uint64_t task = 0;
};

TEST_F(ProbedTest, WhatAProbeFindsDoneIsNotDoneTwiceAndNobodyIsAsked) {
  cut_off(kDeploy);
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed");
  EXPECT_EQ(daemon.file("deployments.txt"), "deployed\n");
  EXPECT_THAT(model.ledger().back().last(),
              HasSubstr("the probe \"look\" says that it happened (exit 0: deployed)"));
  EXPECT_THAT(daemon.cli({"approvals"}).out, testing::Not(HasSubstr("did this happen")));
}

TEST_F(ProbedTest, WhatAProbeFindsNotDoneIsStartedAgain) {
  daemon.put("deployments.txt", "");
  cut_off(
      "#!/bin/sh\n"
      "echo run >> runs.txt\n"
      "echo $PPID $$ > processes.txt\n"
      "while ! [ -e may-end ]; do sleep 0.02; done\n"
      "echo deployed >> deployments.txt\n");
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed");
  EXPECT_EQ(daemon.file("deployments.txt"), "deployed\n");
  EXPECT_EQ(daemon.file("runs.txt"), "run\nrun\n");
  EXPECT_THAT(model.ledger().back().last(), HasSubstr("exit 0"));
}

TEST_F(ProbedTest, WhatAProbeCannotTellIsAskedWithWhatItSaid) {
  cut_off(
      "#!/bin/sh\n"
      "echo $PPID $$ > processes.txt\n"
      "while ! [ -e may-end ]; do sleep 0.02; done\n");
  const Json question = daemon.wait_for_question(task);
  EXPECT_EQ(question.at("kind"), "outcome");
  EXPECT_THAT(question.at("card").get<std::string>(),
              testing::AllOf(HasSubstr("its shim was killed"), HasSubstr("it cannot tell (exit 2"),
                             HasSubstr("deployments.txt")));
}

TEST_F(OutcomeTest, WhatIsInDoubtIsListedWithItsEvidence) {
  for (const std::vector<std::string>& look : {std::vector<std::string>{"ls", "--state", "unsure"},
                                               {"show", std::to_string(task)},
                                               {"show", name}}) {
    const Finished shown = daemon.cli(look);
    EXPECT_EQ(shown.exit, 0) << shown.err;
    EXPECT_THAT(shown.out, HasSubstr("its shim was killed")) << look[0];
  }
}

TEST_F(OutcomeTest, AResultThatAPersonStatesReachesTheModelAsSuch) {
  daemon.put("said.txt", "version 7 is live\n");
  const Finished late = daemon.cli({"resolve", name, "--abort", "--result", "version 7"});
  EXPECT_EQ(late.exit, 64);
  daemon.put("long.txt", std::string((64 << 10) + 1, 'x'));
  const Finished longer = daemon.cli(
      {"resolve", name, "--happened", "--result-file", daemon.workspace() + "/long.txt"});
  EXPECT_NE(longer.exit, 0);
  EXPECT_THAT(longer.err, HasSubstr("long.txt"));

  const Finished resolved = daemon.cli({"resolve", name, "--happened", "--reason", "I looked",
                                        "--result-file", daemon.workspace() + "/said.txt"});
  EXPECT_EQ(resolved.exit, 0) << resolved.err;
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed");
  EXPECT_EQ(daemon.file("deployments.txt"), "deployed\n");
  EXPECT_THAT(model.ledger().back().last(),
              testing::AllOf(HasSubstr("exit 0, as a person states it (uid "),
                             HasSubstr("I looked\nversion 7 is live\n")));
  EXPECT_THAT(daemon.cli({"show", name}).out,
              testing::AllOf(HasSubstr("stated result, 18 bytes:\n"), HasSubstr("version 7")));
  EXPECT_THAT(daemon.cli({"steps", std::to_string(task)}).out, HasSubstr("as a person states it"));
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
