#include "support/demo.hpp"
#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"
#include "support/source_root.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

/// What models answered, recorded with one daemon and replayed with another that can reach none.
namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

namespace fs = std::filesystem;

fs::path committed_cassette() {
  return source_root() / "tests/fixtures/cassettes/demo.json";
}

/// Nothing listens there, and the price would tell of a call all the same.
std::string config_without_models() {
  return "schema = 1\n[providers.gone]\ntype = \"openai-chat\"\nbase_url = "
         "\"http://127.0.0.1:1/v1\"\n[models.default]\nprovider = \"gone\"\nmodel = \"gone\"\n"
         "price = { input = 1, output = 1 }\n[budget]\ncost = 0\non_limit = \"stop\"\n"
         "[sandbox]\nkind = \"" +
         usual_sandbox() + "\"\n[agent]\nfiles = \"draft\"\n";
}

Finished run(const RealDaemon& daemon, std::vector<std::string> options,
             const std::string& goal = kDemoGoal) {
  options.insert(options.begin(), {"run", goal, "-w", daemon.workspace()});
  return daemon.cli(std::move(options));
}

/// All commands of a task: what they are, and their fingerprints.
std::vector<std::string> commands_of(const RealDaemon& daemon, std::uint64_t task) {
  std::vector<std::string> commands;
  const Json list = daemon.cli_json({"steps", std::to_string(task)});
  for (const Json& step : list.at("steps")) {
    commands.push_back(step.at("command").get<std::string>() + " " +
                       step.at("fingerprint").get<std::string>());
  }
  return commands;
}

/// The message of the error with which a task ended.
std::string failure_of(const RealDaemon& daemon, std::uint64_t task) {
  return daemon.wait_for_end(task).at("error").at("message");
}

TEST(CassetteOfTheDemo, ReplayedElsewhereWithoutModelsItGivesTheSameCommandsAlsoOverKill9) {
  const TempDir directory;
  const std::string file = directory / "demo.json";
  RealDaemon recorder(demo_config() + "[agent]\nfiles = \"draft\"\n");
  lay_out_demo(recorder);
  recorder.start();
  const Finished recorded = run(recorder, {"--yes", "--record", file});
  EXPECT_EQ(recorded.exit, 0) << recorded.err;
  EXPECT_THAT(recorded.err, HasSubstr("recorded 7 exchanges with models: "));
  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  const std::vector<std::string> commands = commands_of(recorder, 1);
  EXPECT_THAT(commands, SizeIs(17));

  RealDaemon player(config_without_models());
  lay_out_demo(player);
  player.start();
  ASSERT_NE(player.workspace(), recorder.workspace());
  EXPECT_EQ(run(player, {"--replay", file, "--detach"}).out, "1\n");
  const std::string asked = usual_sandbox() == "none" ? "run ./test.sh" : "accept its draft";
  EXPECT_EQ(player.wait_for_question(1).at("line"), asked);
  EXPECT_NE(player.file("wordcount.sh"), recorder.file("wordcount.sh"));
  player.kill9();
  fs::remove(file);  // it is in the journal
  player.start();
  const Json task = player.approve_until_end(1);
  EXPECT_EQ(task.at("state"), "completed") << task;
  EXPECT_EQ(task.at("result"), recorder.wait_for_end(1).at("result"));
  EXPECT_EQ(task.at("has_cassette"), true);
  EXPECT_EQ(commands_of(player, 1), commands);
  EXPECT_EQ(player.file("wordcount.sh"), recorder.file("wordcount.sh"));
  EXPECT_EQ(player.commits(), recorder.commits());
  EXPECT_THAT(player.cli_json({"cost", "1"}).at("lines"), SizeIs(0));

  // And what was recorded of the replay is what was replayed.
  const Json first = recorder.cli_json({"record", "1", "-"}).at("task").at("exchanges");
  const Json second = player.cli_json({"record", "1", "-"}).at("task").at("exchanges");
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i)
    EXPECT_EQ(first[i].at("fingerprint"), second[i].at("fingerprint"));
}

/// To record it again, after a change of prompts, tools or the demo:
/// TINKERBELL_RECORD=1 build/dev/bin/integration_tests
/// --gtest_filter='CassetteOfTheDemo.Committed*'
TEST(CassetteOfTheDemo, CommittedWithTheSourceItMakesAnAgentMendTheTest) {
  if (std::getenv("TINKERBELL_RECORD") != nullptr) {
    RealDaemon recorder(demo_config() + "[agent]\nfiles = \"draft\"\n");
    lay_out_demo(recorder);
    recorder.start();
    ASSERT_EQ(run(recorder, {"--yes", "--overwrite", "--record", committed_cassette()}).exit, 0);
  }
  RealDaemon player(config_without_models());
  lay_out_demo(player);
  player.start();
  const Finished played = run(player, {"--yes", "--wait", "--replay", committed_cassette()});
  ASSERT_EQ(played.exit, 0) << played.err << "\nrecord it again (see above this test)";
  EXPECT_THAT(player.commits(),
              ElementsAre("wordcount: say 0 for an empty text", "A word counter", "begin"));
  EXPECT_EQ(run_to_end({"sh", "-c", "cd '" + player.workspace() + "' && ./test.sh"}).exit, 0);
}

TEST(CassetteOfTheDemo, AnotherGoalOrAnotherWorkspaceFailsAndSaysWhatIsDifferent) {
  RealDaemon player(config_without_models());
  lay_out_demo(player);
  player.start();
  const Finished other = run(player, {"--wait", "--replay", committed_cassette()}, "Do nothing.");
  EXPECT_EQ(other.exit, 1);
  EXPECT_THAT(failure_of(player, 1),
              HasSubstr("the cassette has no answer to this question: system prompt, tools or "
                        "first messages are others than those of agent@1 \"Fix the failing test"));

  player.put("wordcount.sh", "#!/bin/sh\nexec wc --words \"$@\"\n", true);
  const Finished changed = run(player, {"--wait", "--replay", committed_cassette()});
  EXPECT_EQ(changed.exit, 1);
  EXPECT_THAT(failure_of(player, 2),
              HasSubstr("its first 5 messages are as recorded, and then comes message 6 (the "
                        "outcome of search_files)"));
  EXPECT_THAT(player.log(), Not(HasSubstr("127.0.0.1:1")));
}

TEST(CassetteFile, HasWhatAFailedTaskWasAnsweredAndNoSecret) {
  const std::string secret = "sk-very-secret-key";
  ScriptedLlm model([&](const LlmRequest& request) -> LlmReply {
    if (request.turn() == 0) {
      return calls("write_file", {{"path", "key"}, {"content", "It is " + secret}});
    }
    return responds(401, "application/json",
                    R"({"error": {"message": "wrong key )" + secret + "\"}}");
  });
  const TempDir directory;
  directory.write("key", secret);
  ASSERT_EQ(::chmod((directory / "key").c_str(), 0600), 0);
  std::string config = config_for(model, "none");
  config.insert(config.find("base_url"),
                "key = { file = \"" + (directory / "key").string() + "\" }\n");
  RealDaemon recorder(config);
  recorder.start();
  const Finished recorded =
      run(recorder, {"--yes", "--record", directory / "a.json"}, "write " + secret);
  EXPECT_EQ(recorded.exit, 1) << recorded.err;
  EXPECT_THAT(recorded.err, HasSubstr("recorded 2 exchanges with models: "));
  const std::string cassette = directory.read("a.json");
  EXPECT_THAT(cassette, Not(HasSubstr(secret)));
  EXPECT_THAT(cassette, HasSubstr("It is [secret]"));
  EXPECT_EQ(recorder.cli({"record", "1", directory / "a.json"}).exit, 1);  // it is there
  EXPECT_EQ(recorder.cli({"record", "1", directory / "a.json", "--overwrite"}).exit, 0);

  RealDaemon player(config_without_models());
  player.start();
  EXPECT_EQ(
      run(player, {"--yes", "--live", "--wait", "--replay", directory / "a.json"}, "write [secret]")
          .exit,
      1);
  EXPECT_EQ(failure_of(player, 1), failure_of(recorder, 1));
  EXPECT_EQ(player.file("key"), "It is [secret]");
}

TEST(CassetteFile, ThatCannotBeReadBeginsNoTask) {
  RealDaemon player(config_without_models());
  player.start();
  const TempDir directory;
  directory.write("a.json", content_of(committed_cassette()).substr(0, 1'000));
  const Finished torn = run(player, {"--replay", directory / "a.json"});
  EXPECT_EQ(torn.exit, 65);
  EXPECT_THAT(torn.err, HasSubstr("a.json: not valid JSON"));
  directory.write("a.json", R"({"schema": "tinkerbell.cassette/2", "task": {}})");
  const Finished newer = run(player, {"--replay", directory / "a.json"});
  EXPECT_EQ(newer.exit, 76);
  EXPECT_THAT(newer.err, HasSubstr("of version 2, and this program reads version 1"));
  EXPECT_THAT(player.ask("/v1/tasks").body.at("tasks"), SizeIs(0));
}

TEST(CassetteFile, OfAFewMegabytesIsTaken) {
  RealDaemon player(config_without_models());
  player.start();
  const TempDir directory;
  const Json large{{"schema", "tinkerbell.cassette/1"},
                   {"task", {{"title", std::string((std::size_t{4} << 20) - 100, 'x')}}}};
  directory.write("a.json", dump_json(large));
  EXPECT_EQ(run(player, {"--replay", directory / "a.json", "--detach"}).exit, 0);
  EXPECT_THAT(failure_of(player, 1), HasSubstr("it has none of this task"));
}

}  // namespace
}  // namespace tinkerbell
