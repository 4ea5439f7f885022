#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

/// What was judged is what runs, whatever others do to the workspace meanwhile; and no task touches
/// the daemon itself.
namespace tinkerbell {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

LlmReply runs(std::vector<std::string> argv) {
  return calls("run_program", {{"argv", std::move(argv)}});
}

/// A model that does in each goal's turns what the goal's script says, and then ends.
ScriptedLlm::Script by_goal(std::map<std::string, std::vector<LlmReply>> scripts) {
  return [scripts = std::move(scripts)](const LlmRequest& request) {
    const std::vector<LlmReply>& script = scripts.at(request.goal());
    return request.turn() < script.size() ? script[request.turn()]
                                          : calls("finish", {{"summary", "done"}});
  };
}

std::uint64_t submit(const RealDaemon& daemon, const std::string& goal,
                     const std::string& workspace) {
  const RealDaemon::Answer answer =
      daemon.ask("/v1/tasks", Json{{"goal", goal}, {"workspace", workspace}});
  EXPECT_EQ(answer.status, 201) << answer.body.dump();
  return answer.body.at("id").get<std::uint64_t>();
}

void approve(const RealDaemon& daemon, const Json& question) {
  const Json body{{"answer", "approve"}, {"hash", question.at("hash")}};
  EXPECT_EQ(daemon.ask("/v1/approvals/" + question.at("id").dump(), body).status, 200);
}

/// All that the model was told in turns of this goal.
std::string told(const ScriptedLlm& model, const std::string& goal) {
  std::string all;
  for (const LlmRequest& request : model.ledger()) {
    if (request.goal() == goal) all += request.last() + "\n";
  }
  return all;
}

TEST(Swapped, S38_AProgramIsNotRunWhereItsWorkspaceHasBecomeALink) {
  const TempDir outside;
  outside.write("private", "canary-outside");
  ScriptedLlm model(
      by_goal({{"victim",
                {runs({"sh", "-c", "ls; cat private; touch CANARY"}), runs({"touch", "CANARY2"})}},
               {"attacker",
                {runs({"sh", "-c", "mv sub old && ln -s " + outside.path().string() + " sub"})}}}));
  RealDaemon daemon(config_for(model, usual_sandbox()) +
                    "[[policy.rule]]\nname = \"touch\"\ndo = \"allow\"\n"
                    "argv = [[\"touch\", \"...\"]]\n");
  fs::create_directory(daemon.workspace() + "/sub");
  daemon.start();

  const std::uint64_t victim = submit(daemon, "victim", daemon.workspace() + "/sub");
  const Json question = daemon.wait_for_question(victim);
  const std::uint64_t attacker = submit(daemon, "attacker", daemon.workspace());
  approve(daemon, daemon.wait_for_question(attacker));
  daemon.wait_for_end(attacker);
  ASSERT_TRUE(fs::is_symlink(daemon.workspace() + "/sub")) << "the attack itself works";
  approve(daemon, question);
  daemon.wait_for_end(victim);

  EXPECT_THAT(told(model, "victim"), HasSubstr("reached through a link"));
  EXPECT_THAT(told(model, "victim"), Not(HasSubstr("canary-outside")));
  EXPECT_FALSE(fs::exists(outside / "CANARY"));
  EXPECT_FALSE(fs::exists(outside / "CANARY2"));
}

TEST(Swapped, S32_AScriptIsNotRunIfItChangedUnderTheQuestion) {
  ScriptedLlm model(by_goal({{"script", {runs({"sh", "s.sh"})}}}));
  RealDaemon daemon(config_for(model, usual_sandbox()));
  daemon.put("s.sh", "touch harmless\n");
  daemon.start();
  const std::uint64_t task = daemon.run("script");
  const Json question = daemon.wait_for_question(task);
  EXPECT_THAT(question.at("card").get<std::string>(), HasSubstr("file     s.sh  sha256 "));
  daemon.put("s.sh", "touch evil\n");
  approve(daemon, question);
  daemon.wait_for_end(task);
  EXPECT_THAT(told(model, "script"), HasSubstr("changed"));
  EXPECT_FALSE(fs::exists(daemon.workspace() + "/evil"));
  EXPECT_FALSE(fs::exists(daemon.workspace() + "/harmless"));
}

TEST(Swapped, S79_AProgramOfADaemonThatIsRootDoesNotWriteTheKernelsSettings) {
  if (usual_sandbox() != "bubblewrap") GTEST_SKIP() << "bubblewrap does not work here";
  if (::geteuid() != 0) GTEST_SKIP() << "the settings are root's, and this is not root";
  ScriptedLlm model(by_goal(
      {{"attack",
        {runs({"sh", "-c", "(: >> /proc/sys/kernel/core_pattern) && echo opened; echo tried"})}}}));
  RealDaemon daemon(config_for(model, "bubblewrap"));
  daemon.start();
  const std::uint64_t task = daemon.run("attack", true);
  daemon.wait_for_end(task);
  EXPECT_THAT(told(model, "attack"), HasSubstr("tried"));
  EXPECT_THAT(told(model, "attack"), Not(HasSubstr("opened\n")));
}

TEST(Swapped, S48_NoTaskTouchesTheDaemonItself) {
  ScriptedLlm model(by_goal({{"own",
                              {calls("write_file", {{"path", "tinkerbell.toml"}, {"content", "x"}}),
                               calls("read_file", {{"path", "state/journal.db"}}),
                               calls("list_files", {{"path", "."}, {"recursive", true}})}}}));
  RealDaemon daemon(config_for(model, usual_sandbox()) +
                    "[[policy.rule]]\nname = \"all files\"\ndo = \"allow\"\n"
                    "commands = [\"file.*\"]\npaths = [\"**\"]\n");
  daemon.start();
  const std::string above = fs::path(daemon.state_dir()).parent_path();
  daemon.wait_for_end(submit(daemon, "own", above));
  EXPECT_THAT(told(model, "own"), HasSubstr("a file of the daemon itself"));
  EXPECT_THAT(told(model, "own"), Not(HasSubstr("journal.db-wal")));
  EXPECT_GT(fs::file_size(above + "/tinkerbell.toml"), 1U) << "it is as it was";

  for (const std::string& workspace : {daemon.state_dir(), daemon.state_dir() + "/."}) {
    const RealDaemon::Answer refused =
        daemon.ask("/v1/tasks", Json{{"goal", "own"}, {"workspace", workspace}});
    EXPECT_EQ(refused.status, 400) << workspace;
  }
}

}  // namespace
}  // namespace tinkerbell
