#include "tinkerbell/telemetry/flight_dump.hpp"

#include "support/kernel_world.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/base/json.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tinkerbell {
namespace {

Task<void> ends_badly() {
  co_await kernel::yield();
  const bool world_is_flat = false;
  TINKERBELL_ASSERT(world_is_flat);
}

/// What a daemon is to this: a scheduler with the hook set. In a process of its own, which breaks.
void run_until_it_breaks(const TempDir& directory, const std::string& state_dir) {
  KernelWorld world(TickSource::of_machine());
  const UniqueFd log(::open((directory / "log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const FlightDump dump({.ring = world.scheduler.trace(),
                         .ticks = world.scheduler.ticks(),
                         .watch = world.scheduler.watch(),
                         .state_dir = state_dir,
                         .log_fd = log.get()});
  world.scheduler.spawn_as(TaskId{7}, {.name = "flat"}, ends_badly());
  world.run_all();
}

Json json_in(const std::string& text) {
  Result<Json> json = parse_json(text, {.nodes_max = 10'000'000, .bytes_max = 64U << 20});
  EXPECT_TRUE(json) << json.error().message << ": " << text;
  return json ? *std::move(json) : Json::object();
}

TEST(FlightDumpDeathTest, ABrokenInvariantLeavesTheRecorderAndALastLine) {
  const TempDir directory;
  EXPECT_DEATH(run_until_it_breaks(directory, directory.path()), "broken invariant: world_is_flat");

  const Json line = json_in(directory.read("log"));
  EXPECT_EQ(line.at("event"), "invariant.broken");
  EXPECT_EQ(line.at("level"), "error");
  EXPECT_EQ(line.at("condition"), "world_is_flat");
  EXPECT_TRUE(line.at("file").get<std::string>().ends_with("flight_dump_test.cpp"));
  EXPECT_EQ(line.at("trace"), (directory / FlightDump::kFileName).string());
  EXPECT_TRUE(directory.read("log").starts_with(R"({"ts":"20)"));

  const Json trace = json_in(directory.read(FlightDump::kFileName));
  bool turn_seen = false;
  bool culprit_seen = false;
  for (const Json& event : trace.at("traceEvents")) {
    if (event.value("tid", 0) != 7) continue;
    turn_seen |= event.value("name", "") == "turn";
    culprit_seen |= event.value("name", "") == "turn under way";
  }
  EXPECT_TRUE(turn_seen);
  EXPECT_TRUE(culprit_seen);
}

TEST(FlightDumpDeathTest, ADumpThatCannotBeWrittenStillLeavesTheLine) {
  const TempDir directory;
  EXPECT_DEATH(run_until_it_breaks(directory, directory / "nowhere"), "broken invariant");
  const Json line = json_in(directory.read("log"));
  EXPECT_EQ(line.at("event"), "invariant.broken");
  EXPECT_FALSE(line.contains("trace"));
}

/// A hook in which an invariant breaks.
class BrokenHook final : public InvariantHook {
 public:
  void invariant_broken(const BrokenInvariant& what) noexcept override {
    const bool called_again = std::string_view(what.condition) != "first";
    TINKERBELL_ASSERT(called_again);
  }
};

void break_twice() {
  BrokenHook hook;
  set_invariant_hook(&hook);
  assertion_failed("first", "a.cpp", 1);
}

TEST(InvariantHookDeathTest, IsNotCalledAgainFromWithinItself) {
  EXPECT_DEATH(break_twice(), "first.*\n.*called_again");
}

TEST(InvariantHookDeathTest, IsNotCalledOnceItIsTakenBack) {
  const TempDir directory;
  const auto take_back_and_break = [&] {
    {
      KernelWorld world;
      const FlightDump dump({.ring = world.scheduler.trace(),
                             .ticks = world.scheduler.ticks(),
                             .watch = world.scheduler.watch(),
                             .state_dir = directory.path()});
    }
    assertion_failed("afterwards", "a.cpp", 1);
  };
  EXPECT_DEATH(take_back_and_break(), "afterwards");
  EXPECT_EQ(directory.read(FlightDump::kFileName), "");
}

}  // namespace
}  // namespace tinkerbell
