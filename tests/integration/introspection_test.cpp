#include "support/built_program.hpp"
#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

/// A person looks into a daemon: what tasks wait for, what they asked for, how their turns went.
namespace tinkerbell {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class IntrospectionTest : public testing::Test {
 protected:
  void SetUp() override { daemon_.start(); }

  /// An agent that waits until it may run a program.
  std::string start_asking() {
    daemon_.put("test.sh", "#!/bin/sh\nexit 3\n", true);
    const std::uint64_t task = daemon_.run("look into it");
    (void)daemon_.wait_for_question(task);
    return std::to_string(task);
  }

  ScriptedLlm model_{ScriptedLlm::in_turn(
      {calls("read_file", {{"path", "gone.txt"}}),
       calls("run_program", {{"argv", {"./test.sh", "\x1b[2J\"", std::string(100, 'x')}}}),
       calls("finish", {{"summary", "over"}})})};
  RealDaemon daemon_{config_for(model_, usual_sandbox())};
};

TEST_F(IntrospectionTest, ShowSaysWhereATaskStandsInItsSource) {
  const std::string task = start_asking();
  const std::string shown = daemon_.cli({"show", task}).out;
  EXPECT_THAT(shown, ContainsRegex("stands at +src/tasks/agent\\.cpp:[0-9]+ +Agent::perform\n"
                                   " +src/tasks/agent\\.cpp:[0-9]+ +Agent::answer_to\n"
                                   " +src/tasks/agent\\.cpp:[0-9]+ +Agent::answer_all\n"
                                   " +src/tasks/agent\\.cpp:[0-9]+ +Agent::run\n"
                                   " +src/tasks/agent\\.cpp:[0-9]+ +run_agent\n"));
  EXPECT_THAT(shown, ContainsRegex("used +[0-9]+ turns, [0-9.]+ (µs|ms|s) of processor time"));
  const Json view = daemon_.ask("/v1/tasks/" + task).body;
  EXPECT_GT(view.at("scheduling").at("turns"), 4);

  EXPECT_THAT(daemon_.cli({"tree"}).out,
              ContainsRegex(task + " +waiting +[0-9]+s +look into it  \\[approval a1: run "));
  EXPECT_THAT(daemon_.cli({"status"}).out,
              ContainsRegex("scheduler +0 ready, 0 timers, [0-9]+ tu"));

  (void)daemon_.approve_until_end(std::stoull(task));
  EXPECT_THAT(daemon_.cli({"show", task}).out, ContainsRegex("used +[0-9]+ turns"));
  EXPECT_EQ(daemon_.cli({"tree"}).out, "TASK  STATE  SINCE  WHAT\n");
  EXPECT_THAT(daemon_.cli({"tree", "--all"}).out, HasSubstr("completed"));
  const Json scheduler = daemon_.curl("/v1/scheduler").body;
  EXPECT_EQ(scheduler.at("ended"), 1);
  EXPECT_EQ(scheduler.at("tasks"), 0);
}

TEST_F(IntrospectionTest, StraceShowsThePastAndTheSameOverARestart) {
  const std::string task = start_asking();
  EXPECT_THAT(daemon_.cli({"strace", task}).out, HasSubstr(") <unfinished ...>\n"));
  (void)daemon_.approve_until_end(std::stoull(task));
  const std::string past = daemon_.cli({"strace", task}).out;
  EXPECT_THAT(past, ContainsRegex("[0-9:]{8}\\.[0-9]{3} \\[" + task +
                                  "\\] guidance\\.read\\(instructions_bytes_max=32768, "
                                  "notes_bytes_max=8192\\) = 0 skills, 0 notes <0\\.[0-9]{6}>\n"));
  EXPECT_THAT(past, HasSubstr("file.read(path=\"gone.txt\", "));
  EXPECT_THAT(past, ContainsRegex(" = -1 not_found \\(.*\\) <"));
  EXPECT_THAT(past, HasSubstr("process.run(argv=[\"./test.sh\", \"\\x1b[2J\\\"\", \"" +
                              std::string(64, 'x') + "\"... (100 bytes)], "));
  EXPECT_THAT(past, HasSubstr(" = exit 3, "));
  EXPECT_THAT(past, HasSubstr("+++ completed +++\n"));
  EXPECT_THAT(past, Not(HasSubstr("\x1b")));

  const std::string programs = daemon_.cli({"strace", task, "-e", "process", "--full"}).out;
  EXPECT_THAT(programs, HasSubstr("\"" + std::string(100, 'x') + "\""));
  EXPECT_THAT(programs, Not(HasSubstr("file.")));
  const std::string summary = daemon_.cli({"strace", task, "-c"}).out;
  EXPECT_THAT(summary, ContainsRegex(" 3 +llm\\.response\n"));
  EXPECT_THAT(summary, ContainsRegex(" 1 +1  file\\.read\n"));
  EXPECT_THAT(summary, HasSubstr("until a person had answered"));

  daemon_.kill9();
  daemon_.start();
  EXPECT_EQ(daemon_.cli({"strace", task}).out, past);
  EXPECT_EQ(daemon_.cli({"strace", task, "-f"}).out, past);
}

TEST_F(IntrospectionTest, StraceFollowsARunningTask) {
  const std::string task = start_asking();
  const TempDir directory;
  const UniqueFd out(::open((directory / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  Child strace({built_program("tinkerbell"), "--socket", daemon_.socket(), "strace", "-f", task},
               out.get(), STDERR_FILENO);
  ASSERT_TRUE(wait_until(
      [&] { return directory.read("out").contains("--- waits for approval a1: `tinkerbell"); }));
  (void)daemon_.approve_until_end(std::stoull(task));
  EXPECT_EQ(strace.wait(), 0);
  const std::string seen = directory.read("out");
  EXPECT_THAT(seen, HasSubstr(") <unfinished ...>\n"));
  EXPECT_THAT(seen, HasSubstr("--- a1 was approved by uid "));
  EXPECT_THAT(seen, HasSubstr("<... process.run resumed> = exit 3, "));
  EXPECT_TRUE(seen.ends_with("[" + task + "] +++ completed +++\n")) << seen;
}

TEST_F(IntrospectionTest, TheFlightRecorderIsSavedForPerfetto) {
  const std::string task = start_asking();
  const TempDir directory;
  const std::string file = directory / "out.json";
  ASSERT_EQ(daemon_.cli({"trace", "-f", file}).exit, 0);
  const Result<Json> trace = parse_json(directory.read("out.json"));
  ASSERT_TRUE(trace) << trace.error().message;
  bool turn_seen = false;
  bool wait_seen = false;
  for (const Json& event : trace->at("traceEvents")) {
    if (event.at("ph") != "X") continue;
    EXPECT_GE(event.at("ts"), 0);
    EXPECT_GE(event.at("dur"), 0);
    turn_seen |= event.at("cat") == "turn";
    wait_seen |= event.at("name").get<std::string>().starts_with("waiting: src/tasks/agent.cpp:");
  }
  EXPECT_TRUE(turn_seen && wait_seen);
  EXPECT_THAT(daemon_.cli({"trace", task, "-f", "-"}).out, HasSubstr("look into it"));
  EXPECT_EQ(daemon_.cli({"trace", "99", "-f", "-"}).exit, 3);
}

}  // namespace
}  // namespace tinkerbell
