#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

/// Each program's step says what it changed, and its question what nobody could bring back.
namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kTool =
    "#!/bin/sh\n"
    "echo two > a.txt\n"
    "mkdir made\n"
    "touch begun\n"
    "while ! [ -e may-end ]; do sleep 0.02; done\n";

class TrackingTest : public testing::Test {
 protected:
  void start(std::string_view more_config = "") {
    daemon.emplace(config_for(model, usual_sandbox()) + std::string(more_config));
    daemon->put("a.txt", "one\n");
    daemon->put("tool", kTool, true);
    daemon->start();
  }

  /// The step of a task that ran the tool.
  [[nodiscard]] Json step_of(std::uint64_t task) const {
    const Json steps = daemon->ask("/v1/tasks/" + std::to_string(task) + "/steps?full=1").body;
    for (const Json& step : steps.at("steps")) {
      if (step.at("command") == "process.run") return step;
    }
    return {};
  }

  [[nodiscard]] static std::vector<std::string> changed_in(const Json& step) {
    std::vector<std::string> paths;
    for (const Json& change : step.at("reply").at("changes"))
      paths.push_back(change.at("path"));
    return paths;
  }

  ScriptedLlm model{ScriptedLlm::in_turn(
      {calls("run_program", {{"argv", {"./tool"}}}), calls("finish", {{"summary", "done"}})})};
  std::optional<RealDaemon> daemon;
};

TEST_F(TrackingTest, AStepSaysWhatItsProgramChangedAndTheModelIsNotToldTheList) {
  start();
  daemon->put("may-end", "");
  const std::uint64_t task = daemon->run("run it", true);
  EXPECT_EQ(daemon->wait_for_end(task).at("state"), "completed");
  const Json step = step_of(task);
  EXPECT_THAT(changed_in(step), ElementsAre("a.txt", "begun", "made"));
  EXPECT_THAT(step.at("outcome").get<std::string>(), HasSubstr(", 3 paths changed"));
  EXPECT_THAT(daemon->cli({"steps", std::to_string(task)}).out, HasSubstr("3 paths changed"));
  EXPECT_THAT(dump_json(model.ledger().back().body), Not(HasSubstr("begun")));
  EXPECT_THAT(daemon->log(), Not(HasSubstr("begun")));
}

TEST_F(TrackingTest, OverKill9WhileTheProgramRuns) {
  start();
  const std::uint64_t task = daemon->run("run it", true);
  ASSERT_TRUE(wait_until([&] { return daemon->file("a.txt") == "two\n"; })) << daemon->log();
  daemon->kill9();
  daemon->start();
  daemon->put("may-end", "");
  EXPECT_EQ(daemon->wait_for_end(task).at("state"), "completed");
  EXPECT_THAT(changed_in(step_of(task)), ElementsAre("a.txt", "begun", "made", "may-end"));
}

TEST_F(TrackingTest, WhatIsNotKeptStandsInTheQuestion) {
  start("[workspace]\nkept_file_max = \"1KiB\"\n");
  daemon->put("big.bin", std::string(2'000, 'x'));
  daemon->put("may-end", "");
  const std::uint64_t task = daemon->run("run it");
  const std::string card = daemon->wait_for_question(task).at("card");
  EXPECT_THAT(card, HasSubstr("what it could change and nobody could bring back\n"
                              "  - big.bin  it is larger than 1 KiB\n"));
  EXPECT_EQ(daemon->approve_until_end(task).at("state"), "completed");
}

TEST_F(TrackingTest, WhereTooMuchStandsThereTheQuestionSaysSoAndTheProgramRuns) {
  start("[workspace]\nkept_total_max = \"1KiB\"\n");
  daemon->put("big.bin", std::string(2'000, 'x'));
  daemon->put("may-end", "");
  const std::uint64_t task = daemon->run("run it");
  EXPECT_THAT(daemon->wait_for_question(task).at("card").get<std::string>(),
              HasSubstr("its files are more than 1 KiB together"));
  EXPECT_EQ(daemon->approve_until_end(task).at("state"), "completed");
  EXPECT_THAT(changed_in(step_of(task)), ElementsAre());
}

}  // namespace
}  // namespace tinkerbell
