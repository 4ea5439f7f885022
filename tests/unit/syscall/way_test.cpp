#include "support/syscall_world.hpp"

#include "tinkerbell/command/render.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;

using Kinds = std::vector<std::string>;

constexpr ApprovalId kFirst{1};

Task<Result<Json>> reads_a_file(TaskStart /*start*/) {
  const Result<AwaitFileRead::Reply> file = co_await AwaitFileRead{.path = "a.txt"};
  if (!file) co_return file.error();
  co_return Json(file->text);
}

Task<Result<Json>> writes_a_file(TaskStart /*start*/) {
  const Result<AwaitFileWrite::Reply> written =
      co_await AwaitFileWrite{.path = "a.txt", .content = "new"};
  if (!written) co_return written.error();
  co_return Json(written->bytes);
}

Task<Result<Json>> runs_twice(TaskStart /*start*/) {
  for (int i = 0; i < 2; ++i) {
    const Result<AwaitProcess::Reply> run = co_await AwaitProcess{.argv = {"./test.sh"}};
    if (!run) co_return run.error();
  }
  co_return Json("ran");
}

Task<Result<Json>> asks_a_model(TaskStart /*start*/) {
  AwaitLLMResponse ask{.model = "default"};
  ask.messages.add({.role = Role::user, .text = "hello"});
  const Result<AwaitLLMResponse::Reply> reply = co_await ask;
  if (!reply) co_return reply.error();
  co_return Json(reply->text);
}

Task<Result<Json>> sleeps(TaskStart /*start*/) {
  const Result<Sleep::Reply> slept = co_await Sleep{.duration = 10s};
  if (!slept) co_return slept.error();
  co_return Json("awake");
}

Task<Result<Json>> asks_a_person(TaskStart /*start*/) {
  const Result<AwaitUserApproval::Reply> yes =
      co_await AwaitUserApproval{.question = "Send it?", .preview = "the text"};
  if (!yes) co_return yes.error();
  if (!yes->granted) co_return Json("no: " + yes->reason);
  const Result<AwaitUserAnswer::Reply> words =
      co_await AwaitUserAnswer{.question = "To whom?", .choices = {"Wendy", "Peter"}};
  if (!words) co_return words.error();
  co_return Json("to " + words->text);
}

Task<Result<Json>> repeats_its_goal(TaskStart start) {
  const Result<AwaitUserAnswer::Reply> words =
      co_await AwaitUserAnswer{.question = start.arguments.at("goal").get<std::string>()};
  if (!words) co_return words.error();
  co_return Json(words->text);
}

Task<Result<Json>> draws(TaskStart /*start*/) {
  const Result<Random::Reply> first = co_await Random{};
  const Result<AwaitLLMResponse::Reply> reply = co_await AwaitLLMResponse{.model = "default"};
  if (!reply) co_return reply.error();
  co_return Json(first->value);
}

Task<Result<Json>> spawns(TaskStart /*start*/) {
  const Result<Spawn::Reply> child = co_await Spawn{.kind = "reader@1"};
  if (!child) co_return child.error();
  const Result<Join::Reply> end = co_await Join{.task = child->task};
  if (!end) co_return end.error();
  co_return Json(end->state + " " + dump_json(end->value));
}

class Way : public testing::Test {
 protected:
  Way() {
    world.add_kind("reader@1", reads_a_file);
    world.add_kind("writer@1", writes_a_file);
    world.add_kind("runner@1", runs_twice);
    world.add_kind("model@1", asks_a_model);
    world.add_kind("sleeper@1", sleeps);
    world.add_kind("person@1", asks_a_person);
    world.add_kind("draws@1", draws);
    world.add_kind("parent@1", spawns);
  }

  DonePayload done(TaskId task) {
    for (const Record& record : world.memory->records) {
      if (record.task == task && record.kind == RecordKind::done) {
        return *from_canonical<DonePayload>(record.payload);
      }
    }
    return {};
  }

  [[nodiscard]] std::vector<const Question*> questions() const {
    return world.calls->approvals().shown();
  }

  SyscallWorld world;
};

TEST_F(Way, APureCommandIsRecordedWithItsResultOnly) {
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{"hello"}));
  const TaskId task = world.submit("reader@1");
  EXPECT_EQ(world.kinds_of(task), (Kinds{"task", "intent", "result", "done"}));
  EXPECT_EQ(done(task).value, "hello");
  EXPECT_TRUE(world.head(task).ended);
}

TEST_F(Way, AChangeAsksAndIsReleasedOnlyAfterTheAnswer) {
  world.driver->facts("file.write",
                      {.facts = {.object = "a.txt"}, .pre_image = PreImage{.path = "a.txt"}});
  world.driver->reply("file.write", Reply(AwaitFileWrite::Reply{.bytes = 3, .created = true}));
  const TaskId task = world.submit("writer@1");
  EXPECT_TRUE(world.driver->performed().empty());
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_EQ(world.calls->view(task)->waiting_for, "approval a1: write a.txt (3 bytes)");

  ASSERT_TRUE(world.answer(kFirst, Answer::approve));
  EXPECT_EQ(world.kinds_of(task),
            (Kinds{"task", "intent", "approval", "file", "start", "result", "done"}));
  EXPECT_EQ(world.driver->performed().size(), 1U);
  EXPECT_TRUE(questions().empty());
}

TEST_F(Way, ADenialGoesBackToTheTaskWithItsReason) {
  const TaskId task = world.submit("writer@1");
  ASSERT_TRUE(world.answer(kFirst, Answer::deny, "not there"));
  EXPECT_EQ(done(task).error_code, "denied");
  EXPECT_EQ(done(task).error, "a person said no: not there");
  EXPECT_TRUE(world.driver->performed().empty());
}

TEST_F(Way, S33_ASecondAnswerIsToldThatTheFirstWon) {
  world.driver->reply("file.write", Reply(AwaitFileWrite::Reply{}));
  world.submit("writer@1");
  ASSERT_TRUE(world.answer(kFirst, Answer::approve));
  const Result<void> second = world.answer(kFirst, Answer::approve);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::conflict);
  EXPECT_NE(second.error().message.find("already answered: approve by uid 7"), std::string::npos);
  EXPECT_EQ(world.driver->performed().size(), 1U);
}

TEST_F(Way, S31_WhatChangedSinceItWasAskedIsNotDone) {
  world.driver->facts("file.write", {.facts = {.object = "a.txt", .object_sha256 = "one"}});
  const TaskId task = world.submit("writer@1");
  world.driver->facts("file.write", {.facts = {.object = "a.txt", .object_sha256 = "two"}});
  ASSERT_TRUE(world.answer(kFirst, Answer::approve));
  EXPECT_EQ(done(task).error_code, "conflict");
  EXPECT_TRUE(world.driver->performed().empty());
}

TEST_F(Way, AnApprovalForTheTaskCoversTheSameCommandAgain) {
  world.driver->reply("process.run", Reply(AwaitProcess::Reply{}));
  const TaskId task = world.submit("runner@1");
  ASSERT_TRUE(world.answer(kFirst, Answer::approve, "", Scope::task));
  EXPECT_EQ(done(task).value, "ran");
  EXPECT_EQ(world.driver->performed().size(), 2U);
}

TEST_F(Way, OnlyAPermissionCanHoldForTheWholeTask) {
  const TaskId task = world.submit("person@1");
  const Result<void> told = world.answer(kFirst, Answer::approve, "", Scope::task);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, Errc::invalid);
  EXPECT_EQ(world.kinds_of(task), (Kinds{"task", "intent"}));
}

TEST_F(Way, MoreTasksThanTheConfigAllowsAreRefused) {
  world.tasks_max = 1;
  world.crash();
  EXPECT_NE(world.submit("writer@1"), kNoTask);
  EXPECT_EQ(world.submit("writer@1"), kNoTask);
}

TEST_F(Way, NoQuestionIsNamedBeforeItIsDurable) {
  world.calls->submit({.kind = "writer@1", .workspace = "/work", .by = {.via = "test"}},
                      Completion<TaskId>([](const Result<TaskId>&) {}));
  world.calls->scheduler().run(10, world.clock.steady());
  EXPECT_EQ(world.calls->view(TaskId{1})->waiting_for,
            "the disk, before it is asked about: write a.txt (3 bytes)");
  world.settle();
  EXPECT_EQ(world.calls->view(TaskId{1})->waiting_for, "approval a1: write a.txt (3 bytes)");
}

TEST_F(Way, NobodyIsToldOfAnAnswerBeforeItIsDurable) {
  world.submit("writer@1");
  std::vector<Errc> told;
  for (int i = 0; i < 2; ++i) {
    world.calls->answer(
        {.approval = kFirst, .answer = Answer::approve, .text = {}, .hash = {}, .by = {}},
        Completion<ApprovalPayload>([&told](const Result<ApprovalPayload>& decided) {
          told.push_back(decided ? Errc{} : decided.error().code);
        }));
  }
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(questions().size(), 1U);
  EXPECT_EQ(world.calls->approvals().find_answered(kFirst), nullptr);
  world.settle();
  EXPECT_EQ(told, (std::vector<Errc>{Errc{}, Errc::conflict}));
  EXPECT_TRUE(questions().empty());
  EXPECT_NE(world.calls->approvals().find_answered(kFirst), nullptr);
}

TEST_F(Way, AnApprovalOnceAsksAgainForTheSameCommand) {
  world.driver->reply("process.run", Reply(AwaitProcess::Reply{}));
  world.submit("runner@1");
  ASSERT_TRUE(world.answer(kFirst, Answer::approve));
  EXPECT_EQ(questions().size(), 1U);
  EXPECT_EQ(world.driver->performed().size(), 1U);
}

TEST_F(Way, YesApprovesWhatAsksAndNeverWhatARuleDenies) {
  world.driver->reply("file.write", Reply(AwaitFileWrite::Reply{}));
  world.driver->reply("process.run", Reply(AwaitProcess::Reply{}));
  world.rules.rules.push_back(
      {.name = "no programs", .decision = Decision::deny, .commands = {"process.run"}});
  const TaskId writer = world.submit("writer@1", /*approve_all=*/true);
  const TaskId runner = world.submit("runner@1", /*approve_all=*/true);
  EXPECT_EQ(done(writer).state, "completed");
  EXPECT_EQ(done(runner).error_code, "denied");
  EXPECT_NE(done(runner).error.find("no programs"), std::string::npos);
}

TEST_F(Way, NothingIsShownBeforeItIsDurableAndAllOfItAfterwardsInOrder) {
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{"hello"}));
  world.submit("reader@1");
  ASSERT_EQ(world.shown.size(), 4U);
  for (std::size_t i = 0; i < world.shown.size(); ++i) {
    EXPECT_EQ(number(world.shown[i].lsn), i + 1);
  }
}

TEST_F(Way, PeopleAreAskedAndTheirWordsComeBack) {
  const TaskId task = world.submit("person@1");
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_EQ(questions()[0]->kind, QuestionKind::question);
  EXPECT_FALSE(world.answer(kFirst, Answer::text, "what?"));  // does not fit, changes nothing
  ASSERT_TRUE(world.answer(kFirst, Answer::approve));
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_EQ(questions()[0]->choices, (std::vector<std::string>{"Wendy", "Peter"}));
  ASSERT_TRUE(world.answer(ApprovalId{2}, Answer::text, "Hook"));
  EXPECT_EQ(done(task).value, "to Hook");
}

TEST_F(Way, CancelEndsATaskThatWaitsForAnApproval) {
  const TaskId task = world.submit("writer@1");
  world.calls->cancel_task(task, "enough", {.via = "test"}, Completion<void>([](Result<void>) {}));
  world.settle();
  EXPECT_EQ(done(task).state, "cancelled");
  EXPECT_TRUE(questions().empty());
  EXPECT_EQ(world.kinds_of(task), (Kinds{"task", "intent", "signal", "result", "done"}));
}

TEST_F(Way, CancellingATaskThatHasEndedOrNeverWasIsToldApart) {
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{"hello"}));
  const TaskId ended = world.submit("reader@1");
  std::vector<Errc> told;
  for (const TaskId task : {ended, TaskId{99}}) {
    world.calls->cancel_task(
        task, "enough", {.via = "test"},
        Completion<void>([&told](const Result<void>& done) { told.push_back(done.error().code); }));
  }
  EXPECT_EQ(told, (std::vector<Errc>{Errc::conflict, Errc::not_found}));
}

TEST_F(Way, CancelStopsAnEffectThatIsUnderWay) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  ASSERT_TRUE(world.driver->holds({task, Seq{1}}));
  world.calls->cancel_task(task, "enough", {.via = "test"}, Completion<void>([](Result<void>) {}));
  world.settle();
  EXPECT_FALSE(world.driver->holds({task, Seq{1}}));
  EXPECT_EQ(done(task).state, "cancelled");
}

TEST_F(Way, APausedTaskStopsBeforeItsNextCommand) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  world.calls->pause(task, {.via = "test"}, Completion<void>([](Result<void>) {}));
  world.driver->release({task, Seq{1}}, Reply(AwaitProcess::Reply{}));
  world.settle();
  EXPECT_EQ(world.calls->view(task)->state, TaskState::suspended);
  EXPECT_EQ(world.driver->performed().size(), 1U);
  world.calls->resume(task, {.via = "test"}, Completion<void>([](Result<void>) {}));
  world.settle();
  EXPECT_EQ(world.driver->performed().size(), 2U);
}

TEST_F(Way, AParentWaitsForItsChild) {
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{"hello"}));
  const TaskId parent = world.submit("parent@1");
  EXPECT_EQ(done(parent).value, "completed \"hello\"");
}

TEST_F(Way, ASleepEndsAtItsDeadline) {
  const TaskId task = world.submit("sleeper@1");
  world.pass(9s);
  EXPECT_EQ(done(task).state, "");
  world.pass(1s);
  EXPECT_EQ(done(task).value, "awake");
}

TEST_F(Way, S50_ASecretInAReplyIsMaskedBeforeTheJournalAndTheTaskSeeIt) {
  world.masker.add("hunter2-hunter2");
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{"key=hunter2-hunter2"}));
  const TaskId task = world.submit("reader@1");
  EXPECT_EQ(done(task).value, "key=[secret]");
  for (const Record& record : world.memory->records) {
    EXPECT_EQ(record.payload.find("hunter2"), std::string::npos);
  }
}

TEST_F(Way, S50_ASecretInAGoalAnAnswerOrAReasonIsMaskedAndReplaySeesTheSame) {
  world.masker.add("hunter2-hunter2");
  world.add_kind("echo@1", repeats_its_goal);
  const Json arguments{{"goal", "use hunter2-hunter2"}};
  const TaskId answered = world.submit("echo@1", false, arguments);
  const TaskId cancelled = world.submit("echo@1", false, arguments);
  world.crash();
  ASSERT_EQ(questions().size(), 2U);
  EXPECT_EQ(questions()[0]->line, "ask: use [secret]");
  ASSERT_TRUE(world.answer(kFirst, Answer::text, "no, hunter2-hunter2"));
  world.calls->cancel_task(cancelled, "hunter2-hunter2", {.via = "test"},
                           Completion<void>([](Result<void>) {}));
  EXPECT_EQ(world.end_of(answered).value, "no, [secret]");
  EXPECT_EQ(world.end_of(cancelled).error, "[secret]");
  for (const Record& record : world.memory->records) {
    EXPECT_EQ(record.payload.find("hunter2"), std::string::npos) << name_of(record.kind);
  }
}

// ---- after a crash ----

TEST_F(Way, APendingApprovalKeepsItsIdAndItsHashAcrossARestart) {
  world.driver->facts("file.write", {.facts = {.object = "a.txt"}});
  const TaskId task = world.submit("writer@1");
  const Sha256 hash = questions()[0]->hash;
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.facts("file.write", {.facts = {.object = "a.txt"}});
    driver.reply("file.write", Reply(AwaitFileWrite::Reply{.bytes = 3, .created = true}));
  };
  world.crash();
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_EQ(questions()[0]->id, kFirst);
  EXPECT_EQ(questions()[0]->hash, hash);
  EXPECT_EQ(questions()[0]->command.task, task);
  ASSERT_TRUE(world.answer(kFirst, Answer::approve));
  EXPECT_EQ(done(task).state, "completed");
  EXPECT_EQ(world.driver->performed().size(), 1U);
}

TEST_F(Way, FinishedStepsAreReplayedAndNotRunAgain) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  world.driver->release({task, Seq{1}}, Reply(AwaitProcess::Reply{.exit_code = 3}));
  world.settle();
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Reply(AwaitProcess::Reply{}));
  };
  world.crash();
  EXPECT_TRUE(world.driver->performed().empty());
  ASSERT_EQ(world.driver->recovered().size(), 1U);
  EXPECT_EQ(world.driver->recovered()[0].id, (CommandId{task, Seq{2}}));
  EXPECT_EQ(done(task).value, "ran");
}

TEST_F(Way, TheIdempotencyKeyIsTheSameAfterARestart) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  const std::string key = world.driver->performed()[0].key;
  EXPECT_EQ(key.size(), 32U);
  world.crash();
  ASSERT_EQ(world.driver->recovered().size(), 1U);
  EXPECT_EQ(world.driver->recovered()[0].key, key);
  EXPECT_EQ(world.driver->recovered()[0].attempt, 1U);
  EXPECT_EQ(done(task).state, "");
}

TEST_F(Way, AnEffectThatNeverBeganIsStartedAfterTheRestart) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Error{Errc::not_started, "no run directory"});
    driver.reply("process.run", Reply(AwaitProcess::Reply{}));
  };
  world.crash();
  EXPECT_EQ(done(task).value, "ran");
  EXPECT_EQ(world.driver->performed()[0].attempt, 2U);
}

TEST_F(Way, F5_AnEffectOfUnknownOutcomeWaitsForAPersonAndIsNeverRunAgainByItself) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Error{Errc::unknown_outcome, "the machine went down"});
    driver.reply("process.run", Reply(AwaitProcess::Reply{}));
  };
  world.crash();
  EXPECT_EQ(world.calls->view(task)->state, TaskState::unsure);
  EXPECT_TRUE(world.driver->performed().empty());
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_EQ(questions()[0]->kind, QuestionKind::outcome);
  const ApprovalId question = questions()[0]->id;

  world.crash();  // it is still asked, under the same id
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_EQ(questions()[0]->id, question);
  EXPECT_EQ(world.calls->view(task)->state, TaskState::unsure);
  ASSERT_TRUE(world.answer(question, Answer::run_again));
  EXPECT_EQ(done(task).value, "ran");
}

TEST_F(Way, F68_AnEffectOfWhichTheDriverLosesSightWithoutACrashWaitsForAPersonToo) {
  world.driver->reply("process.run", Error{Errc::unknown_outcome, "its shim was killed"});
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_EQ(world.calls->view(task)->state, TaskState::unsure);
  const Question asked = *questions()[0];
  EXPECT_EQ(asked.kind, QuestionKind::outcome);
  EXPECT_EQ(world.driver->performed().size(), 1U);

  world.pass(1h);
  world.crash();  // it is still asked, in the same words
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_EQ(questions()[0]->id, asked.id);
  EXPECT_EQ(questions()[0]->card, asked.card);
  world.driver->reply("process.run", Reply(AwaitProcess::Reply{}));
  ASSERT_TRUE(world.answer(asked.id, Answer::run_again));
  EXPECT_EQ(done(task).value, "ran");
  EXPECT_EQ(world.driver->performed()[0].attempt, 2U);
}

TEST_F(Way, ATaskThatIsToEndIsNotKeptByAnEffectOfUnknownOutcome) {
  world.driver->on_cancel({Errc::unknown_outcome, "its shim was killed"});
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  ASSERT_EQ(world.driver->performed().size(), 1U);
  world.calls->cancel_task(task, "enough", {}, Completion<void>([](const Result<void>&) {}));
  world.settle();
  EXPECT_TRUE(questions().empty());
  EXPECT_EQ(done(task).state, "cancelled");
}

/// After a crash in the middle of the first program of "runner@1"; nobody can tell what it did.
class Unsure : public Way {
 protected:
  void SetUp() override {
    world.before_recovery = [](ScriptedDriver& driver) {
      driver.recovery("process.run", Error{Errc::unknown_outcome, "the machine went down"});
    };
    task = world.submit("runner@1", /*approve_all=*/true);
    world.crash();
    ASSERT_EQ(questions().size(), 1U);
    question = questions()[0]->id;
    questions_command = questions()[0]->command.seq;
  }

  TaskId task = kNoTask;
  ApprovalId question = kNoApproval;
  Seq questions_command{0};
};

TEST_F(Unsure, TheCardSaysWhatWasStartedWhenAndWhatIsKnown) {
  const Question asked = *questions()[0];
  EXPECT_EQ(asked.kind, QuestionKind::outcome);
  EXPECT_EQ(asked.line, "did this happen? run ./test.sh");
  EXPECT_EQ(world.calls->view(task)->waiting_for,
            "resolve a1: did this happen? run ./test.sh (the machine went down)");
  EXPECT_EQ(asked.card,
            doubt_card(AwaitProcess{.argv = {"./test.sh"}}, {},
                       {.started = world.clock.wall(), .evidence = "the machine went down"}));
  EXPECT_FALSE(asked.hash.empty());
  EXPECT_EQ(asked.rule, "");

  world.pass(1h);
  world.crash();
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_EQ(questions()[0]->card, asked.card);
  EXPECT_EQ(questions()[0]->hash, asked.hash);
}

TEST_F(Unsure, YesIsNoAnswerAndChangesNothing) {
  for (const Answer answer : {Answer::approve, Answer::deny, Answer::text}) {
    const Result<void> told = world.answer(question, answer, "yes");
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().code, Errc::invalid);
    EXPECT_NE(told.error().message.find("resolve"), std::string::npos);
  }
  EXPECT_EQ(questions().size(), 1U);
  EXPECT_TRUE(world.driver->performed().empty());
}

TEST_F(Unsure, WhatAPersonSaysHappenedIsNotRunAgain) {
  ASSERT_TRUE(world.answer(question, Answer::happened, "it is live"));
  EXPECT_TRUE(world.driver->performed().empty());
  EXPECT_EQ(done(task).error_code, "unknown_outcome");
  EXPECT_NE(done(task).error.find("a person says that it happened"), std::string::npos);
  EXPECT_NE(done(task).error.find(": it is live"), std::string::npos);
}

TEST_F(Unsure, AStatedResultIsTheReplyAndSaysWhoseWordThatIs) {
  world.driver->reply("process.run", Reply(AwaitProcess::Reply{}));
  ASSERT_TRUE(world.decide({.approval = question,
                            .answer = Answer::happened,
                            .text = "it is live",
                            .result = "version 7\n"}));
  ASSERT_EQ(world.driver->performed().size(), 1U) << "the next program, and not this one again";
  EXPECT_NE(world.driver->performed()[0].id.seq, questions_command);
  EXPECT_EQ(done(task).value, "ran");
  const std::vector<Record>& records = world.memory->records;
  const auto result = std::ranges::find(records, RecordKind::result, &Record::kind);
  const auto said = std::ranges::find(records, RecordKind::approval, &Record::kind);
  ASSERT_NE(result, records.end());
  ASSERT_NE(said, records.end());
  const auto outcome = outcome_from_canonical(AwaitProcess{}, result->payload);
  ASSERT_TRUE(outcome && *outcome);
  const auto& reply = std::get<AwaitProcess::Reply>(**outcome);
  EXPECT_EQ(reply.exit_code, 0);
  EXPECT_EQ(reply.output, "version 7\n");
  EXPECT_EQ(reply.output_bytes, 10U);
  EXPECT_EQ(reply.note, "as a person states it (uid 7): it is live");
  const auto answer = from_canonical<ApprovalPayload>(said->payload);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->result, "version 7\n");
  EXPECT_EQ(answer->by.uid, 7U);
}

TEST_F(Unsure, AStatedResultIsMaskedAsEverythingIs) {
  world.masker.add("hunter2hunter2");
  ASSERT_TRUE(world.decide(
      {.approval = question, .answer = Answer::happened, .result = "password hunter2hunter2"}));
  for (const Record& record : world.memory->records)
    EXPECT_EQ(record.payload.find("hunter2"), std::string::npos) << name_of(record.kind);
}

TEST_F(Unsure, OnlyOfWhatHappenedAResultIsTaken) {
  for (const Answer answer : {Answer::run_again, Answer::abort}) {
    const Result<void> told =
        world.decide({.approval = question, .answer = answer, .result = "version 7"});
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().code, Errc::invalid);
  }
  EXPECT_EQ(questions().size(), 1U);
}

TEST_F(Unsure, WhatIsAbortedIsLeftAsItIs) {
  ASSERT_TRUE(world.answer(question, Answer::abort));
  EXPECT_TRUE(world.driver->performed().empty());
  EXPECT_EQ(done(task).error_code, "unknown_outcome");
  EXPECT_NE(done(task).error.find("nobody knows whether it happened"), std::string::npos);
}

TEST_F(Unsure, RunAgainIsANewAttempt) {
  world.driver->reply("process.run", Reply(AwaitProcess::Reply{}));
  ASSERT_TRUE(world.answer(question, Answer::run_again));
  ASSERT_FALSE(world.driver->performed().empty());
  EXPECT_EQ(world.driver->performed()[0].attempt, 2U);
  EXPECT_EQ(done(task).value, "ran");
}

TEST_F(Unsure, WhatIsNoLongerWhatWasShownIsNotRunAgain) {
  world.driver->facts("process.run", {.facts = {.object = "/tmp/test.sh"}});
  ASSERT_TRUE(world.answer(question, Answer::run_again));
  EXPECT_TRUE(world.driver->performed().empty());
  EXPECT_EQ(done(task).error_code, "conflict");
}

TEST_F(Unsure, AfterACrashOfTheNewAttemptTheDriverIsAskedAboutThatOne) {
  ASSERT_TRUE(world.answer(question, Answer::run_again));
  ASSERT_TRUE(world.driver->holds({task, Seq{1}}));
  world.crash();
  ASSERT_EQ(world.driver->recovered().size(), 1U);
  EXPECT_EQ(world.driver->recovered()[0].attempt, 2U);
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_NE(questions()[0]->id, question);
  EXPECT_TRUE(world.driver->performed().empty());
}

// ---- what was changed before an error ----

/// "a: 1, then 2", by the lengths.
std::string in_short(std::span<const FileChange> changes) {
  const auto bytes = [](const std::optional<FileState>& state) {
    return state ? std::to_string(state->bytes) : std::string("nothing");
  };
  std::string text;
  for (const FileChange& each : changes)
    text += each.path + ": " + bytes(each.before) + ", then " + bytes(each.after) + "\n";
  return text;
}

/// A program that has changed the length of "a".
Reply changing(std::uint64_t before, std::uint64_t after) {
  return AwaitProcess::Reply{
      .changes = {{"a", FileState{.bytes = before}, FileState{.bytes = after}}}};
}

Error failed(Errc code, const Reply& changed) {
  return {.code = code, .message = "failed", .rejected = std::make_shared<const Reply>(changed)};
}

class ChangedBefore : public Way {
 protected:
  /// Of the first command.
  [[nodiscard]] std::string recorded_changes() const {
    const auto result = std::ranges::find(world.memory->records, RecordKind::result, &Record::kind);
    if (result == world.memory->records.end()) return "no result";
    const auto outcome = outcome_from_canonical(AwaitProcess{}, result->payload);
    return outcome ? in_short(changes_in(*outcome)) : outcome.error().message;
  }

  /// Nobody knows what became of a program that has changed "a".
  ApprovalId become_unsure() {
    world.driver->next_reply("process.run", failed(Errc::unknown_outcome, changing(1, 2)));
    world.submit("runner@1", /*approve_all=*/true);
    EXPECT_EQ(questions().size(), 1U);
    world.crash();
    EXPECT_EQ(questions().size(), 1U);
    return questions()[0]->id;
  }
};

TEST_F(ChangedBefore, AnErrorIsJournalledWithIt) {
  world.masker.add("hunter2hunter2");
  Reply changed = changing(1, 2);
  std::get<AwaitProcess::Reply>(changed).changes[0].path = "hunter2hunter2";
  world.driver->reply("process.run", failed(Errc::cancelled, changed));
  world.submit("runner@1", /*approve_all=*/true);
  EXPECT_TRUE(recorded_changes().ends_with(": 1, then 2\n")) << recorded_changes();
  EXPECT_FALSE(recorded_changes().contains("hunter2"));
}

TEST_F(ChangedBefore, WhatAPersonSaysHappenedHasItToo) {
  ASSERT_TRUE(world.answer(become_unsure(), Answer::happened));
  EXPECT_EQ(recorded_changes(), "a: 1, then 2\n");
}

TEST_F(ChangedBefore, WhatIsLeftAsItIsHasItToo) {
  ASSERT_TRUE(world.answer(become_unsure(), Answer::abort));
  EXPECT_EQ(recorded_changes(), "a: 1, then 2\n");
}

TEST_F(ChangedBefore, AStatedResultHasItToo) {
  ASSERT_TRUE(world.decide(
      {.approval = become_unsure(), .answer = Answer::happened, .result = "version 7"}));
  EXPECT_EQ(recorded_changes(), "a: 1, then 2\n");
}

TEST_F(ChangedBefore, ATaskThatIsToEndHasItToo) {
  (void)become_unsure();
  world.calls->cancel_task(TaskId{1}, "enough", {}, Completion<void>([](const Result<void>&) {}));
  world.settle();
  EXPECT_EQ(recorded_changes(), "a: 1, then 2\n");
}

TEST_F(ChangedBefore, RunAgainAddsToIt) {
  const ApprovalId question = become_unsure();
  world.driver->reply("process.run", changing(2, 3));
  ASSERT_TRUE(world.answer(question, Answer::run_again));
  EXPECT_EQ(recorded_changes(), "a: 1, then 3\n");
}

TEST_F(ChangedBefore, RunAgainAddsToItOverACrashToo) {
  ASSERT_TRUE(world.answer(become_unsure(), Answer::run_again));
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", changing(2, 3));
  };
  world.crash();
  EXPECT_EQ(recorded_changes(), "a: 1, then 3\n");
}

TEST_F(ChangedBefore, AProgramThatIsStartedAgainAddsToIt) {
  world.submit("runner@1", /*approve_all=*/true);
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", failed(Errc::not_started, changing(1, 2)));
    driver.reply("process.run", changing(2, 3));
  };
  world.crash();
  EXPECT_EQ(recorded_changes(), "a: 1, then 3\n");
}

TEST_F(Way, AQuestionOfOutcomeHasItsOwnAnswersAndNoOtherTakesThem) {
  world.submit("writer@1");
  for (const Answer answer : {Answer::happened, Answer::run_again, Answer::abort}) {
    const Result<void> told = world.answer(kFirst, answer);
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().code, Errc::invalid);
  }
  EXPECT_EQ(questions().size(), 1U);
}

TEST_F(Way, ARuleMayAskBeforeATaskAsksAPerson) {
  world.rules.rules.push_back({.name = "talk", .decision = Decision::ask, .commands = {"user.*"}});
  const TaskId task = world.submit("person@1");
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_EQ(questions()[0]->kind, QuestionKind::permission);
  EXPECT_EQ(questions()[0]->rule, "talk");
  world.crash();
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_EQ(questions()[0]->kind, QuestionKind::permission);
  ASSERT_TRUE(world.answer(kFirst, Answer::approve));
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_EQ(questions()[0]->kind, QuestionKind::question);
  world.crash();
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_EQ(questions()[0]->kind, QuestionKind::question);
  EXPECT_EQ(questions()[0]->rule, "");
  ASSERT_TRUE(world.answer(ApprovalId{2}, Answer::deny, "later"));
  EXPECT_EQ(done(task).value, "no: later");
}

TEST_F(Way, AModelCallIsAskedAgainWithTheSameKey) {
  const TaskId task = world.submit("model@1");
  ASSERT_TRUE(world.driver->holds({task, Seq{1}}));
  const std::string key = world.driver->performed()[0].key;
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.reply("llm.response", Reply(AwaitLLMResponse::Reply{.text = "hi"}));
  };
  world.crash();
  ASSERT_EQ(world.driver->performed().size(), 1U);
  EXPECT_EQ(world.driver->performed()[0].key, key);
  EXPECT_EQ(done(task).value, "hi");
}

TEST_F(Way, ASleepGoesOnWhereItWasAndDoesNotStartAgain) {
  const TaskId task = world.submit("sleeper@1");
  world.pass(6s);
  world.crash();
  world.pass(3s);
  EXPECT_EQ(done(task).state, "");
  world.pass(1s);
  EXPECT_EQ(done(task).value, "awake");
}

TEST_F(Way, ChanceIsTheSameInReplay) {
  const TaskId task = world.submit("draws@1");
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.reply("llm.response", Reply(AwaitLLMResponse::Reply{}));
  };
  world.crash();
  EXPECT_EQ(done(task).value, 1U);
}

TEST_F(Way, AChildIsNotSpawnedTwice) {
  const TaskId parent = world.submit("parent@1");
  EXPECT_EQ(world.calls->live_tasks(), 2U);
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.reply("file.read", Reply(AwaitFileRead::Reply{"hello"}));
  };
  world.crash();
  EXPECT_EQ(done(parent).value, "completed \"hello\"");
  EXPECT_EQ(world.memory->tasks.size(), 2U);
}

TEST_F(Way, ATaskThatAsksForSomethingElseInReplayIsSetAsideAndNothingIsAppended) {
  world.driver->reply("file.read", Reply(AwaitFileRead::Reply{"hello"}));
  const TaskId task = world.submit("writer@1");
  world.registry = {};
  world.add_kind("writer@1", reads_a_file);  // an upgrade changed the function under its name
  const std::size_t records = world.memory->records.size();
  world.crash();
  EXPECT_EQ(world.calls->view(task)->state, TaskState::diverged);
  EXPECT_EQ(world.memory->records.size(), records);
  EXPECT_TRUE(world.driver->performed().empty());
}

TEST_F(Way, AnApprovalForTheTaskHoldsAcrossARestart) {
  const TaskId task = world.submit("runner@1");
  ASSERT_TRUE(world.answer(kFirst, Answer::approve, "", Scope::task));
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.recovery("process.run", Reply(AwaitProcess::Reply{}));
    driver.reply("process.run", Reply(AwaitProcess::Reply{}));
  };
  world.crash();
  EXPECT_EQ(done(task).value, "ran");
  EXPECT_TRUE(questions().empty());
}

TEST_F(Way, ATaskThatWasCancelledJustBeforeTheCrashEndsAfterIt) {
  const TaskId task = world.submit("runner@1", /*approve_all=*/true);
  world.calls->pause(task, {.via = "test"}, Completion<void>([](Result<void>) {}));
  world.settle();
  world.crash();
  EXPECT_EQ(world.driver->recovered().size(), 1U);
  world.calls->cancel_task(task, "enough", {.via = "test"}, Completion<void>([](Result<void>) {}));
  world.settle();
  EXPECT_EQ(done(task).state, "cancelled");
}

}  // namespace
}  // namespace tinkerbell
