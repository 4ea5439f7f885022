#include "support/syscall_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

/// A task that notes its state, and what a crash leaves of it.

namespace tinkerbell {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() {
    world.before_recovery = [](ScriptedDriver& driver) { let_programs_run(driver); };
    let_programs_run(*world.driver);
    world.add_kind("counter@1", [this](TaskStart start) { return count(std::move(start)); });
    world.add_kind("hermit@1", [this](TaskStart start) { return take_mail(std::move(start)); });
  }

  static void let_programs_run(ScriptedDriver& driver) {
    driver.reply("process.run", Reply(AwaitProcess::Reply{.exit_code = 0}));
    driver.recovery("process.run", Reply(AwaitProcess::Reply{.exit_code = 0}));
  }

  /// Runs six programs, and notes after every second one how many have run; before the sixth it
  /// asks a person.
  Task<Result<Json>> count(TaskStart start) {
    int done = start.state ? start.state->get<int>() : 0;
    entered.push_back(done);
    while (done < 6) {
      if (done == 5) (void)co_await AwaitUserApproval{.question = "the last one?"};
      (void)co_await AwaitProcess{.argv = {"program", std::to_string(done)}};
      ++done;
      if (done % 2 == 0) (void)co_await Checkpoint{.state = done};
    }
    co_return Json(done);
  }

  /// Waits for a person, notes its state, waits again, then takes all its messages.
  Task<Result<Json>> take_mail(TaskStart start) {
    if (!start.state) {
      (void)co_await AwaitUserApproval{.question = "note it?"};
      (void)co_await Checkpoint{.state = "noted"};
    }
    (void)co_await AwaitUserApproval{.question = "go on?"};
    Json mail = Json::array();
    for (int i = 0; i < 2; ++i) {
      const Result<Receive::Reply> message = co_await Receive{};
      if (!message) co_return message.error();
      mail.push_back({message->number, message->message});
    }
    co_return mail;
  }

  /// Yes to the oldest open question.
  void approve() {
    const std::vector<const Question*> open = world.calls->approvals().shown();
    ASSERT_THAT(open, Not(IsEmpty()));
    ASSERT_TRUE(world.answer(open.front()->id, Answer::approve));
  }

  [[nodiscard]] std::vector<std::string> programs_run() const {
    std::vector<std::string> words;
    for (const Call& call : world.driver->performed()) {
      if (const auto* const run = std::get_if<AwaitProcess>(&call.command)) {
        words.push_back(run->argv.back());
      }
    }
    return words;
  }

  SyscallWorld world;
  std::vector<int> entered;
};

TEST_F(CheckpointTest, IsOneTransactionOfItsIntentTheStateAndItsResult) {
  const TaskId task = world.submit("counter@1", /*approve_all=*/true);
  const auto kinds = world.kinds_of(task);
  const auto at = std::ranges::find(kinds, "snapshot");
  ASSERT_NE(at, kinds.end());
  EXPECT_EQ(*std::prev(at), "intent");
  EXPECT_EQ(*std::next(at), "result");
  const auto snapshot = world.payload_of<SnapshotPayload>(task, RecordKind::snapshot);
  EXPECT_EQ(snapshot.state, Json(4));
  EXPECT_EQ(snapshot.task.kind, "counter@1");
}

TEST_F(CheckpointTest, ItsStateStandsInTheJournalOnce) {
  const std::string long_text(100'000, 's');
  world.add_kind("notes@1", [long_text](TaskStart) -> Task<Result<Json>> {
    (void)co_await Checkpoint{.state = long_text};
    co_return Json();
  });
  world.submit("notes@1");
  std::size_t bytes = 0;
  for (const Record& record : world.memory->records)
    bytes += record.payload.size();
  EXPECT_GT(bytes, 100'000U);
  EXPECT_LT(bytes, 105'000U);
}

TEST_F(CheckpointTest, AfterARestartTheTaskIsEnteredWithItsNewestState) {
  const TaskId task = world.submit("counter@1", /*approve_all=*/true);
  world.crash();
  approve();
  EXPECT_THAT(entered, ElementsAre(0, 4));
  EXPECT_THAT(programs_run(), ElementsAre("5"));
  EXPECT_EQ(world.end_of(task).value, Json(6));
  EXPECT_EQ(world.head(task).steps, 10U);
}

TEST_F(CheckpointTest, WhatCameBeforeTheStateIsNotLookedAt) {
  const TaskId task = world.submit("counter@1", /*approve_all=*/true);
  for (Record& record : world.memory->records) {
    if (record.kind == RecordKind::snapshot && record.seq == Seq{6}) break;
    record.payload = "damaged";
  }
  world.crash();
  approve();
  EXPECT_EQ(world.end_of(task).value, Json(6));
}

TEST_F(CheckpointTest, NoCrashLosesOrDoublesAStep) {
  const TaskId first = world.submit("counter@1", /*approve_all=*/true);
  approve();
  const std::size_t records = world.memory->records.size();
  ASSERT_EQ(world.end_of(first).value, Json(6));
  for (std::size_t durable = 1; durable < records; ++durable) {
    const RecordKind last = world.memory->records[durable - 1].kind;
    if (last == RecordKind::snapshot) continue;  // its RESULT is in the same transaction
    SCOPED_TRACE(durable);
    SyscallWorld other;
    other.add_kind("counter@1", [this](TaskStart start) { return count(std::move(start)); });
    other.before_recovery = let_programs_run;
    let_programs_run(*other.driver);
    const TaskId task = other.submit("counter@1", /*approve_all=*/true);
    const bool asked = !other.calls->approvals().shown().empty();
    ASSERT_TRUE(asked);
    ASSERT_TRUE(other.answer(other.calls->approvals().shown().front()->id, Answer::approve));
    other.crash_with(durable);
    for (const Question* const open : other.calls->approvals().shown())
      ASSERT_TRUE(other.answer(open->id, Answer::approve));
    EXPECT_EQ(other.end_of(task).value, Json(6));
    EXPECT_EQ(other.head(task).steps, 10U);
    std::vector<std::size_t> results(12);
    for (const Record& record : other.memory->records) {
      if (record.kind == RecordKind::result) ++results.at(number(record.seq));
    }
    for (std::uint32_t seq = 1; seq <= 10; ++seq)
      EXPECT_EQ(results[seq], 1U) << "step " << seq;
  }
}

TEST_F(CheckpointTest, TheSameStepsComeAfterItAsWithoutACrash) {
  const TaskId task = world.submit("counter@1", /*approve_all=*/true);
  world.crash();
  world.crash();
  EXPECT_TRUE(world.recoveries.back());
  approve();
  EXPECT_EQ(world.end_of(task).value, Json(6));
  EXPECT_THAT(world.kinds_of(task), Not(Contains("unsure")));
}

TEST_F(CheckpointTest, WhatWasSentBeforeItIsStillInTheMailbox) {
  const TaskId hermit = world.submit("hermit@1");
  world.add_kind("sender@1", [hermit](TaskStart) -> Task<Result<Json>> {
    (void)co_await Send{.task = hermit, .message = "one"};
    (void)co_await Send{.task = hermit, .message = "two"};
    co_return Json();
  });
  world.submit("sender@1");
  approve();
  world.crash();
  approve();
  EXPECT_EQ(world.end_of(hermit).value, (Json{{1, "one"}, {2, "two"}}));
}

/// Has as many children as it may, notes its state, and asks a person before it wants another one.
Task<Result<Json>> breeder(TaskStart start) {
  if (!start.state) {
    while (co_await Spawn{.kind = "hermit@1"}) {
    }
    (void)co_await Checkpoint{.state = "noted"};
  }
  (void)co_await AwaitUserApproval{.question = "one more?"};
  const Result<Spawn::Reply> more = co_await Spawn{.kind = "hermit@1"};
  co_return Json(more ? "one more" : more.error().message);
}

TEST_F(CheckpointTest, S87_ChildrenThatItBeganBeforeItStillCount) {
  world.add_kind("breeder@1", breeder);
  const TaskId task = world.submit("breeder@1");
  world.crash();
  const std::vector<const Question*> open = world.calls->approvals().shown();
  const auto question =
      std::ranges::find_if(open, [&](const Question* each) { return each->command.task == task; });
  ASSERT_NE(question, open.end());
  ASSERT_TRUE(world.answer((*question)->id, Answer::approve));
  EXPECT_THAT(world.end_of(task).value.get<std::string>(),
              testing::HasSubstr("8 of its children are at work"));
}

TEST_F(CheckpointTest, WhatWasApprovedForTheWholeTaskStillIs) {
  world.add_kind("again@1", [](TaskStart start) -> Task<Result<Json>> {
    if (!start.state) {
      (void)co_await AwaitProcess{.argv = {"make"}};
      (void)co_await Checkpoint{.state = 1};
    }
    (void)co_await AwaitUserApproval{.question = "again?"};
    const Result<AwaitProcess::Reply> run = co_await AwaitProcess{.argv = {"make"}};
    co_return Json(run.ok());
  });
  const TaskId task = world.submit("again@1");
  const ApprovalId asked = world.calls->approvals().shown().front()->id;
  ASSERT_TRUE(world.answer(asked, Answer::approve, "", Scope::task));
  world.crash();
  approve();
  EXPECT_EQ(world.end_of(task).value, Json(true));
}

TEST_F(CheckpointTest, WhereItWasToldToStopItStillStops) {
  world.add_kind("noted@1", [](TaskStart start) -> Task<Result<Json>> {
    if (!start.state) {
      (void)co_await AwaitUserApproval{.question = "note it?"};
      (void)co_await Checkpoint{.state = 1};
    }
    (void)co_await AwaitProcess{.argv = {"make"}};
    co_return Json();
  });
  const TaskId noted = world.submit("noted@1", /*approve_all=*/true);
  world.calls->set_breakpoint(noted, "process.*", {.via = "test"}, Completion<void>([](auto) {}));
  world.settle();
  approve();
  ASSERT_EQ(world.calls->view(noted)->state, TaskState::suspended);
  world.crash();
  EXPECT_EQ(world.calls->breakpoints(noted).at(1), "process.*");
  EXPECT_EQ(world.calls->view(noted)->state, TaskState::suspended);
  EXPECT_THAT(programs_run(), IsEmpty());
}

TEST_F(CheckpointTest, ATaskThatIsToEndNotesNoState) {
  world.add_kind("shielded@1", [](TaskStart) -> Task<Result<Json>> {
    (void)co_await AwaitUserApproval{.question = "?"};
    const Result<Checkpoint::Reply> noted = co_await Checkpoint{.state = 1};
    co_return Json(noted.ok());
  });
  const TaskId task = world.submit("shielded@1");
  world.calls->cancel_task(task, "enough", {.via = "test"}, Completion<void>([](auto) {}));
  world.settle();
  EXPECT_THAT(world.kinds_of(task), Not(Contains("snapshot")));
}

TEST_F(CheckpointTest, AStateThatIsTooLongIsRefusedAndTheTaskGoesOn) {
  world.add_kind("fat@1", [](TaskStart) -> Task<Result<Json>> {
    const Result<Checkpoint::Reply> noted =
        co_await Checkpoint{.state = std::string(std::size_t{9} << 20, 'x')};
    co_return Json(noted ? "noted" : std::string(to_string(noted.error().code)));
  });
  const TaskId task = world.submit("fat@1");
  EXPECT_EQ(world.end_of(task).value, Json("too_large"));
}

TEST_F(CheckpointTest, ATaskThatComesOutOfQuarantineGoesOnFromItsStateToo) {
  const TaskId task = world.submit("counter@1", /*approve_all=*/true);
  world.poisonous.insert(task);
  world.crash();
  Result<void> back = Error{Errc::internal, "never told"};
  world.calls->resume(task, {.via = "test"},
                      Completion<void>([&](Result<void> told) { back = std::move(told); }));
  world.settle();
  ASSERT_TRUE(back) << back.error().message;
  approve();
  EXPECT_THAT(entered, ElementsAre(0, 4));
  EXPECT_EQ(world.end_of(task).value, Json(6));
}

}  // namespace
}  // namespace tinkerbell
