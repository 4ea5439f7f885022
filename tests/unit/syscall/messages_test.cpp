#include "support/syscall_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

/// Messages between tasks, and what a crash between a Send and its Receive leaves of them.

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Json told(const Result<Reply>& outcome) {
  if (!outcome) return std::string(to_string(outcome.error().code));
  const auto* const received = std::get_if<Receive::Reply>(&*outcome);
  return received != nullptr ? received->message : Json("done");
}

template <class... Commands>
Result<TaskCommand> command_of(std::string_view name, const Json& arguments) {
  Result<TaskCommand> command = Error{Errc::invalid, std::string(name)};
  (void)((Commands::kName == name &&
          (command = TaskCommand(*from_json_value<Commands>(arguments)), true)) ||
         ...);
  return command;
}

/// Yields the commands that its arguments name, [name, arguments] each, and returns what it is
/// told.
Task<Result<Json>> follows_script(TaskStart start) {
  Json all = Json::array();
  for (const Json& each : start.arguments.at("script")) {
    const Result<TaskCommand> command = command_of<Send, Receive, Kill, AwaitUserApproval>(
        each.at(0).get<std::string>(), each.at(1));
    if (!command) co_return command.error();
    const Result<Reply> outcome = co_await AnyCommand{*command};
    all.push_back(told(outcome));
  }
  co_return all;
}

Json send_to(TaskId task, Json message) {
  return {"task.send", {{"task", number(task)}, {"message", std::move(message)}}};
}

Json receive(const Json& match = Json::object(), TaskId from = kNoTask) {
  return {"task.receive", {{"match", match}, {"from", number(from)}}};
}

Json receive_within(std::int64_t ms) {
  return {"task.receive", {{"timeout_ms", ms}}};
}

/// Waits until a person says something.
Json ask() {
  return {"user.approval", {{"question", "go on?"}}};
}

class Messages : public testing::Test {
 protected:
  Messages() { world.add_kind("script@1", follows_script); }

  TaskId begin(std::vector<Json> script) {
    return world.submit("script@1", false, {{"script", std::move(script)}});
  }

  /// Answers the oldest open question.
  void go_on() {
    const std::vector<const Question*> open = world.calls->approvals().shown();
    ASSERT_FALSE(open.empty());
    ASSERT_TRUE(world.answer(open.front()->id, Answer::approve));
  }

  /// What a task was told; null if it has not ended.
  Json result(TaskId task) { return world.end_of(task).value; }

  SyscallWorld world;
};

TEST_F(Messages, OneThatIsWaitedForWakesItsReceiver) {
  const TaskId receiver = begin({receive()});
  const TaskId sender = begin({send_to(receiver, "hello")});
  EXPECT_EQ(result(receiver), Json::array({"hello"}));
  EXPECT_EQ(result(sender), Json::array({"done"}));
  EXPECT_THAT(world.kinds_of(receiver), ElementsAre("task", "intent", "signal", "result", "done"));
  EXPECT_THAT(world.kinds_of(sender), ElementsAre("task", "intent", "result", "done"));
}

TEST_F(Messages, TheyWaitInTheOrderInWhichTheyCame) {
  const TaskId receiver = begin({ask(), receive(), receive()});
  begin({send_to(receiver, 1), send_to(receiver, 2)});
  go_on();
  EXPECT_EQ(result(receiver), Json({"done", 1, 2}));
}

TEST_F(Messages, AReceiverMayChooseAndTheOthersStayInOrder) {
  const TaskId receiver = begin(
      {receive({{"about", "tests"}}), receive(Json::object(), TaskId{3}), receive(), receive()});
  const Json first{{"about", "edits"}};
  const Json wanted{{"about", "tests"}, {"exit", 1}};
  begin({send_to(receiver, first), send_to(receiver, "no object"), send_to(receiver, wanted)});
  EXPECT_EQ(result(receiver), Json());
  begin({send_to(receiver, "of task 3")});
  EXPECT_EQ(result(receiver), Json({wanted, "of task 3", first, "no object"}));
}

TEST_F(Messages, ATaskMayWriteToItself) {
  const TaskId task = begin({send_to(TaskId{1}, "note"), receive()});
  EXPECT_EQ(result(task), Json({"done", "note"}));
}

TEST_F(Messages, WhoEndedOrNeverWasGetsNone) {
  const TaskId ended = begin({});
  const TaskId sender = begin({send_to(ended, 1), send_to(TaskId{99}, 1), send_to(kNoTask, 1)});
  EXPECT_EQ(result(sender), Json({"not_found", "not_found", "not_found"}));
}

TEST_F(Messages, AFullMailboxIsAnErrorUntilSomethingIsTaken) {
  const TaskId receiver = begin({ask(), receive(), ask()});
  std::vector<Json> script(kMailboxMessagesMax, send_to(receiver, "x"));
  script.insert(script.end(), {send_to(receiver, "too many"), ask(), send_to(receiver, "y")});
  const TaskId sender = begin(std::move(script));
  go_on();  // the receiver takes one
  go_on();  // the sender tries again
  const Json told = result(sender);
  ASSERT_EQ(told.size(), kMailboxMessagesMax + 3);
  EXPECT_EQ(told.at(kMailboxMessagesMax - 1), "done");
  EXPECT_EQ(told.at(kMailboxMessagesMax), "exhausted");
  EXPECT_EQ(told.back(), "done");
}

TEST_F(Messages, ALargeOrDeepOneIsRefused) {
  const TaskId receiver = begin({ask()});
  Json deep = 1;
  for (int i = 0; i < 65; ++i)
    deep = Json::array({std::move(deep)});
  const std::string fits(kMessageBytesMax - 2, 'x');  // without its quotation marks
  const TaskId sender = begin(
      {send_to(receiver, fits), send_to(receiver, fits + "x"), send_to(receiver, std::move(deep))});
  EXPECT_EQ(result(sender), Json({"done", "too_large", "too_large"}));
}

TEST_F(Messages, AReceiveWithBoundsThatMakeNoSenseIsRefused) {
  const TaskId task =
      begin({receive_within(-1), receive_within(kWaitMax.count() + 1), receive(Json::array({1}))});
  EXPECT_EQ(result(task), Json({"invalid", "invalid", "invalid"}));
}

TEST_F(Messages, AReceiveMayGiveUpAndARestartDoesNotBeginItsTimeAnew) {
  const TaskId task = begin({receive_within(1'000), receive()});
  world.pass(Milliseconds{900});
  world.crash();
  world.pass(Milliseconds{99});
  EXPECT_EQ(world.kinds_of(task).back(), "intent");
  world.pass(Milliseconds{1});
  begin({send_to(task, "late")});
  EXPECT_EQ(result(task), Json({"timed_out", "late"}));
}

TEST_F(Messages, AReceiveEndsWhenItsTaskIsToldToEnd) {
  const TaskId receiver = begin({receive()});
  const TaskId killer = begin({{"task.kill", {{"task", number(receiver)}, {"reason", "enough"}}},
                               send_to(receiver, "into the void")});
  EXPECT_EQ(result(receiver), Json::array({"cancelled"}));
  EXPECT_EQ(result(killer).at(0), "done");
}

TEST_F(Messages, SecretsInThemAreMasked) {
  world.masker.add("sk-very-secret");
  const TaskId receiver = begin({ask()});
  world.add_kind("teller@1", [](TaskStart /*start*/) -> Task<Result<Json>> {
    const Result<Send::Reply> sent =
        co_await Send{.task = TaskId{1}, .message = {{"key", "sk-very-secret"}}};
    if (!sent) co_return sent.error();
    co_return Json();
  });
  world.submit("teller@1");
  const auto signal = world.payload_of<SignalPayload>(receiver, RecordKind::signal);
  EXPECT_THAT(signal.message.dump(), Not(HasSubstr("very-secret")));
}

// ---- crashes ----

TEST_F(Messages, OneThatWasSentAndNotTakenOutlivesTheDaemon) {
  const TaskId receiver = begin({ask(), receive()});
  begin({send_to(receiver, "still there")});
  world.crash();
  go_on();
  EXPECT_EQ(result(receiver), Json({"done", "still there"}));
}

TEST_F(Messages, OneThatWasTakenIsNotGivenOutAgainAfterARestart) {
  const TaskId receiver = begin({receive(), ask(), receive()});
  begin({send_to(receiver, "first")});
  world.crash();
  go_on();
  begin({send_to(receiver, "second")});
  EXPECT_EQ(result(receiver), Json({"first", "done", "second"}));
}

TEST_F(Messages, WhatWasTakenDoesNotFillTheMailboxAfterARestart) {
  std::vector<Json> takes(kMailboxMessagesMax, receive());
  takes.push_back(ask());
  const TaskId receiver = begin(std::move(takes));
  begin(std::vector<Json>(kMailboxMessagesMax, send_to(receiver, "x")));
  world.crash();
  EXPECT_EQ(result(begin({send_to(receiver, "y")})), Json::array({"done"}));
}

TEST_F(Messages, ADivergedTaskGetsNoneAndNothingIsWrittenOfIt) {
  const TaskId receiver = begin({receive()});
  world.registry = {};
  world.crash();
  world.add_kind("script@1", follows_script);
  EXPECT_EQ(result(begin({send_to(receiver, 1)})), Json::array({"unavailable"}));
  EXPECT_THAT(world.kinds_of(receiver), ElementsAre("task", "intent"));
}

/// Whether the daemon cannot die between these records and the next: a Send is one transaction.
bool within_a_send(const std::vector<Record>& records, std::size_t count) {
  const Record& last = records[count - 1];
  if (last.kind == RecordKind::signal) return true;
  return last.kind == RecordKind::intent &&
         from_canonical<IntentPayload>(last.payload)->command == Send::kName;
}

/// Wherever the daemon dies, each is sent once, arrives once, and in order.
TEST_F(Messages, NoneIsLostOrDoubledWhereverTheDaemonDies) {
  const auto begin_both = [this] {
    const TaskId receiver = begin({receive({{"n", 2}}), receive(), receive()});
    return std::pair(receiver, begin({send_to(receiver, {{"n", 1}}), send_to(receiver, {{"n", 2}}),
                                      send_to(receiver, {{"n", 3}})}));
  };
  std::size_t begun = 0;  // records of earlier rounds
  std::size_t crashes = 0;
  for (std::size_t more = 3;; ++more) {
    SCOPED_TRACE(more);
    const auto [receiver, sender] = begin_both();
    if (begun + more > world.memory->records.size()) break;
    if (!within_a_send(world.memory->records, begun + more)) {
      world.crash_with(begun + more);
      ++crashes;
    }
    EXPECT_EQ(result(sender), Json({"done", "done", "done"}));
    EXPECT_EQ(result(receiver), Json({{{"n", 2}}, {{"n", 1}}, {{"n", 3}}}));
    begun = world.memory->records.size();
  }
  EXPECT_GT(crashes, 6U);
}

}  // namespace
}  // namespace tinkerbell
