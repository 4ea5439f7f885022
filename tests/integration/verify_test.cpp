#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sysexits.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

/// `tinkerbell verify` with a real daemon, and a daemon whose journal is not as it was.
namespace tinkerbell {
namespace {

using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

LlmReply finishes(const LlmRequest& request) {
  return calls("finish", {{"summary", "finished " + request.goal()}});
}

class Verify : public testing::Test {
 protected:
  void run_a_task(const std::string& goal) {
    EXPECT_EQ(daemon.wait_for_end(daemon.run(goal)).at("state"), "completed");
  }

  [[nodiscard]] fs::path in_state(const char* name) const {
    return fs::path(daemon.state_dir()) / name;
  }

  /// The newest anchor that the log has.
  [[nodiscard]] std::string logged_anchor() const {
    const std::string log = daemon.log();
    const std::size_t line = log.rfind(R"("event":"journal.anchored")");
    const Json anchor = *parse_json(
        log.substr(log.rfind('\n', line) + 1, log.find('\n', line) - log.rfind('\n', line) - 1));
    return anchor.at("lsn").dump() + ":" + anchor.at("seal").get<std::string>();
  }

  /// Starts it with this flag, waits until it answers, and stops it.
  void live_once_with(const std::string& flag) {
    std::vector<std::string> words = daemon.command_line();
    words.push_back(flag);
    Child process(words, STDERR_FILENO, STDERR_FILENO);
    ASSERT_TRUE(wait_until([&] { return daemon.answers(); }));
    const Json verified = daemon.cli_json({"verify"});
    EXPECT_TRUE(verified.at("good"));
    EXPECT_THAT(verified.at("notes").dump(), HasSubstr("would be done again"));
  }

  ScriptedLlm model{finishes};
  RealDaemon daemon{config_for(model, "none")};
};

TEST_F(Verify, S90_NamesTheRecordThatWasChangedAndLeavesWithOne) {
  daemon.start();
  run_a_task("one");
  run_a_task("another one");
  const Finished good = daemon.cli({"verify"});
  EXPECT_EQ(good.exit, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("are as they were written"));
  EXPECT_EQ(daemon.stop(), 0);

  std::ifstream file(in_state("journal.db"), std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(file), {}};
  content.replace(content.find("finished one"), 8, "FINISHED");
  std::ofstream(in_state("journal.db"), std::ios::binary) << content;
  daemon.start();
  const Finished bad = daemon.cli({"verify"});
  EXPECT_EQ(bad.exit, 1);
  EXPECT_THAT(bad.out, HasSubstr("NOT as it was written: record "));
  EXPECT_THAT(bad.out, HasSubstr("wrong crc"));
  EXPECT_GE(daemon.curl("/v1/verify", Json::object()).body.at("damage").at("lsn"), 1);
}

TEST_F(Verify, S91_AnOlderJournalIsNotGoneOnWithUnlessThatIsMeant) {
  daemon.start();
  run_a_task("one");
  EXPECT_EQ(daemon.stop(), 0);
  fs::copy_file(in_state("journal.db"), in_state("older"));
  fs::copy_file(in_state("journal.mark"), in_state("older.mark"));
  daemon.start();
  run_a_task("two");
  EXPECT_EQ(daemon.stop(), 0);
  daemon.start();
  const std::string anchor = logged_anchor();
  EXPECT_EQ(daemon.cli({"verify", "--anchor", anchor}).exit, 0);
  EXPECT_EQ(daemon.stop(), 0);

  fs::copy_file(in_state("older"), in_state("journal.db"), fs::copy_options::overwrite_existing);
  const Finished refused = run_to_end(daemon.command_line());
  EXPECT_EQ(refused.exit, EX_CANTCREAT);
  EXPECT_THAT(refused.err, HasSubstr("--accept-rollback"));

  // With its mark of then it is not noticed at the start, but by what the log says.
  fs::rename(in_state("journal.mark"), in_state("newer.mark"));
  fs::rename(in_state("older.mark"), in_state("journal.mark"));
  daemon.start();
  EXPECT_EQ(daemon.cli({"verify"}).exit, 0);
  const Finished missing = daemon.cli({"verify", "--anchor", anchor});
  EXPECT_EQ(missing.exit, 1);
  EXPECT_THAT(missing.out, HasSubstr("is missing"));
  EXPECT_EQ(daemon.stop(), 0);

  fs::rename(in_state("newer.mark"), in_state("journal.mark"));
  live_once_with("--accept-rollback");
  daemon.start();
  EXPECT_THAT(daemon.cli({"verify"}).out, HasSubstr("would be done again"));
}

TEST_F(Verify, AKilledDaemonIsNoRollback) {
  for (int life = 0; life < 5; ++life) {
    daemon.start();
    run_a_task("one more");
    daemon.kill9();
  }
  daemon.start();
  EXPECT_EQ(daemon.cli({"verify"}).exit, 0);
  EXPECT_THAT(daemon.log(), Not(HasSubstr("journal.accepted")));
}

TEST_F(Verify, TheKeyIsInNoLogAndNoBackup) {
  daemon.start();
  run_a_task("one");
  const std::string copy = daemon.workspace() + "-backups/today";
  ASSERT_EQ(daemon.cli({"backup", copy}).exit, 0);
  EXPECT_EQ(daemon.stop(), 0);
  std::ifstream file(in_state("journal.key"));
  std::string key;
  std::getline(file, key);
  ASSERT_EQ(key.size(), 64U);
  EXPECT_THAT(daemon.log(), Not(HasSubstr(key)));
  EXPECT_FALSE(fs::exists(copy + "/journal.key"));
}

}  // namespace
}  // namespace tinkerbell
