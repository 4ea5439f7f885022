#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <fstream>

/// What a program of a task may not do, tried by a real program; and the same program without the
/// sandbox, where all of it works: so that the first test means something.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

/// A file in the home of the user who runs the tests.
class Canary {
 public:
  Canary() : path_(home() + "/tinkerbell-canary-" + std::to_string(::getpid())) {
    std::ofstream(path_) << "secret\n";
  }

  Canary(const Canary&) = delete;
  Canary& operator=(const Canary&) = delete;

  ~Canary() { std::filesystem::remove(path_); }

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  static std::string home() {
    const passwd* const user = ::getpwuid(::geteuid());
    return user == nullptr ? "/nonexistent" : user->pw_dir;
  }

  std::string path_;
};

/// Tries everything that is forbidden and writes down what worked.
std::string attack(const RealDaemon& daemon, const ScriptedLlm& network, const Canary& canary) {
  const std::string curl = "curl -sS -f -m 5 ";
  return "#!/bin/sh\n: > worked.txt\n"
         "try() { what=$1; shift; \"$@\" > /dev/null 2>&1 && echo $what >> worked.txt; }\n"
         "try socket " +
         curl + "--unix-socket " + daemon.socket() + " http://x/v1/status\n" + "try approve " +
         curl + "--unix-socket " + daemon.socket() +
         " -d '{\"answer\":\"approve\"}' http://x/v1/approvals/2\n" +
         "try network curl -sS -m 5 http://127.0.0.1:" + std::to_string(network.port()) + "/\n" +
         "try home cat " + canary.path() + "\n" + "try state cat " + daemon.state_dir() +
         "/journal.db\n" + "echo tried >> worked.txt\n";
}

/// What an attack achieves in a sandbox of that kind.
struct Attacked {
  std::string worked;
  std::string card;               ///< Of the approval that let it run.
  std::size_t connections = 0;    ///< That reached a listener outside.
  bool other_task_waits = false;  ///< Its question was not answered by the program.
};

Attacked attacked_in(const std::string& sandbox) {
  ScriptedLlm network([](const LlmRequest& /*request*/) { return says("reached"); });
  const Canary canary;
  ScriptedLlm model([](const LlmRequest& request) {
    if (request.turn() > 0) return calls("finish", {{"summary", "done"}});
    if (request.goal() == "attack") return calls("run_program", {{"argv", {"./attack.sh"}}});
    return calls("write_file", {{"path", "granted.txt"}, {"content", "x"}});
  });
  RealDaemon daemon(config_for(model, sandbox));
  daemon.start();
  daemon.put("attack.sh", attack(daemon, network, canary), true);
  const std::uint64_t attacker = daemon.run("attack");
  const Json question = daemon.wait_for_question(attacker);
  const std::uint64_t other = daemon.run("wait");
  EXPECT_EQ(daemon.wait_for_question(other).at("id"), 2);

  EXPECT_EQ(daemon.cli({"approve", question.at("id").dump()}).exit, 0);
  daemon.wait_for_end(attacker);

  return {.worked = daemon.file("worked.txt"),
          .card = question.at("card").get<std::string>(),
          .connections = network.connections(),
          .other_task_waits = daemon.ask("/v1/status").body.at("approvals_open") == 1};
}

TEST(SandboxTest, S5_S60_S79_AProgramReachesNeitherSocketNorNetworkNorHomeNorState) {
  if (usual_sandbox() != "bubblewrap") GTEST_SKIP() << "bubblewrap does not work here";
  const Attacked attacked = attacked_in("bubblewrap");
  EXPECT_EQ(attacked.worked, "tried\n");
  EXPECT_THAT(attacked.card, HasSubstr("bubblewrap"));
  EXPECT_EQ(attacked.connections, 0);
  EXPECT_TRUE(attacked.other_task_waits);
}

TEST(SandboxTest, WithoutASandboxTheSameProgramReachesAllOfThemAndTheCardSaysSo) {
  const Attacked attacked = attacked_in("none");
  EXPECT_EQ(attacked.worked, "socket\napprove\nnetwork\nhome\nstate\ntried\n");
  EXPECT_THAT(attacked.card, HasSubstr("UNSANDBOXED"));
  EXPECT_EQ(attacked.connections, 1);
  EXPECT_FALSE(attacked.other_task_waits);
}

TEST(SandboxTest, S79_WithoutAWorkingSandboxAProgramIsRefusedAndTheModelIsTold) {
  if (usual_sandbox() == "bubblewrap") GTEST_SKIP() << "bubblewrap works here";
  ScriptedLlm model(ScriptedLlm::in_turn({calls("run_program", {{"argv", {"true"}}})}));
  RealDaemon daemon(config_for(model, "bubblewrap"));
  daemon.start();
  daemon.wait_for_end(daemon.run("run", true));
  ASSERT_EQ(model.ledger().size(), 2);
  EXPECT_THAT(model.ledger()[1].last(), HasSubstr("sandbox"));
}

}  // namespace
}  // namespace tinkerbell
