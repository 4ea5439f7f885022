#include "support/syscall_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

/// The cassette of a task is handed to the driver with each call, goes down to its children part by
/// part, and outlives the daemon.

namespace tinkerbell {
namespace {

using testing::ElementsAre;

Task<Result<Json>> asks(TaskStart /*start*/) {
  const Result<AwaitLLMResponse::Reply> reply = co_await AwaitLLMResponse{};
  if (!reply) co_return reply.error();
  co_return Json(reply->text);
}

/// Spawns three children and asks a person before the last, then a model.
Task<Result<Json>> spawns(TaskStart start) {
  for (int i = start.state ? start.state->get<int>() : 0; i < 3; ++i) {
    if (i == 2) {
      if (!start.state) (void)co_await Checkpoint{.state = i};
      (void)co_await AwaitUserApproval{.question = "another?"};
    }
    const Result<Spawn::Reply> child = co_await Spawn{.kind = "child@1"};
    if (!child) co_return child.error();
    (void)co_await Join{.task = child->task};
  }
  co_return co_await asks(std::move(start));
}

class CassetteWorldTest : public testing::Test {
 protected:
  CassetteWorldTest() {
    world.before_recovery = [](ScriptedDriver& driver) { let_models_answer(driver); };
    let_models_answer(*world.driver);
    world.add_kind("child@1", asks);
    world.add_kind("parent@1", spawns);
  }

  static void let_models_answer(ScriptedDriver& driver) {
    driver.reply("llm.response", Reply(AwaitLLMResponse::Reply{.text = "yes"}));
  }

  TaskId submit(Cassette cassette) {
    TaskId id = kNoTask;
    world.calls->submit({.kind = "parent@1",
                         .workspace = "/work",
                         .by = {.via = "test"},
                         .cassette = std::move(cassette)},
                        Completion<TaskId>([&](Result<TaskId> task) { id = *task; }));
    world.settle();
    return id;
  }

  /// The titles of the cassettes that calls of models came with in this run.
  [[nodiscard]] std::vector<std::string> titles() const {
    std::vector<std::string> titles;
    for (const Call& call : world.driver->performed())
      titles.push_back(call.cassette ? call.cassette->title : "none");
    return titles;
  }

  SyscallWorld world;
};

TEST_F(CassetteWorldTest, EachChildHasItsOwnPartAlsoAfterACheckpointAndKill9) {
  submit(
      {.title = "root", .children = {{.title = "first"}, {.title = "second"}, {.title = "3rd"}}});
  EXPECT_THAT(titles(), ElementsAre("first", "second"));
  world.crash();
  ASSERT_EQ(world.calls->open_questions(kNoTask).size(), 1U);
  ASSERT_TRUE(world.answer(world.calls->open_questions(kNoTask).front(), Answer::approve));
  EXPECT_THAT(titles(), ElementsAre("3rd", "root"));
}

TEST_F(CassetteWorldTest, AChildThatWasNotRecordedAsksNoModelEither) {
  submit({.title = "root", .children = {{.title = "first"}}});
  EXPECT_THAT(titles(), ElementsAre("first", ""));
}

TEST_F(CassetteWorldTest, WithoutOneThereIsNone) {
  world.submit("child@1");
  EXPECT_THAT(titles(), ElementsAre("none"));
}

TEST_F(CassetteWorldTest, ASecretInItDoesNotReachTheJournal) {
  ASSERT_TRUE(world.masker.add("a-long-secret"));
  const TaskId task =
      submit({.title = "root",
              .exchanges = {{.reply = AwaitLLMResponse::Reply{.text = "it is a-long-secret"}}},
              .children = {{.title = "a-long-secret"}}});
  EXPECT_THAT(titles(), ElementsAre("[secret]", ""));
  const auto payload = world.payload_of<TaskPayload>(task, RecordKind::task);
  EXPECT_EQ(payload.cassette->exchanges[0].reply->text, "it is [secret]");
}

}  // namespace
}  // namespace tinkerbell
