#include "support/built_program.hpp"
#include "support/child.hpp"
#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"
#include "support/temp_dir.hpp"
#include "support/wait_until.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace tinkerbell {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

LlmReply reply_in(const LlmRequest& /*request*/) {
  return calls("finish", {{"summary", "done"}});
}

std::string config_with_key(const ScriptedLlm& model, const std::string& variable) {
  std::string config = config_for(model, "none");
  const std::string section = "[providers.scripted]\n";
  config.insert(config.find(section) + section.size(), "key = { env = \"" + variable + "\" }\n");
  return config;
}

TEST(Start, WarnsOfAKeyThatIsTooShortToBeMasked) {
  ScriptedLlm model(reply_in);
  ASSERT_EQ(::setenv("SHORT_KEY", "1234567", 1), 0);
  ASSERT_EQ(::setenv("LONG_KEY", "12345678", 1), 0);
  RealDaemon open(config_with_key(model, "SHORT_KEY"));
  open.start();
  EXPECT_THAT(open.log(), HasSubstr(R"("event":"key.too_short","provider":"scripted")"));
  RealDaemon masked(config_with_key(model, "LONG_KEY"));
  masked.start();
  EXPECT_THAT(masked.log(), Not(HasSubstr("key.too_short")));
}

TEST(Start, TakesARelativeStateDirectoryFromWhereItIsStarted) {
  ScriptedLlm model(reply_in);
  const RealDaemon daemon(config_for(model, "none"));
  std::vector<std::string> words = daemon.command_line();
  const std::filesystem::path state = daemon.state_dir();
  std::ranges::replace(words, state.string(), state.filename().string());
  words.insert(words.begin(), {"env", "-C", state.parent_path().string()});
  const Child process(words, STDERR_FILENO, STDERR_FILENO);
  ASSERT_TRUE(wait_until([&] { return daemon.answers(); }));
  EXPECT_EQ(daemon.ask("/v1/status").body.at("state_dir"), state.string());
}

TEST(Start, ChecksThePlaybooksThatTheConfigNames) {
  const TempDir directory;
  const std::string playbook = directory / "playbook.json";
  directory.write("tinkerbell.toml",
                  "schema = 1\n[providers.demo]\ntype = \"offline\"\nplaybook = \"" + playbook +
                      "\"\n[models.default]\nprovider = \"demo\"\nmodel = \"demo\"\n");
  const auto check = [&] {
    return run_to_end({built_program("tinkerbelld"), "--config", directory / "tinkerbell.toml",
                       "--check-config"});
  };
  const Finished missing = check();
  EXPECT_EQ(missing.exit, 78);
  EXPECT_THAT(missing.err, AllOf(HasSubstr("provider demo"), HasSubstr(playbook)));
  directory.write("playbook.json", "{\"rules\": [{\"replay\": {}}]}");
  EXPECT_EQ(check().exit, 78);
  directory.write("playbook.json", "{\"rules\": [{\"reply\": {\"text\": \"yes\"}}]}");
  EXPECT_EQ(check().out, "the config is good\n");
}

TEST(Start, SaysWithoutALogThatItsSocketCannotBeMade) {
  const TempDir directory;
  directory.write("file", "");
  directory.write("tinkerbell.toml", "schema = 1\n[log]\ntarget = \"file\"\nfile = \"" +
                                         std::string(directory / "log") + "\"\n");
  const Finished refused =
      run_to_end({built_program("tinkerbelld"), "--config", directory / "tinkerbell.toml",
                  "--state-dir", directory / "state", "--socket", directory / "file/socket"});
  EXPECT_EQ(refused.exit, 73);
  EXPECT_THAT(refused.err, HasSubstr("tinkerbelld: "));
  EXPECT_THAT(refused.err, HasSubstr("file"));
}

}  // namespace
}  // namespace tinkerbell
