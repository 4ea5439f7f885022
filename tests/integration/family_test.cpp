#include "support/real_daemon.hpp"
#include "support/wait_until.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

/// Families of tasks with a real daemon.
namespace tinkerbell {
namespace {

/// The tasks that have begun all that they may, and stay; all there are, in `all`.
std::size_t at_rest(const RealDaemon& daemon, std::size_t& all) {
  const Json tasks = daemon.ask("/v1/tasks?limit=100").body.at("tasks");
  all = tasks.size();
  return static_cast<std::size_t>(std::ranges::count_if(tasks, [](const Json& task) {
    return task.at("waiting_for").get<std::string>().starts_with("receive");
  }));
}

TEST(FamilyTest, S87_OneThatBeginsOthersWithoutEndStopsAtTheBoundsOverKillsToo) {
  constexpr std::size_t kFamily = 1 + 3 + 9 + 27;
  RealDaemon daemon(
      "schema = 1\n[sandbox]\nkind = \"none\"\n[daemon]\ndepth_max = 3\nchildren_max = 3\n",
      "poisond");
  daemon.start();
  ASSERT_EQ(daemon
                .ask("/v1/tasks", Json{{"kind", "breed@1"},
                                       {"arguments", Json::object()},
                                       {"workspace", daemon.workspace()}})
                .status,
            201);
  daemon.kill9();  // in the middle of it, or not
  std::size_t all = 0;
  for (int life = 0; life < 2; ++life) {
    daemon.start();
    ASSERT_TRUE(wait_until([&] { return at_rest(daemon, all) == kFamily; })) << all;
    EXPECT_EQ(all, kFamily);
    daemon.kill9();
  }
  daemon.start();
}

}  // namespace
}  // namespace tinkerbell
