#include "support/syscall_world.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

/// Sleeps for as many milliseconds as its arguments say.
Task<Result<Json>> sleeps(TaskStart start) {
  const Milliseconds duration{start.arguments.at("ms").get<std::int64_t>()};
  const Result<Sleep::Reply> slept = co_await Sleep{.duration = duration};
  if (!slept) co_return slept.error();
  co_return Json("awake");
}

/// Waits for another task for as many milliseconds as its arguments say.
Task<Result<Json>> joins(TaskStart start) {
  const Milliseconds timeout{start.arguments.at("ms").get<std::int64_t>()};
  const TaskId other{start.arguments.at("task").get<std::uint64_t>()};
  const Result<Join::Reply> end = co_await Join{.task = other, .timeout = timeout};
  if (!end) co_return end.error();
  co_return Json(end->state);
}

Task<Result<Json>> spawns(TaskStart /*start*/) {
  const Result<Spawn::Reply> child = co_await Spawn{.kind = "sleeper@1", .arguments = {{"ms", 0}}};
  if (!child) co_return child.error();
  co_return Json(number(child->task));
}

class Inside : public testing::Test {
 protected:
  Inside() {
    world.add_kind("sleeper@1", sleeps);
    world.add_kind("joiner@1", joins);
    world.add_kind("parent@1", spawns);
  }

  /// How a task ended: its error, or the text that it returned.
  std::string end_of(TaskId task) {
    const DonePayload done = world.end_of(task);
    return done.error_code.empty() ? done.value.get<std::string>() : done.error_code;
  }

  SyscallWorld world;
};

TEST_F(Inside, ASleepBeyondItsBoundsIsRefusedAndDoesNotWrapAround) {
  for (const std::int64_t ms : {std::int64_t{-1}, kWaitMax.count() + 1, Milliseconds::max().count(),
                                Milliseconds::min().count()}) {
    EXPECT_EQ(end_of(world.submit("sleeper@1", false, {{"ms", ms}})), "invalid") << ms;
  }
  EXPECT_EQ(end_of(world.submit("sleeper@1", false, {{"ms", 0}})), "awake");
}

TEST_F(Inside, AJoinBeyondItsBoundsIsRefused) {
  const TaskId other = world.submit("sleeper@1", false, {{"ms", kWaitMax.count()}});
  for (const std::int64_t ms : {std::int64_t{-1}, Milliseconds::max().count()}) {
    const TaskId joiner = world.submit("joiner@1", false, {{"ms", ms}, {"task", number(other)}});
    EXPECT_EQ(end_of(joiner), "invalid") << ms;
  }
}

TEST_F(Inside, AKindWhoseChecksThrowRefusesTheArgumentsAndEndsNobody) {
  world.registry.add(
      "strict@1",
      {.freeze = [](const Json& arguments) -> Result<Json> { return arguments.at("goal"); },
       .start = spawns,
       .title = [](const Json& arguments) { return arguments.at("goal").get<std::string>(); }});
  EXPECT_EQ(world.submit("strict@1"), kNoTask);
  EXPECT_EQ(world.submit("strict@1", false, {{"goal", 3}}), kNoTask);
  const TaskId good = world.submit("strict@1", false, {{"goal", "x"}});
  EXPECT_EQ(world.head(good).title, "x");
  EXPECT_EQ(world.payload_of<TaskPayload>(good, RecordKind::task).title, "x");
}

TEST_F(Inside, AChildHasTheOriginOfItsParentAndNotThatOfRoot) {
  const TaskId parent = world.submit("parent@1");
  const TaskPayload child =
      world.payload_of<TaskPayload>(TaskId{number(parent) + 1}, RecordKind::task);
  EXPECT_EQ(child.parent, parent);
  EXPECT_EQ(child.origin.via, "test");
  EXPECT_EQ(child.origin.uid, 7U);
}

}  // namespace
}  // namespace tinkerbell
