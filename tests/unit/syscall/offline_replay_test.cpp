#include "tinkerbell/syscall/offline_replay.hpp"

#include "support/syscall_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

/// The past of tasks, run again beside everything: with the same code and with another.

namespace tinkerbell {
namespace {

using testing::HasSubstr;

using Start = std::function<Task<Result<Json>>(TaskStart)>;
using enum ReplayEnd::Kind;

/// Reads a file, runs a program, and returns what it read.
Task<Result<Json>> works(TaskStart /*start*/) {
  const Result<AwaitFileRead::Reply> file = co_await AwaitFileRead{.path = "a.txt"};
  if (!file) co_return file.error();
  const Result<AwaitProcess::Reply> run = co_await AwaitProcess{.argv = {"./test.sh", file->text}};
  if (!run) co_return run.error();
  co_return Json(file->text);
}

Task<Result<Json>> runs_another_program(TaskStart /*start*/) {
  (void)co_await AwaitFileRead{.path = "a.txt"};
  (void)co_await AwaitProcess{.argv = {"./other.sh"}};
  co_return Json();
}

Task<Result<Json>> only_reads(TaskStart /*start*/) {
  const Result<AwaitFileRead::Reply> file = co_await AwaitFileRead{.path = "a.txt"};
  co_return Json(file->text);
}

Task<Result<Json>> sleeps_at_the_end(TaskStart start) {
  Result<Json> done = co_await works(std::move(start));
  (void)co_await Sleep{.duration = Milliseconds{1}};
  co_return done;
}

Task<Result<Json>> returns_something_else(TaskStart start) {
  (void)co_await works(std::move(start));
  co_return Json("something else");
}

Task<Result<Json>> goes_round_in_a_circle(TaskStart /*start*/) {
  while (true)
    (void)co_await Yield{};
}

Task<Result<Json>> asks_another_conversation(TaskStart /*start*/) {
  Conversation conversation;
  conversation.add({.role = Role::user, .text = "changed"});
  (void)co_await AwaitLLMResponse{.model = "default", .messages = conversation};
  co_return Json();
}

class OfflineReplayTest : public testing::Test {
 protected:
  OfflineReplayTest() {
    world.add_kind("works@1", works);
    world.driver->reply("file.read", Reply(AwaitFileRead::Reply{.text = "some words"}));
    world.driver->reply("process.run", Reply(AwaitProcess::Reply{.exit_code = 0}));
    world.driver->facts("process.run", {.facts = {.object = "/usr/bin/test"}});
  }

  [[nodiscard]] RecordedTask recorded(TaskId task) {
    RecordedTask all{.task = task, .created = world.head(task).created, .records = {}};
    for (const Record& record : world.memory->records) {
      if (record.task == task) all.records.push_back(record);
    }
    return all;
  }

  /// Runs the records again with that code.
  static ReplayReport check(const RecordedTask& task, Start start) {
    Registry registry;
    registry.add("works@1", {.freeze = {}, .start = std::move(start), .title = {}});
    const Result<ReplayReport> report = check_replay(registry, task);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : ReplayReport{};
  }

  SyscallWorld world;
  bool upgraded = false;  ///< The program is another one now.
};

TEST_F(OfflineReplayTest, WhatHasEndedEndsInTheSameWayAndNothingHappens) {
  const TaskId task = world.submit("works@1", /*approve_all=*/true);
  ASSERT_EQ(world.end_of(task).state, "completed");
  const std::size_t records = world.memory->records.size();
  const std::size_t performed = world.driver->performed().size();
  const ReplayReport report = check(recorded(task), works);
  EXPECT_EQ(report.end.kind, same);
  EXPECT_EQ(report.steps, 2U);
  EXPECT_EQ(report.end.found, "its end: completed");
  world.settle();
  EXPECT_EQ(world.memory->records.size(), records);
  EXPECT_EQ(world.driver->performed().size(), performed);
}

TEST_F(OfflineReplayTest, TheFirstCommandThatDiffersIsToldInBothForms) {
  const TaskId task = world.submit("works@1", /*approve_all=*/true);
  const ReplayReport report = check(recorded(task), runs_another_program);
  EXPECT_EQ(report.end.kind, diverged);
  EXPECT_EQ(report.steps, 1U);
  EXPECT_EQ(report.end.at, Seq{2});
  EXPECT_EQ(report.end.recorded, "run ./test.sh 'some words'");
  EXPECT_EQ(report.end.found, "run ./other.sh (with another argv)");
}

TEST_F(OfflineReplayTest, AnotherConversationIsTold) {
  world.driver->reply("llm.response", Reply(AwaitLLMResponse::Reply{.text = "yes"}));
  world.add_kind("asks@1", [](TaskStart) -> Task<Result<Json>> {
    (void)co_await AwaitLLMResponse{.model = "default"};
    co_return Json();
  });
  RecordedTask task = recorded(world.submit("asks@1"));
  Registry registry;
  registry.add("asks@1", {.freeze = {}, .start = asks_another_conversation, .title = {}});
  const Result<ReplayReport> report = check_replay(registry, task);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->end.kind, diverged);
  EXPECT_THAT(report->end.found, HasSubstr("another conversation"));
}

TEST_F(OfflineReplayTest, AnEndThatComesTooEarlyOrTooLateDiffers) {
  const RecordedTask task = recorded(world.submit("works@1", /*approve_all=*/true));
  const ReplayReport early = check(task, only_reads);
  EXPECT_EQ(early.end.kind, diverged);
  EXPECT_EQ(early.end.at, Seq{2});
  EXPECT_EQ(early.end.recorded, "run ./test.sh 'some words'");
  EXPECT_EQ(early.end.found, "its end: completed");

  const ReplayReport late = check(task, sleeps_at_the_end);
  EXPECT_EQ(late.end.kind, diverged);
  EXPECT_EQ(late.end.at, Seq{3});
  EXPECT_EQ(late.end.recorded, "its end: completed");
  EXPECT_EQ(late.end.found, "sleep 0.0 s");
}

TEST_F(OfflineReplayTest, AnotherValueOrErrorIsAnotherEnd) {
  const RecordedTask task = recorded(world.submit("works@1", /*approve_all=*/true));
  const ReplayReport report = check(task, returns_something_else);
  EXPECT_EQ(report.end.kind, diverged);
  EXPECT_EQ(report.end.at, Seq{0});
  EXPECT_THAT(report.end.found, HasSubstr("another value"));
  const ReplayReport failed = check(task, [](TaskStart start) -> Task<Result<Json>> {
    (void)co_await works(std::move(start));
    co_return Error{Errc::internal, "oh"};
  });
  EXPECT_EQ(failed.end.kind, diverged);
  EXPECT_EQ(failed.end.found, "its end: failed, oh");
}

TEST_F(OfflineReplayTest, ATaskThatWaitsReplaysUpToThere) {
  const TaskId task = world.submit("works@1");  // a person is asked
  const ReplayReport report = check(recorded(task), works);
  EXPECT_EQ(report.end.kind, open);
  EXPECT_EQ(report.steps, 2U);
  EXPECT_EQ(report.end.found, "run ./test.sh 'some words'");
}

TEST_F(OfflineReplayTest, WhatNeverComesToACommandIsBrokenOff) {
  const RecordedTask task = recorded(world.submit("works@1", /*approve_all=*/true));
  const ReplayReport report = check(task, goes_round_in_a_circle);
  EXPECT_EQ(report.end.kind, diverged);
  EXPECT_EQ(report.end.at, Seq{1});
  EXPECT_THAT(report.end.found, HasSubstr("no further command"));
}

/// Cleans up when it is told to end.
Task<Result<Json>> cleans_up(TaskStart /*start*/) {
  const Result<AwaitFileRead::Reply> file = co_await AwaitFileRead{.path = "a.txt"};
  const Result<AwaitProcess::Reply> run = co_await AwaitProcess{.argv = {"./test.sh"}};
  if (run) co_return Json("never");
  const Result<AwaitFileRead::Reply> more = co_await AwaitFileRead{.path = "b.txt"};
  co_return more ? Error{Errc::internal, "it went on"} : more.error();
}

TEST_F(OfflineReplayTest, AWishToEndReachesTheTaskWhereItDidThen) {
  world.add_kind("cleans@1", cleans_up);
  const TaskId task = world.submit("cleans@1");
  world.calls->cancel_task(task, "enough", {.via = "test"}, Completion<void>([](auto) {}));
  world.settle();
  ASSERT_EQ(world.end_of(task).state, "cancelled");
  const Result<ReplayReport> report = check_replay(world.registry, recorded(task));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->end.kind, same) << report->end.recorded << " / " << report->end.found;
  EXPECT_EQ(report->steps, world.head(task).steps);
}

Task<Result<Json>> yields_twice(TaskStart /*start*/) {
  const Result<Yield::Reply> first = co_await Yield{};
  const Result<Yield::Reply> second = co_await Yield{};
  co_return Json{first.ok(), second.ok()};
}

TEST_F(OfflineReplayTest, AWishToEndBetweenCommandsReachesTheTaskThere) {
  world.add_kind("yields@1", yields_twice);
  world.calls->submit({.kind = "yields@1", .workspace = "/work"},
                      Completion<TaskId>([](const Result<TaskId>& /*id*/) {}));
  world.calls->scheduler().run(1, world.clock.steady());  // it has yielded
  const TaskId task{1};
  world.calls->cancel_task(task, "enough", {.via = "test"}, Completion<void>([](auto) {}));
  world.settle();
  const RecordedTask all = recorded(task);
  ASSERT_EQ(world.end_of(task).value, (Json{true, false}));
  const Result<ReplayReport> report = check_replay(world.registry, all);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->end.kind, same) << report->end.recorded << " / " << report->end.found;
}

Task<Result<Json>> reads_and_hears(TaskStart /*start*/) {
  (void)co_await AwaitFileRead{.path = "a.txt"};
  const Result<Hear::Reply> heard = co_await Hear{};
  if (!heard) co_return heard.error();
  co_return Json(heard->words);
}

TEST_F(OfflineReplayTest, WordsOfPeopleAreHeardWhereTheyWereThen) {
  world.add_kind("hears@1", reads_and_hears);
  const TaskId first = world.submit("hears@1", /*approve_all=*/true);
  const Result<TaskId> fork = world.fork(first, 1, "listen");
  ASSERT_TRUE(fork) << fork.error().message;
  ASSERT_EQ(world.end_of(first).value, Json::array());
  ASSERT_EQ(world.end_of(*fork).value, Json({"listen"}));
  for (const TaskId task : {first, *fork}) {
    const Result<ReplayReport> report = check_replay(world.registry, recorded(task));
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->end.kind, same) << report->end.recorded << " / " << report->end.found;
    EXPECT_EQ(report->steps, 1U);
  }
}

TEST_F(OfflineReplayTest, WhatWasEndedWhereItStoodEndsThere) {
  world.add_kind("asks@1", [this](TaskStart) -> Task<Result<Json>> {
    if (upgraded) (void)co_await Sleep{.duration = Milliseconds{1}};
    (void)co_await AwaitUserApproval{.question = "yes?"};
    co_return Json();
  });
  const TaskId task = world.submit("asks@1");
  upgraded = true;
  world.crash();  // it has diverged, and is ended without running
  world.calls->cancel_task(task, "enough", {.via = "test"}, Completion<void>([](auto) {}));
  world.settle();
  ASSERT_EQ(world.end_of(task).state, "cancelled");
  upgraded = false;
  const Result<ReplayReport> report = check_replay(world.registry, recorded(task));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->end.kind, same) << report->end.recorded << " / " << report->end.found;
}

TEST_F(OfflineReplayTest, TheNewestSnapshotIsTriedToo) {
  bool lossy = false;
  world.add_kind("notes@1", [&lossy](TaskStart start) -> Task<Result<Json>> {
    if (!start.state) {
      (void)co_await AwaitFileRead{.path = "a.txt"};
      (void)co_await Checkpoint{.state = "noted"};
    }
    const bool forgot = lossy && start.state;
    (void)co_await AwaitFileRead{.path = forgot ? "c.txt" : "b.txt"};
    co_return Json();
  });
  const RecordedTask task = recorded(world.submit("notes@1"));
  const Result<ReplayReport> good = check_replay(world.registry, task);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->end.kind, same);
  EXPECT_EQ(good->steps, 3U);
  lossy = true;
  const Result<ReplayReport> bad = check_replay(world.registry, task);
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->end.kind, diverged);
  EXPECT_EQ(bad->from, ReplayFrom::snapshot);
  EXPECT_EQ(bad->end.at, Seq{3});
}

TEST_F(OfflineReplayTest, WhereTextsWereMaskedCommandsAreComparedByName) {
  RecordedTask task = recorded(world.submit("works@1", /*approve_all=*/true));
  for (Record& record : task.records) {
    if (record.kind != RecordKind::result || record.seq != Seq{1}) continue;
    record.payload = canonical_outcome(Reply(AwaitFileRead::Reply{.text = "[secret]"}));
    task.masked_from = record.lsn;
  }
  EXPECT_EQ(check(task, works).end.kind, same);
  EXPECT_EQ(check(task, only_reads).end.kind, diverged);
  task.masked_from.reset();
  const ReplayReport exactly = check(task, works);
  EXPECT_EQ(exactly.end.kind, diverged);
  EXPECT_EQ(exactly.end.at, Seq{2});
}

TEST_F(OfflineReplayTest, AStepShowsWhatIsRecordedAndWhereTheTaskStands) {
  const TaskId task = world.submit("works@1", /*approve_all=*/true);
  const Result<std::unique_ptr<OfflineReplay>> replay =
      OfflineReplay::begin(world.registry, recorded(task), ReplayFrom::beginning);
  ASSERT_TRUE(replay);
  EXPECT_EQ((*replay)->step().error().code, Errc::not_found);
  ASSERT_TRUE((*replay)->next());
  ASSERT_TRUE((*replay)->next());
  const Result<ReplayedStep> step = (*replay)->step();
  ASSERT_TRUE(step);
  EXPECT_EQ(step->seq, Seq{2});
  EXPECT_EQ(step->facts.object, "/usr/bin/test");
  EXPECT_EQ(std::get<AwaitProcess>(step->command).argv,
            (std::vector<std::string>{"./test.sh", "some words"}));
  ASSERT_TRUE(step->outcome && *step->outcome);
  EXPECT_EQ(std::get<AwaitProcess::Reply>(**step->outcome).exit_code, 0);
  ASSERT_FALSE((*replay)->calls().empty());
  EXPECT_THAT((*replay)->calls().front().function_name(), HasSubstr("works"));
  EXPECT_FALSE((*replay)->next());
  EXPECT_FALSE((*replay)->next());
  EXPECT_EQ((*replay)->end()->kind, same);
}

TEST_F(OfflineReplayTest, RecordsWithoutSenseAreRefused) {
  RecordedTask task = recorded(world.submit("works@1", /*approve_all=*/true));
  EXPECT_EQ(check_replay(Registry(), task).error().code, Errc::not_found);
  RecordedTask headless = task;
  headless.records.erase(headless.records.begin());
  EXPECT_EQ(check_replay(world.registry, headless).error().code, Errc::invalid);
  RecordedTask shuffled = task;
  std::swap(shuffled.records[1].seq, shuffled.records[3].seq);
  EXPECT_EQ(check_replay(world.registry, shuffled).error().code, Errc::invalid);
  RecordedTask unreadable = task;
  unreadable.records.back().payload = "no";
  EXPECT_EQ(check_replay(world.registry, unreadable).error().code, Errc::invalid);
  EXPECT_EQ(check_replay(world.registry, {.task = task.task, .records = {}}).error().code,
            Errc::invalid);
}

TEST_F(OfflineReplayTest, OfAQuarantinedTaskThatIsSaid) {
  const TaskId task = world.submit("works@1");
  EXPECT_FALSE(quarantine_in(recorded(task).records));
  world.poisonous = {task};
  world.crash();
  EXPECT_EQ(quarantine_in(recorded(task).records), "it ends the daemon");
}

}  // namespace
}  // namespace tinkerbell
