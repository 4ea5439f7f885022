#include "support/syscall_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {
namespace {

using testing::HasSubstr;

/// Asks for the parts in its arguments and returns what came of them.
Task<Result<Json>> asks_together(TaskStart start) {
  const Result<Together> together = from_json_value<Together>(start.arguments);
  if (!together) co_return together.error();
  const Result<Together::Reply> reply = co_await Together(*together);
  if (!reply) co_return reply.error();
  co_return to_json_value(*reply);
}

PartCommand part(const TaskCommand& command) {
  return {std::string(name_of(command)), arguments_json(command)};
}

PartCommand reading(std::string path) {
  return part(AwaitFileRead{.path = std::move(path)});
}

class TogetherTest : public testing::Test {
 protected:
  TogetherTest() { world.registry.add("together@1", kind()); }

  static TaskKind kind() {
    return {.freeze = [](const Json&) -> Result<Json> { return Json::object(); },
            .start = asks_together,
            .title = [](const Json&) { return std::string("together"); }};
  }

  TaskId begin(std::vector<PartCommand> parts, bool approve_all = false) {
    return world.submit("together@1", approve_all, to_json_value(Together{std::move(parts)}));
  }

  /// What the task was told; it must have ended.
  Together::Reply told(TaskId task) {
    const DonePayload done = world.end_of(task);
    EXPECT_EQ(done.error, "");
    const auto reply = from_json_value<Together::Reply>(done.value);
    return reply ? *reply : Together::Reply{};
  }

  Together::Reply run(std::vector<PartCommand> parts, bool approve_all = false) {
    return told(begin(std::move(parts), approve_all));
  }

  /// How a task ended for which there is no reply.
  DonePayload failure(std::vector<PartCommand> parts) {
    return world.end_of(begin(std::move(parts)));
  }

  void use_rules(std::vector<Rule> rules) {
    world.rules.rules = std::move(rules);
    world.crash();  // the next run has them
    reads_answer(*world.driver);
  }

  static void reads_answer(ScriptedDriver& driver) {
    driver.reply("file.read", Reply(AwaitFileRead::Reply{.text = "text"}));
    driver.reply("file.list", Reply(AwaitFileList::Reply{.entries = {{"a", "file", 1}}}));
  }

  /// The paths that were read in this run, in their order.
  std::vector<std::string> read_paths() {
    std::vector<std::string> paths;
    for (const Call& call : world.driver->performed())
      if (const auto* read = std::get_if<AwaitFileRead>(&call.command)) paths.push_back(read->path);
    return paths;
  }

  SyscallWorld world;
};

TEST_F(TogetherTest, EachPartHasItsOwnOutcomeInItsPlace) {
  reads_answer(*world.driver);
  world.driver->next_reply("file.read", Error{Errc::not_found, "no such file"});
  const Together::Reply reply = run({reading("a"), part(AwaitFileList{}), reading("b")});
  ASSERT_EQ(reply.parts.size(), 3U);
  EXPECT_TRUE(reply.parts[0].reply.is_null());
  EXPECT_EQ(reply.parts[0].code, Errc::not_found);
  EXPECT_EQ(reply.parts[0].message, "no such file");
  const auto list = outcome_of_part(AwaitFileList{}, reply.parts[1]);
  ASSERT_TRUE(list);
  EXPECT_EQ(std::get<AwaitFileList::Reply>(*list).entries[0].path, "a");
  const auto read = outcome_of_part(AwaitFileRead{}, reply.parts[2]);
  EXPECT_EQ(std::get<AwaitFileRead::Reply>(*read).text, "text");
}

TEST_F(TogetherTest, AllPartsAreUnderWayBeforeOneIsAnsweredAndTheRecordsAreOnePair) {
  const TaskId task = begin({reading("a"), reading("b"), reading("c")});
  EXPECT_EQ(read_paths(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(world.records_of(task).size(), 1U) << "only TASK: reads leave no START";
  const CommandId id{task, Seq{1}};
  for (const char* text : {"1", "2", "3"})
    world.driver->release(id, Reply(AwaitFileRead::Reply{.text = text}));
  world.settle();
  EXPECT_EQ(told(task).parts[2].reply.at("text"), "3");
  std::vector<RecordKind> kinds;
  for (const Record& record : world.records_of(task))
    kinds.push_back(record.kind);
  EXPECT_EQ(kinds, (std::vector{RecordKind::task, RecordKind::intent, RecordKind::result,
                                RecordKind::done}));
}

TEST_F(TogetherTest, ACrashInTheMiddleDoesAllOfItAgain) {
  const TaskId task = begin({reading("a"), reading("b")});
  world.driver->release({task, Seq{1}}, Reply(AwaitFileRead::Reply{.text = "old"}));
  world.before_recovery = [](ScriptedDriver& driver) { reads_answer(driver); };
  world.crash();
  EXPECT_EQ(read_paths(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(told(task).parts[0].reply.at("text"), "text");
}

TEST_F(TogetherTest, WhatIsRecordedIsNotDoneAgain) {
  reads_answer(*world.driver);
  const TaskId task = begin({reading("a"), reading("b")});
  const DonePayload before = world.end_of(task);
  world.crash_with(world.memory->records.size() - 1);  // without DONE
  EXPECT_TRUE(read_paths().empty());
  EXPECT_EQ(world.end_of(task).value, before.value);
}

TEST_F(TogetherTest, SecretsAreMaskedInEachPart) {
  world.masker.add("correct horse");
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{.text = "a correct horse"}));
  EXPECT_EQ(run({reading("a")}).parts[0].reply.at("text"), "a [secret]");
}

TEST_F(TogetherTest, ATextThatIsNotUtf8ComesBackAsItWas) {
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{.text = "\xff\xfe"}));
  const TaskId task = begin({reading("a")});
  const Record result = world.newest(task, RecordKind::result);
  const auto outcome = outcome_from_canonical(Together{}, result.payload);
  ASSERT_TRUE(outcome && *outcome);
  const auto reply = std::get<Together::Reply>(**outcome);
  EXPECT_EQ(reply.parts[0].reply.at("text").get<std::string>(), "\xff\xfe");
}

TEST_F(TogetherTest, S41_ADeniedPathIsDeniedInAPartToo) {
  use_rules({{.name = "keys", .decision = Decision::deny, .paths = {"keys/**"}}});
  const Together::Reply reply =
      run({reading("a"), reading("keys/id"), reading("b/../keys/id"), reading("../out")}, true);
  EXPECT_EQ(read_paths(), std::vector<std::string>{"a"});
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_TRUE(reply.parts[i].reply.is_null());
    EXPECT_EQ(reply.parts[i].code, Errc::denied);
    EXPECT_FALSE(reply.parts[i].alone);
  }
  EXPECT_THAT(reply.parts[1].message, HasSubstr("\"keys\" forbids this"));
  EXPECT_THAT(reply.parts[3].message, HasSubstr("outside the workspace"));
}

TEST_F(TogetherTest, APartIsJudgedByWhatItsDriverFinds) {
  use_rules({{.name = "keys", .decision = Decision::deny, .paths = {"keys/**"}}});
  world.driver->facts("file.read", {.facts = {.object = "keys/id"}});
  EXPECT_EQ(run({reading("link")}).parts[0].code, Errc::denied);
  world.driver->facts("file.read", {.facts = {.object = "x", .outside = true}});
  EXPECT_EQ(run({reading("link")}).parts[0].code, Errc::denied);
  EXPECT_TRUE(read_paths().empty());
}

TEST_F(TogetherTest, APartAboutWhichARuleAsksIsLeftToBeAskedForAlone) {
  use_rules({{.name = "look", .decision = Decision::ask, .paths = {"private/**"}}});
  const Together::Reply reply = run({reading("a"), reading("private/x")});
  EXPECT_FALSE(reply.parts[0].alone);
  EXPECT_TRUE(reply.parts[1].alone);
  EXPECT_TRUE(reply.parts[1].reply.is_null());
  EXPECT_EQ(read_paths(), std::vector<std::string>{"a"});
  EXPECT_TRUE(world.calls->approvals().shown().empty());
  EXPECT_FALSE(run({reading("private/x")}, /*approve_all=*/true).parts[0].alone);
}

TEST_F(TogetherTest, ARuleAboutAllOfItForbidsOrHasItAskedForOneByOne) {
  for (const Decision decision : {Decision::deny, Decision::ask}) {
    use_rules({{.name = "all", .decision = decision, .commands = {"task.together"}}});
    const DonePayload done = failure({reading("a")});
    EXPECT_EQ(done.error_code, "denied");
    EXPECT_TRUE(world.calls->approvals().shown().empty());
    EXPECT_TRUE(read_paths().empty());
  }
}

TEST_F(TogetherTest, S69_HasThirtyTwoPartsAtMost) {
  reads_answer(*world.driver);
  EXPECT_EQ(run(std::vector(32, reading("a"))).parts.size(), 32U);
  const std::size_t before = read_paths().size();
  EXPECT_EQ(failure(std::vector(33, reading("a"))).error_code, "too_large");
  EXPECT_EQ(failure({}).error_code, "invalid");
  EXPECT_EQ(read_paths().size(), before);
}

TEST_F(TogetherTest, WhatIsNotPureOrHasNoDriverIsNoPart) {
  reads_answer(*world.driver);
  const Together::Reply reply = run({part(AwaitFileWrite{.path = "a", .content = "x"}),
                                     part(AwaitProcess{.argv = {"ls"}}),
                                     part(Spawn{.kind = "together@1"}),
                                     part(Now{}),
                                     part(GetTid{}),
                                     part(Together{{reading("a")}}),
                                     {"no.such", Json::object()},
                                     {"file.read", {{"path", "a"}, {"hidden", true}}},
                                     {"file.read", Json(7)},
                                     part(AwaitLLMResponse{.model = "m"}),
                                     reading("good")});
  ASSERT_EQ(reply.parts.size(), 11U);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_TRUE(reply.parts[i].reply.is_null()) << i;
    EXPECT_EQ(reply.parts[i].code, Errc::invalid) << i;
    EXPECT_FALSE(reply.parts[i].alone) << i;
  }
  EXPECT_FALSE(reply.parts[10].reply.is_null());
  EXPECT_EQ(world.driver->prepared().size(), 1U);
  EXPECT_EQ(world.driver->performed().size(), 1U);
}

TEST_F(TogetherTest, AWishToEndStopsAllPartsOnceAndALateAnswerFindsNobody) {
  const TaskId task = begin({reading("a"), reading("b")});
  ASSERT_TRUE(world.driver->holds({task, Seq{1}}));
  world.calls->cancel_task(task, "enough", {.via = "test"}, Completion<void>([](Result<void>) {}));
  world.settle();
  EXPECT_FALSE(world.driver->holds({task, Seq{1}}));
  EXPECT_EQ(world.end_of(task).state, "cancelled");
}

}  // namespace
}  // namespace tinkerbell
