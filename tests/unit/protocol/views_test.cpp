#include "tinkerbell/protocol/approval.hpp"
#include "tinkerbell/protocol/event.hpp"
#include "tinkerbell/protocol/routes.hpp"
#include "tinkerbell/protocol/status.hpp"
#include "tinkerbell/protocol/task.hpp"
#include "tinkerbell/protocol/undo.hpp"

#include <gtest/gtest.h>

namespace tinkerbell::protocol {
namespace {

template <class View>
View over_the_wire(const View& view) {
  const Result<Json> json = parse_json(dump_json(to_json_value(view)));
  EXPECT_TRUE(json) << json.error().message;
  Result<View> read = from_json_value<View>(*json, UnknownKeys::reject);
  EXPECT_TRUE(read) << read.error().message;
  return *read;
}

TaskView waiting_task() {
  return {.id = TaskId{12},
          .parent = TaskId{3},
          .kind = "agent@1",
          .title = "fix the test",
          .goal = "fix the test\nand explain",
          .workspace = "/home/ann/project",
          .model = "default",
          .state = "waiting",
          .waiting_for = "approval a3: run ./test.sh",
          .waiting_since = "2026-11-22T20:33:35.123Z",
          .created = "2026-11-22T20:33:30.000Z",
          .changed = "2026-11-22T20:33:35.123Z",
          .steps = 4,
          .origin = {.via = "cli", .uid = 1000, .pid = 4711},
          .result = "",
          .error = ErrorBody{.code = "denied", .message = "no"},
          .usage = {.input = 1200, .output = 80},
          .questions = {.asked = 1},
          .children = {TaskId{13}, TaskId{14}},
          .scheduling = SchedulingView{.priority = "normal",
                                       .turns = 35,
                                       .cpu_us = 1200,
                                       .longest_turn_us = 90,
                                       .deadline = "2026-11-22T20:43:35.123Z",
                                       .calls = {{.where = "src/a.cpp:9", .function = "run"}}},
          .to_stop = true};
}

StepView running_step() {
  return {.seq = Seq{4},
          .command = "process.run",
          .line = "run ./test.sh",
          .state = "waiting",
          .verdict = "ask",
          .rule = "cautious/programs",
          .approval = ApprovalId{3},
          .attempt = 1,
          .outcome = "exit 0",
          .started = "2026-11-22T20:33:35.123Z",
          .ended = "2026-11-22T20:33:36.123Z",
          .duration_ms = 1000,
          .arguments = Json{{"argv", {"./test.sh"}}},
          .reply = std::nullopt,
          .asked = "2026-11-22T20:33:34.123Z",
          .waited_us = 1'000'000,
          .duration_us = 1'000'042,
          .answered_us = 900'000,
          .call = "process.run(argv=[\"./test.sh\"])",
          .result = std::nullopt};
}

ApprovalView open_approval() {
  return {.id = ApprovalId{3},
          .task = TaskId{12},
          .seq = Seq{4},
          .kind = "permission",
          .state = "open",
          .line = "run ./test.sh",
          .card = "run\n  ./test.sh\n",
          .hash = std::string(64, 'a'),
          .rule = "cautious/programs",
          .choices = {"yes", "no"},
          .opened = "2026-11-22T20:33:35.123Z",
          .requested_by = "task 12",
          .decided_by = "",
          .decided_at = "",
          .text = "no"};
}

TEST(Views, ComeOutOfTheWireAsTheyWentIn) {
  EXPECT_EQ(over_the_wire(waiting_task()), waiting_task());
  EXPECT_EQ(over_the_wire(running_step()), running_step());
  EXPECT_EQ(over_the_wire(open_approval()), open_approval());

  const StepList steps{.last_event = 99, .more = true, .steps = {running_step(), running_step()}};
  EXPECT_EQ(over_the_wire(steps), steps);
  const TaskList tasks{.tasks = {waiting_task()}};
  EXPECT_EQ(over_the_wire(tasks), tasks);
  const ApprovalList approvals{.approvals = {open_approval()}};
  EXPECT_EQ(over_the_wire(approvals), approvals);
  const DiffView diff{.files = {{.path = "a", .status = "created", .diff = "+x\n"}}};
  EXPECT_EQ(over_the_wire(diff), diff);
  const UndoView undo{.task = TaskId{12},
                      .to_step = 4,
                      .in_draft = true,
                      .files = diff.files,
                      .others = {{.path = "b", .why = "theirs"}},
                      .unknown = {{.path = "", .why = "nobody knows"}},
                      .note = "nothing"};
  EXPECT_EQ(over_the_wire(undo), undo);
  const StatusView status{.version = "0.1.0",
                          .pid = 42,
                          .epoch = 3,
                          .uptime_s = 60,
                          .tasks = {{.state = "waiting", .count = 2}},
                          .approvals_open = 1,
                          .sandbox = "bubblewrap",
                          .model = "default",
                          .socket = "/run/tinkerbell/control.sock",
                          .state_dir = "/var/lib/tinkerbell",
                          .log = "journald",
                          .scheduler = SchedulerView{.turns = 9,
                                                     .states = {{.state = "ready", .count = 1}},
                                                     .longest_turn = TurnView{TaskId{12}, 90}},
                          .accepted = {.tasks = 2, .questions = 3, .mean = "1.5", .since = "now"}};
  EXPECT_EQ(over_the_wire(status), status);
  const EventView event{.seq = 7,
                        .task = TaskId{12},
                        .name = std::string(event_name::kTaskState),
                        .time = "2026-11-22T20:33:35.123Z",
                        .data = to_json_value(waiting_task())};
  EXPECT_EQ(over_the_wire(event), event);
  const TextPiece piece{.seq = Seq{4}, .stream = "stdout", .text = "ok\n"};
  EXPECT_EQ(over_the_wire(piece), piece);
  const DecisionView decision{.id = ApprovalId{3}, .state = "denied", .by = "uid 0", .at = "now"};
  EXPECT_EQ(over_the_wire(decision), decision);
}

TEST(Views, NameTheirSchema) {
  EXPECT_EQ(to_json_value(StatusView{}).at("schema"), "tinkerbell.status/1");
  EXPECT_EQ(to_json_value(TaskView{}).at("schema"), "tinkerbell.task/1");
  EXPECT_EQ(to_json_value(StatusView{}).at("protocol"), kVersion);
}

TEST(Views, F60_OfANewerDaemonAreReadWithoutWhatIsUnknown) {
  Json json = to_json_value(waiting_task());
  json["mood"] = "cheerful";
  const Result<TaskView> read = from_json_value<TaskView>(json);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, waiting_task());
}

TEST(SubmitRequest, RefusesAMisspeltKey) {
  const Json json = {{"goal", "x"}, {"workspace", "/tmp"}, {"aprove_all", true}};
  const Result<SubmitRequest> read = from_json_value<SubmitRequest>(json, UnknownKeys::reject);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, "unknown key \"aprove_all\"");
}

TEST(SubmitRequest, KeepsItsBounds) {
  const SubmitRequest good{.goal = "x", .workspace = "/tmp", .steps_max = 0};
  EXPECT_TRUE(check(good));
  EXPECT_EQ(over_the_wire(good), good);

  SubmitRequest without_goal = good;
  without_goal.goal.clear();
  EXPECT_EQ(check(without_goal).error().code, Errc::invalid);
  SubmitRequest relative = good;
  relative.workspace = "tmp";
  EXPECT_EQ(check(relative).error().code, Errc::invalid);
  SubmitRequest with_nul = good;
  with_nul.workspace += '\0';
  EXPECT_EQ(check(with_nul).error().code, Errc::invalid);
  SubmitRequest long_goal = good;
  long_goal.goal.assign(SubmitRequest::kGoalBytesMax, 'g');
  EXPECT_TRUE(check(long_goal));
  long_goal.goal += 'g';
  EXPECT_EQ(check(long_goal).error().code, Errc::too_large);
  SubmitRequest long_model = good;
  long_model.model.assign(SubmitRequest::kNameBytesMax + 1, 'm');
  EXPECT_EQ(check(long_model).error().code, Errc::too_large);
}

TEST(SubmitRequest, TakesAnOutputSchemaOfBoundedLength) {
  SubmitRequest request{
      .goal = "x", .workspace = "/tmp", .output_schema = Json{{"type", "object"}}};
  EXPECT_TRUE(check(request));
  EXPECT_EQ(*from_json_value<SubmitRequest>(to_json_value(request)), request);
  request.output_schema = Json(std::string(SubmitRequest::kSchemaBytesMax, 's'));
  EXPECT_EQ(check(request).error().code, Errc::too_large);
}

TEST(SubmitRequest, TakesArgumentsInPlaceOfAGoal) {
  const SubmitRequest good{.workspace = "/tmp", .kind = "count@1", .arguments = Json{{"to", 3}}};
  EXPECT_TRUE(check(good));
  EXPECT_EQ(*from_json_value<SubmitRequest>(to_json_value(good)), good);
  SubmitRequest both = good;
  both.goal = "x";
  EXPECT_EQ(check(both).error().code, Errc::invalid);
  SubmitRequest with_schema = good;
  with_schema.output_schema = Json{{"type", "object"}};
  EXPECT_EQ(check(with_schema).error().code, Errc::invalid);
  SubmitRequest list = good;
  list.arguments = Json::array();
  EXPECT_EQ(check(list).error().code, Errc::invalid);
  SubmitRequest large = good;
  large.arguments = Json{{"to", std::string(SubmitRequest::kArgumentsBytesMax, '9')}};
  EXPECT_EQ(check(large).error().code, Errc::too_large);
}

TEST(DecisionRequest, KeepsItsBounds) {
  EXPECT_TRUE(check(DecisionRequest{.answer = Answer::approve, .scope = Scope::task}));
  EXPECT_TRUE(check(DecisionRequest{.answer = Answer::deny, .hash = std::string(64, '1')}));
  EXPECT_FALSE(check(DecisionRequest{.answer = Answer::answer}));
  EXPECT_FALSE(check(DecisionRequest{.answer = Answer::deny, .scope = Scope::task}));
  EXPECT_FALSE(check(DecisionRequest{.answer = Answer::approve, .hash = "12"}));
  const DecisionRequest chatty{.answer = Answer::deny,
                               .text = std::string(DecisionRequest::kTextBytesMax + 1, 'x')};
  EXPECT_EQ(check(chatty).error().code, Errc::too_large);
}

TEST(DecisionRequest, SaysHowFarARuleReachesOnlyIfItMakesOne) {
  EXPECT_TRUE(check(DecisionRequest{.answer = Answer::approve,
                                    .scope = Scope::always,
                                    .directory = true,
                                    .valid_ms = DecisionRequest::kValidMsMax}));
  for (const DecisionRequest& wrong : std::vector<DecisionRequest>{
           {.answer = Answer::deny, .scope = Scope::always},
           {.answer = Answer::approve, .directory = true},
           {.answer = Answer::approve, .scope = Scope::task, .valid_ms = 1},
           {.answer = Answer::approve, .scope = Scope::always, .valid_ms = 0},
           {.answer = Answer::approve,
            .scope = Scope::always,
            .valid_ms = DecisionRequest::kValidMsMax + 1}}) {
    EXPECT_FALSE(check(wrong)) << dump_json(to_json_value(wrong));
  }
}

TEST(DecisionRequest, HasAResultOnlyOfWhatHappened) {
  EXPECT_TRUE(check(DecisionRequest{.answer = Answer::happened, .result = "version 7"}));
  EXPECT_TRUE(check(DecisionRequest{.answer = Answer::happened, .result = ""}));
  for (const Answer other : {Answer::approve, Answer::deny, Answer::run_again, Answer::abort})
    EXPECT_EQ(check(DecisionRequest{.answer = other, .result = ""}).error().code, Errc::invalid);
  const DecisionRequest longest{.answer = Answer::happened,
                                .result = std::string(DecisionRequest::kResultBytesMax, 'x')};
  EXPECT_TRUE(check(longest));
  const DecisionRequest longer{.answer = Answer::happened, .result = *longest.result + "x"};
  EXPECT_EQ(check(longer).error().code, Errc::too_large);
  EXPECT_EQ(check(longer).error().message, "the result has 65537 bytes, more than 65536");
}

TEST(DecisionRequest, NamesItsAnswers) {
  for (const char* answer : {"approve", "deny", "answer", "happened", "run_again", "abort"})
    EXPECT_TRUE(from_json_value<DecisionRequest>(Json{{"answer", answer}})) << answer;
}

TEST(Approval, OfEachKindTakesItsOwnAnswers) {
  ApprovalView view = open_approval();
  EXPECT_EQ(form_of(view), AnswerForm::verdict);
  view.kind = "question";
  EXPECT_EQ(form_of(view), AnswerForm::verdict);
  view.kind = "answer";
  EXPECT_EQ(form_of(view), AnswerForm::words);
  view.kind = "outcome";
  EXPECT_EQ(form_of(view), AnswerForm::outcome);
}

TEST(DecisionRequest, SaysWhatTheAnswerIs) {
  const Result<DecisionRequest> read = from_json_value<DecisionRequest>(Json::object());
  ASSERT_TRUE(read);
  EXPECT_EQ(check(*read).error().code, Errc::invalid);
}

TEST(TaskState, SaysWhetherAnythingCanStillHappen) {
  for (const char* state : {"completed", "failed", "cancelled"}) {
    EXPECT_TRUE(has_ended(state)) << state;
    EXPECT_FALSE(is_stuck(state)) << state;
  }
  for (const char* state : {"diverged", "quarantined"}) {
    EXPECT_TRUE(is_stuck(state)) << state;
    EXPECT_FALSE(has_ended(state)) << state;
  }
  for (const char* state : {"ready", "running", "waiting", "cancelling", "suspended", "unsure"}) {
    EXPECT_FALSE(has_ended(state) || is_stuck(state)) << state;
  }
}

}  // namespace
}  // namespace tinkerbell::protocol
