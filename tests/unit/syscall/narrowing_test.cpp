#include "support/syscall_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

/// What a child may do at most: commands, a directory, a share of the budget.

namespace tinkerbell {
namespace {

using testing::HasSubstr;

Money money(std::string_view amount) {
  return *Money::parse(amount);
}

/// Begins the child that its arguments describe, and waits for it: what that returned.
Task<Result<Json>> parent(TaskStart start) {
  Result<Spawn> spawn = from_json_value<Spawn>(start.arguments);
  if (!spawn) co_return spawn.error();
  const Result<Spawn::Reply> child = co_await *std::move(spawn);
  if (!child) co_return child.error();
  const Result<Join::Reply> end = co_await Join{.task = child->task};
  if (!end) co_return end.error();
  co_return end->state == "completed" ? end->value : Json(end->error);
}

Json outcome_of(const auto& reply) {
  return reply ? Json("done") : Json(name_of(reply.error().code));
}

/// Reads, writes and runs something; in its own child as well, if it is told to have one.
Task<Result<Json>> tries(TaskStart start) {
  if (start.arguments.contains("wider")) {
    Result<Spawn> spawn = from_json_value<Spawn>(start.arguments.at("wider"));
    const Result<Spawn::Reply> child = co_await *std::move(spawn);
    if (!child) co_return Json(child.error().message);
    const Result<Join::Reply> end = co_await Join{.task = child->task};
    co_return end ? end->value : Json();
  }
  const std::string path = start.arguments.value("path", "sub/a");
  const auto read = co_await AwaitFileRead{.path = path};
  const auto written = co_await AwaitFileWrite{.path = path, .content = "x"};
  const auto run = co_await AwaitProcess{.argv = {"make"}, .cwd = "sub"};
  co_return Json::array({outcome_of(read), outcome_of(written), outcome_of(run)});
}

/// Asks a model so many times: how often that went well, and why not the next time.
Task<Result<Json>> asks(TaskStart start) {
  for (int i = 0; i < start.arguments.value("times", 1); ++i) {
    const Result<AwaitLLMResponse::Reply> answer = co_await AwaitLLMResponse{.model = "default"};
    if (!answer) co_return Json(std::to_string(i) + " " + answer.error().message);
  }
  co_return Json("all");
}

class NarrowingTest : public testing::Test {
 protected:
  NarrowingTest() {
    world.add_kind("parent@1", parent);
    world.add_kind("tries@1", tries);
    world.add_kind("asks@1", asks);
    prepare(*world.driver);
    world.before_recovery = prepare;
    world.rules.rules = {{.name = "all", .decision = Decision::allow, .commands = {"*"}}};
  }

  static void prepare(ScriptedDriver& driver) {
    driver.reply("file.read", Reply(AwaitFileRead::Reply{"text"}));
    driver.reply("file.write", Reply(AwaitFileWrite::Reply{}));
    driver.reply("process.run", Reply(AwaitProcess::Reply{}));
    driver.facts("process.run", Prepared{.facts = {.sandbox = "bubblewrap"}});
    const Reservation call{
        .model = "default", .tokens_in = 100, .tokens_out = 900, .cost = money("0.10")};
    driver.facts("llm.response", Prepared{.reserved = call});
    AwaitLLMResponse::Reply answer{.text = "hello", .cost = money("0.10")};
    answer.usage = {.input = 100, .output = 900, .known = true};
    driver.reply("llm.response", Reply(answer));
  }

  Json run(Json spawn, Budget budget = {}) {
    TaskId id = kNoTask;
    world.calls->submit({.kind = "parent@1",
                         .workspace = "/work",
                         .arguments = std::move(spawn),
                         .approve_all = true,
                         .budget = std::move(budget),
                         .by = {.via = "test"}},
                        Completion<TaskId>([&id](Result<TaskId> task) { id = *task; }));
    world.settle();
    const DonePayload done = world.end_of(id);
    return done.error_code.empty() ? done.value : Json(done.error_code + ": " + done.error);
  }

  SyscallWorld world;
};

TEST_F(NarrowingTest, AChildUsesOnlyTheCommandsThatItWasGivenWhateverRulesAndPeopleSay) {
  EXPECT_EQ(run({{"kind", "tries@1"}}), Json({"done", "done", "done"}));
  EXPECT_EQ(run({{"kind", "tries@1"}, {"only", {"file.read"}}}),
            Json({"done", "denied", "denied"}));
  EXPECT_EQ(run({{"kind", "tries@1"}, {"only", {"file.*"}}}), Json({"done", "done", "denied"}));
  EXPECT_EQ(run({{"kind", "tries@1"}, {"only", Json::array()}}),
            Json({"denied", "denied", "denied"}));
  EXPECT_THAT(run({{"kind", "tries@1"}, {"only", {"fly"}}}).get<std::string>(),
              HasSubstr("there is no command \"fly\""));
}

TEST_F(NarrowingTest, ChildrenOfAChildCanOnlyBeNarrowedFurther) {
  const Json wider{{"kind", "tries@1"}, {"only", {"*"}}};
  const auto through = [&](Json only, const Json& grandchild) {
    return run(
        {{"kind", "tries@1"}, {"only", std::move(only)}, {"arguments", {{"wider", grandchild}}}});
  };
  EXPECT_EQ(through({"task.*", "file.read"}, wider), Json({"done", "denied", "denied"}));
  EXPECT_EQ(through({"task.*", "file.read"}, {{"kind", "tries@1"}}),
            Json({"done", "denied", "denied"}));
  EXPECT_THAT(through({"file.read"}, wider).get<std::string>(), HasSubstr("forbids this"))
      << "it may not begin any";
}

TEST_F(NarrowingTest, OutsideOfItsDirectoryAChildReachesNothing) {
  const auto in = [&](const std::string& directory, const std::string& path) {
    return run({{"kind", "tries@1"}, {"directory", directory}, {"arguments", {{"path", path}}}});
  };
  EXPECT_EQ(in("sub", "sub/a"), Json({"done", "done", "done"}));
  EXPECT_EQ(in("sub/", "./sub/../sub/a"), Json({"done", "done", "done"}));
  EXPECT_EQ(in("sub", "subs/a"), Json({"denied", "denied", "done"}));
  EXPECT_EQ(in("sub", "sub/../a"), Json({"denied", "denied", "done"}));
  EXPECT_EQ(in("sub/deep", "sub/deep/a"), Json({"done", "done", "denied"})) << "make runs in sub";
  EXPECT_EQ(world.driver->performed().back().only, "sub/deep");
  for (const char* directory : {"..", "a/../..", "/etc"}) {
    EXPECT_THAT(in(directory, "a").get<std::string>(), HasSubstr("not within the workspace"));
  }
}

TEST_F(NarrowingTest, AGrandchildsDirectoryIsWithinThatOfItsParent) {
  const auto through = [&](const std::string& directory) {
    return run({{"kind", "tries@1"},
                {"directory", "sub"},
                {"arguments", {{"wider", {{"kind", "tries@1"}, {"directory", directory}}}}}});
  };
  EXPECT_EQ(through(""), Json({"done", "done", "done"}));
  EXPECT_EQ(through("sub/deep"), Json({"denied", "denied", "denied"}));
  EXPECT_THAT(through("other").get<std::string>(), HasSubstr("not within sub"));
}

TEST_F(NarrowingTest, InADirectoryALinkThatLeadsOutAndAProgramWithoutSandboxAreDenied) {
  world.driver->facts("file.read", Prepared{.facts = {.object = "other/a"}});
  world.driver->facts("process.run", Prepared{.facts = {.sandbox = std::string(kNoSandbox)}});
  EXPECT_EQ(run({{"kind", "tries@1"}, {"directory", "sub"}}), Json({"denied", "done", "denied"}));
}

TEST_F(NarrowingTest, AShareIsAllThatAChildMayUse) {
  const auto with = [&](Json limits, Budget budget = {}) {
    return run({{"kind", "asks@1"}, {"arguments", {{"times", 5}}}, {"limits", std::move(limits)}},
               std::move(budget))
        .get<std::string>();
  };
  EXPECT_EQ(with(Json::object()), "all");
  EXPECT_THAT(with({{"cost", "0.25"}}), HasSubstr("2 what task"));
  EXPECT_THAT(with({{"tokens", 3'500}}), HasSubstr("3 what task"));
  EXPECT_THAT(with({{"calls", 1}}), HasSubstr("1 of 1 model calls"));
  EXPECT_THAT(with({{"calls", 0}}), HasSubstr("0 what task")) << "0 is none";
  EXPECT_THAT(with({{"calls", 4}}, {.asks = false, .calls = 2}), HasSubstr("2 its budget"))
      << "and never more than is left above it";
}

TEST_F(NarrowingTest, WhatAShareTakesIsTakenFromTheFamilyAndCountedOnce) {
  const TaskId first{
      number(world.submit("parent@1", true, {{"kind", "asks@1"}, {"limits", {{"calls", 3}}}}))};
  Spending family;
  Spending all;
  const auto sum = [](Spending& into) {
    return Completion<std::vector<LedgerLine>>(
        [&into](const Result<std::vector<LedgerLine>>& lines) {
          for (const LedgerLine& line : *lines)
            into += line.spent;
        });
  };
  world.journal->read_ledger({.root = first}, sum(family));
  world.journal->read_ledger({}, sum(all));
  world.settle();
  EXPECT_EQ(family.calls, 1U);
  EXPECT_EQ(all.calls, 1U);
}

TEST_F(NarrowingTest, AShareOutlivesACrash) {
  world.driver->next_reply("llm.response", Reply(AwaitLLMResponse::Reply{.cost = money("0.10")}));
  const TaskId root =
      world.submit("parent@1", true,
                   {{"kind", "asks@1"}, {"arguments", {{"times", 5}}}, {"limits", {{"calls", 2}}}});
  ASSERT_EQ(world.end_of(root).state, "completed");
  const std::size_t all = world.memory->records.size();
  for (std::size_t durable = 1; durable < all; ++durable) {
    SyscallWorld other;
    other.add_kind("parent@1", parent);
    other.add_kind("asks@1", asks);
    other.before_recovery = prepare;
    prepare(*other.driver);
    const TaskId task = other.submit(
        "parent@1", true,
        {{"kind", "asks@1"}, {"arguments", {{"times", 5}}}, {"limits", {{"calls", 2}}}});
    other.crash_with(durable);
    const std::string end = other.end_of(task).value.get<std::string>();
    EXPECT_THAT(end, HasSubstr("of 2 model calls are made")) << durable;
    EXPECT_LE(end.front(), '2') << durable << ": " << end;
  }
}

TEST_F(NarrowingTest, S88_ABoundBelowZeroOrOfAnotherFormBeginsNothing) {
  const std::vector<Json> bad = {
      {{"cost", "-1"}},      {{"cost", "NaN"}},    {{"cost", "1e9"}}, {{"cost", ""}},
      {{"cost", 1.5}},       {{"tokens", -1}},     {{"tokens", "5"}}, {{"calls", 1.5}},
      {{"time_ms", "soon"}}, {{"time_ms", -1000}},
  };
  for (const Json& limits : bad) {
    const std::size_t before = world.memory->tasks.size();
    EXPECT_THAT(run({{"kind", "asks@1"}, {"limits", limits}}).get<std::string>(),
                HasSubstr("invalid"))
        << limits;
    EXPECT_EQ(world.memory->tasks.size(), before + 1) << limits << " began a child";
  }
}

}  // namespace
}  // namespace tinkerbell
