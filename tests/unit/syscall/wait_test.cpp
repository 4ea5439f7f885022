#include "support/syscall_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

/// A task that waits for the first of several things, those that end with their parent, and what
/// people say to a task.

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Waits as its arguments say: "event task".
Task<Result<Json>> waits(TaskStart start) {
  Result<Wait> wait = from_json_value<Wait>(start.arguments);
  if (!wait) co_return wait.error();
  const Result<Wait::Reply> reply = co_await *std::move(wait);
  if (!reply) co_return reply.error();
  const Result<Hear::Reply> heard = co_await Hear{};
  std::string words;
  for (const std::string& each : heard->words)
    words += " " + each;
  co_return Json(reply->event + " " + std::to_string(number(reply->task)) + words);
}

Task<Result<Json>> stays(TaskStart /*start*/) {
  const Result<Receive::Reply> message = co_await Receive{};
  if (!message) co_return message.error();
  co_return Json();
}

/// Sends to the task of that number.
Task<Result<Json>> sends(TaskStart start) {
  const Result<Send::Reply> sent =
      co_await Send{.task = TaskId{start.arguments.at("to").get<std::uint64_t>()}, .message = "hi"};
  if (!sent) co_return sent.error();
  co_return Json();
}

/// Begins children that end with it, and some that do not, and stays until a message comes.
Task<Result<Json>> leads(TaskStart /*start*/) {
  for (const bool ends : {true, false}) {
    const Result<Spawn::Reply> child =
        co_await Spawn{.kind = "follows@1", .ends_with_parent = ends};
    if (!child) co_return child.error();
  }
  (void)co_await Receive{};
  co_return Json("led");
}

/// Has a child that ends with it.
Task<Result<Json>> follows(TaskStart /*start*/) {
  (void)co_await Spawn{.kind = "stays@1", .ends_with_parent = true};
  const Result<Receive::Reply> message = co_await Receive{};
  if (!message) co_return message.error();
  co_return Json();
}

Task<Result<Json>> asks_a_person(TaskStart /*start*/) {
  const Result<AwaitUserAnswer::Reply> answer = co_await AwaitUserAnswer{.question = "Which?"};
  if (!answer) co_return answer.error();
  co_return Json(answer->text);
}

class WaitTest : public testing::Test {
 protected:
  WaitTest() {
    world.add_kind("waits@1", waits);
    world.add_kind("stays@1", stays);
    world.add_kind("sends@1", sends);
    world.add_kind("leads@1", leads);
    world.add_kind("follows@1", follows);
    world.add_kind("asks@1", asks_a_person);
  }

  TaskId wait(Json what) { return world.submit("waits@1", false, std::move(what)); }

  std::string end_of(TaskId task) {
    const DonePayload done = world.end_of(task);
    return done.error_code.empty() ? done.value.get<std::string>() : done.error_code;
  }

  bool lives(TaskId task) { return world.calls->check_live(task).ok(); }

  void cancel(TaskId task) {
    world.calls->cancel_task(task, "enough", {.via = "test"}, Completion<void>([](auto) {}));
    world.settle();
  }

  Result<Said> say(TaskId task, std::string words) {
    Result<Said> told = Error{Errc::internal, "never told"};
    world.calls->say(task, std::move(words), {.via = "test", .uid = 7},
                     Completion<Said>([&](const Result<Said>& said) { told = said; }));
    world.settle();
    return told;
  }

  SyscallWorld world;
};

TEST_F(WaitTest, TheEndOfAnyTaskTheTimeOrAMessageEndsAWaitOverACrashToo) {
  for (const bool crash : {false, true}) {
    const TaskId first = world.submit("stays@1");
    const TaskId second = world.submit("stays@1");
    const Json both = {number(first), number(second)};
    const TaskId by_task = wait({{"tasks", both}});
    const TaskId by_time = wait({{"tasks", both}, {"timeout_ms", 1'000}});
    const TaskId by_message = wait({{"tasks", both}, {"message", true}});
    const TaskId deaf = wait({{"tasks", {number(first)}}});
    if (crash) world.crash();
    world.submit("sends@1", false, {{"to", number(by_message)}});
    world.submit("sends@1", false, {{"to", number(deaf)}});
    EXPECT_EQ(end_of(by_message), "message 0") << crash;
    world.pass(2s);
    EXPECT_EQ(end_of(by_time), "time 0") << crash;
    EXPECT_TRUE(lives(by_task));
    cancel(second);
    EXPECT_EQ(end_of(by_task), "task " + std::to_string(number(second))) << crash;
    EXPECT_TRUE(lives(deaf));
    cancel(deaf);
    cancel(first);
  }
}

TEST_F(WaitTest, WhatHasHappenedBeforeEndsItAtOnce) {
  const TaskId ended = world.submit("stays@1");
  cancel(ended);
  EXPECT_EQ(end_of(wait({{"tasks", {number(ended)}}})), "task " + std::to_string(number(ended)));
}

TEST_F(WaitTest, WhatNeverComesIsRefused) {
  EXPECT_EQ(end_of(wait({{"tasks", {99}}})), "not_found");
  EXPECT_EQ(end_of(wait({{"tasks", {0}}})), "not_found");
  EXPECT_EQ(end_of(wait({{"tasks", {4}}})), "not_found");
  EXPECT_EQ(end_of(wait({{"timeout_ms", -1}})), "invalid");
  EXPECT_EQ(end_of(wait({{"tasks", std::vector<int>(Wait::kTasksMax + 1, 1)}})), "invalid");
  const TaskId self{number(wait({{"timeout_ms", 0}})) + 1};
  EXPECT_EQ(end_of(wait({{"tasks", {number(self)}}})), "invalid");
}

TEST_F(WaitTest, AnEndThatNobodyCouldBeToldOfBeforeACrashIsSeenAfterIt) {
  const TaskId other = world.submit("stays@1");
  const TaskId waiter = wait({{"tasks", {number(other)}}});
  cancel(other);
  const std::string told = "task " + std::to_string(number(other));
  ASSERT_EQ(end_of(waiter), told);
  std::size_t durable = 0;  // up to where the other one's end is in the journal, and no further
  while (world.memory->records[durable].task != other ||
         world.memory->records[durable].kind != RecordKind::done)
    ++durable;
  world.crash_with(durable + 1);
  EXPECT_EQ(end_of(waiter), told);
}

// ---- the end of a parent ----

TEST_F(WaitTest, ThoseThatEndWithTheirParentDoSoWhicheverWayItEnds) {
  for (const bool cancelled : {true, false}) {
    const TaskId parent = world.submit("leads@1");
    const auto child = [&](std::uint64_t n) { return TaskId{number(parent) + n}; };
    ASSERT_TRUE(lives(child(1)) && lives(child(2)) && lives(child(3)) && lives(child(4)));
    if (cancelled) {
      cancel(parent);
    } else {
      world.submit("sends@1", false, {{"to", number(parent)}});
    }
    ASSERT_FALSE(lives(parent));
    // 1 ends with its parent, 2 does not; what is 3 and 4 they began themselves.
    const TaskPayload third = world.payload_of<TaskPayload>(child(3), RecordKind::task);
    const TaskId of_follower = third.parent == child(1) ? child(3) : child(4);
    EXPECT_FALSE(lives(child(1)));
    EXPECT_FALSE(lives(of_follower)) << "and so do theirs";
    EXPECT_TRUE(lives(child(2)));
    cancel(child(2));
    EXPECT_EQ(world.calls->live_tasks(), 0U);
  }
}

TEST_F(WaitTest, NoneOutlivesItsParentWhereverTheDaemonDies) {
  const TaskId parent = world.submit("leads@1");
  const std::size_t before = world.memory->records.size();
  cancel(parent);
  const std::size_t all = world.memory->records.size();
  for (std::size_t durable = all - 1; durable >= before; --durable) {
    world.crash_with(durable);
    if (!lives(parent)) {
      EXPECT_FALSE(lives(TaskId{number(parent) + 1})) << durable;
    } else {
      cancel(parent);
      EXPECT_FALSE(lives(TaskId{number(parent) + 1})) << durable;
    }
  }
}

TEST_F(WaitTest, APauseHoldsThoseThatEndWithTheTaskAndResumeLetsThemGoOn) {
  const TaskId parent = world.submit("leads@1");
  world.calls->pause(parent, {.via = "test"}, Completion<void>([](auto) {}));
  world.settle();
  world.crash();
  const TaskId child{number(parent) + 1};
  const TaskId other{number(parent) + 2};
  const auto send = [&](TaskId to) { world.submit("sends@1", false, {{"to", number(to)}}); };
  const TaskId of_child =
      world.payload_of<TaskPayload>(TaskId{number(parent) + 3}, RecordKind::task).parent == child
          ? TaskId{number(parent) + 3}
          : TaskId{number(parent) + 4};
  const TaskId waiter = world.submit("waits@1", false, {{"tasks", {number(of_child)}}});
  // What is under way goes on, so it ends; the next command would be held.
  send(of_child);
  EXPECT_FALSE(lives(of_child));
  EXPECT_FALSE(lives(waiter));
  const std::vector<Record> records = world.records_of(child);
  EXPECT_TRUE(std::ranges::any_of(records, [](const Record& record) {
    return record.kind == RecordKind::signal &&
           from_canonical<SignalPayload>(record.payload)->signal == Signal::pause;
  }));
  EXPECT_TRUE(std::ranges::none_of(world.records_of(other), [](const Record& record) {
    return record.kind == RecordKind::signal &&
           from_canonical<SignalPayload>(record.payload)->signal == Signal::pause;
  }));
  world.calls->resume(parent, {.via = "test"}, Completion<void>([](auto) {}));
  world.settle();
  EXPECT_EQ(from_canonical<SignalPayload>(world.newest(child, RecordKind::signal).payload)->signal,
            Signal::resume);
}

// ---- words ----

TEST_F(WaitTest, WordsEndAWaitAndAreHeardOverACrashToo) {
  const TaskId waiter = wait(Json::object());
  world.crash();
  const Result<Said> said = say(waiter, "go on");
  ASSERT_TRUE(said);
  EXPECT_TRUE(said->wakes);
  EXPECT_EQ(number(said->step), 1U);
  EXPECT_EQ(end_of(waiter), "words 0 go on");
}

TEST_F(WaitTest, WordsThatWereDurableAreHeardWhereverTheDaemonDiesAfterThem) {
  const TaskId waiter = wait(Json::object());
  const std::size_t before = world.memory->records.size();
  ASSERT_TRUE(say(waiter, "go on"));
  const std::size_t all = world.memory->records.size();
  ASSERT_GT(all, before + 1);
  for (std::size_t durable = all - 1; durable > before; --durable) {
    world.crash_with(durable);
    EXPECT_EQ(end_of(waiter), "words 0 go on") << durable;
  }
}

TEST_F(WaitTest, WordsAreTheAnswerToAnOpenQuestion) {
  const TaskId task = world.submit("asks@1");
  const Result<Said> said = say(task, "the blue one");
  ASSERT_TRUE(said);
  EXPECT_EQ(said->answered, ApprovalId{1});
  EXPECT_EQ(end_of(task), "the blue one");
}

TEST_F(WaitTest, WordsWaitForATaskThatIsAtSomethingElse) {
  const TaskId task = world.submit("stays@1");
  const Result<Said> said = say(task, "later");
  ASSERT_TRUE(said);
  EXPECT_FALSE(said->wakes);
  EXPECT_EQ(said->answered, kNoApproval);
  EXPECT_TRUE(lives(task));
}

TEST_F(WaitTest, WordsForNobodyAreAnError) {
  const TaskId task = world.submit("stays@1");
  for (std::size_t i = 0; i < SystemCalls::kWordsMax; ++i)
    ASSERT_TRUE(say(task, "x")) << i;
  EXPECT_EQ(say(task, "x").error().code, Errc::exhausted);
  cancel(task);
  EXPECT_EQ(say(task, "x").error().code, Errc::conflict);
  EXPECT_EQ(say(TaskId{99}, "x").error().code, Errc::not_found);
}

}  // namespace
}  // namespace tinkerbell
