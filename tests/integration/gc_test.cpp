#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

/// `tinkerbell gc` with a real daemon: what ended goes, what waits goes on, over a restart too.
namespace tinkerbell {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;

std::vector<LlmReply> writes_a_note() {
  return {calls("write_file", {{"path", "note.txt"}, {"content", std::string(200'000, 'n')}}),
          calls("finish", {{"summary", "noted"}})};
}

TEST(Gc, RemovesWhatEndedAndLeavesWhatWaits) {
  ScriptedLlm model(ScriptedLlm::in_turn(writes_a_note()));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const std::uint64_t first = daemon.run("note it", true);
  EXPECT_EQ(daemon.wait_for_end(first).at("state"), "completed");
  const std::uint64_t waits = daemon.run("note it");
  const Json question = daemon.wait_for_question(waits);
  const std::uint64_t last = daemon.run("note it", true);
  EXPECT_EQ(daemon.wait_for_end(last).at("state"), "completed");

  EXPECT_EQ(daemon.cli_json({"gc"}).at("tasks"), 0U) << "nothing is 30 days old";
  const Json would_go = daemon.cli_json({"gc", "--older-than", "0s", "--dry-run"});
  EXPECT_EQ(would_go.at("tasks"), 2U);
  EXPECT_TRUE(would_go.at("dry_run"));
  EXPECT_EQ(daemon.cli({"show", std::to_string(first)}).exit, 0);

  Json gone = daemon.cli_json({"gc", "--older-than", "0s"});
  EXPECT_EQ(gone.at("tasks"), 2U);
  EXPECT_GT(gone.at("records"), 10U);
  EXPECT_EQ(gone.at("bytes"), would_go.at("bytes"));
  EXPECT_NE(daemon.cli({"show", std::to_string(first)}).exit, 0);
  EXPECT_EQ(daemon.cli_json({"ls", "--all"}).at("tasks").size(), 1U);

  daemon.kill9();
  daemon.start();
  EXPECT_EQ(daemon.wait_for_question(waits), question);
  EXPECT_EQ(daemon.approve_until_end(waits).at("state"), "completed");
  EXPECT_EQ(daemon.file("note.txt").size(), 200'000U);
  EXPECT_EQ(daemon.run("note it", true), last + 1) << "a number was given twice";
  EXPECT_EQ(daemon.wait_for_end(last + 1).at("state"), "completed");
}

std::vector<fs::path> contents_of(const RealDaemon& daemon) {
  std::vector<fs::path> files;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(daemon.state_dir()) / "contents")) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  return files;
}

/// As if all of them had been put two hours ago.
void age_contents(const RealDaemon& daemon) {
  for (const fs::path& file : contents_of(daemon))
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours{2});
}

TEST(Gc, ContentsGoWithTheLastThatNeedsThem) {
  if (usual_sandbox() == "none") GTEST_SKIP() << "programs ask without one, git's, too";
  ScriptedLlm model(ScriptedLlm::in_turn(writes_a_note()));
  RealDaemon daemon(config_for(model, usual_sandbox()) + "[agent]\nfiles = \"draft\"\n");
  daemon.start();
  (void)daemon.wait_for_end(daemon.run("note it", true));
  fs::remove(fs::path(daemon.workspace()) / "note.txt");
  const std::uint64_t open = daemon.run("note it");
  const Json question = daemon.wait_for_question(open);
  ASSERT_EQ(daemon.cli({"deny", question.at("id").dump()}).exit, 0);
  (void)daemon.wait_for_end(open);
  age_contents(daemon);
  const std::size_t before = contents_of(daemon).size();

  const Json first = daemon.cli_json({"gc", "--older-than", "0s"});
  EXPECT_EQ(first.at("tasks"), 1U);
  EXPECT_EQ(first.at("drafts"), 1U) << "one waits for a person";
  EXPECT_EQ(first.at("contents"), 0U) << "its draft needs what the other one made";

  ASSERT_EQ(daemon.cli({"drop", std::to_string(open), "--yes"}).exit, 0);
  const Json would_go = daemon.cli_json({"gc", "--older-than", "0s", "--dry-run"});
  EXPECT_EQ(would_go.at("contents"), before);
  EXPECT_EQ(contents_of(daemon).size(), before);
  const Json last = daemon.cli_json({"gc", "--older-than", "0s"});
  EXPECT_EQ(last.at("drafts"), 0U);
  EXPECT_EQ(last.at("contents"), before);
  EXPECT_EQ(last.at("note"), "");
  EXPECT_THAT(contents_of(daemon), IsEmpty());
}

TEST(Gc, TheConfigSaysHowLongTasksAreKept) {
  ScriptedLlm model(ScriptedLlm::in_turn({says("done")}));
  RealDaemon daemon(config_for(model, "none") + "[retention]\nended = \"1ms\"\n");
  daemon.start();
  (void)daemon.wait_for_end(daemon.run("say it"));
  const Finished gone = daemon.cli({"gc"});
  EXPECT_EQ(gone.exit, 0) << gone.err;
  EXPECT_THAT(gone.out, HasSubstr("removed 1 tasks, "));
}

}  // namespace
}  // namespace tinkerbell
