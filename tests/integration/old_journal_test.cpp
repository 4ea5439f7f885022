#include "support/elsewhere.hpp"
#include "support/real_daemon.hpp"
#include "support/source_root.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

/// Journals of earlier versions (tests/fixtures/journal): a daemon of today goes on with them.
namespace tinkerbell {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string config() {
  const fs::path playbook = source_root() / "docs/examples/native-task/playbook.json";
  return "schema = 1\n[providers.fixture]\ntype = \"offline\"\nplaybook = \"" + playbook.string() +
         "\"\n[models.default]\nprovider = \"fixture\"\nmodel = \"fixture\"\n"
         "[sandbox]\nkind = \"none\"\n";
}

/// What a daemon says of a task, as far as the fixture tells.
Json said_of(const RealDaemon& daemon, const Json& expected) {
  const Json now = daemon.cli_json({"show", expected.at("id").dump()});
  Json same = Json::object();
  for (const auto& each : expected.items())
    same[each.key()] = now.contains(each.key()) ? now.at(each.key()) : Json();
  return same;
}

class OldJournal : public testing::TestWithParam<std::string> {};

TEST_P(OldJournal, IsOpenedReplayedAndGoesOn) {
  const fs::path fixture = source_root() / "tests/fixtures/journal";
  RealDaemon daemon(config(), "fixerd");
  fs::create_directories(daemon.state_dir());
  fs::permissions(daemon.state_dir(), fs::perms::owner_all);
  const fs::path journal = fs::path(daemon.state_dir()) / "journal.db";
  fs::copy_file(fixture / (GetParam() + ".db"), journal);
  fs::permissions(journal, fs::perms::owner_read | fs::perms::owner_write);
  const Json expected = Json::parse(content_of(fixture / (GetParam() + ".json")));
  daemon.start();
  const std::string kept = "journal-" + GetParam().substr(GetParam().find('-') + 1) + ".db";
  EXPECT_TRUE(fs::exists(fs::path(daemon.state_dir()) / kept));

  ASSERT_FALSE(expected.empty());
  for (const Json& task : expected)
    EXPECT_EQ(said_of(daemon, task), task);
  EXPECT_EQ(daemon.log().find("task.diverged"), std::string::npos);

  // The workspace is gone; no step needs it. The agent is told no, and ends; the editor tells the
  // others, who end too.
  const auto open = daemon.cli_json({"approvals"}).at("approvals");
  ASSERT_EQ(open.size(), 2U) << open;
  for (const Json& question : open)
    EXPECT_EQ(daemon.cli({"deny", "a" + question.at("id").dump()}).exit, 0);
  for (const Json& task : expected) {
    const std::string state = daemon.wait_for_end(task.at("id").get<std::uint64_t>()).at("state");
    EXPECT_NE(state, "diverged") << task;
    // What the program of then did and what that of today did are one past.
    const std::string id = task.at("id").dump();
    const Finished replay = daemon.cli({"replay", id, "--check"});
    EXPECT_EQ(replay.exit, 0) << replay.out << replay.err;
    const std::string core = fs::path(daemon.state_dir()) / (id + ".core");
    EXPECT_EQ(daemon.cli({"core", id, "-f", core}).exit, 0);
    EXPECT_THAT(debug_elsewhere(core, {"--program", built_program("fixerd")}, "continue\n").out,
                testing::HasSubstr("as it was: its end: " + state));
  }
  EXPECT_EQ(daemon.stop(), 0);

  daemon.start();  // a second time nothing is left to be raised
  EXPECT_EQ(daemon.stop(), 0);
}

INSTANTIATE_TEST_SUITE_P(Of, OldJournal, testing::Values("version-2", "version-3", "version-4"),
                         [](const auto& each) {
                           return "version_" + each.param.substr(each.param.find('-') + 1);
                         });

}  // namespace
}  // namespace tinkerbell
