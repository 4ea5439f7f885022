#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

/// A ledger of effects is kept outside of the daemon: what the model's server was asked, what
/// programs wrote down about themselves, files and commits. None may be missing and none doubled.
namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

LlmReply runs(const std::vector<std::string>& argv) {
  return calls("run_program", {{"argv", argv}});
}

LlmReply finishes(std::string_view summary) {
  return calls("finish", {{"summary", summary}});
}

/// How often the model was asked in each turn.
std::vector<std::size_t> asked_by_turn(const ScriptedLlm& model) {
  std::vector<std::size_t> counts;
  for (const LlmRequest& request : model.ledger()) {
    counts.resize(std::max(counts.size(), request.turn() + 1));
    ++counts[request.turn()];
  }
  return counts;
}

/// Says when it begins and ends, and lasts until it may end.
constexpr std::string_view kSlowProgram =
    "#!/bin/sh\n"
    "echo start >> runs.txt\n"
    "while ! [ -e may-end ]; do sleep 0.02; done\n"
    "echo end >> runs.txt\n";

/// The model runs the slow program, commits what it wrote, and finishes.
std::vector<LlmReply> slow_program_script() {
  return {runs({"./slow.sh"}), runs({"git", "add", "runs.txt"}),
          runs({"git", "commit", "-q", "-m", "ran"}), finishes("ran it")};
}

std::uint64_t run_slow_program(const RealDaemon& daemon) {
  daemon.put("slow.sh", kSlowProgram, true);
  const std::uint64_t task = daemon.run("run it", true);
  EXPECT_TRUE(wait_until([&] { return daemon.file("runs.txt") == "start\n"; })) << daemon.log();
  return task;
}

void expect_ran_once(const RealDaemon& daemon, const ScriptedLlm& model, std::uint64_t task) {
  daemon.put("may-end", "");
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed");
  EXPECT_EQ(daemon.file("runs.txt"), "start\nend\n");
  EXPECT_THAT(daemon.commits(), ElementsAre("ran", "begin"));
  EXPECT_THAT(asked_by_turn(model), ElementsAre(1, 1, 1, 1));
}

TEST(RestartTest, APendingApprovalKeepsItsIdAndTheTaskGoesOnAfterKill9) {
  ScriptedLlm model(
      ScriptedLlm::in_turn({calls("write_file", {{"path", "note.txt"}, {"content", "once\n"}}),
                            runs({"git", "add", "note.txt"}),
                            runs({"git", "commit", "-q", "-m", "noted"}), finishes("noted")}));
  RealDaemon daemon(config_for(model, usual_sandbox()));
  daemon.start();
  const std::uint64_t task = daemon.run("note it");
  const Json before = daemon.wait_for_question(task);

  daemon.kill9();
  daemon.start();

  EXPECT_EQ(daemon.wait_for_question(task), before);
  EXPECT_EQ(daemon.file("note.txt"), "");
  EXPECT_EQ(daemon.approve_until_end(task).at("state"), "completed");
  EXPECT_EQ(daemon.file("note.txt"), "once\n");
  EXPECT_THAT(daemon.commits(), ElementsAre("noted", "begin"));
  EXPECT_THAT(asked_by_turn(model), ElementsAre(1, 1, 1, 1));
}

TEST(RestartTest, AModelStreamThatWasHalfReceivedIsAskedAgainWithTheSameKey) {
  ScriptedLlm model([](const LlmRequest& request) {
    if (request.turn() == 0) return calls("read_file", {{"path", "README"}});
    LlmReply reply = finishes("read it");
    if (request.asked == 1) reply.hold = 1;
    return reply;
  });
  RealDaemon daemon(config_for(model, usual_sandbox()));
  daemon.start();
  const std::uint64_t task = daemon.run("read it", true);
  ASSERT_TRUE(wait_until([&] { return model.held() == 1; }));

  daemon.kill9();
  daemon.start();

  const Json ended = daemon.wait_for_end(task);
  EXPECT_EQ(ended.at("state"), "completed");
  EXPECT_THAT(asked_by_turn(model), ElementsAre(1, 2));
  const std::vector<LlmRequest> ledger = model.ledger();
  EXPECT_FALSE(ledger[1].key.empty());
  EXPECT_NE(ledger[0].key, ledger[1].key);
  EXPECT_EQ(ledger[1].key, ledger[2].key);
  EXPECT_EQ(ledger[1].body, ledger[2].body);
}

TEST(RestartTest, F43_TheWaitForABusyServiceOutlivesTheDaemon) {
  ScriptedLlm model([](const LlmRequest&) {
    LlmReply busy = responds(429, "application/json", R"({"error":{"message":"slow down"}})");
    busy.headers = "Retry-After: 1800\r\n";
    return busy;
  });
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const std::uint64_t task = daemon.run("be patient", true);
  const auto waits_for = [&] {
    return daemon.ask("/v1/tasks/" + std::to_string(task))
        .body.at("waiting_for")
        .get<std::string>();
  };
  ASSERT_TRUE(wait_until([&] { return waits_for().contains("attempt 2"); })) << daemon.log();
  const std::string before = waits_for();
  EXPECT_THAT(before, HasSubstr("HTTP 429: slow down"));

  daemon.kill9();
  daemon.start();

  EXPECT_EQ(waits_for(), before) << "it began anew";
  EXPECT_EQ(daemon.cli({"cancel", std::to_string(task)}).exit, 0);
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "cancelled");
  EXPECT_THAT(model.ledger(), testing::SizeIs(1));
}

TEST(RestartTest, ARunningProgramIsTakenUpAgainAfterKill9AndNotRunTwice) {
  ScriptedLlm model(ScriptedLlm::in_turn(slow_program_script()));
  RealDaemon daemon(config_for(model, usual_sandbox()));
  daemon.start();
  const std::uint64_t task = run_slow_program(daemon);

  daemon.kill9();
  daemon.start();

  EXPECT_EQ(daemon.ask("/v1/tasks/1").body.at("id"), task);
  expect_ran_once(daemon, model, task);
}

TEST(RestartTest, AProgramThatEndsWhileThereIsNoDaemonIsNotRunTwice) {
  ScriptedLlm model(ScriptedLlm::in_turn(slow_program_script()));
  RealDaemon daemon(config_for(model, usual_sandbox()));
  daemon.start();
  const std::uint64_t task = run_slow_program(daemon);

  daemon.kill9();
  daemon.put("may-end", "");
  ASSERT_TRUE(wait_until([&] { return daemon.file("runs.txt") == "start\nend\n"; }));
  daemon.start();

  expect_ran_once(daemon, model, task);
}

TEST(RestartTest, ARunningProgramIsTakenUpAgainAfterAnOrderlyStop) {
  ScriptedLlm model(ScriptedLlm::in_turn(slow_program_script()));
  RealDaemon daemon(config_for(model, usual_sandbox()));
  daemon.start();
  const std::uint64_t task = run_slow_program(daemon);

  EXPECT_EQ(daemon.stop(), 0);
  daemon.start();

  expect_ran_once(daemon, model, task);
}

/// Whether a process holds the journal open: it has begun to recover.
bool has_journal_open(pid_t pid) {
  std::error_code ended;
  const auto fds = "/proc/" + std::to_string(pid) + "/fd";
  for (const auto& fd : std::filesystem::directory_iterator(fds, ended)) {
    const auto target = std::filesystem::read_symlink(fd, ended);
    if (target.filename().string().starts_with("journal.db")) return true;
  }
  return false;
}

TEST(RestartTest, F3_KilledThreeTimesDuringRecoveryItStillRecovers) {
  ScriptedLlm model(ScriptedLlm::in_turn(slow_program_script()));
  RealDaemon daemon(config_for(model, usual_sandbox()));
  daemon.start();
  const std::uint64_t task = run_slow_program(daemon);
  daemon.kill9();

  daemon.launch();
  ASSERT_TRUE(wait_until([&] { return has_journal_open(daemon.pid()); }));
  daemon.kill9();
  const std::size_t logged = daemon.log().size();
  daemon.launch();
  ASSERT_TRUE(wait_until([&] { return daemon.log().size() > logged; }));
  daemon.kill9();
  daemon.start();
  daemon.kill9();
  daemon.start();

  expect_ran_once(daemon, model, task);
}

}  // namespace
}  // namespace tinkerbell
