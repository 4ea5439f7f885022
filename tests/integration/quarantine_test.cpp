#include "support/elsewhere.hpp"
#include "support/real_daemon.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

/// A task that ends the daemon each time that it is brought back must not keep the others down.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

class Quarantine : public testing::Test {
 protected:
  [[nodiscard]] std::uint64_t run(const std::string& kind) const {
    return daemon
        .cli_json({"run", "--kind", kind, "--args", Json{{"file", poison()}}.dump(), "-w",
                   daemon.workspace(), "--detach"})
        .at("id");
  }

  [[nodiscard]] std::string poison() const { return daemon.workspace() + "/poison"; }

  void approve_open_question_of(std::uint64_t task) const {
    const std::string id = daemon.wait_for_question(task).at("id").dump();
    // The daemon may die before it can answer.
    (void)UnixHttpClient(daemon.socket())
        .request("POST", "/v1/approvals/" + id, R"({"answer":"approve"})");
  }

  [[nodiscard]] Json task(std::uint64_t id) const {
    return daemon.ask("/v1/tasks/" + std::to_string(id)).body;
  }

  /// At its second question, where it rests; with the poison it will not get there again.
  [[nodiscard]] std::uint64_t resting_poisoned_task() {
    daemon.start();
    const std::uint64_t id = run("poison@1");
    approve_open_question_of(id);
    EXPECT_TRUE(wait_until([&] {
      return daemon.wait_for_question(id).at("line") != Json() && task(id).at("steps") == 2;
    })) << daemon.log();
    return id;
  }

  /// One that is brought back at each start, since it was told something while it waited.
  [[nodiscard]] std::uint64_t poisoned_task() {
    const std::uint64_t id = resting_poisoned_task();
    EXPECT_EQ(daemon.cli({"break", std::to_string(id), "file.*"}).exit, 0);
    return id;
  }

  void die_three_times() {
    for (int i = 1; i <= 3; ++i)
      EXPECT_FALSE(daemon.comes_up()) << "start " << i;
  }

  RealDaemon daemon{"schema = 1\n[sandbox]\nkind = \"none\"\n", "poisond"};
};

TEST_F(Quarantine, F24_ATaskThatEndsTheDaemonInReplayIsSetAsideAndTheOthersGoOn) {
  const std::uint64_t bad = poisoned_task();
  const std::uint64_t good = run("question@1");
  (void)daemon.wait_for_question(good);
  daemon.kill9();
  daemon.put("poison", "");

  die_three_times();
  daemon.start();

  const Json view = task(bad);
  EXPECT_EQ(view.at("state"), "quarantined");
  EXPECT_EQ(view.at("waiting_for"),
            "resume or cancel: the daemon died 3 times in a row at its step 1");
  const Json listed = daemon.ask("/v1/tasks?state=quarantined").body.at("tasks");
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed.at(0).at("id"), bad);
  EXPECT_THAT(daemon.log(), HasSubstr(R"("event":"task.quarantined")"));
  // It is looked at somewhere else.
  const std::string id = std::to_string(bad);
  EXPECT_THAT(daemon.cli({"replay", id, "--check"}).err, HasSubstr("take a core of it"));
  const std::string core = daemon.workspace() + "/core";
  EXPECT_EQ(daemon.cli({"core", id, "-f", core}).exit, 0);
  EXPECT_THAT(debug_elsewhere(core, {"--step", "1", "--program", built_program("poisond")}).out,
              HasSubstr("Shall I begin?"));
  EXPECT_TRUE(daemon.answers());
  EXPECT_EQ(daemon.approve_until_end(good).at("state"), "completed");
  EXPECT_EQ(daemon.stop(), 0);
  daemon.start();  // it stays where it is
  EXPECT_EQ(task(bad).at("state"), "quarantined");
}

TEST_F(Quarantine, F24_GoesOnFromWhereItWasOnceItIsResumed) {
  const std::uint64_t bad = poisoned_task();
  const Json question = daemon.wait_for_question(bad);
  daemon.kill9();
  daemon.put("poison", "");
  die_three_times();
  daemon.start();
  ASSERT_EQ(task(bad).at("state"), "quarantined");

  std::filesystem::remove(poison());
  EXPECT_EQ(daemon.cli({"resume", std::to_string(bad)}).exit, 0);

  EXPECT_EQ(daemon.wait_for_question(bad), question);
  const Json end = daemon.approve_until_end(bad);
  EXPECT_EQ(end.at("state"), "completed") << end;
  EXPECT_EQ(end.at("result"), "lived");
}

TEST_F(Quarantine, F24_ResumedTooEarlyItMayEndTheDaemonThreeTimesMore) {
  const std::uint64_t bad = poisoned_task();
  daemon.kill9();
  daemon.put("poison", "");
  die_three_times();
  daemon.start();
  (void)daemon.cli({"resume", std::to_string(bad)});
  (void)daemon.wait_until_it_ends();
  EXPECT_FALSE(daemon.comes_up());
  EXPECT_FALSE(daemon.comes_up());
  daemon.start();
  EXPECT_EQ(task(bad).at("state"), "quarantined");
}

TEST_F(Quarantine, F24_OneThatRestsEndsTheDaemonWhenSomebodyLooksAndThenNoMore) {
  const std::uint64_t bad = resting_poisoned_task();
  daemon.kill9();
  daemon.put("poison", "");
  daemon.start();  // it is only a row
  (void)daemon.cli({"show", std::to_string(bad)});
  (void)daemon.wait_until_it_ends();
  EXPECT_FALSE(daemon.comes_up());  // one that has ended the daemon is read at the start
  EXPECT_FALSE(daemon.comes_up());
  daemon.start();
  EXPECT_EQ(task(bad).at("state"), "quarantined");
}

TEST_F(Quarantine, F24_CanBeCancelled) {
  const std::uint64_t bad = poisoned_task();
  daemon.kill9();
  daemon.put("poison", "");
  die_three_times();
  daemon.start();
  EXPECT_EQ(daemon.cli({"cancel", std::to_string(bad)}).exit, 0);
  EXPECT_EQ(daemon.wait_for_end(bad).at("state"), "cancelled");
  daemon.kill9();
  daemon.start();
  EXPECT_EQ(task(bad).at("state"), "cancelled");
}

TEST_F(Quarantine, F24_IsForThoseThatEndTheDaemonLiveAsWell) {
  daemon.put("poison", "");
  daemon.start();
  const std::uint64_t bad = run("poison@1");
  int deaths = 0;
  for (int starts = 0; starts < 10; ++starts) {  // the answer may be lost with the daemon
    if (task(bad).at("state") == "quarantined") break;
    approve_open_question_of(bad);
    (void)daemon.wait_until_it_ends();
    ++deaths;
    while (!daemon.comes_up())
      ++deaths;
  }
  EXPECT_EQ(task(bad).at("state"), "quarantined");
  EXPECT_EQ(deaths, 3);
}

TEST_F(Quarantine, F24_IsNotForThoseThatOnlyWaitedWhenTheDaemonWasKilled) {
  daemon.start();
  const std::uint64_t waiting = run("question@1");
  for (int i = 0; i < 4; ++i) {
    (void)daemon.wait_for_question(waiting);
    daemon.kill9();
    daemon.start();
  }
  EXPECT_EQ(daemon.approve_until_end(waiting).at("state"), "completed");
}

}  // namespace
}  // namespace tinkerbell
