#include "support/real_daemon.hpp"
#include "support/small_disk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sysexits.h>

/// A real daemon whose state directory is on a disk of its own, which becomes full or read-only.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

class FullDisk : public testing::Test {
 protected:
  /// Two tasks that ask whether they may end.
  void start_on(const std::string& options) {
    disk.emplace(daemon.state_dir(), options);
    if (!disk->works()) GTEST_SKIP() << "cannot mount a tmpfs: " << disk->why_not();
    daemon.start();
    first = run();
    second = run();
    (void)daemon.wait_for_question(first);
    (void)daemon.wait_for_question(second);
  }

  [[nodiscard]] std::uint64_t run() const {
    return daemon.cli_json({"run", "--kind", "question@1", "-w", daemon.workspace(), "--detach"})
        .at("id");
  }

  RealDaemon::Answer submit() const {
    return daemon.ask("/v1/tasks", Json{{"kind", "question@1"},
                                        {"workspace", daemon.workspace()},
                                        {"arguments", Json::object()}});
  }

  [[nodiscard]] std::string storage() const {
    return daemon.ask("/v1/status").body.at("storage").get<std::string>();
  }

  /// Submits until the daemon has noticed that its disk is full.
  void use_up_room() {
    disk->fill();
    EXPECT_TRUE(wait_until([&] { return submit().status == 507; })) << daemon.log();
  }

  RealDaemon daemon{"schema = 1\n[sandbox]\nkind = \"none\"\n", "poisond"};
  std::optional<SmallDisk> disk;
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

TEST_F(FullDisk, F7_NewWorkIsRefusedTheRestGoesOnAndItRecoversByItself) {
  start_on("size=6m");
  if (IsSkipped()) return;
  use_up_room();

  const RealDaemon::Answer refused = submit();
  EXPECT_EQ(refused.body.at("error").at("code"), "storage_full");
  EXPECT_THAT(refused.body.at("error").at("message").get<std::string>(),
              HasSubstr(daemon.state_dir()));
  EXPECT_THAT(storage(), HasSubstr("full"));
  EXPECT_THAT(daemon.cli({"status"}).out, HasSubstr("full"));
  EXPECT_THAT(daemon.log(), HasSubstr(R"("event":"storage.full")"));
  EXPECT_EQ(daemon.cli({"run", "--kind", "question@1", "-w", daemon.workspace(), "-d"}).exit, 75);
  EXPECT_EQ(daemon.ask("/v1/tasks/" + std::to_string(first)).body.at("state"), "waiting");
  EXPECT_GE(daemon.ask("/v1/tasks").body.at("tasks").size(), 2U);
  EXPECT_EQ(daemon.cli({"cancel", std::to_string(first)}).exit, 0);
  EXPECT_EQ(daemon.wait_for_end(first).at("state"), "cancelled");

  disk->make_room();
  EXPECT_TRUE(wait_until([&] { return storage() == "ok"; })) << daemon.log();
  EXPECT_THAT(daemon.log(), HasSubstr(R"("event":"storage.has_room")"));
  EXPECT_EQ(submit().status, 201);
  EXPECT_EQ(daemon.approve_until_end(second).at("state"), "completed");
  EXPECT_EQ(daemon.stop(), 0);
}

TEST_F(FullDisk, F7_AFullDiskCanBeLivedThroughWithRestarts) {
  start_on("size=6m");
  if (IsSkipped()) return;
  use_up_room();
  const std::size_t tasks = daemon.ask("/v1/tasks?limit=1000").body.at("tasks").size();
  daemon.kill9();
  daemon.start();
  EXPECT_THAT(storage(), HasSubstr("full"));
  EXPECT_EQ(daemon.ask("/v1/tasks?limit=1000").body.at("tasks").size(), tasks);
  EXPECT_EQ(daemon.stop(), 0) << "the last records found no room";
  disk->make_room();
  daemon.start();
  EXPECT_EQ(storage(), "ok");
  EXPECT_EQ(daemon.approve_until_end(first).at("state"), "completed");
}

TEST_F(FullDisk, F8_WithoutANameLeftTasksGoOn) {
  start_on("size=16m,nr_inodes=40");
  if (IsSkipped()) return;
  disk->fill_names();
  EXPECT_EQ(daemon.approve_until_end(first).at("state"), "completed");
  EXPECT_EQ(daemon.ask("/v1/backup", Json{{"directory", daemon.state_dir() + "/b"}}).status, 507);
  daemon.kill9();
  daemon.start();
  EXPECT_EQ(daemon.approve_until_end(second).at("state"), "completed");
}

TEST_F(FullDisk, F12_OnAReadOnlyDiskItSaysSoAndDoesNotStart) {
  start_on("size=16m");
  if (IsSkipped()) return;
  EXPECT_EQ(daemon.stop(), 0);
  ASSERT_TRUE(disk->make_read_only());
  const Finished start = run_to_end(daemon.command_line());
  EXPECT_EQ(start.exit, EX_CANTCREAT);
  EXPECT_THAT(start.err, HasSubstr(daemon.state_dir()));
  EXPECT_THAT(start.err, HasSubstr("Read-only file system"));
}

}  // namespace
}  // namespace tinkerbell
