#include "tinkerbell/syscall/fork.hpp"

#include "support/syscall_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

/// A task that begins with the first steps of another one.

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

/// Notes what it is told, step by step, and returns that.
class Diary {
 public:
  template <class T>
  void note(const Result<T>& reply) {
    lines_.push_back(reply ? to_json_value(*reply) : Json(reply.error().message));
  }

  [[nodiscard]] Json lines() const { return lines_; }

 private:
  Json lines_ = Json::array();
};

/// One step of each kind, eleven in all; what people say is in the last line.
Task<Result<Json>> works(TaskStart start) {
  Diary diary;
  diary.note(co_await AwaitFileRead{.path = "a.txt"});
  diary.note(co_await AwaitFileWrite{.path = "b.txt", .content = "new"});
  diary.note(co_await Random{});
  diary.note(co_await Now{});
  const Result<Spawn::Reply> child = co_await Spawn{.kind = "child@1"};
  diary.note(child);
  diary.note(co_await Join{.task = child ? child->task : kNoTask});
  diary.note(co_await AwaitProcess{.argv = {"./test.sh"}});
  diary.note(co_await AwaitUserApproval{.question = "go on?"});
  diary.note(co_await AwaitProcess{.argv = {"./test.sh"}});
  diary.note(co_await AwaitLLMResponse{.model = "default"});
  diary.note(co_await Sleep{.duration = 10ms});
  Json lines = diary.lines();
  const Result<Hear::Reply> heard = co_await Hear{};
  for (const std::string& words : heard ? heard->words : std::vector<std::string>())
    lines.push_back(words);
  lines.push_back(unix_nanoseconds(start.created));
  co_return lines;
}

constexpr std::uint32_t kSteps = 11;

Task<Result<Json>> does_nothing(TaskStart /*start*/) {
  co_return Json("child");
}

/// Asks for what names itself.
Task<Result<Json>> names_itself(TaskStart start) {
  (void)co_await AwaitProcess{.argv = {"task", std::to_string(number(start.task))}};
  (void)co_await AwaitUserApproval{.question = "go on?"};
  co_return Json();
}

/// Runs six programs and notes its state after every second one; hears before it does so.
Task<Result<Json>> counts(TaskStart start) {
  int done = start.state ? start.state->at("done").get<int>() : 0;
  Json heard = start.state ? start.state->at("heard") : Json::array();
  while (done < 6) {
    (void)co_await AwaitProcess{.argv = {"program", std::to_string(done)}};
    ++done;
    if (done % 2 == 0) (void)co_await Checkpoint{.state = {{"done", done}, {"heard", heard}}};
    const Result<Hear::Reply> words = co_await Hear{};
    for (const std::string& each : words ? words->words : std::vector<std::string>())
      heard.push_back(each);
  }
  co_return Json{{"done", done}, {"heard", heard}};
}

/// Has a child that waits, and does something to it.
Task<Result<Json>> disturbs(TaskStart /*start*/) {
  const Result<Spawn::Reply> child = co_await Spawn{.kind = "waits@1"};
  if (!child) co_return child.error();
  (void)co_await AwaitUserApproval{.question = "disturb it?"};
  const Result<Send::Reply> sent = co_await Send{.task = child->task, .message = "hello"};
  const Result<Kill::Reply> killed = co_await Kill{.task = child->task};
  co_return Json{{"sent", sent ? "sent" : sent.error().message},
                 {"killed", killed ? "killed" : killed.error().message}};
}

Task<Result<Json>> waits(TaskStart /*start*/) {
  (void)co_await Receive{};
  co_return Json();
}

class ForkTest : public testing::Test {
 protected:
  ForkTest() {
    world.add_kind("worker@1", works);
    world.add_kind("child@1", does_nothing);
    world.add_kind("narcissus@1", names_itself);
    world.add_kind("counter@1", counts);
    world.add_kind("disturber@1", disturbs);
    world.add_kind("waits@1", waits);
    world.before_recovery = [](ScriptedDriver& driver) { let_all_succeed(driver); };
    let_all_succeed(*world.driver);
  }

  static void let_all_succeed(ScriptedDriver& driver) {
    driver.reply("file.read", Reply(AwaitFileRead::Reply{.text = "as it is"}));
    driver.reply("file.write", Reply(AwaitFileWrite::Reply{.bytes = 3, .created = true}));
    driver.reply("process.run", Reply(AwaitProcess::Reply{.exit_code = 0}));
    driver.recovery("process.run", Reply(AwaitProcess::Reply{.exit_code = 0}));
    driver.recovery("file.write", Error{Errc::not_started, "it is as before"});
    AwaitLLMResponse::Reply answer{.text = "hello"};
    answer.usage = {.input = 50, .output = 10, .known = true};
    answer.cost = *Money::parse("0.03");
    driver.reply("llm.response", Reply(std::move(answer)));
    driver.facts("llm.response", Prepared{.reserved = Reservation{.model = "default",
                                                                  .tokens_in = 100,
                                                                  .tokens_out = 900,
                                                                  .cost = *Money::parse("0.10")}});
  }

  /// Yes to whatever is asked, and all the time that is wanted.
  void let_all_end() {
    for (int i = 0; i < 100; ++i) {
      world.pass(10ms);
      const std::vector<const Question*> open = world.calls->approvals().shown();
      if (!open.empty()) ASSERT_TRUE(world.answer(open.front()->id, Answer::approve));
    }
  }

  TaskId submit_and_end(const std::string& kind) {
    const TaskId task = world.submit(kind);
    let_all_end();
    EXPECT_EQ(world.end_of(task).state, "completed");
    return task;
  }

  /// The commands of a task that drivers performed in this run.
  [[nodiscard]] std::vector<std::uint32_t> steps_performed(TaskId task) const {
    std::vector<std::uint32_t> steps;
    for (const Call& call : world.driver->performed()) {
      if (call.id.task == task) steps.push_back(number(call.id.seq));
    }
    return steps;
  }

  /// What a replay looks at.
  [[nodiscard]] std::vector<std::string> steps_of(TaskId task, std::uint32_t up_to) {
    std::vector<std::string> steps;
    for (const Record& record : world.records_of(task)) {
      const bool counts = record.seq != Seq{0} && number(record.seq) <= up_to;
      if (counts && record.kind == RecordKind::intent) steps.push_back(record.fingerprint.hex());
      if (counts && record.kind == RecordKind::result) steps.push_back(record.payload);
    }
    return steps;
  }

  [[nodiscard]] Spending spent(TaskId root) {
    Spending sum;
    for (const auto& [records, charge] : world.memory->charges) {
      if (charge.root == root) sum += charge.spent;
    }
    return sum;
  }

  static Errc code(const auto& result) { return result ? Errc{} : result.error().code; }

  SyscallWorld world;
};

TEST_F(ForkTest, AtEveryStepItHasTheSamePastAndGoesOn) {
  const TaskId first = submit_and_end("worker@1");
  const Json told = world.end_of(first).value;
  const std::vector<Record> before = world.records_of(first);
  for (std::uint32_t step = 0; step <= kSteps; ++step) {
    SCOPED_TRACE(step);
    const Result<TaskId> task = world.fork(first, step);
    ASSERT_TRUE(task) << task.error().message;
    let_all_end();
    EXPECT_EQ(steps_of(*task, step), steps_of(first, step));
    EXPECT_THAT(steps_performed(*task), Each(testing::Gt(step)));
    const DonePayload end = world.end_of(*task);
    ASSERT_EQ(end.state, "completed") << end.error;
    ASSERT_EQ(end.value.size(), told.size());
    for (std::uint32_t i = 0; i < step; ++i)
      EXPECT_EQ(end.value.at(i), told.at(i));
    EXPECT_EQ(end.value.back(), told.back());  // when it began, as it sees that
    EXPECT_EQ(world.head(*task).steps, kSteps);
    EXPECT_EQ(world.head(*task).title, "fork of 1 at " + std::to_string(step) + ": a task");
  }
  EXPECT_EQ(world.records_of(first), before);
}

TEST_F(ForkTest, WhatIsCopiedIsMarkedAndTheRestIsNot) {
  const TaskId first = submit_and_end("worker@1");
  const TaskId task = *world.fork(first, 7);
  let_all_end();
  for (const Record& record : world.records_of(task)) {
    const bool copied = record.seq != Seq{0} && number(record.seq) <= 7;
    EXPECT_EQ(record.branch, copied ? kCopiedBranch : 0U);
  }
  const auto payload = world.payload_of<TaskPayload>(task, RecordKind::task);
  EXPECT_EQ(payload.forked_from, first);
  EXPECT_EQ(payload.forked_step, 7U);
  EXPECT_EQ(payload.draft, task);
  EXPECT_TRUE(payload.draft_is_made);
}

TEST_F(ForkTest, ItIsThereAsAWholeOrNotAtAll) {
  const TaskId first = submit_and_end("worker@1");
  const std::size_t before = world.memory->records.size();
  Result<TaskId> told = Error{Errc::internal, "never told"};
  world.begin_fork(*plan_fork(world.head(first), world.records_of(first), Seq{9}), "more", told);
  EXPECT_FALSE(told);
  EXPECT_EQ(world.memory->records.size(), before);
  ASSERT_TRUE(world.journal->write(1));  // one transaction
  const std::size_t whole = world.memory->records.size();
  const TaskId task{number(first) + 2};
  EXPECT_EQ(world.head(task).head, Lsn{whole});
  EXPECT_EQ(world.memory->records.back().kind, RecordKind::signal);
  EXPECT_EQ(steps_of(task, 9), steps_of(first, 9));

  world.crash_with(whole);  // before it has taken a step
  let_all_end();
  EXPECT_EQ(world.end_of(task).state, "completed");
  EXPECT_EQ(world.end_of(task).value.at(kSteps), "more");
  EXPECT_THAT(steps_performed(task), ElementsAre(10));
}

TEST_F(ForkTest, BeforeThatTheOtherTaskIsAllThatThereIs) {
  const TaskId first = submit_and_end("worker@1");
  const std::size_t before = world.memory->records.size();
  ASSERT_TRUE(world.fork(first, 9));
  world.crash_with(before);
  EXPECT_THAT(world.memory->tasks, SizeIs(2));
  EXPECT_EQ(world.calls->live_tasks(), 0U);
  EXPECT_EQ(*world.fork(first, 9), TaskId{3});
}

TEST_F(ForkTest, AfterAnyLaterCrashItGoesOn) {
  const TaskId first = submit_and_end("worker@1");
  const std::size_t before = world.memory->records.size();
  const TaskId task = *world.fork(first, 4);
  let_all_end();
  const std::size_t all = world.memory->records.size();
  const Json told = world.end_of(task).value;
  const std::size_t copies = static_cast<std::size_t>(
      std::ranges::count(world.records_of(task), kCopiedBranch, &Record::branch));
  ASSERT_GT(all, before + 1 + copies + 20);
  for (std::size_t durable = before + 1 + copies; durable < all; ++durable) {
    SCOPED_TRACE(durable);
    world.crash_with(durable);
    let_all_end();
    EXPECT_EQ(world.end_of(task).state, "completed");
    for (std::uint32_t i = 0; i < 4; ++i)
      EXPECT_EQ(world.end_of(task).value.at(i), told.at(i));
  }
}

TEST_F(ForkTest, AForkCanBeForked) {
  const TaskId first = submit_and_end("worker@1");
  const TaskId second = *world.fork(first, 6);
  let_all_end();
  for (const std::uint32_t step : {3U, 6U, 9U}) {
    SCOPED_TRACE(step);
    const Result<TaskId> third = world.fork(second, step);
    ASSERT_TRUE(third) << third.error().message;
    let_all_end();
    EXPECT_EQ(steps_of(*third, step), steps_of(second, step));
    EXPECT_EQ(world.end_of(*third).state, "completed");
    EXPECT_EQ(world.end_of(*third).value.back(), world.end_of(first).value.back());
    EXPECT_EQ(world.head(*third).title, "fork of " + std::to_string(number(second)) + " at " +
                                            std::to_string(step) + ": a task");
  }
}

TEST_F(ForkTest, OfATaskThatIsAtWorkBothGoOn) {
  const TaskId first = world.submit("worker@1", /*approve_all=*/true);
  ASSERT_EQ(world.head(first).steps, 8U);  // it waits there
  const TaskId task = *world.fork(first, 3);
  ASSERT_EQ(world.calls->approvals().shown().size(), 2U);
  EXPECT_EQ(code(world.fork(first, 8)), Errc::conflict);
  EXPECT_EQ(code(world.fork(first, 9)), Errc::not_found);
  let_all_end();
  EXPECT_EQ(world.end_of(first).state, "completed");
  EXPECT_EQ(world.end_of(task).state, "completed");
  EXPECT_EQ(steps_of(task, 3), steps_of(first, 3));
}

TEST_F(ForkTest, TwoAtOnceAreTwoTasks) {
  const TaskId first = submit_and_end("worker@1");
  const ForkPlan plan = *plan_fork(world.head(first), world.records_of(first), Seq{2});
  Result<TaskId> one = Error{Errc::internal, "never told"};
  Result<TaskId> other = Error{Errc::internal, "never told"};
  world.begin_fork(plan, "one", one);
  world.begin_fork(plan, "other", other);
  world.settle();
  ASSERT_TRUE(one && other);
  EXPECT_NE(*one, *other);
  let_all_end();
  EXPECT_EQ(world.end_of(*one).value.at(kSteps), "one");
  EXPECT_EQ(world.end_of(*other).value.at(kSteps), "other");
}

TEST_F(ForkTest, WhatWasSpentIsNotSpentAgainAndItsBudgetIsItsOwn) {
  TaskId first = kNoTask;
  world.calls->submit({.kind = "worker@1",
                       .workspace = "/work",
                       .budget = {.cost = *Money::parse("1"), .asks = false, .calls = 1},
                       .by = {.via = "test"}},
                      Completion<TaskId>([&first](Result<TaskId> task) { first = *task; }));
  let_all_end();
  ASSERT_EQ(spent(first).calls, 1U);
  const TaskId after_it = *world.fork(first, 10);
  let_all_end();
  EXPECT_EQ(spent(after_it).calls, 0U);
  const TaskId before_it = *world.fork(first, 9);
  let_all_end();
  EXPECT_EQ(spent(before_it).calls, 1U);
  EXPECT_EQ(spent(first).calls, 1U);
  EXPECT_EQ(world.payload_of<TaskPayload>(before_it, RecordKind::task).budget.calls, 1U);
  EXPECT_EQ(world.end_of(before_it).value.at(9), world.end_of(first).value.at(9));
}

TEST_F(ForkTest, HearsOnceWhatIsSaid) {
  const TaskId first = submit_and_end("worker@1");
  const TaskId task = *world.fork(first, kSteps, "do it again");
  EXPECT_EQ(world.end_of(task).value.at(kSteps), "do it again");
  const TaskId silent = *world.fork(first, kSteps);
  EXPECT_EQ(world.end_of(silent).value, world.end_of(first).value);
}

TEST_F(ForkTest, WordsArePartOfThePastFromTheNextStepOn) {
  const TaskId first = submit_and_end("worker@1");
  const TaskId task = *world.fork(first, 7, "do it again");
  let_all_end();
  const TaskId at_the_same_step = *world.fork(task, 7, "no, otherwise");
  let_all_end();
  EXPECT_EQ(world.end_of(at_the_same_step).value.at(kSteps), "no, otherwise");
  EXPECT_EQ(world.end_of(at_the_same_step).value.size(), kSteps + 2);
  const TaskId later = *world.fork(task, 8);
  let_all_end();
  EXPECT_EQ(world.end_of(later).value.at(kSteps), "do it again");
}

TEST_F(ForkTest, WordsStayAtTheirPlaceOverACheckpointAndACrash) {
  const TaskId first = submit_and_end("counter@1");  // its steps 3 and 6 note its state
  const std::size_t before = world.memory->records.size();
  const TaskId task = *world.fork(first, 5, "listen");  // heard after the state was noted
  let_all_end();
  ASSERT_EQ(world.end_of(task).value.at("heard"), Json({"listen"}));
  const auto noted = [&]() -> SnapshotPayload {
    for (const Record& record : world.records_of(task)) {
      const bool wanted = record.kind == RecordKind::snapshot && record.seq == Seq{6};
      if (wanted) return *from_canonical<SnapshotPayload>(record.payload);
    }
    return {};
  }();
  EXPECT_EQ(noted.state.at("heard"), Json::array());
  ASSERT_THAT(noted.words, SizeIs(1));
  EXPECT_EQ(noted.words.front().text, "listen");
  const std::size_t all = world.memory->records.size();
  std::size_t tried = 0;
  const std::size_t copies = static_cast<std::size_t>(
      std::ranges::count(world.records_of(task), kCopiedBranch, &Record::branch));
  for (std::size_t durable = all - 1; durable >= before + 1 + copies + 1; --durable) {
    world.crash_with(durable);
    let_all_end();
    ASSERT_EQ(world.end_of(task).state, "completed") << durable << " of " << all;
    EXPECT_EQ(world.end_of(task).value.at("heard"), Json({"listen"})) << durable;
    ++tried;
  }
  EXPECT_GT(tried, 5U);
}

TEST_F(ForkTest, GoesOnFromTheStateThatWasNotedLast) {
  const TaskId first = submit_and_end("counter@1");
  const TaskId late = *world.fork(first, 7);
  let_all_end();
  EXPECT_EQ(world.end_of(late).value.at("done"), 6);
  EXPECT_THAT(steps_performed(late), ElementsAre(8));
  const auto snapshot = world.payload_of<SnapshotPayload>(late, RecordKind::snapshot);
  EXPECT_EQ(snapshot.task.forked_from, first);
  EXPECT_EQ(snapshot.task.draft, late);
  const TaskId early = *world.fork(first, 2);
  let_all_end();
  EXPECT_EQ(world.end_of(early).value.at("done"), 6);
  EXPECT_THAT(steps_performed(early), ElementsAre(4, 5, 7, 8));
}

TEST_F(ForkTest, AnApprovalForTheWholeTaskWasOneForThatTask) {
  const TaskId first = world.submit("worker@1");
  const auto is_program = [](const Question* open) { return open->name == "process.run"; };
  for (int i = 0; i < 20; ++i) {
    const std::vector<const Question*> open = world.calls->approvals().shown();
    if (open.empty()) break;
    const Scope scope = is_program(open.front()) ? Scope::task : Scope::once;
    ASSERT_TRUE(world.answer(open.front()->id, Answer::approve, "", scope));
  }
  world.pass(1s);
  ASSERT_EQ(world.end_of(first).state, "completed");
  const TaskId task = *world.fork(first, 8);  // its ninth step is that program again
  const std::vector<const Question*> open = world.calls->approvals().shown();
  ASSERT_THAT(open, SizeIs(1));
  EXPECT_EQ(open.front()->command, (CommandId{task, Seq{9}}));
}

TEST_F(ForkTest, LeavesTheChildrenOfTheOtherAlone) {
  const TaskId first = world.submit("disturber@1");
  const TaskId child{number(first) + 1};
  const TaskId task = *world.fork(first, 1);
  const auto question = [&] {
    for (const Question* const open : world.calls->approvals().shown()) {
      if (open->command.task == task) return open->id;
    }
    return kNoApproval;
  }();
  ASSERT_NE(question, kNoApproval);
  ASSERT_TRUE(world.answer(question, Answer::approve));
  const Json told = world.end_of(task).value;
  EXPECT_THAT(told.at("sent").get<std::string>(), HasSubstr("a child of task 1"));
  EXPECT_THAT(told.at("killed").get<std::string>(), HasSubstr("a child of task 1"));
  EXPECT_TRUE(world.calls->check_live(child));
  let_all_end();
  EXPECT_EQ(world.end_of(first).value.at("sent"), "sent");
}

TEST_F(ForkTest, OneThatAsksForSomethingElseIsCancelled) {
  const TaskId first = world.submit("narcissus@1", /*approve_all=*/true);
  const Result<TaskId> task = world.fork(first, 1);
  ASSERT_EQ(code(task), Errc::conflict);
  EXPECT_THAT(task.error().message, HasSubstr("asks for something else than task 1 did"));
  EXPECT_EQ(world.end_of(TaskId{number(first) + 1}).state, "cancelled");
  EXPECT_THAT(steps_performed(TaskId{number(first) + 1}), IsEmpty());
}

TEST_F(ForkTest, ATaskThatWasToldToEndIsForkedBeforeThatOnly) {
  const TaskId first = world.submit("worker@1", /*approve_all=*/true);
  world.calls->cancel_task(first, "enough", {.via = "test"},
                           Completion<void>([](const Result<void>&) {}));
  world.settle();
  ASSERT_TRUE(world.head(first).ended);
  EXPECT_EQ(code(world.fork(first, 8)), Errc::conflict);
  const Result<TaskId> task = world.fork(first, 7);
  ASSERT_TRUE(task);
  let_all_end();
  EXPECT_EQ(world.end_of(*task).state, "completed");
}

TEST_F(ForkTest, IsRefusedWhereThereIsNothingToForkOrNoRoom) {
  const TaskId first = submit_and_end("worker@1");
  EXPECT_EQ(code(world.fork(first, kSteps + 1)), Errc::not_found);
  ForkPlan unknown = *plan_fork(world.head(first), world.records_of(first), Seq{2});
  unknown.task.kind = "nobody@1";
  Result<TaskId> told = Error{Errc::internal, "never told"};
  world.begin_fork(unknown, "", told);
  EXPECT_EQ(code(told), Errc::invalid);
  world.tasks_max = 0;
  world.crash();
  EXPECT_EQ(code(world.fork(first, 2)), Errc::exhausted);
}

TEST_F(ForkTest, WithoutAPlanThereIsNoTask) {
  const TaskId first = submit_and_end("worker@1");
  const std::size_t before = world.memory->records.size();
  Result<TaskId> told = Error{Errc::internal, "never told"};
  world.calls->fork(
      {.kind = "worker@1",
       .say = {},
       .by = {},
       .plan = [](TaskId,
                  Completion<ForkPlan> planned) { planned(Error{Errc::storage_full, "no room"}); }},
      Completion<TaskId>([&told](const Result<TaskId>& task) { told = task; }));
  world.settle();
  EXPECT_EQ(code(told), Errc::storage_full);
  EXPECT_EQ(world.memory->records.size(), before);
  EXPECT_GT(*world.fork(first, 2), TaskId{number(first) + 1});
}

}  // namespace
}  // namespace tinkerbell
