#include "control/routes.hpp"
#include "support/syscall_world.hpp"
#include "support/temp_dir.hpp"
#include "unit/control/no_drafts.hpp"
#include "unit/io/loop.hpp"

#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/workspace/change_list.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// What is asked about the way back: `undo`, and `diff` of one step and of a whole task.
namespace tinkerbell::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using State = std::optional<FileState>;

constexpr State kNothing = std::nullopt;

State file(const std::string& content) {
  return FileState{FileType::file, 0644, sha256(content), content.size()};
}

class KeptAnswer final : public HttpResponder {
 public:
  void respond(HttpResponse response) override { answer = std::move(response); }

  std::shared_ptr<EventStream> stream() override { return nullptr; }

  std::optional<HttpResponse> answer;
};

class WorldWithHub : public SyscallWorld {
 public:
  void recorded(const Record& record) override { hub.recorded(record); }

  EventHub hub;
};

/// Moves something so often; what that changes the driver says.
Task<Result<Json>> moves(TaskStart start) {
  for (int left = start.arguments.value("moves", 1); left > 0; --left) {
    const Result<AwaitFileMove::Reply> moved =
        co_await AwaitFileMove{.path = "here", .to = "there"};
    if (!moved) co_return moved.error();
  }
  if (start.arguments.value("waits", false)) (void)co_await AwaitUserAnswer{.question = "Well?"};
  co_return Json();
}

Task<Result<Json>> moves_with_child(TaskStart start) {
  (void)co_await AwaitFileMove{.path = "here", .to = "there"};
  const Result<Spawn::Reply> child = co_await Spawn{.kind = "mover@1"};
  if (!child) co_return child.error();
  (void)co_await Join{.task = child->task};
  co_return co_await moves(std::move(start));
}

Task<Result<Json>> writes(TaskStart /*start*/) {
  (void)co_await AwaitFileWrite{.path = "a", .content = "new"};
  co_return Json();
}

Task<Result<Json>> accepts(TaskStart /*start*/) {
  (void)co_await AwaitDraftAccept{};
  co_return Json();
}

Task<Result<Json>> restores(TaskStart start) {
  const Result<AwaitFileRestore::Reply> restored =
      co_await *from_json_value<AwaitFileRestore>(start.arguments.at("restore"));
  if (!restored) co_return restored.error();
  co_return Json();
}

class UndoTest : public testing::Test {
 protected:
  UndoTest() {
    world_.add_kind("mover@1", moves);
    world_.add_kind("parent@1", moves_with_child);
    world_.add_kind("writer@1", writes);
    world_.add_kind(std::string(kAcceptKind), accepts);
    world_.add_kind(std::string(kUndoKind), restores);
    for (const char* content : {"1", "2", "3", "x", "theirs"})
      EXPECT_TRUE(contents_->put(content));
  }

  /// The next move changes this.
  void next_changes(std::vector<FileChange> changes) const {
    world_.driver->next_reply("file.move",
                              Reply(AwaitFileMove::Reply{.changes = std::move(changes)}));
  }

  /// The next undo is carried out as it is asked for.
  void next_undo_does(std::vector<FileChange> changes) const {
    world_.driver->next_reply("file.restore",
                              Reply(AwaitFileRestore::Reply{.changes = std::move(changes)}));
  }

  TaskId run(const std::string& kind, int moves = 1) {
    return world_.submit(kind, true, {{"moves", moves}});
  }

  HttpResponse ask(const std::string& method, const std::string& path,
                   std::map<std::string, std::string> query = {}, std::string body = {}) {
    const auto kept = std::make_shared<KeptAnswer>();
    route(context_,
          {.method = method,
           .path = path,
           .query = std::move(query),
           .headers = {},
           .body = std::move(body),
           .peer = {}},
          kept);
    EXPECT_TRUE(run_until(loop_,
                          [&] {
                            world_.settle();
                            return kept->answer.has_value();
                          }))
        << method << " " << path;
    return kept->answer.value_or(HttpResponse{.status = 0, .body = "{}"});
  }

  HttpResponse undo(TaskId task, Json wanted = Json::object()) {
    wanted["approve_all"] = true;
    return ask("POST", "/v1/tasks/" + std::to_string(number(task)) + "/undo", {},
               dump_json(wanted));
  }

  static std::string error_of(const HttpResponse& response) {
    return parse_json(response.body)->at("error").at("message");
  }

  /// What the newest undo wants to be done.
  [[nodiscard]] AwaitFileRestore asked() const {
    return std::get<AwaitFileRestore>(world_.driver->prepared().back().command);
  }

  [[nodiscard]] std::vector<FileChange> changes_asked() const {
    const auto changes = kept_changes(Sha256::from_hex(asked().list_sha256), *contents_);
    EXPECT_TRUE(changes) << changes.error().message;
    return changes ? *changes : std::vector<FileChange>();
  }

  WorldWithHub world_;
  boost::asio::io_context loop_;
  BlockingPool pool_{loop_.get_executor(), 1};
  TempDir dir_;
  std::unique_ptr<ContentStore> contents_ = *ContentStore::open((dir_ / "contents").string());
  NoDrafts no_drafts_;
  Context context_{.parts = {.loop = loop_.get_executor(),
                             .pool = pool_,
                             .calls = *world_.calls,
                             .journal = *world_.journal,
                             .clock = world_.clock,
                             .logger = world_.logger,
                             .registry = world_.registry,
                             .masker = world_.masker,
                             .contents = *contents_,
                             .drafts = Drafts(dir_ / "drafts"),
                             .fork_drafts = no_drafts_,
                             .relied_on = [](std::set<Sha256>&) { return Result<void>(); },
                             .facts = {}},
                   .hub = world_.hub,
                   .started = {}};
};

TEST_F(UndoTest, TakesBackWhatTheTaskAndThoseThatCameFromItChanged) {
  next_changes({{"a", file("1"), file("2")}});
  next_changes({{"b", kNothing, file("x")}});
  next_changes({{"a", file("2"), file("3")}});
  const TaskId task = run("parent@1");
  const HttpResponse begun = undo(task);
  ASSERT_EQ(begun.status, 201) << begun.body;
  EXPECT_EQ(parse_json(begun.body)->at("kind"), kUndoKind);
  EXPECT_EQ(asked().of, task);
  EXPECT_THAT(changes_asked(), ElementsAre(FileChange{"a", file("3"), file("1")},
                                           FileChange{"b", file("x"), kNothing}));
  EXPECT_FALSE(asked().keep_others);
}

TEST_F(UndoTest, GoesBackToAStep) {
  next_changes({{"a", file("1"), file("2")}});
  next_changes({{"a", file("2"), file("3")}});
  const TaskId task = run("mover@1", 2);
  const HttpResponse refused = undo(task, {{"to_step", 3}});
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(error_of(refused), HasSubstr("has only 2 steps"));
  ASSERT_EQ(undo(task, {{"to_step", 1}}).status, 201);
  EXPECT_EQ(asked().step, 1U);
  EXPECT_THAT(changes_asked(), ElementsAre(FileChange{"a", file("3"), file("2")}));
}

TEST_F(UndoTest, IsRefusedAsLongAsOneOfThemHasNotEnded) {
  next_changes({{"a", file("1"), file("2")}});
  const TaskId task = world_.submit("mover@1", true, {{"waits", true}});
  const HttpResponse refused = undo(task);
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(error_of(refused), HasSubstr("task 1 has not ended: wait for it"));
}

TEST_F(UndoTest, IsRefusedWhereSomebodyElseWroteBetween) {
  next_changes({{"a", file("1"), file("2")}, {"b", kNothing, file("x")}});
  next_changes({{"a", file("theirs"), file("3")}});
  const TaskId task = run("mover@1", 2);
  const HttpResponse refused = undo(task);
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(error_of(refused),
              HasSubstr("\n  a: somebody else wrote there between step 1 of task 1 and step 2 of "
                        "task 1, and that is kept\n`--keep-others` takes back the rest"));
  EXPECT_EQ(world_.head(task).task, TaskId{1});
  EXPECT_EQ(world_.memory->tasks.size(), 1U);
  ASSERT_EQ(undo(task, {{"keep_others", true}}).status, 201);
  EXPECT_TRUE(asked().keep_others);
  EXPECT_THAT(changes_asked(), ElementsAre(FileChange{"a", file("3"), file("theirs")},
                                           FileChange{"b", file("x"), kNothing}));
}

TEST_F(UndoTest, WhatWasNotKeptIsSaidAndDoesNotComeBack) {
  next_changes({{"a", file("1"), file("2")}, {"big", file("gone"), file("2")}});
  const TaskId task = run("mover@1");
  const HttpResponse refused = undo(task);
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(error_of(refused), HasSubstr("big: how it was then was not kept"));
  ASSERT_EQ(undo(task, {{"keep_others", true}}).status, 201);
  EXPECT_THAT(changes_asked(), ElementsAre(FileChange{"a", file("2"), file("1")}));
}

TEST_F(UndoTest, TakesFromTheJournalWhatAFileWasBeforeAWrite) {
  world_.driver->facts("file.write",
                       {.facts = {.object = "a"},
                        .pre_image = PreImage{.path = "a", .existed = true, .content = "old"}});
  world_.driver->reply("file.write",
                       Reply(AwaitFileWrite::Reply{.changes = {{"a", file("old"), file("new")}}}));
  const TaskId task = run("writer@1");
  EXPECT_FALSE(contents_->has(sha256("old")));
  ASSERT_EQ(undo(task).status, 201);
  EXPECT_THAT(changes_asked(), ElementsAre(FileChange{"a", file("new"), file("old")}));
  const auto after_a_crash = *ContentStore::open((dir_ / "contents").string());
  EXPECT_EQ(*after_a_crash->read(sha256("old"), 10), "old");
}

TEST_F(UndoTest, ADryRunSaysWhatItWouldDoAndBeginsNothing) {
  next_changes({{"a", file("1"), file("2")}});
  next_changes({{"a", file("theirs"), file("3")}});
  world_.driver->facts("file.restore",
                       {.facts = {.changes = {{{"a", file("3"), file("theirs")}, "the diff"}},
                                  .left = {{.path = "b", .why = "changed since"}}},
                        .pre_image = {}});
  const TaskId task = run("mover@1", 2);
  const HttpResponse told = undo(task, {{"dry_run", true}});
  ASSERT_EQ(told.status, 200) << told.body;
  const Json view = *parse_json(told.body);
  EXPECT_EQ(view.at("files"),
            Json::array({{{"path", "a"}, {"status", "changed"}, {"diff", "the diff"}}}));
  EXPECT_EQ(view.at("others").size(), 2U);
  EXPECT_EQ(view.at("others").at(1).at("path"), "b");
  EXPECT_EQ(world_.memory->tasks.size(), 1U);
}

TEST_F(UndoTest, SaysByWhomItWasDoneAlready) {
  next_changes({{"a", file("1"), file("2")}});
  const TaskId task = run("mover@1");
  next_undo_does({{"a", file("2"), file("1")}});
  ASSERT_EQ(undo(task).status, 201);
  const HttpResponse again = undo(task);
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(error_of(again), "there is nothing to take back: task 2 has done that already");
  EXPECT_THAT(parse_json(undo(task, {{"dry_run", true}}).body)->at("note").get<std::string>(),
              HasSubstr("task 2"));
}

TEST_F(UndoTest, CanBeTakenBackAndDoneAgain) {
  next_changes({{"a", file("1"), file("2")}});
  const TaskId task = run("mover@1");
  next_undo_does({{"a", file("2"), file("1")}});
  ASSERT_EQ(undo(task).status, 201);
  next_undo_does({{"a", file("1"), file("2")}});
  ASSERT_EQ(undo(TaskId{2}).status, 201);
  EXPECT_EQ(asked().of, TaskId{2});
  EXPECT_THAT(changes_asked(), ElementsAre(FileChange{"a", file("1"), file("2")}));
  ASSERT_EQ(undo(task).status, 201);
  EXPECT_THAT(changes_asked(), ElementsAre(FileChange{"a", file("2"), file("1")}));
}

TEST_F(UndoTest, OfATaskThatChangedNothingSaysSo) {
  next_changes({});
  const HttpResponse refused = undo(run("mover@1"));
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(error_of(refused), HasSubstr("task 1 has changed nothing"));
  EXPECT_EQ(undo(TaskId{99}).status, 404);
}

TEST_F(UndoTest, OfADraftTakesBackWhatWasTakenOverWhoeverDidThat) {
  const TaskId task{1};
  for (const char* kind : {"mover@1", kAcceptKind.data()}) {
    world_.calls->submit(
        {.kind = kind, .workspace = "/work", .approve_all = true, .by = {}, .draft = task},
        Completion<TaskId>([](const Result<TaskId>& begun) { ASSERT_TRUE(begun); }));
    if (std::string_view(kind) == "mover@1") {
      world_.driver->facts("file.move", {.facts = {.draft = task}, .pre_image = {}});
      world_.driver->facts("draft.accept", {.facts = {.draft = task}, .pre_image = {}});
      next_changes({{"a", file("1"), file("2")}});
      world_.driver->next_reply(
          "draft.accept", Reply(AwaitDraftAccept::Reply{.changes = {{"a", file("x"), file("3")}}}));
    }
    world_.settle();
  }
  ASSERT_EQ(undo(task).status, 201);
  EXPECT_THAT(changes_asked(), ElementsAre(FileChange{"a", file("3"), file("x")}));
  EXPECT_EQ(world_.driver->prepared().back().draft, kNoTask);
}

TEST_F(UndoTest, OfADraftThatStillStandsTakesPlaceInIt) {
  const TaskId task{1};
  std::filesystem::create_directories(dir_ / "drafts/1/tree");
  std::ofstream(dir_ / "drafts/1/base") << "a base";
  world_.driver->facts("file.move", {.facts = {.draft = task}, .pre_image = {}});
  next_changes({{"a", file("1"), file("2")}});
  world_.calls->submit(
      {.kind = "mover@1", .workspace = "/work", .approve_all = true, .by = {}, .draft = task},
      Completion<TaskId>([](const Result<TaskId>& begun) { ASSERT_TRUE(begun); }));
  world_.settle();
  ASSERT_EQ(undo(task).status, 201);
  EXPECT_THAT(changes_asked(), ElementsAre(FileChange{"a", file("2"), file("1")}));
  EXPECT_EQ(world_.driver->prepared().back().draft, task);
}

// ---- diff ----

TEST_F(UndoTest, DiffOfAStepIsWhatThatStepChanged) {
  next_changes({{"a", file("1"), file("2")}});
  next_changes({{"b", kNothing, file("x")}, {"big", file("gone"), file("x")}});
  const TaskId task = run("mover@1", 2);
  const std::string path = "/v1/tasks/" + std::to_string(number(task)) + "/diff";
  const Json first = parse_json(ask("GET", path, {{"step", "1"}}).body)->at("files");
  ASSERT_EQ(first.size(), 1U);
  EXPECT_THAT(first.at(0).at("diff").get<std::string>(), HasSubstr("-1\n"));
  EXPECT_THAT(first.at(0).at("diff").get<std::string>(), HasSubstr("+2\n"));
  const Json second = parse_json(ask("GET", path, {{"step", "2"}}).body)->at("files");
  ASSERT_EQ(second.size(), 2U);
  EXPECT_EQ(second.at(0).at("status"), "created");
  EXPECT_EQ(second.at(1).at("diff"), "big: its content was not kept\n");
  EXPECT_EQ(ask("GET", path, {{"step", "3"}}).status, 404);
}

TEST_F(UndoTest, DiffOfATaskComparesWhatAllItsStepsChangedWithTheFilesAsTheyAre) {
  std::filesystem::create_directories(dir_ / "work/d");
  std::ofstream(dir_ / "work/a") << "now\n";
  std::ofstream(dir_ / "work/same") << "1";
  std::ofstream(dir_ / "work/d/not_ours") << "x";
  next_changes({{"a", file("1"), file("2")},
                {"d/b", file("x"), kNothing},
                {"same", State(FileState{FileType::file, 0644, sha256("1"), 1}), file("2")}});
  world_.calls->submit(
      {.kind = "mover@1", .workspace = (dir_ / "work").string(), .approve_all = true, .by = {}},
      Completion<TaskId>([](const Result<TaskId>&) {}));
  world_.settle();
  const Json files = parse_json(ask("GET", "/v1/tasks/1/diff").body)->at("files");
  ASSERT_EQ(files.size(), 2U) << files;
  EXPECT_EQ(files.at(0).at("path"), "a");
  EXPECT_THAT(files.at(0).at("diff").get<std::string>(), HasSubstr("+now\n"));
  EXPECT_EQ(files.at(1).at("path"), "d/b");
  EXPECT_EQ(files.at(1).at("status"), "removed");
}

}  // namespace
}  // namespace tinkerbell::control
