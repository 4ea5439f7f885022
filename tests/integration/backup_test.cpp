#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

/// A copy of the journal, made while tasks run, is a state directory in which they go on.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

std::string target_of(const RealDaemon& daemon) {
  return daemon.workspace() + "-backups/today";
}

/// The daemon dies and loses its state; the backup takes its place, with the key that was kept
/// elsewhere.
void restore(RealDaemon& daemon) {
  daemon.kill9();
  fs::rename(daemon.state_dir(), daemon.state_dir() + "-lost");  // a shim may still write there
  fs::rename(target_of(daemon), daemon.state_dir());
  fs::copy_file(daemon.state_dir() + "-lost/journal.key", daemon.state_dir() + "/journal.key");
  daemon.start();
}

/// The shim of a program that was under way when its daemon lost its state waits until it can say
/// how it went: the state comes back, and it ends.
void let_the_shim_end(RealDaemon& daemon) {
  daemon.kill9();
  fs::rename(daemon.state_dir(), daemon.state_dir() + "-copy");
  fs::rename(daemon.state_dir() + "-lost", daemon.state_dir());
  const auto run = fs::directory_iterator(daemon.state_dir() + "/runs")->path();
  EXPECT_TRUE(wait_until([&] { return fs::exists(run / "status"); })) << run;
}

std::vector<LlmReply> writes_a_note() {
  return {calls("write_file", {{"path", "note.txt"}, {"content", "once\n"}}),
          calls("finish", {{"summary", "noted"}})};
}

TEST(Backup, ItsTasksGoOnWhereTheyWere) {
  ScriptedLlm model(ScriptedLlm::in_turn(writes_a_note()));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const std::uint64_t task = daemon.run("note it");
  const Json question = daemon.wait_for_question(task);
  const Json backup = daemon.cli_json({"backup", target_of(daemon)});
  EXPECT_EQ(backup.at("directory"), target_of(daemon));
  EXPECT_EQ(backup.at("bytes"), fs::file_size(target_of(daemon) + "/journal.db"));

  restore(daemon);

  EXPECT_EQ(daemon.wait_for_question(task), question);
  EXPECT_EQ(daemon.approve_until_end(task).at("state"), "completed");
  EXPECT_EQ(daemon.file("note.txt"), "once\n");
  EXPECT_EQ(model.ledger().size(), 2U);
  EXPECT_TRUE(fs::exists(daemon.state_dir() + "/copied"));
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_FALSE(fs::exists(daemon.state_dir() + "/copied")) << "it is an ordinary one from here on";
}

TEST(Backup, TellsWhereItIsAndOverwritesNothing) {
  ScriptedLlm model(ScriptedLlm::in_turn(writes_a_note()));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const Finished first = daemon.cli({"backup", target_of(daemon)});
  EXPECT_EQ(first.exit, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr(target_of(daemon) + ": "));
  const auto written = fs::last_write_time(target_of(daemon) + "/journal.db");
  const Finished second = daemon.cli({"backup", target_of(daemon)});
  EXPECT_EQ(second.exit, 1);
  EXPECT_THAT(second.err, HasSubstr("is there already"));
  EXPECT_EQ(fs::last_write_time(target_of(daemon) + "/journal.db"), written);
  EXPECT_EQ(daemon.ask("/v1/backup", Json{{"directory", "relative"}}).status, 400);
}

TEST(Backup, AProgramThatWasUnderWayIsInDoubtAndNotStartedAgain) {
  ScriptedLlm model(ScriptedLlm::in_turn(
      {calls("run_program", {{"argv", {"./slow.sh"}}}), calls("finish", {{"summary", "ran it"}})}));
  RealDaemon daemon(config_for(model, usual_sandbox()));
  daemon.put("slow.sh",
             "#!/bin/sh\n"
             "echo start >> runs.txt\n"
             "while ! [ -e may-end ]; do sleep 0.02; done\n",
             true);
  daemon.start();
  const std::uint64_t task = daemon.run("run it", true);
  ASSERT_TRUE(wait_until([&] { return daemon.file("runs.txt") == "start\n"; })) << daemon.log();
  ASSERT_EQ(daemon.cli({"backup", target_of(daemon)}).exit, 0);

  restore(daemon);

  const Json doubt = daemon.wait_for_question(task);
  EXPECT_EQ(doubt.at("kind"), "outcome") << doubt;
  daemon.put("may-end", "");
  EXPECT_EQ(daemon.cli({"resolve", "a" + doubt.at("id").dump(), "--happened"}).exit, 0);
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed");
  EXPECT_EQ(daemon.file("runs.txt"), "start\n") << "it was started a second time";
  let_the_shim_end(daemon);
}

}  // namespace
}  // namespace tinkerbell
