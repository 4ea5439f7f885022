#include "support/real_daemon.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

/// The example of docs/examples/native-task: a daemon with kinds of tasks of its own, which work
/// together by messages.
namespace tinkerbell {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

namespace fs = std::filesystem;

fs::path examples() {
  return TINKERBELL_EXAMPLES;
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string config() {
  return "schema = 1\n[providers.rehearsal]\ntype = \"offline\"\nplaybook = \"" +
         (examples() / "native-task/playbook.json").string() +
         "\"\n[models.default]\nprovider = \"rehearsal\"\nmodel = \"rehearsal\"\n"
         "[sandbox]\nkind = \"" +
         usual_sandbox() + "\"\n";
}

class NativeTask : public testing::Test {
 protected:
  NativeTask() {
    for (const char* program : {"wordcount.sh", "test.sh"})
      daemon.put(program, content_of(examples() / "demo-repo" / program), true);
    daemon.start();
  }

  [[nodiscard]] std::uint64_t run(const Json& arguments) const {
    return daemon
        .cli_json({"run", "--kind", "fix-tests@1", "--args", arguments.dump(), "-w",
                   daemon.workspace(), "--detach"})
        .at("id");
  }

  /// Waits for the one open question, whoever asks it.
  [[nodiscard]] Json question() const {
    Json open;
    EXPECT_TRUE(wait_until([&] {
      open = daemon.ask("/v1/approvals").body.at("approvals");
      return open.size() == 1;
    })) << daemon.log();
    return open.at(0);
  }

  void answer(const Json& question, const std::string& with) const {
    EXPECT_EQ(
        daemon.ask("/v1/approvals/" + question.at("id").dump(), Json{{"answer", with}}).status,
        200);
  }

  [[nodiscard]] std::vector<std::string> states() const {
    std::vector<std::string> states;
    for (const Json& task : daemon.ask("/v1/tasks").body.at("tasks"))
      states.push_back(task.at("state"));
    return states;
  }

  RealDaemon daemon{config(), "fixerd"};
};

const Json kJob{{"test", {"./test.sh"}}, {"file", "wordcount.sh"}};

TEST_F(NativeTask, ItsTasksWorkTogetherAndGoOnAfterKill9) {
  const std::uint64_t task = run(kJob);
  const Json first_run = question();
  EXPECT_EQ(first_run.at("line"), "run ./test.sh");
  answer(first_run, "approve");
  EXPECT_TRUE(wait_until([&] { return question().at("line") == "edit wordcount.sh"; }));
  const Json edit = question();

  daemon.kill9();
  daemon.start();

  EXPECT_EQ(question(), edit);  // under its id, for the same task
  answer(edit, "approve");
  EXPECT_TRUE(wait_until([&] { return question().at("line") == "run ./test.sh"; }));
  answer(question(), "approve");
  const Json end = daemon.wait_for_end(task);
  EXPECT_EQ(end.at("state"), "completed") << end;
  EXPECT_EQ(end.at("title"), "fix the tests");
  EXPECT_EQ(end.at("result"), "the tests pass after 1 edits of wordcount.sh");
  EXPECT_THAT(daemon.file("wordcount.sh"), HasSubstr("print words + 0 }"));
  EXPECT_EQ(states(), (std::vector<std::string>{"completed", "cancelled", "cancelled",
                                                "completed"}));  // the helpers were dismissed
}

TEST_F(NativeTask, ARefusalReachesTheOneWhoAskedByWayOfTheMailboxes) {
  const std::uint64_t task = run(kJob);
  answer(question(), "approve");
  EXPECT_TRUE(wait_until([&] { return question().at("line") == "edit wordcount.sh"; }));
  answer(question(), "deny");
  const Json end = daemon.wait_for_end(task);
  EXPECT_EQ(end.at("state"), "failed");
  EXPECT_THAT(end.at("error").at("message").get<std::string>(), StartsWith("edit: "));
}

TEST_F(NativeTask, ArgumentsThatItsKindDoesNotTakeAreRefused) {
  const Finished misspelt = daemon.cli({"run", "--kind", "fix-tests@1", "--args",
                                        R"({"tests": ["./test.sh"]})", "-w", daemon.workspace()});
  EXPECT_EQ(misspelt.exit, 65) << misspelt.err;
  EXPECT_THAT(misspelt.err, HasSubstr("tests"));
  const Finished unknown = daemon.cli({"run", "--kind", "fix-nothing@1", "-w", daemon.workspace()});
  EXPECT_EQ(unknown.exit, 65) << unknown.err;
}

}  // namespace
}  // namespace tinkerbell
