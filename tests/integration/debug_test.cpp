#include "support/demo.hpp"
#include "support/elsewhere.hpp"
#include "support/real_daemon.hpp"

#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/debug/core_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

/// The past of a task: run again in the daemon, and from a core file where there is nothing else.
namespace tinkerbell {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

namespace fs = std::filesystem;

const std::string kSecret = "planted-secret-0123456789";

/// A model service whose key the daemon knows. It has its environment from the test.
const std::string kKeyConfig =
    "[providers.other]\ntype = \"openai-chat\"\nbase_url = \"http://127.0.0.1:1/v1\"\n"
    "key = { env = \"DEBUG_TEST_KEY\" }\n[models.other]\nprovider = \"other\"\n"
    "model = \"other\"\n";

struct Key {
  Key() { ::setenv("DEBUG_TEST_KEY", kSecret.c_str(), 1); }

  ~Key() { ::unsetenv("DEBUG_TEST_KEY"); }
};

/// All that a core says, unpacked.
std::string said_in(const std::string& core) {
  const Result<Core> read = read_core_file(content_of(core));
  EXPECT_TRUE(read) << read.error().message;
  return read ? canonical_bytes(*read) : std::string();
}

/// Neither as it is packed nor in what it says, in no spelling.
void expect_no_secret_in(const std::string& core) {
  Masker masker;
  ASSERT_TRUE(masker.add(kSecret));
  EXPECT_FALSE(masker.finds_secret_in(content_of(core)));
  EXPECT_FALSE(masker.finds_secret_in(said_in(core)));
}

class DebugTest : public testing::Test {
 protected:
  DebugTest() {
    lay_out_demo(daemon);
    // It stands in the file that is changed, and so in what the journal keeps of that.
    daemon.put("wordcount.sh", daemon.file("wordcount.sh") + "# " + kSecret + "\n", true);
    daemon.start();
    const Finished ran =
        daemon.cli({"run", kDemoGoal, "-w", daemon.workspace(), "--live", "--yes", "--wait"});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    EXPECT_EQ(daemon.cli({"core", "1", "-f", core}).exit, 0);
  }

  const Key key;
  const TempDir directory;
  const std::string core = directory / "task.core";
  RealDaemon daemon{demo_config() + kKeyConfig};
};

TEST_F(DebugTest, ThePastOfATaskReplaysAndNothingHappens) {
  const std::string before = daemon.cli({"--json", "steps", "1", "--full"}).out;
  const std::vector<std::string> commits = daemon.commits();
  const Finished replay = daemon.cli({"replay", "1", "--check"});
  EXPECT_EQ(replay.exit, 0) << replay.err;
  EXPECT_THAT(replay.out, AllOf(StartsWith("replays: "), HasSubstr("same commands, same end")));
  const Json view = daemon.cli_json({"replay", "1", "--check"});
  EXPECT_EQ(view.at("steps"), daemon.cli_json({"show", "1"}).at("steps"));
  EXPECT_EQ(daemon.cli({"--json", "steps", "1", "--full"}).out, before);
  EXPECT_EQ(daemon.commits(), commits);
  EXPECT_EQ(daemon.cli({"replay", "9", "--check"}).exit, 3);
}

TEST_F(DebugTest, ACoreIsDebuggedWhereThereIsNothingElse) {
  const Json task = daemon.cli_json({"show", "1"});
  struct stat status{};
  ASSERT_EQ(::stat(core.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_EQ(daemon.stop(), 0);
  fs::remove_all(daemon.state_dir());
  fs::remove_all(daemon.workspace());

  const Finished end = debug_elsewhere(core, {}, "continue\nmessages\n");
  EXPECT_EQ(end.exit, 0) << end.err;
  EXPECT_THAT(end.out, AllOf(HasSubstr("task 1 (agent@1): Fix the failing test"),
                             HasSubstr("step 1 of " + task.at("steps").dump()),
                             HasSubstr("as it was: its end: completed"),
                             HasSubstr(task.at("result").get<std::string>())));

  const Finished stopped =
      debug_elsewhere(core, {}, "break file.edit\ncontinue\nshow\ndiff\nback\nquit\nstep\n");
  EXPECT_EQ(stopped.exit, 0) << stopped.err;
  EXPECT_THAT(stopped.out, AllOf(HasSubstr(": edit wordcount.sh\n"), HasSubstr("waits at "),
                                 HasSubstr("+++ b/wordcount.sh"), HasSubstr("Agent::")));
}

TEST_F(DebugTest, OneStepIsShownWithoutCommands) {
  const std::string last = daemon.cli_json({"show", "1"}).at("steps").dump();
  const Finished shown = debug_elsewhere(core, {"--step", last});
  EXPECT_EQ(shown.exit, 0) << shown.err;
  EXPECT_THAT(shown.out, AllOf(StartsWith("step " + last + " of " + last + ": ask model"),
                               HasSubstr("  | " + kDemoGoal + "\n")));
  const Finished none = debug_elsewhere(core, {"--step", "999"});
  EXPECT_EQ(none.exit, 1);
  EXPECT_THAT(none.err, HasSubstr("does not come to step 999"));
}

TEST_F(DebugTest, NoSecretOfTheDaemonIsInACoreNorShownFromIt) {
  const std::string steps = daemon.cli_json({"show", "1"}).at("steps").dump();
  expect_no_secret_in(core);
  std::string lines;
  for (int step = 1; step <= std::stoi(steps); ++step)
    lines += "call\nmessages\ndiff\nstep\n";
  const Finished all = debug_elsewhere(core, {}, lines);
  EXPECT_EQ(all.exit, 0) << all.err;
  EXPECT_THAT(all.out, AllOf(HasSubstr("secrets are masked in"), HasSubstr("[secret]"),
                             Not(HasSubstr(kSecret)), HasSubstr("as it was: its end")));
}

/// A model that says a secret, in words and in calls, about a file in which it stands, to a person
/// who says it, too.
const std::string kTalkative = R"({"name": "talkative", "rules": [
  {"when": {"turn": 0}, "reply": {"text": "the model knows SECRET",
    "calls": [{"name": "read_file", "arguments": {"path": "notes.txt"}}]}},
  {"when": {"turn": 1}, "reply": {"calls": [{"name": "run_program", "arguments": {"argv":
    ["sh", "-c", "cat notes.txt; base64 -w0 notes.txt; cp notes.txt copy; echo over >>notes.txt"]}}]}},
  {"when": {"turn": 2}, "reply": {"calls": [{"name": "write_file", "arguments":
    {"path": "model.txt", "content": "the model writes SECRET"}}]}},
  {"when": {"turn": 3}, "reply": {"calls": [{"name": "ask_user", "arguments":
    {"question": "the model asks about SECRET"}}]}},
  {"reply": {"calls": [{"name": "finish", "arguments": {"summary": "the model sums up SECRET"}}]}}]})";

std::string with_secret(std::string text) {
  for (std::size_t at = text.find("SECRET"); at != std::string::npos; at = text.find("SECRET", at))
    text.replace(at, 6, kSecret);
  return text;
}

TEST(CoreWithoutSecrets, WhoeverSaidItWhereverItStoodItIsNotThereAndTheRestIsDebugged) {
  const Key key;
  const TempDir directory;
  directory.write("playbook.json", with_secret(kTalkative));
  RealDaemon daemon("schema = 1\n[providers.talkative]\ntype = \"offline\"\nplaybook = \"" +
                    (directory / "playbook.json").string() +
                    "\"\n[models.default]\nprovider = \"talkative\"\nmodel = \"offline\"\n"
                    "[sandbox]\nkind = \"" +
                    usual_sandbox() + "\"\n" + kKeyConfig);
  daemon.put("notes.txt", with_secret("the file has SECRET in it\n"));
  daemon.start();
  const std::uint64_t task = daemon.run(with_secret("a person wants SECRET"), true);
  const std::string question = daemon.wait_for_question(task).at("id").dump();
  EXPECT_EQ(daemon.cli({"answer", question, with_secret("a person answers SECRET")}).exit, 0);
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed");
  const std::string core = directory / "task.core";
  EXPECT_EQ(daemon.cli({"core", std::to_string(task), "-f", core}).exit, 0);
  EXPECT_EQ(daemon.stop(), 0);
  fs::remove_all(daemon.state_dir());
  fs::remove_all(daemon.workspace());

  expect_no_secret_in(core);
  const std::string said = said_in(core);
  for (const char* words :
       {"a person wants", "the model knows", "the model writes", "the model asks about",
        "a person answers", "the model sums up", "the file has"})
    EXPECT_THAT(said, HasSubstr(std::string(words) + " [secret]"));
  const Result<Core> read = read_core_file(content_of(core));
  ASSERT_TRUE(read) << read.error().message;
  // What the program was about to change is kept as it was, with the secret.
  EXPECT_THAT(read->contents,
              Contains(Field(&CoreContent::content, "the file has [secret] in it\n")));

  const Finished stopped =
      debug_elsewhere(core, {}, "break process.run\ncontinue\nshow\ndiff\nmessages\n");
  EXPECT_EQ(stopped.exit, 0) << stopped.err;
  EXPECT_THAT(stopped.out, AllOf(HasSubstr("waits at "), HasSubstr("the file has [secret] in it"),
                                 HasSubstr("+over"), HasSubstr("the model knows [secret]"),
                                 Not(HasSubstr("the model writes")), Not(HasSubstr(kSecret))));
  const Finished end = debug_elsewhere(core, {}, "continue\nmessages\n");
  EXPECT_THAT(end.out, AllOf(HasSubstr("as it was: its end: completed"),
                             HasSubstr("a person answers [secret]"), Not(HasSubstr(kSecret))));
}

TEST_F(DebugTest, NoFileIsOverwrittenUnasked) {
  EXPECT_THAT(daemon.cli({"core", "1", "-f", core}).err, HasSubstr("--overwrite"));
  EXPECT_EQ(daemon.cli({"core", "1", "-f", core, "--overwrite"}).exit, 0);
  EXPECT_THAT(daemon.cli({"core", "1", "-f", "-"}).out, StartsWith("tinkerbell core 1\n"));
  EXPECT_EQ(daemon.cli({"core", "9", "-f", directory / "none"}).exit, 3);
  EXPECT_FALSE(fs::exists(directory / "none"));
}

TEST_F(DebugTest, WhatIsNoCoreIsRefused) {
  const std::string bytes = content_of(core);
  directory.write("cut.core", bytes.substr(0, bytes.size() / 2));
  const Finished cut = debug_elsewhere(directory / "cut.core");
  EXPECT_EQ(cut.exit, 65);
  EXPECT_THAT(cut.err, HasSubstr("cut or damaged"));
  EXPECT_EQ(debug_elsewhere(directory / "none.core").exit, 66);
  directory.write("text", "no core\n");
  EXPECT_THAT(debug_elsewhere(directory / "text").err, HasSubstr("it is none"));
}

}  // namespace
}  // namespace tinkerbell
