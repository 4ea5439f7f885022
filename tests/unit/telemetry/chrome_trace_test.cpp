#include "tinkerbell/telemetry/chrome_trace.hpp"

#include "tinkerbell/base/json.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

class StringOutput final : public TextOutput {
 public:
  void write(std::string_view piece) noexcept override { text += piece; }

  std::string text;
};

/// A tick is 10 ns.
const TickSource kTicks{.read = []() noexcept { return std::uint64_t{0}; },
                        .nanoseconds_per_tick = 10.0};

constexpr TaskId kVolatile{kVolatileBit | (3ULL << 31U) | 5U};

Json parsed(const TraceSource& source) {
  StringOutput output;
  write_chrome_trace(source, output);
  Result<Json> json = parse_json(output.text, {.nodes_max = 10'000'000, .bytes_max = 256U << 20});
  EXPECT_TRUE(json) << json.error().message << "\n" << output.text.substr(0, 1000);
  return json ? *std::move(json) : Json{{"traceEvents", Json::array()}};
}

/// The events of a kind, in order.
std::vector<Json> of_phase(const Json& trace, std::string_view phase) {
  std::vector<Json> found;
  for (const Json& event : trace.at("traceEvents")) {
    if (event.at("ph") == phase) found.push_back(event);
  }
  return found;
}

std::vector<TraceEvent> three_turns() {
  const std::source_location here = std::source_location::current();
  return {
      {.ended = 1'100, .task = TaskId{1}, .where = here, .ticks = 100, .state = TaskState::waiting},
      {.ended = 1'300, .task = kVolatile, .where = here, .ticks = 150, .state = TaskState::ready},
      {.ended = 2'000, .task = TaskId{1}, .ticks = 200, .state = TaskState::completed}};
}

TEST(ChromeTrace, EachTaskIsATrackWithItsTurnsAndWaits) {
  const std::vector<TraceEvent> turns = three_turns();
  const std::map<TaskId, std::string> names{{TaskId{1}, "say \"hi\"\n"}};
  const Json trace = parsed({.turns = {turns, {}}, .ticks = kTicks, .now = 2'500, .names = &names});

  const std::vector<Json> slices = of_phase(trace, "X");
  ASSERT_EQ(slices.size(), 5U);
  EXPECT_EQ(slices[0].at("cat"), "turn");
  EXPECT_EQ(slices[0].at("tid"), 1);
  EXPECT_EQ(slices[0].at("ts"), 0.0);
  EXPECT_EQ(slices[0].at("dur"), 1.0);
  EXPECT_EQ(slices[0].at("args").at("left"), "waiting");
  EXPECT_TRUE(slices[0].at("args").at("at").get<std::string>().contains("chrome_trace_test.cpp:"));
  EXPECT_EQ(slices[1].at("tid"), 0x8000'0005);
  EXPECT_EQ(slices[1].at("ts"), 1.5);
  EXPECT_EQ(slices[2].at("cat"), "wait");  // of task 1, up to its next turn
  EXPECT_TRUE(slices[2].at("name").get<std::string>().starts_with("waiting: "));
  EXPECT_EQ(slices[2].at("ts"), 1.0);
  EXPECT_EQ(slices[2].at("dur"), 7.0);
  EXPECT_EQ(slices[3].at("cat"), "turn");
  EXPECT_FALSE(slices[3].at("args").contains("at"));
  EXPECT_EQ(slices[4].at("cat"), "wait");  // of the other, up to now
  EXPECT_EQ(slices[4].at("ts"), 3.0);
  EXPECT_EQ(slices[4].at("dur"), 12.0);

  const std::vector<Json> ends = of_phase(trace, "i");
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].at("name"), "completed");
  EXPECT_EQ(ends[0].at("ts"), 10.0);

  const std::vector<Json> names_there = of_phase(trace, "M");
  ASSERT_EQ(names_there.size(), 3U);
  EXPECT_EQ(names_there[0].at("name"), "process_name");
  EXPECT_EQ(names_there[1].at("args").at("name"), "task 1: say \"hi\"\n");
  EXPECT_EQ(names_there[2].at("args").at("name"), "task of the daemon");
}

TEST(ChromeTrace, OfOneTaskThereIsNothingElse) {
  const std::vector<TraceEvent> turns = three_turns();
  const Json trace =
      parsed({.turns = {turns, {}}, .ticks = kTicks, .now = 2'500, .only = TaskId{1}});
  for (const Json& event : trace.at("traceEvents")) {
    if (event.contains("tid")) EXPECT_EQ(event.at("tid"), 1);
  }
  EXPECT_EQ(of_phase(trace, "X").size(), 3U);
}

TEST(ChromeTrace, ShowsTheTurnThatIsUnderWay) {
  const std::vector<TraceEvent> turns = three_turns();
  const Json trace = parsed({.turns = {turns, {}},
                             .ticks = kTicks,
                             .now = 2'500,
                             .running = kVolatile,
                             .running_since = 2'100});
  const std::vector<Json> slices = of_phase(trace, "X");
  EXPECT_EQ(slices.back().at("name"), "turn under way");
  EXPECT_EQ(slices.back().at("ts"), 11.0);
  EXPECT_EQ(slices.back().at("dur"), 4.0);
  EXPECT_EQ(slices[slices.size() - 2].at("dur"), 8.0);  // it waited until then
}

TEST(ChromeTrace, SaysWhenItWasWritten) {
  EXPECT_EQ(parsed({.turns = {}, .ticks = kTicks, .now_unix_us = 1'795'379'735'012'345})
                .at("otherData")
                .at("written"),
            "2026-11-22T20:35:35.012Z");
}

TEST(ChromeTrace, MoreTasksThanThereAreTracksMakeAWholeDocument) {
  std::vector<TraceEvent> events;
  for (std::uint64_t i = 1; i <= 3'000; ++i)
    events.push_back({.ended = i * 10, .task = TaskId{i}, .ticks = 5});
  const std::span<const TraceEvent> all = events;
  const Json trace =
      parsed({.turns = {all.first(1'000), all.subspan(1'000)}, .ticks = kTicks, .now = 100'000});
  std::size_t turns = 0;
  std::size_t names = 0;
  double last = -1;
  for (const Json& event : trace.at("traceEvents")) {
    const auto& name = event.at("name").get_ref<const std::string&>();
    names += name == "thread_name" ? 1U : 0U;
    if (name != "turn") continue;
    ++turns;
    EXPECT_GT(event.at("ts").get<double>(), last);
    last = event.at("ts");
  }
  EXPECT_EQ(turns, 3'000U);
  EXPECT_EQ(names, 2'048U);
}

TEST(TraceRing, PiecesAreTheNewestTurnsTheOldestFirst) {
  for (const std::uint64_t pushed :
       {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{TraceRing::kEvents},
        std::uint64_t{TraceRing::kEvents + 7}}) {
    TraceRing ring;
    for (std::uint64_t i = 1; i <= pushed; ++i)
      ring.push({.ended = i});
    const std::uint64_t kept = std::min<std::uint64_t>(pushed, TraceRing::kEvents);
    std::uint64_t expected = pushed - kept;
    for (const TraceEvent& event : ring.events())
      EXPECT_EQ(event.ended, ++expected);
    EXPECT_EQ(expected, pushed);
    EXPECT_EQ(ring.events().size(), kept);
  }
}

}  // namespace
}  // namespace tinkerbell
