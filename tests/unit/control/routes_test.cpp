#include "control/routes.hpp"

#include "support/syscall_world.hpp"
#include "support/temp_dir.hpp"
#include "unit/control/no_drafts.hpp"
#include "unit/io/loop.hpp"

#include "tinkerbell/debug/core_file.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/workspace/content_store.hpp"
#include "tinkerbell/workspace/drafts.hpp"
#include "tinkerbell/workspace/fork_drafts.hpp"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell::control {
namespace {

using ::testing::ElementsAre;

/// A stream whose reader takes what was sent when the test says so.
class PatientStream final : public EventStream {
 public:
  bool send(std::uint64_t id, std::string_view /*event*/, std::string_view data) override {
    ids.push_back(id);
    documents.emplace_back(data);
    return true;
  }

  void close() override { closed = true; }

  void when_drained(std::move_only_function<void()> handler) override {
    drained_ = std::move(handler);
  }

  void on_closed(std::move_only_function<void()> /*handler*/) override {}

  /// False: nobody waits for the reader.
  bool drain() {
    if (!drained_) return false;
    std::exchange(drained_, nullptr)();
    return true;
  }

  /// The system calls and results that steps told, in order.
  [[nodiscard]] std::vector<std::string> calls() const {
    std::vector<std::string> told;
    for (const std::string& document : documents) {
      const Json data = parse_json(document)->at("data");
      for (const char* key : {"call", "result"}) {
        if (data.contains(key) && data.contains("verdict") && data.at(key).is_string())
          told.push_back(data.at(key));
      }
    }
    return told;
  }

  std::vector<std::uint64_t> ids;
  std::vector<std::string> documents;
  bool closed = false;

 private:
  std::move_only_function<void()> drained_;
};

class KeptAnswer final : public HttpResponder {
 public:
  void respond(HttpResponse response) override { answer = std::move(response); }

  std::shared_ptr<EventStream> stream() override { return events; }

  std::optional<HttpResponse> answer;
  std::shared_ptr<PatientStream> events = std::make_shared<PatientStream>();
};

/// The system calls with an event hub that hears them.
class WorldWithHub : public SyscallWorld {
 public:
  void recorded(const Record& record) override { hub.recorded(record); }

  EventHub hub;
};

Task<Result<Json>> fails(TaskStart /*start*/) {
  co_return Error{Errc::internal, "on purpose"};
}

Task<Result<Json>> asks(TaskStart /*start*/) {
  const Result<AwaitUserAnswer::Reply> words = co_await AwaitUserAnswer{.question = "To whom?"};
  if (!words) co_return words.error();
  co_return Json(words->text);
}

Task<Result<void>> reads(int times) {
  for (int i = 0; i < times; ++i) {
    const Result<AwaitFileRead::Reply> file = co_await AwaitFileRead{.path = "a.txt"};
    if (!file) co_return file.error();
  }
  co_return Result<void>();
}

Task<Result<Json>> reads_three(TaskStart /*start*/) {
  (void)co_await reads(3);
  co_return Json();
}

Task<Result<Json>> reads_much(TaskStart /*start*/) {
  (void)co_await reads(600);
  co_return Json();
}

Task<Result<Json>> reads_much_and_asks(TaskStart start) {
  (void)co_await reads(600);
  co_return co_await asks(std::move(start));
}

/// Nobody answers.
Task<Result<void>> looks() {
  const Result<AwaitFileList::Reply> listing = co_await AwaitFileList{};
  if (!listing) co_return listing.error();
  co_return Result<void>();
}

Task<Result<Json>> looks_around(TaskStart /*start*/) {
  (void)co_await looks();
  co_return Json();
}

Task<Result<Json>> has_child(TaskStart /*start*/) {
  const Result<Spawn::Reply> child = co_await Spawn{.kind = "asker@1"};
  if (!child) co_return child.error();
  const Result<Join::Reply> end =
      co_await Join{.task = child->task, .timeout = std::chrono::seconds(90)};
  if (!end) co_return end.error();
  co_return Json(end->state);
}

Task<Result<Json>> has_parent(TaskStart /*start*/) {
  const Result<Spawn::Reply> child = co_await Spawn{.kind = "parent@1"};
  if (!child) co_return child.error();
  const Result<Join::Reply> end =
      co_await Join{.task = child->task, .timeout = std::chrono::seconds(90)};
  if (!end) co_return end.error();
  co_return Json(end->state);
}

Task<Result<Json>> asks_model(TaskStart start) {
  const Result<AwaitLLMResponse::Reply> reply =
      co_await AwaitLLMResponse{.model = start.arguments.value("model", std::string("default"))};
  if (!reply) co_return reply.error();
  co_return Json(reply->text);
}

/// Asks the same three times, and has two children that ask.
Task<Result<Json>> asks_models(TaskStart start) {
  for (int i = 0; i < 3; ++i)
    (void)co_await asks_model(start);
  for (const char* model : {"a", "b"}) {
    const Result<Spawn::Reply> child =
        co_await Spawn{.kind = "model_asker@1", .arguments = {{"model", model}}};
    if (!child) co_return child.error();
    (void)co_await Join{.task = child->task};
  }
  co_return Json();
}

class RoutesTest : public testing::Test {
 protected:
  RoutesTest() {
    world_.add_kind("agent@1", asks);
    world_.add_kind("asker@1", asks);
    world_.add_kind("failer@1", fails);
    world_.add_kind("reader@1", reads_much);
    world_.add_kind("read_and_ask@1", reads_much_and_asks);
    world_.driver->reply("file.read", Reply(AwaitFileRead::Reply{.text = "hello"}));
  }

  std::shared_ptr<KeptAnswer> begin(const std::string& method, const std::string& path,
                                    std::map<std::string, std::string> query = {},
                                    std::string body = {}) {
    auto kept = std::make_shared<KeptAnswer>();
    route(context_,
          {.method = method,
           .path = path,
           .query = std::move(query),
           .headers = {},
           .body = std::move(body),
           .peer = {}},
          kept);
    return kept;
  }

  /// The whole answer, which the journal and the pool may have to do with.
  HttpResponse ask(const std::string& method, const std::string& path,
                   std::map<std::string, std::string> query = {}, std::string body = {}) {
    const std::shared_ptr<KeptAnswer> kept = begin(method, path, std::move(query), std::move(body));
    EXPECT_TRUE(comes_true([&] { return kept->answer.has_value(); })) << method << " " << path;
    return kept->answer.value_or(HttpResponse{.status = 0, .body = "{}"});
  }

  template <class Condition>
  bool comes_true(Condition condition) {
    return run_until(loop_, [&] {
      world_.settle();
      return condition();
    });
  }

  Json view_of(std::uint64_t task) {
    return *parse_json(ask("GET", "/v1/tasks/" + std::to_string(task)).body);
  }

  std::vector<std::uint64_t> listed(std::map<std::string, std::string> query) {
    std::vector<std::uint64_t> ids;
    const Json list = *parse_json(ask("GET", "/v1/tasks", std::move(query)).body);
    for (const Json& task : list.at("tasks"))
      ids.push_back(task.at("id"));
    return ids;
  }

  WorldWithHub world_;
  TempDir directory_;
  std::unique_ptr<ContentStore> contents_ = *ContentStore::open(directory_ / "contents");
  boost::asio::io_context loop_;
  BlockingPool pool_{loop_.get_executor(), 1};
  NoDrafts drafts_;
  Context context_{.parts = {.loop = loop_.get_executor(),
                             .pool = pool_,
                             .calls = *world_.calls,
                             .journal = *world_.journal,
                             .clock = world_.clock,
                             .logger = world_.logger,
                             .registry = world_.registry,
                             .masker = world_.masker,
                             .contents = *contents_,
                             .drafts = Drafts(directory_ / "drafts"),
                             .fork_drafts = drafts_,
                             .relied_on = [](std::set<Sha256>&) { return Result<void>(); },
                             .facts = {}},
                   .hub = world_.hub,
                   .started = {}};
};

TEST_F(RoutesTest, F7_NothingIsBegunOnAFullDiskUntilThereIsRoom) {
  const std::string wanted = R"({"goal": "x", "workspace": "/tmp"})";
  ASSERT_EQ(ask("POST", "/v1/tasks", {}, wanted).status, 201);
  world_.memory->full = Error{Errc::storage_full, "the disk of /state is full"};
  const auto waits = begin("POST", "/v1/tasks/1/pause");  // this one finds it out
  EXPECT_TRUE(comes_true([&] { return world_.journal->storage_full().has_value(); }));
  for (const char* path :
       {"/v1/tasks", "/v1/tasks/1/pause", "/v1/tasks/1/resume", "/v1/tasks/1/step",
        "/v1/tasks/1/breakpoints", "/v1/tasks/1/breakpoints/clear", "/v1/approvals/1"}) {
    const HttpResponse refused = ask("POST", path, {}, wanted);
    EXPECT_EQ(refused.status, 507) << path;
    EXPECT_EQ(parse_json(refused.body)->at("error").at("code"), "storage_full") << path;
  }
  EXPECT_EQ(ask("GET", "/v1/tasks").status, 200);
  EXPECT_EQ(view_of(1).at("state"), "waiting");
  EXPECT_EQ(parse_json(ask("GET", "/v1/status").body)->at("storage"), "the disk of /state is full");
  EXPECT_FALSE(waits->answer);
  const auto cancelled = begin("POST", "/v1/tasks/1/cancel");  // taken, and told once it is stored
  world_.settle();
  EXPECT_FALSE(cancelled->answer);

  world_.memory->full.reset();
  EXPECT_EQ(ask("POST", "/v1/tasks", {}, wanted).status, 507);  // and looks once more
  EXPECT_TRUE(comes_true([&] { return waits->answer && cancelled->answer; }));
  EXPECT_EQ(waits->answer->status, 200);
  EXPECT_EQ(cancelled->answer->status, 200);
  EXPECT_EQ(parse_json(ask("GET", "/v1/status").body)->at("storage"), "ok");
  EXPECT_EQ(ask("POST", "/v1/tasks", {}, wanted).status, 201);
}

TEST_F(RoutesTest, ThePastOfATaskIsRunAgainAndComparedWithTheProgramOfToday) {
  world_.add_kind("three@1", reads_three);
  const std::string path = "/v1/tasks/" + std::to_string(number(world_.submit("three@1")));
  const Json same = *parse_json(ask("POST", path + "/replay").body);
  EXPECT_EQ(same.at("steps"), 3);
  EXPECT_EQ(same.at("end"), "its end: completed");
  EXPECT_EQ(same.at("difference"), nullptr);
  world_.registry = {};
  world_.add_kind("three@1", asks);
  const Json differs = *parse_json(ask("POST", path + "/replay").body);
  EXPECT_EQ(differs.at("steps"), 0);
  EXPECT_EQ(differs.at("difference").at("step"), 1);
  EXPECT_EQ(differs.at("difference").at("recorded"), "read a.txt");
  EXPECT_EQ(differs.at("difference").at("found"), "ask: To whom?");
  EXPECT_EQ(ask("POST", "/v1/tasks/99/replay").status, 404);
}

TEST_F(RoutesTest, ACoreHasTheWholeFamilyTheOneAskedForFirst) {
  world_.add_kind("child@1", fails);
  world_.add_kind("parent@1", [](TaskStart) -> Task<Result<Json>> {
    for (int i = 0; i < 2; ++i)
      (void)co_await Spawn{.kind = "child@1", .arguments = Json::object()};
    co_return Json();
  });
  const TaskId parent = world_.submit("parent@1");
  const TaskId other{number(world_.submit("parent@1"))};  // with children of its own
  const TaskId child{number(parent) + 2};
  const HttpResponse answer = ask("GET", "/v1/tasks/" + std::to_string(number(child)) + "/core");
  EXPECT_EQ(answer.status, 200);
  const Result<Core> core = read_core_file(answer.body);
  ASSERT_TRUE(core) << core.error().message;
  std::vector<TaskId> tasks;
  for (const CoreTask& task : core->tasks)
    tasks.push_back(task.task);
  EXPECT_THAT(tasks, ElementsAre(child, parent, TaskId{number(parent) + 1}));
  EXPECT_THAT(tasks, ::testing::Not(::testing::Contains(other)));
  EXPECT_EQ(ask("GET", "/v1/tasks/99/core").status, 404);
}

TEST_F(RoutesTest, WhatIsRemovedHasAnAgeWithinBounds) {
  EXPECT_EQ(ask("POST", "/v1/gc", {}, R"({"older_than_ms": -1})").status, 400);
  EXPECT_EQ(ask("POST", "/v1/gc", {}, R"({"older_than_ms": 9000000000000000})").status, 400);
  EXPECT_EQ(ask("POST", "/v1/gc", {}, R"({"dry_run": 1})").status, 400);
  EXPECT_EQ(ask("GET", "/v1/gc").status, 405);
  EXPECT_EQ(ask("POST", "/v1/gc", {}, R"({"older_than_ms": 0})").status, 501);  // in memory
}

TEST_F(RoutesTest, AVerificationNeedsAnAnchorThatIsOneAndAStoreWithSeals) {
  EXPECT_EQ(ask("POST", "/v1/verify", {}, R"({"task": -1})").status, 400);
  EXPECT_EQ(ask("POST", "/v1/verify", {}, R"({"anchor": {"lsn": 1, "seal": "abc"}})").status, 400);
  EXPECT_EQ(ask("GET", "/v1/verify").status, 405);
  EXPECT_EQ(ask("POST", "/v1/verify", {}, "{}").status, 501);  // in memory
}

TEST_F(RoutesTest, ABackupNeedsAnAbsolutePathAndAStoreThatCanBeCopied) {
  EXPECT_EQ(ask("POST", "/v1/backup").status, 400);
  EXPECT_EQ(ask("POST", "/v1/backup", {}, R"({"directory": "here"})").status, 400);
  EXPECT_EQ(ask("POST", "/v1/backup", {}, R"({"directory": "/a\u0000b"})").status, 400);
  EXPECT_EQ(ask("POST", "/v1/backup", {}, Json{{"directory", "/" + std::string(5'000, 'a')}}.dump())
                .status,
            413);
  EXPECT_EQ(ask("POST", "/v1/backup", {}, R"({"directory": "/here"})").status, 501);
}

TEST_F(RoutesTest, AListOfOneStateIsNotCutByTasksInOtherStates) {
  const TaskId waiting = world_.submit("asker@1");
  const TaskId completed = world_.submit("reader@1");
  for (int i = 0; i < 5; ++i)
    world_.submit("failer@1");
  EXPECT_THAT(listed({{"state", "waiting"}, {"limit", "2"}}), ElementsAre(number(waiting)));
  EXPECT_THAT(listed({{"state", "completed"}, {"limit", "2"}}), ElementsAre(number(completed)));
  EXPECT_THAT(listed({{"state", "failed"}, {"limit", "2"}}), ElementsAre(7U, 6U));
  EXPECT_THAT(listed({{"state", "failed"}, {"limit", "9"}, {"before", "5"}}), ElementsAre(4U, 3U));
  EXPECT_THAT(listed({{"limit", "6"}}), ElementsAre(7U, 6U, 5U, 4U, 3U, 2U));
  EXPECT_THAT(listed({{"state", "waiting"}, {"before", "1"}}), ElementsAre());
}

TEST_F(RoutesTest, OnlyTheIdOfAQuestionMayBeginWithA) {
  world_.submit("asker@1");
  EXPECT_EQ(ask("GET", "/v1/tasks/1").status, 200);
  EXPECT_EQ(ask("GET", "/v1/tasks/a1").status, 404);
  EXPECT_EQ(ask("GET", "/v1/tasks/a1/steps").status, 404);
  EXPECT_EQ(ask("GET", "/v1/approvals/1").status, 200);
  EXPECT_EQ(ask("GET", "/v1/approvals/a1").status, 200);
}

TEST_F(RoutesTest, ATaskIsSteppedAndHeldAtItsBreakpoints) {
  world_.add_kind("three@1", reads_three);
  EXPECT_EQ(ask("POST", "/v1/tasks", {},
                R"({"goal": "x", "workspace": "/tmp", "kind": "three@1", "stepping": true})")
                .status,
            201);
  world_.settle();
  EXPECT_EQ(view_of(1).at("state"), "suspended");
  EXPECT_EQ(ask("POST", "/v1/tasks/1/breakpoints", {}, R"({"pattern": "file.read"})").status, 201);
  EXPECT_EQ(ask("POST", "/v1/tasks/1/breakpoints", {}, R"({"pattern": "nothing"})").status, 400);
  EXPECT_EQ(ask("GET", "/v1/tasks/1/breakpoints").body,
            "{\"breakpoints\":[{\"number\":1,\"pattern\":\"file.read\"}],"
            "\"schema\":\"tinkerbell.breakpoints/1\",\"task\":1}\n");
  EXPECT_EQ(ask("POST", "/v1/tasks/1/step").status, 200);
  EXPECT_EQ(view_of(1).at("waiting_for"),
            "step or resume, at breakpoint 1 (file.read) before: read a.txt");
  EXPECT_EQ(ask("POST", "/v1/tasks/1/breakpoints/clear", {}, R"({"number": 2})").status, 404);
  EXPECT_EQ(ask("POST", "/v1/tasks/1/breakpoints/clear").status, 200);
  EXPECT_EQ(ask("POST", "/v1/tasks/1/resume").status, 200);
  EXPECT_EQ(view_of(1).at("state"), "completed");
  EXPECT_EQ(ask("GET", "/v1/tasks/1/breakpoints").status, 409);
  EXPECT_EQ(ask("GET", "/v1/tasks/9/breakpoints").status, 404);
}

TEST_F(RoutesTest, AWrongPathIsToldFromAWrongMethod) {
  EXPECT_EQ(ask("DELETE", "/v1/tasks").status, 405);
  for (const char* path : {"/", "/v1/tasks/", "/v1/tasksx", "/v1/tasks/1/stepsx",
                           "/v1/tasks//steps", "/v1/status/1", "/v1/approvals/aa1"})
    EXPECT_EQ(ask("GET", path).status, 404) << path;
}

TEST_F(RoutesTest, ATaskIsStartedInADirectoryWithItsLinksFollowed) {
  const TempDir directory;
  std::filesystem::create_directory_symlink(directory.path(), directory / "link");
  const Json request{{"goal", "x"}, {"workspace", (directory / "link").string()}};
  const HttpResponse created = ask("POST", "/v1/tasks", {}, dump_json(request));
  ASSERT_EQ(created.status, 201) << created.body;
  EXPECT_EQ(parse_json(created.body)->at("workspace"), directory.path().string());
  const Json nowhere{{"goal", "x"}, {"workspace", (directory / "gone").string()}};
  EXPECT_EQ(ask("POST", "/v1/tasks", {}, dump_json(nowhere)).status, 400);
}

TEST_F(RoutesTest, AnEndedTaskIsReadFromItsJournal) {
  world_.submit("failer@1");
  const Json task = *parse_json(ask("GET", "/v1/tasks/1").body);
  EXPECT_EQ(task.at("state"), "failed");
  EXPECT_EQ(task.at("error").at("message"), "on purpose");
  EXPECT_EQ(ask("GET", "/v1/tasks/2").status, 404);
}

TEST_F(RoutesTest, APageOfLargeStepsEndsBeforeItsLimitAndSaysThatThereAreMore) {
  world_.driver->reply("file.read", Reply(AwaitFileRead::Reply{std::string(2'200'000, 'x')}));
  world_.add_kind("large@1", reads_three);
  world_.submit("large@1");
  const Json page =
      *parse_json(ask("GET", "/v1/tasks/1/steps", {{"full", "1"}}).body, {.bytes_max = 64 << 20});
  EXPECT_EQ(page.at("steps").size(), 2U);
  EXPECT_EQ(page.at("more"), true);
  const Json rest =
      *parse_json(ask("GET", "/v1/tasks/1/steps", {{"full", "1"}, {"after", "2"}}).body,
                  {.bytes_max = 64 << 20});
  EXPECT_EQ(rest.at("steps").size(), 1U);
  EXPECT_EQ(rest.at("more"), false);
}

TEST_F(RoutesTest, ALongHistoryIsSentAtThePaceOfItsReaderAndNothingTwice) {
  const TaskId task = world_.submit("reader@1");
  std::vector<std::uint64_t> all;
  Projection projection;
  for (const Record& record : world_.memory->records) {
    for (const protocol::EventView& event : projection.apply(record))
      all.push_back(event.seq);
  }
  const std::shared_ptr<PatientStream> events =
      begin("GET", "/v1/tasks/" + std::to_string(number(task)) + "/events")->events;
  ASSERT_TRUE(comes_true([&] { return !events->ids.empty(); }));
  EXPECT_LT(events->ids.size(), all.size());
  EXPECT_FALSE(events->closed);
  while (events->drain())
    ASSERT_LE(events->ids.size(), all.size());
  EXPECT_EQ(events->ids, all);
  EXPECT_TRUE(events->closed);
}

TEST_F(RoutesTest, WhatHappensWhileTheHistoryIsSentComesAfterIt) {
  world_.submit("read_and_ask@1");
  const std::shared_ptr<PatientStream> events = begin("GET", "/v1/tasks/1/events")->events;
  ASSERT_TRUE(comes_true([&] { return !events->ids.empty(); }));
  ASSERT_TRUE(world_.answer(ApprovalId{1}, Answer::text, "Wendy"));
  const std::size_t before = events->ids.size();
  while (events->drain()) {
  }
  EXPECT_GT(events->ids.size(), before);
  EXPECT_TRUE(std::ranges::is_sorted(events->ids, std::less_equal()));
  EXPECT_TRUE(events->closed);  // task.ended was among what was held
}

TEST_F(RoutesTest, WhoFollowsATaskHearsTheQuestionsOfItsDescendantsOpenAndNew) {
  world_.add_kind("parent@1", has_child);
  world_.add_kind("grandparent@1", has_parent);
  world_.submit("asker@1");  // of nobody's family
  const TaskId root = world_.submit("grandparent@1");
  const std::string path = "/v1/tasks/" + std::to_string(number(root)) + "/events";
  const std::shared_ptr<PatientStream> late = begin("GET", path)->events;
  const std::shared_ptr<PatientStream> calls = begin("GET", path, {{"calls", "9"}})->events;
  const auto questions = [](const PatientStream& events) {
    std::vector<std::string> told;
    for (const std::string& document : events.documents) {
      const Json event = *parse_json(document);
      const std::string name = event.at("name");
      if (name.starts_with("approval."))
        told.push_back(name + " of " + dump_json(event.at("task")));
    }
    return told;
  };
  ASSERT_TRUE(comes_true([&] { return !questions(*late).empty(); }));
  EXPECT_THAT(questions(*late), ElementsAre("approval.opened of 4"));
  ASSERT_TRUE(world_.answer(ApprovalId{2}, Answer::text, "Wendy"));
  ASSERT_TRUE(world_.answer(ApprovalId{1}, Answer::text, "Wendy"));
  ASSERT_TRUE(comes_true([&] { return late->closed && calls->closed; }));
  EXPECT_THAT(questions(*late), ElementsAre("approval.opened of 4", "approval.decided of 4"));
  EXPECT_THAT(questions(*calls), ElementsAre());
}

TEST_F(RoutesTest, ACassetteHasWhatModelsAnsweredAFamily) {
  world_.add_kind("model_asker@1", asks_model);
  world_.add_kind("family@1", asks_models);
  for (const char* text : {"one", "two"})
    world_.driver->next_reply("llm.response", Reply(AwaitLLMResponse::Reply{.text = text}));
  world_.driver->next_reply("llm.response", Error{Errc::cancelled, "broken off"});
  world_.driver->next_reply("llm.response", Error{Errc::unauthorized, "HTTP 401"});
  world_.driver->next_reply("llm.response", Reply(AwaitLLMResponse::Reply{.text = "of b"}));
  world_.submit("family@1");

  const Json cassette = *parse_json(ask("GET", "/v1/tasks/1/cassette").body);
  EXPECT_EQ(cassette.at("schema"), "tinkerbell.cassette/1");
  EXPECT_EQ(cassette.at("exchanges"), 4);
  const Json& root = cassette.at("task");
  ASSERT_EQ(root.at("exchanges").size(), 2U);  // what was broken off is no answer
  EXPECT_EQ(root.at("exchanges")[0].at("reply").at("text"), "one");
  EXPECT_EQ(root.at("exchanges")[1].at("step"), 2);
  EXPECT_EQ(root.at("exchanges")[1].at("fingerprint"), root.at("exchanges")[0].at("fingerprint"));
  ASSERT_EQ(root.at("children").size(), 2U);
  EXPECT_EQ(root.at("children")[0].at("exchanges")[0].at("error"),
            (Json{{"code", "unauthorized"}, {"message", "HTTP 401"}}));
  EXPECT_EQ(root.at("children")[1].at("exchanges")[0].at("reply").at("text"), "of b");
  EXPECT_EQ(root.at("children")[1].at("exchanges")[0].at("model"), "b");
  EXPECT_EQ(ask("GET", "/v1/tasks/9/cassette").status, 404);

  Json wanted{{"goal", "x"}, {"workspace", "/tmp"}, {"kind", "model_asker@1"}};
  wanted["cassette"] = cassette;
  const HttpResponse begun = ask("POST", "/v1/tasks", {}, dump_json(wanted));
  ASSERT_EQ(begun.status, 201) << begun.body;
  EXPECT_EQ(parse_json(begun.body)->at("has_cassette"), true);
  EXPECT_EQ(world_.driver->prepared().back().cassette->exchanges.size(), 2U);
}

TEST_F(RoutesTest, ACassetteHasGrandchildrenInTheirOrder) {
  world_.add_kind("model_asker@1", asks_model);
  world_.add_kind("parent@1", asks_models);
  world_.add_kind("grandparent@1", has_parent);
  world_.driver->reply("llm.response", Reply(AwaitLLMResponse::Reply{.text = "yes"}));
  world_.submit("grandparent@1");
  const Json cassette = *parse_json(ask("GET", "/v1/tasks/1/cassette").body);
  const Json& parent = cassette.at("task").at("children").at(0);
  EXPECT_EQ(cassette.at("exchanges"), 5);
  EXPECT_EQ(parent.at("kind"), "parent@1");
  EXPECT_EQ(parent.at("exchanges").size(), 3U);
  EXPECT_EQ(parent.at("children").at(0).at("exchanges").at(0).at("model"), "a");
  EXPECT_EQ(parent.at("children").at(1).at("exchanges").at(0).at("model"), "b");
}

TEST_F(RoutesTest, ACallThatARuleForbidsIsInNoCassette) {
  world_.rules.rules.push_back(
      {.name = "no models", .decision = Decision::deny, .commands = {"llm.response"}});
  world_.add_kind("model_asker@1", asks_model);
  world_.submit("model_asker@1");
  EXPECT_EQ(parse_json(ask("GET", "/v1/tasks/1/cassette").body)->at("exchanges"), 0);
}

TEST_F(RoutesTest, WhatIsNoCassetteBeginsNoTask) {
  Json wanted{{"goal", "x"}, {"workspace", "/tmp"}};
  const auto status_with = [&](const char* cassette) {
    wanted["cassette"] = *parse_json(cassette);
    return ask("POST", "/v1/tasks", {}, dump_json(wanted)).status;
  };
  EXPECT_EQ(status_with("7"), 400);
  EXPECT_EQ(status_with(R"({"schema": "tinkerbell.cassette/2"})"), 501);
  EXPECT_EQ(status_with(R"({"schema": "tinkerbell.cassette/1"})"), 400);
  EXPECT_EQ(status_with(R"({"schema": "tinkerbell.cassette/1", "task": {"exchanges": [{}]}})"),
            400);
  EXPECT_THAT(listed({}), ElementsAre());
}

TEST_F(RoutesTest, AnAnsweredQuestionTellsWhatWasSaid) {
  world_.submit("asker@1");
  ASSERT_TRUE(world_.answer(ApprovalId{1}, Answer::deny, "nobody"));
  const Json view = *parse_json(ask("GET", "/v1/approvals/1").body);
  EXPECT_EQ(view.at("state"), "denied");
  EXPECT_EQ(view.at("text"), "nobody");
}

TEST_F(RoutesTest, AKindThatNobodyKnowsIsAFaultOfTheRequest) {
  const TempDir workspace;
  const Json request = {
      {"goal", "x"}, {"kind", "nokind@1"}, {"workspace", workspace.path().string()}};
  EXPECT_EQ(ask("POST", "/v1/tasks", {}, dump_json(request)).status, 400);
}

TEST_F(RoutesTest, AGoalOfBlanksIsNone) {
  const Json request = {{"goal", " \t\n"}, {"workspace", "/tmp"}};
  EXPECT_EQ(ask("POST", "/v1/tasks", {}, dump_json(request)).status, 400);
}

TEST_F(RoutesTest, ATaskShowsWhatTheSchedulerKnowsOfIt) {
  world_.add_kind("parent@1", has_child);
  world_.submit("parent@1");
  const Json parent = view_of(1);
  EXPECT_EQ(parent.at("children"), Json::array({2}));
  EXPECT_EQ(parent.at("waiting_for"), "join task 2");
  const Json& seen = parent.at("scheduling");
  EXPECT_EQ(seen.at("priority"), "normal");
  EXPECT_EQ(seen.at("turns"), 2);  // its start, and that of its child's reply
  EXPECT_EQ(seen.at("deadline"), rfc3339(world_.clock.wall() + std::chrono::seconds(90)));
  ASSERT_EQ(seen.at("calls").size(), 1U);
  EXPECT_EQ(seen.at("calls").at(0).at("function"), "control::has_child");
  EXPECT_TRUE(seen.at("calls").at(0).at("where").get<std::string>().contains("routes_test.cpp:"));

  const Json child = view_of(2);
  EXPECT_EQ(child.at("parent"), 1);
  EXPECT_EQ(child.at("scheduling").at("deadline"), "");
  ASSERT_TRUE(world_.answer(ApprovalId{1}, Answer::text, "Wendy"));
  const Json ended = view_of(1);
  EXPECT_EQ(ended.at("state"), "completed");
  EXPECT_EQ(ended.at("children"), Json::array({2}));
  EXPECT_EQ(ended.at("scheduling").at("turns"), 3);
  EXPECT_EQ(ended.at("scheduling").at("longest_turn_us"), nullptr);
}

TEST_F(RoutesTest, TheAwaitChainIsThatOfTheCallsWithinTheTask) {
  world_.add_kind("looker@1", looks_around);
  world_.submit("looker@1");
  const Json calls = view_of(1).at("scheduling").at("calls");
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls.at(0).at("function"), "control::looks");
  EXPECT_EQ(calls.at(1).at("function"), "control::looks_around");
}

TEST_F(RoutesTest, LiveTasksAreListedOnTheirOwn) {
  world_.submit("failer@1");
  world_.submit("asker@1");
  EXPECT_THAT(listed({{"live", "1"}}), ElementsAre(2U));
  EXPECT_THAT(listed({}), ElementsAre(2U, 1U));
}

TEST_F(RoutesTest, TheSchedulerCounts) {
  world_.submit("asker@1");
  world_.submit("failer@1");
  const Json view = *parse_json(ask("GET", "/v1/scheduler").body);
  EXPECT_EQ(view.at("schema"), "tinkerbell.scheduler/1");
  EXPECT_EQ(view.at("spawned"), 2);
  EXPECT_EQ(view.at("ended"), 1);
  EXPECT_EQ(view.at("tasks"), 1);
  EXPECT_EQ(view.at("turns"), 2);
  EXPECT_EQ(view.at("turns_recorded"), 2);
  EXPECT_EQ(view.at("ready"), 0);
  EXPECT_EQ(view.at("states"), Json::array({{{"state", "waiting"}, {"count", 1}},
                                            {{"state", "failed"}, {"count", 1}}}));
  EXPECT_TRUE(view.at("longest_turn").contains("task"));
  EXPECT_EQ(parse_json(ask("GET", "/v1/status").body)->at("scheduler"), view);
}

TEST_F(RoutesTest, TheFlightRecorderIsAPicture) {
  world_.submit("asker@1");
  world_.submit("failer@1");
  const Json trace = *parse_json(ask("GET", "/v1/trace", {{"task", "1"}}).body);
  std::vector<std::string> names;
  for (const Json& event : trace.at("traceEvents"))
    names.push_back(event.at("name"));
  EXPECT_EQ(names.at(0), "process_name");
  EXPECT_EQ(names.at(1), "thread_name");
  EXPECT_EQ(names.at(2), "turn");
  EXPECT_TRUE(names.at(3).starts_with("waiting: "));
  EXPECT_EQ(names.size(), 4U);
  EXPECT_GT(parse_json(ask("GET", "/v1/trace").body)->at("traceEvents").size(), 4U);
  EXPECT_EQ(ask("GET", "/v1/trace", {{"task", "9"}}).status, 404);
  EXPECT_EQ(ask("GET", "/v1/trace", {{"task", "x"}}).status, 400);
}

TEST_F(RoutesTest, StepsAreToldAsSystemCallsIfAsked) {
  world_.add_kind("three@1", reads_three);
  world_.submit("three@1");
  const auto first = [&](std::map<std::string, std::string> query) {
    return parse_json(ask("GET", "/v1/tasks/1/steps", std::move(query)).body)->at("steps").at(0);
  };
  EXPECT_EQ(first({{"calls", "64"}}).at("call"), "file.read(path=\"a.txt\", bytes_max=1048576)");
  EXPECT_EQ(first({{"calls", "64"}}).at("result"), "5 bytes");
  EXPECT_EQ(first({}).at("call"), nullptr);
  EXPECT_EQ(ask("GET", "/v1/tasks/1/steps", {{"calls", "x"}}).status, 400);
  EXPECT_EQ(ask("GET", "/v1/events", {{"calls", "x"}}).status, 400);
}

TEST_F(RoutesTest, WhoFollowsCallsHearsThemPastAndLiveAndOthersDoNot) {
  world_.add_kind("parent@1", has_child);
  world_.submit("parent@1");
  const std::shared_ptr<PatientStream> calls =
      begin("GET", "/v1/tasks/1/events", {{"calls", "64"}})->events;
  const std::shared_ptr<PatientStream> all = begin("GET", "/v1/events", {{"calls", "2"}})->events;
  const std::shared_ptr<PatientStream> plain = begin("GET", "/v1/tasks/1/events")->events;
  ASSERT_TRUE(comes_true([&] { return !calls->ids.empty() && !plain->ids.empty(); }));
  while (calls->drain() || plain->drain()) {
  }
  ASSERT_TRUE(world_.answer(ApprovalId{1}, Answer::text, "Wendy"));
  world_.settle();
  const std::string join = "task.join(task=2, timeout_ms=90000)";
  const auto spawn = testing::StartsWith("task.spawn(kind=\"asker@1\"");
  EXPECT_THAT(calls->calls(), ElementsAre(spawn, spawn, "task 2",  // asked, and at once over
                                          join, join, join, "completed"));
  EXPECT_THAT(all->calls(),
              ElementsAre("user.answer(question=\"To\"... (8 bytes))", "Wendy", join, "completed"));
  std::erase_if(plain->ids, [&, i = std::size_t{0}](std::uint64_t) mutable {
    return parse_json(plain->documents[i++])->at("task") != 1;  // a question of the child
  });
  EXPECT_EQ(calls->ids, plain->ids);
  EXPECT_THAT(plain->calls(), ElementsAre());
  EXPECT_TRUE(calls->closed);
}

/// Writes a file twice, then waits for a person.
Task<Result<Json>> writes_twice(TaskStart /*start*/) {
  (void)co_await AwaitFileWrite{.path = "a.txt", .content = "one"};
  (void)co_await AwaitFileWrite{.path = "a.txt", .content = "two"};
  (void)co_await AwaitUserApproval{.question = "enough?"};
  co_return Json();
}

/// Forks of a task that writes "one", then "two".
class ForkRoute : public RoutesTest {
 protected:
  ForkRoute() {
    world_.add_kind("writer@1", writes_twice);
    for (const auto& [before, after] : {std::pair("", "one"), std::pair("one", "two")}) {
      AwaitFileWrite::Reply reply{.bytes = 3};
      reply.changes = {{"a.txt", state(before), state(after)}};
      world_.driver->next_reply("file.write", Reply(std::move(reply)));
    }
    first_ = world_.submit("writer@1", /*approve_all=*/true);
  }

  static std::optional<FileState> state(std::string_view content) {
    if (content.empty()) return std::nullopt;
    return FileState{.mode = 0644, .content = sha256(content), .bytes = content.size()};
  }

  HttpResponse fork(TaskId task, std::uint32_t at) {
    return ask("POST", "/v1/tasks/" + std::to_string(number(task)) + "/fork", {},
               R"({"at": )" + std::to_string(at) + "}");
  }

  /// What its draft was to have there.
  [[nodiscard]] std::optional<FileState> told() const {
    return (*drafts_.files)->states.at("a.txt");
  }

  TaskId first_ = kNoTask;
};

TEST_F(ForkRoute, GetsTheFilesAsTheyWereAfterThatStepAndItsDraftIsClaimed) {
  for (const auto& [at, content] :
       {std::pair(0U, ""), std::pair(1U, "one"), std::pair(2U, "two")}) {
    SCOPED_TRACE(at);
    const HttpResponse answer = fork(first_, at);
    ASSERT_EQ(answer.status, 201) << answer.body;
    EXPECT_EQ(told(), state(content));
    const Json view = *parse_json(answer.body);
    EXPECT_EQ(view.at("forked_from"), number(first_));
    EXPECT_EQ(view.at("forked_step"), at);
    EXPECT_EQ(drafts_.claimed.back(), TaskId{view.at("id").get<std::uint64_t>()});
  }
}

TEST_F(ForkRoute, OfAForkLooksAtWhatItsFirstStepsChangedToo) {
  ASSERT_EQ(fork(first_, 2).status, 201);
  const TaskId second = drafts_.claimed.back();
  for (const auto& [at, content] :
       {std::pair(0U, ""), std::pair(1U, "one"), std::pair(2U, "two")}) {
    SCOPED_TRACE(at);
    ASSERT_EQ(fork(second, at).status, 201);
    EXPECT_EQ(told(), state(content));
    ASSERT_EQ((*drafts_.files)->origins.size(), 1U);
    EXPECT_EQ((*drafts_.files)->origins.front().draft, second);
  }
}

TEST_F(ForkRoute, SaysWhyItCannotBe) {
  EXPECT_EQ(fork(TaskId{77}, 1).status, 404);
  EXPECT_EQ(fork(first_, 9).status, 404);
  EXPECT_EQ(fork(first_, 3).status, 409);  // it is under way
  EXPECT_EQ(ask("POST", "/v1/tasks/1/fork", {}, "{}").status, 400);
  EXPECT_TRUE(drafts_.claimed.empty());
}

}  // namespace
}  // namespace tinkerbell::control
