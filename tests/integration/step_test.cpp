#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

/// A person walks an agent through its steps, over a crash.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

std::vector<LlmReply> writes_and_tests() {
  return {calls("write_file", {{"path", "a.txt"}, {"content", "new\n"}}),
          calls("run_program", {{"argv", {"./test.sh"}}}), calls("finish", {{"summary", "over"}})};
}

std::uint64_t start_stopped(const RealDaemon& daemon) {
  daemon.put("test.sh", "#!/bin/sh\ngrep -q new a.txt\n", true);
  const Finished run =
      daemon.cli({"run", "change it", "-w", daemon.workspace(), "--yes", "--step", "-d"});
  EXPECT_EQ(run.exit, 0) << run.err;
  return std::stoull(run.out);
}

TEST(StepTest, EachStepIsShownBeforeItIsTakenAndACrashChangesNothing) {
  ScriptedLlm model(ScriptedLlm::in_turn(writes_and_tests()));
  RealDaemon daemon(config_for(model, usual_sandbox()));
  daemon.start();
  const std::string task = std::to_string(start_stopped(daemon));
  ASSERT_TRUE(
      wait_until([&] { return daemon.cli_json({"show", task}).at("state") == "suspended"; }));
  EXPECT_THAT(daemon.cli({"show", task}).out,
              HasSubstr("told to stop before: look for instructions"));
  EXPECT_THAT(daemon.cli({"step", task}).out, HasSubstr("told to stop before: ask model default"));
  EXPECT_EQ(model.ledger().size(), 0U);

  EXPECT_THAT(daemon.cli({"step", task}).out, HasSubstr("told to stop before: write a.txt"));
  EXPECT_EQ(daemon.file("a.txt"), "");
  EXPECT_EQ(model.ledger().size(), 1U);

  daemon.kill9();
  daemon.start();
  EXPECT_THAT(daemon.cli({"ls"}).out, HasSubstr("told to stop before: write a.txt"));
  EXPECT_EQ(daemon.file("a.txt"), "");

  EXPECT_THAT(daemon.cli({"step", task}).out, HasSubstr("told to stop before: ask model default"));
  EXPECT_EQ(daemon.file("a.txt"), "new\n");

  EXPECT_THAT(daemon.cli({"break", task, "program=test.sh"}).out, HasSubstr("program=test.sh"));
  EXPECT_EQ(daemon.cli({"resume", task}).exit, 0);
  ASSERT_TRUE(wait_until([&] {
    return daemon.cli({"show", task}).out.contains("at breakpoint 1 (program=test.sh) before: run");
  })) << daemon.cli({"show", task}).out;
  EXPECT_EQ(model.ledger().size(), 2U);

  EXPECT_EQ(daemon.cli({"resume", task}).exit, 0);
  EXPECT_EQ(daemon.wait_for_end(std::stoull(task)).at("state"), "completed");
  EXPECT_EQ(daemon.cli({"step", task}).exit, 1);
}

}  // namespace
}  // namespace tinkerbell
