#include "cli/program.hpp"

#include "support/temp_dir.hpp"
#include "support/wait_until.hpp"
#include "unit/cli/fake_daemon.hpp"

#include "tinkerbell/protocol/backup.hpp"
#include "tinkerbell/protocol/cassette.hpp"
#include "tinkerbell/protocol/gc.hpp"
#include "tinkerbell/protocol/mcp.hpp"
#include "tinkerbell/protocol/replay.hpp"
#include "tinkerbell/protocol/rule.hpp"
#include "tinkerbell/protocol/undo.hpp"
#include "tinkerbell/protocol/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <thread>

namespace tinkerbell::cli {
namespace {

namespace name = protocol::event_name;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

Outcome tinkerbell_at(const std::string& socket, std::vector<std::string> words) {
  std::ostringstream out;
  std::ostringstream err;
  const GetEnv get_env = [&](const char* variable) -> const char* {
    return std::string_view(variable) == "TINKERBELL_SOCKET" ? socket.c_str() : nullptr;
  };
  const int code = run_program(std::move(words), {.get_env = get_env, .out = out, .err = err});
  return {code, out.str(), err.str()};
}

class ProgramTest : public ::testing::Test {
 protected:
  Outcome tinkerbell(std::vector<std::string> words) {
    return tinkerbell_at(daemon_.socket(), std::move(words));
  }

  FakeDaemon daemon_;
};

TEST_F(ProgramTest, RunPrintsTheIdWhereNobodyWatches) {
  daemon_.lay_out("POST /v1/tasks", task_12("ready"), 201);
  const Outcome run = tinkerbell({"run", "fix the test", "-w", "/tmp/", "--steps", "9"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "12\n");
  EXPECT_THAT(
      daemon_.seen(),
      Contains(
          "POST /v1/tasks "
          R"({"approve_all":false,"arguments":null,)"
          R"("budget":{"calls":null,"cost":"","on_limit":"","tasks":null,"time_ms":null,"tokens":null},)"
          R"("cassette":null,"files":"","git":null,"goal":"fix the test",)"
          R"("kind":"agent@1","model":"",)"
          R"("output_schema":null,"stepping":false,"steps_max":9,"time_max_ms":null,"workspace":"/tmp"})"));
}

TEST_F(ProgramTest, RunSendsTheOutputSchemaOfAFile) {
  daemon_.lay_out("POST /v1/tasks", task_12("ready"), 201);
  const TempDir directory;
  directory.write("s.json", "{\"type\":\n\"object\"}\n");
  const Outcome run = tinkerbell({"run", "x", "-w", "/", "--output-schema", directory / "s.json"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(daemon_.seen(), Contains(HasSubstr(R"("output_schema":{"type":"object"})")));
  const std::size_t seen = daemon_.seen().size();
  directory.write("s.json", "{");
  const Outcome odd = tinkerbell({"run", "x", "-w", "/", "--output-schema", directory / "s.json"});
  EXPECT_EQ(odd.code, 65);
  EXPECT_THAT(odd.err, HasSubstr("--output-schema: "));
  EXPECT_EQ(tinkerbell({"run", "x", "-w", "/", "--output-schema", directory / "none"}).code, 3);
  EXPECT_EQ(daemon_.seen().size(), seen);
}

TEST_F(ProgramTest, RunRefusesAWorkspaceThatIsNone) {
  EXPECT_EQ(tinkerbell({"run", "x", "-w", "/nonexistent"}).code, 65);
  EXPECT_EQ(tinkerbell({"run", "x", "-w", "/etc/passwd"}).code, 65);
  EXPECT_TRUE(daemon_.seen().empty());
}

TEST_F(ProgramTest, WaitEndsWithTheTask) {
  daemon_.lay_out("POST /v1/tasks", task_12("ready"), 201);
  daemon_.lay_out_task(task_12("running"));
  protocol::TaskView failed = task_12("failed");
  failed.error = protocol::ErrorBody{.code = "denied", .message = "a rule says no"};
  daemon_.emit(1, name::kTaskEnded, failed);
  const Outcome run = tinkerbell({"run", "x", "-w", "/", "--wait"});
  EXPECT_EQ(run.code, 5);
  EXPECT_THAT(run.err, HasSubstr("✗ task 12 failed: 2 steps, 0 questions, 1200 + 80 tokens"));
}

TEST_F(ProgramTest, AStepEndsWhereTheTaskStopsNext) {
  daemon_.lay_out("POST /v1/tasks/12/step", task_12("running"));
  daemon_.lay_out_task(task_12("running"));
  protocol::TaskView held = task_12("suspended");
  held.waiting_for = "step or resume, told to stop before: run ./test.sh";
  daemon_.emit(1, name::kTaskState, held);
  const Outcome step = tinkerbell({"step", "12"});
  EXPECT_EQ(step.code, 0) << step.err;
  EXPECT_EQ(step.out, "12: waits for: step or resume, told to stop before: run ./test.sh\n");
}

TEST_F(ProgramTest, AStepThatEndsInAQuestionSaysHowToAnswerIt) {
  daemon_.lay_out("POST /v1/tasks/12/step", task_12("running"));
  daemon_.lay_out_task(task_12("running"));
  daemon_.emit(1, name::kApprovalOpened, approval_a3());
  EXPECT_EQ(tinkerbell({"step", "12"}).code, 4);
}

TEST_F(ProgramTest, AStepThatEndsTheTaskSaysHow) {
  daemon_.lay_out("POST /v1/tasks/12/step", task_12("running"));
  daemon_.lay_out_task(task_12("running"));
  daemon_.emit(1, name::kTaskEnded, task_12("completed"));
  const Outcome step = tinkerbell({"step", "12"});
  EXPECT_EQ(step.code, 0);
  EXPECT_THAT(step.err, HasSubstr("✓ task 12 completed"));
}

TEST_F(ProgramTest, BreakpointsAreListedAfterEachChange) {
  const protocol::BreakpointList list{.task = TaskId{12}, .breakpoints = {{2, "program=git push"}}};
  daemon_.lay_out("GET /v1/tasks/12/breakpoints", list);
  daemon_.lay_out("POST /v1/tasks/12/breakpoints", list, 201);
  daemon_.lay_out("POST /v1/tasks/12/breakpoints/clear", list);
  const std::string shown = "N  STOPS BEFORE\n2  program=git push\n";
  EXPECT_EQ(tinkerbell({"break", "12"}).out, shown);
  EXPECT_EQ(tinkerbell({"break", "12", "program=git", "push"}).out, shown);
  EXPECT_EQ(tinkerbell({"break", "12", "--clear", "1"}).out, shown);
  EXPECT_THAT(daemon_.seen(),
              AllOf(Contains(R"(POST /v1/tasks/12/breakpoints {"pattern":"program=git push"})"),
                    Contains(R"(POST /v1/tasks/12/breakpoints/clear {"number":1})")));
}

TEST_F(ProgramTest, StandingRulesAreListedAndRemoved) {
  const protocol::RuleView rule{.number = 3, .rule = "write a.md; in /w"};
  daemon_.lay_out("GET /v1/rules", protocol::RuleList{.rules = {rule}});
  daemon_.lay_out("POST /v1/rules/3/remove", rule);
  EXPECT_EQ(tinkerbell({"rules", "-q"}).out, "3\n");
  EXPECT_EQ(tinkerbell({"rules", "remove", "3"}).out,
            "standing rule 3 is removed: write a.md; in /w\n");
}

TEST_F(ProgramTest, ServersOfToolsAreListedAndTheirToolsForgotten) {
  daemon_.lay_out(
      "GET /v1/mcp",
      protocol::McpServerList{.servers = {{.name = "mail",
                                           .command = "/opt/mail --stdio",
                                           .running = 2,
                                           .approved = {"read", "send"}},
                                          {.name = "notes", .command = "/opt/notes", .crashes = 3},
                                          {.name = "old", .approved = {"x"}}}});
  daemon_.lay_out("POST /v1/mcp/forget",
                  protocol::ForgottenTools{.server = "mail", .tools = {"read", "send"}});
  EXPECT_EQ(tinkerbell({"mcp"}).out,
            "SERVER  STATE              APPROVED     COMMAND\n"
            "mail    2 running          read, send   /opt/mail --stdio\n"
            "notes   idle, crashed 3x   nothing yet  /opt/notes\n"
            "old     not in the config  x\n");
  EXPECT_EQ(tinkerbell({"mcp", "forget", "mail"}).out,
            "to be approved again: read, send of mail\n");
  EXPECT_THAT(daemon_.seen(), Contains(R"(POST /v1/mcp/forget {"server":"mail","tool":""})"));
}

TEST_F(ProgramTest, WaitStopsAtTheFirstQuestionAndSaysHowToAnswer) {
  daemon_.lay_out("POST /v1/tasks", task_12("ready"), 201);
  daemon_.lay_out_task(task_12("running"));
  daemon_.emit(1, name::kApprovalOpened, approval_a3());
  const Outcome run = tinkerbell({"run", "x", "-w", "/", "--wait"});
  EXPECT_EQ(run.code, 4);
  EXPECT_EQ(run.out, "12\n");
  EXPECT_EQ(run.err,
            "task 12 waits for approval a3: run ./test.sh\n"
            "read it with `tinkerbell show a3`, answer it with `tinkerbell approve a3` or "
            "`tinkerbell deny a3`\n");
}

protocol::ApprovalView question_of_child() {
  protocol::ApprovalView question = approval_a3();
  question.task = TaskId{13};
  question.requested_by = "task 13";
  return question;
}

TEST_F(ProgramTest, WaitStopsAtTheQuestionOfAChild) {
  daemon_.lay_out("POST /v1/tasks", task_12("ready"), 201);
  daemon_.lay_out_task(task_12("running"));
  daemon_.emit_to(TaskId{12}, 1, name::kApprovalOpened, question_of_child(), TaskId{13});
  const Outcome run = tinkerbell({"run", "x", "-w", "/", "--wait"});
  EXPECT_EQ(run.code, 4);
  EXPECT_EQ(run.out, "12\n");
  EXPECT_THAT(run.err, HasSubstr("task 12 waits: child 13 waits for approval a3: run ./test.sh"));
}

TEST_F(ProgramTest, FollowTellsTheQuestionOfAChildWhateverItsNumberInTheStream) {
  daemon_.lay_out_task(task_12("running"));
  daemon_.emit(5, name::kStepDone, step(1, "spawn", "done"));
  daemon_.emit_to(TaskId{12}, 3, name::kApprovalOpened, question_of_child(), TaskId{13});
  daemon_.emit_to(TaskId{12}, 4, name::kApprovalDecided,
                  protocol::DecisionView{.id = ApprovalId{3}, .state = "denied", .by = "uid 0"},
                  TaskId{13});
  daemon_.emit(6, name::kTaskEnded, task_12("completed"));
  EXPECT_THAT(tinkerbell({"follow", "12"}).out,
              HasSubstr("✓ spawn\n"
                        "? child 13 waits for a3: run ./test.sh: `tinkerbell approve a3` or "
                        "`tinkerbell deny a3`\n"
                        "a3 was denied by uid 0\n"
                        "✓ task 12 completed"));
}

TEST_F(ProgramTest, AStepGoesOnWhileAChildAsks) {
  daemon_.lay_out("POST /v1/tasks/12/step", task_12("running"));
  daemon_.lay_out_task(task_12("running"));
  daemon_.emit_to(TaskId{12}, 1, name::kApprovalOpened, question_of_child(), TaskId{13});
  protocol::TaskView held = task_12("suspended");
  held.waiting_for = "step or resume";
  daemon_.emit(2, name::kTaskState, held);
  const Outcome step = tinkerbell({"step", "12"});
  EXPECT_EQ(step.code, 0);
  EXPECT_EQ(step.out, "12: waits for: step or resume\n");
  EXPECT_THAT(step.err, HasSubstr("child 13 waits for a3"));
}

TEST_F(ProgramTest, S27_AResultIsMadeVisibleInAPipeToo) {
  daemon_.lay_out("POST /v1/tasks", task_12("ready"), 201);
  protocol::TaskView task = task_12("completed");
  task.result = "a\x1b[2J\r\a\u202e\nb";
  daemon_.lay_out_task(task);
  const std::string shown = "a\\x1b[2J\\x0d\\x07\\u{202e}\nb\n";
  EXPECT_EQ(tinkerbell({"run", "x", "-w", "/", "--wait"}).out, shown);
  EXPECT_THAT(tinkerbell({"follow", "12"}).out, HasSubstr(shown));
  const Outcome json = tinkerbell({"run", "x", "-w", "/", "--wait", "--json"});
  EXPECT_EQ(parse_json(json.out)->at("result"), task.result);
}

TEST_F(ProgramTest, JsonIsJsonWhereAQuestionComesUp) {
  daemon_.lay_out("POST /v1/tasks", task_12("ready"), 201);
  daemon_.lay_out("POST /v1/tasks/12/step", task_12("running"));
  daemon_.lay_out_task(task_12("running"));
  daemon_.emit(1, name::kApprovalOpened, approval_a3());
  for (const Outcome& outcome : {tinkerbell({"run", "x", "-w", "/", "--wait", "--json"}),
                                 tinkerbell({"step", "12", "--json"})}) {
    EXPECT_EQ(outcome.code, 4);
    const Result<Json> json = parse_json(outcome.out);
    ASSERT_TRUE(json) << outcome.out;
    EXPECT_EQ(json->at("schema"), "tinkerbell.approval/1");
    EXPECT_EQ(json->at("id"), 3);
  }
}

TEST_F(ProgramTest, JsonIsJsonWhereAStepEndsTheTask) {
  daemon_.lay_out("POST /v1/tasks/12/step", task_12("running"));
  daemon_.lay_out_task(task_12("completed"));
  const Result<Json> json = parse_json(tinkerbell({"step", "12", "--json"}).out);
  ASSERT_TRUE(json);
  EXPECT_EQ(json->at("state"), "completed");
}

TEST_F(ProgramTest, WhatIsTextOnlyRefusesJson) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"completion", "bash", "--json"}, {"--json", "help"}, {"help", "run", "--json"}}) {
    const Outcome refused = tinkerbell(words);
    EXPECT_EQ(refused.code, 64);
    EXPECT_THAT(refused.err, HasSubstr("has no --json"));
    EXPECT_EQ(refused.out, "");
  }
}

TEST_F(ProgramTest, AStopThatIsStillToComeIsShown) {
  protocol::TaskView task = task_12("waiting");
  task.to_stop = true;
  daemon_.lay_out("GET /v1/tasks/12", task);
  daemon_.lay_out("GET /v1/tasks", protocol::TaskList{.tasks = {task}});
  daemon_.lay_out("POST /v1/tasks/12/pause", task);
  EXPECT_THAT(tinkerbell({"show", "12"}).out, HasSubstr("state       waiting (to stop)\n"));
  EXPECT_THAT(tinkerbell({"ls"}).out, HasSubstr("12  waiting (to stop)  "));
  EXPECT_THAT(tinkerbell({"tree"}).out, HasSubstr("12    waiting (to stop)  "));
  EXPECT_EQ(tinkerbell({"pause", "12"}).out, "12 pausing, now waiting (to stop)\n");
  EXPECT_EQ(parse_json(tinkerbell({"show", "12", "--json"}).out)->at("to_stop"), true);
}

TEST_F(ProgramTest, AListThatIsNotWholeSaysSo) {
  protocol::TaskView other = task_12("completed");
  other.id = TaskId{11};
  daemon_.lay_out("GET /v1/tasks limit=2", protocol::TaskList{.tasks = {task_12("ready"), other}});
  daemon_.lay_out("GET /v1/tasks limit=3", protocol::TaskList{.tasks = {task_12("ready"), other}});
  daemon_.lay_out("GET /v1/tasks limit=1000 state=ready",
                  protocol::TaskList{.tasks = {task_12("ready")}});
  const Outcome cut = tinkerbell({"ls", "-n", "1"});
  EXPECT_THAT(cut.out, Not(HasSubstr("11  completed")));
  EXPECT_EQ(cut.err, "… and more: `tinkerbell ls --all`\n");
  const Outcome whole = tinkerbell({"ls", "-n", "2"});
  EXPECT_THAT(whole.out, HasSubstr("11  completed"));
  EXPECT_EQ(whole.err, "");
  EXPECT_EQ(tinkerbell({"ls", "-q", "-n", "1"}).out, "12\n");
  EXPECT_EQ(tinkerbell({"ls", "-q", "--all", "--state", "ready"}).out, "12\n");
  EXPECT_EQ(parse_json(tinkerbell({"ls", "--json", "-n", "2"}).out)->at("tasks").size(), 2U);
}

TEST_F(ProgramTest, CancellingAParentTellsWhichChildrenGoOn) {
  protocol::TaskView child = task_12("running");
  child.parent = TaskId{12};
  protocol::TaskList live;
  for (const std::uint64_t id : {15U, 14U, 13U}) {
    child.id = TaskId{id};
    child.state = id == 14 ? "cancelling" : "running";
    live.tasks.push_back(child);
  }
  daemon_.lay_out("GET /v1/tasks limit=1000 live=1", live);
  daemon_.lay_out("POST /v1/tasks/12/cancel", task_12("cancelling"));
  const Outcome cancel = tinkerbell({"cancel", "12"});
  EXPECT_EQ(cancel.code, 0);
  EXPECT_EQ(cancel.out, "12 cancelling\n");
  EXPECT_EQ(cancel.err, "2 children go on: cancel 13 15\n");
  daemon_.lay_out("POST /v1/tasks/13/cancel", task_12("cancelled"));
  EXPECT_EQ(tinkerbell({"cancel", "13"}).err, "");
}

TEST_F(ProgramTest, AnAnsweredQuestionTellsByWhomWhenAndWhy) {
  protocol::ApprovalView denied = approval_a3();
  denied.state = "denied";
  denied.decided_by = "uid 1000";
  denied.decided_at = "2026-11-22T20:34:00.000Z";
  denied.text = "not today";
  daemon_.lay_out("GET /v1/approvals/3", denied);
  EXPECT_THAT(tinkerbell({"show", "a3"}).out,
              HasSubstr("a3 (denied), permission for task 12\n"
                        "by uid 1000, 2026-11-22T20:34:00.000Z: not today\n"));
}

TEST_F(ProgramTest, FollowSaysWhenTheNextAttemptIsMade) {
  daemon_.lay_out_task(task_12("running"));
  daemon_.emit(1, name::kStepStarted, step(1, "ask model default", "started"));
  daemon_.emit(2, name::kModelText, protocol::TextPiece{Seq{1}, "text", "Hel"});
  protocol::StepView deferred = step(1, "ask model default", "deferred", "HTTP 529: overloaded");
  deferred.attempt = 1;
  deferred.next_attempt = "2026-11-22T20:40:00.000Z";
  daemon_.emit(3, name::kStepDeferred, deferred);
  daemon_.emit(4, name::kStepDeferred, deferred);
  protocol::StepView again = step(1, "ask model default", "started");
  again.attempt = 2;
  daemon_.emit(5, name::kStepStarted, again);
  daemon_.emit(6, name::kModelText, protocol::TextPiece{Seq{1}, "text", "Hello"});
  daemon_.emit(7, name::kStepDone, step(1, "ask model default", "done", "80 tokens"));
  daemon_.emit(8, name::kTaskEnded, task_12("completed"));
  const Outcome follow = tinkerbell({"follow", "12"});
  EXPECT_EQ(follow.code, 0) << follow.err;
  EXPECT_THAT(
      follow.out,
      testing::StartsWith(
          "› ask model default\n"
          "    Hel\n"
          "… ask model default  HTTP 529: overloaded; next attempt at 2026-11-22T20:40:00.000Z\n"
          "› ask model default\n"
          "    Hello\n"
          "✓ ask model default  80 tokens\n"));
}

TEST_F(ProgramTest, FollowPrintsOneLineForEachStep) {
  daemon_.lay_out_task(task_12("running"));
  daemon_.emit(1, name::kStepDone, step(1, "ask model default (2 messages)", "done", "80 tokens"));
  daemon_.emit(2, name::kApprovalOpened, approval_a3());
  daemon_.emit(3, name::kApprovalDecided,
               protocol::DecisionView{.id = ApprovalId{3}, .state = "approved", .by = "uid 0"});
  daemon_.emit(4, name::kStepStarted, step(2, "run ./test.sh", "started"));
  daemon_.emit(5, name::kProgramOutput, protocol::TextPiece{Seq{2}, "stdout", "1 passed\n"});
  daemon_.emit(6, name::kStepDone, step(2, "run ./test.sh", "done", "exit 0"));
  protocol::TaskView completed = task_12("completed");
  completed.result = "It works.";
  daemon_.emit(7, name::kTaskEnded, completed);
  const Outcome follow = tinkerbell({"follow", "12"});
  EXPECT_EQ(follow.code, 0) << follow.err;
  EXPECT_EQ(follow.out,
            "✓ ask model default (2 messages)  80 tokens\n"
            "? approval a3  run ./test.sh: `tinkerbell approve a3` or `tinkerbell deny a3`\n"
            "a3 was approved by uid 0\n"
            "› run ./test.sh\n"
            "    1 passed\n"
            "✓ run ./test.sh  exit 0\n"
            "It works.\n"
            "✓ task 12 completed: 2 steps, 0 questions, 1200 + 80 tokens\n");
}

TEST_F(ProgramTest, FollowAsJsonIsOneDocumentALine) {
  daemon_.lay_out_task(task_12("running"));
  daemon_.emit(1, name::kStepDone, step(1, "read a", "done"));
  daemon_.emit(2, name::kTaskEnded, task_12("completed"));
  const Outcome follow = tinkerbell({"follow", "12", "--json"});
  std::istringstream lines(follow.out);
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    const Result<Json> json = parse_json(line);
    ASSERT_TRUE(json) << line;
    names.push_back(json->value("name", json->value("schema", "")));
  }
  EXPECT_THAT(names, ::testing::ElementsAre("step.done", "task.ended", "tinkerbell.task/1"));
}

TEST_F(ProgramTest, JsonIsTheDaemonsOwnDocument) {
  Json newer = to_json_value(task_12("ready"));
  newer["mood"] = "cheerful";
  daemon_.lay_out("GET /v1/tasks/12", newer);
  const Outcome show = tinkerbell({"show", "12", "--json"});
  EXPECT_EQ(show.code, 0);
  EXPECT_EQ(show.out, pretty_json(newer) + "\n");
}

TEST_F(ProgramTest, StepsAreFetchedPageByPage) {
  daemon_.lay_out("GET /v1/tasks/12/steps",
                  protocol::StepList{.more = true, .steps = {step(1, "read a", "done")}});
  daemon_.lay_out("GET /v1/tasks/12/steps after=1 full=0",
                  protocol::StepList{.steps = {step(2, "read b", "done")}});
  const Outcome steps = tinkerbell({"steps", "12"});
  EXPECT_EQ(steps.code, 0) << steps.err;
  EXPECT_THAT(steps.out, AllOf(HasSubstr("read a\n"), HasSubstr("read b\n")));
}

TEST_F(ProgramTest, QuietListsAreIdsOnly) {
  daemon_.lay_out("GET /v1/tasks", protocol::TaskList{.tasks = {task_12("ready")}});
  daemon_.lay_out("GET /v1/approvals", protocol::ApprovalList{.approvals = {approval_a3()}});
  EXPECT_EQ(tinkerbell({"ls", "-q", "-n", "5", "--state", "ready"}).out, "12\n");
  EXPECT_THAT(daemon_.seen(), Contains("GET /v1/tasks limit=6 state=ready"));
  EXPECT_EQ(tinkerbell({"approvals", "-q"}).out, "a3\n");
}

TEST_F(ProgramTest, ApproveBindsTheHashOfWhatIsAsked) {
  daemon_.lay_out("GET /v1/approvals/3", approval_a3());
  daemon_.lay_out(
      "POST /v1/approvals/3",
      protocol::DecisionView{.id = ApprovalId{3}, .state = "approved", .by = "uid 1000"});
  const Outcome approve = tinkerbell({"approve", "a3", "--task"});
  EXPECT_EQ(approve.code, 0) << approve.err;
  EXPECT_EQ(approve.out, "a3 was approved by uid 1000\n");
  EXPECT_THAT(daemon_.seen(), Contains(HasSubstr(R"("hash":"0123456789abcdef)")));
}

TEST_F(ProgramTest, ResolveBindsTheHashOfWhatIsAsked) {
  daemon_.lay_out("GET /v1/approvals/3", approval_a3());
  daemon_.lay_out(
      "POST /v1/approvals/3",
      protocol::DecisionView{.id = ApprovalId{3}, .state = "run_again", .by = "uid 1000"});
  const Outcome resolve = tinkerbell({"resolve", "a3", "--run-again"});
  EXPECT_EQ(resolve.code, 0) << resolve.err;
  EXPECT_EQ(resolve.out, "a3 was resolved as run_again by uid 1000\n");
  EXPECT_THAT(daemon_.seen(), Contains(AllOf(HasSubstr(R"("answer":"run_again")"),
                                             HasSubstr(R"("hash":"0123456789abcdef)"))));
}

TEST_F(ProgramTest, S29_ApproveOfALongCardNeedsItsHash) {
  protocol::ApprovalView long_one = approval_a3();
  long_one.card.assign(100 * 1024, ' ');
  daemon_.lay_out("GET /v1/approvals/3", long_one);
  daemon_.lay_out("POST /v1/approvals/3", protocol::DecisionView{.id = ApprovalId{3}});
  const Outcome blind = tinkerbell({"approve", "a3"});
  EXPECT_EQ(blind.code, 65);
  EXPECT_THAT(blind.err, HasSubstr("102400 bytes"));
  EXPECT_EQ(tinkerbell({"approve", "a3", "--hash", "0123"}).code, 65);
  const Outcome wrong = tinkerbell({"approve", "a3", "--hash", "fedcba9876"});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.err, AllOf(HasSubstr("`tinkerbell show a3`"), Not(HasSubstr("01234567"))));
  EXPECT_EQ(tinkerbell({"approve", "a3", "--hash", "0123456789"}).code, 0);
  EXPECT_EQ(tinkerbell({"deny", "a3"}).code, 0);
}

TEST_F(ProgramTest, TellsWhoDecidedFirst) {
  daemon_.refuse("POST /v1/approvals/3", {Errc::conflict, "a3 was approved by uid 0"});
  const Outcome deny = tinkerbell({"deny", "a3"});
  EXPECT_EQ(deny.code, 1);
  EXPECT_EQ(deny.err, "tinkerbell: a3 was approved by uid 0\n");
}

TEST_F(ProgramTest, ErrorsOfTheDaemonBecomeExitCodes) {
  daemon_.refuse("GET /v1/tasks/7", {Errc::not_found, "no task 7"});
  const Outcome show = tinkerbell({"show", "7"});
  EXPECT_EQ(show.code, 3);
  EXPECT_EQ(show.err, "tinkerbell: no task 7\n");
  daemon_.refuse("POST /v1/tasks/7/cancel", {Errc::denied, "not yours"});
  EXPECT_EQ(tinkerbell({"cancel", "7"}).code, 77);
}

protocol::TaskView task_of(std::uint64_t id, std::uint64_t parent, std::string state) {
  protocol::TaskView task = task_12(std::move(state));
  task.id = TaskId{id};
  task.parent = TaskId{parent};
  return task;
}

protocol::StepView call(std::uint32_t seq, std::string command, std::string state,
                        std::string second) {
  protocol::StepView told = step(seq, "line", std::move(state));
  told.call = command + "()";
  told.command = std::move(command);
  told.asked = "2026-11-22T20:33:" + second + ".000Z";
  if (told.state != "started") {
    told.ended = "2026-11-22T20:33:" + second + ".500Z";
    told.result = "ok";
    told.duration_us = 500'000;
  }
  return told;
}

TEST_F(ProgramTest, ATreeShowsTasksBelowTheirParents) {
  daemon_.lay_out(
      "GET /v1/tasks limit=1000 live=1",
      protocol::TaskList{.tasks = {task_of(15, 9, "running"), task_of(14, 13, "ready"),
                                   task_of(13, 12, "waiting"), task_of(12, 0, "waiting")}});
  const Outcome tree = tinkerbell({"tree"});
  EXPECT_EQ(tree.code, 0) << tree.err;
  EXPECT_THAT(tree.out, HasSubstr("\n12        waiting"));
  EXPECT_THAT(tree.out, HasSubstr("\n└─ 13     waiting"));
  EXPECT_THAT(tree.out, HasSubstr("\n   └─ 14  ready"));
  EXPECT_THAT(tree.out, HasSubstr("fix the test  (child of 9)"));
  EXPECT_EQ(tinkerbell({"-q", "tree", "13"}).out, "13\n14\n");
  const Result<Json> part = parse_json(tinkerbell({"--json", "tree", "13"}).out);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->at("tasks").size(), 2U);
}

TEST_F(ProgramTest, TheTreeOfATaskThatHasEndedShowsItsLiveChildren) {
  daemon_.lay_out("GET /v1/tasks", protocol::TaskList{.tasks = {task_of(15, 9, "running")}});
  daemon_.lay_out("GET /v1/tasks/9", task_of(9, 0, "failed"));
  EXPECT_EQ(tinkerbell({"-q", "tree", "9"}).out, "9\n15\n");
  EXPECT_EQ(tinkerbell({"tree", "7"}).code, 3);
}

TEST_F(ProgramTest, ATreeGoesThroughChildrenThatHaveEnded) {
  daemon_.lay_out(
      "GET /v1/tasks limit=1000 live=1",
      protocol::TaskList{.tasks = {task_of(16, 8, "running"), task_of(14, 13, "running"),
                                   task_of(12, 0, "waiting")}});
  daemon_.lay_out("GET /v1/tasks/13", task_of(13, 12, "completed"));
  EXPECT_EQ(tinkerbell({"-q", "tree", "12"}).out, "12\n13\n14\n");
  const Outcome tree = tinkerbell({"tree", "12"});
  EXPECT_THAT(tree.out, HasSubstr("\n└─ 13     completed"));
  EXPECT_THAT(tree.out, HasSubstr("\n   └─ 14  running"));
}

TEST_F(ProgramTest, RunRecordsATaskHoweverItEnds) {
  const TempDir directory;
  const std::string file = directory / "a.json";
  protocol::TaskView failed = task_12("failed");
  failed.error = protocol::ErrorBody{.code = "unavailable", .message = "HTTP 503"};
  daemon_.lay_out("POST /v1/tasks", task_12("ready"), 201);
  daemon_.lay_out_task(failed);
  daemon_.lay_out("GET /v1/tasks/12/cassette", protocol::CassetteView{.exchanges = 3});
  const Outcome run = tinkerbell({"run", "x", "-w", "/", "--record", file});
  EXPECT_EQ(run.code, 1) << run.err;
  EXPECT_THAT(run.err, HasSubstr("recorded 3 exchanges with models: " + file));
  EXPECT_EQ(parse_json(directory.read("a.json"))->at("exchanges"), 3);

  const std::size_t requests = daemon_.seen().size();
  const Outcome again = tinkerbell({"run", "x", "-w", "/", "--record", file});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, HasSubstr("is there already: --overwrite replaces it"));
  EXPECT_EQ(daemon_.seen().size(), requests);  // nothing was begun
}

TEST_F(ProgramTest, NothingIsRecordedOfATaskThatWaits) {
  const TempDir directory;
  daemon_.lay_out("POST /v1/tasks", task_12("ready"), 201);
  protocol::TaskView held = task_12("suspended");
  held.waiting_for = "a larger budget";
  held.wants_budget = true;
  daemon_.lay_out_task(held);
  const Outcome run = tinkerbell({"run", "x", "-w", "/", "--record", directory / "a.json"});
  EXPECT_EQ(run.code, 4) << run.err;
  EXPECT_THAT(run.err, HasSubstr("nothing is recorded yet: `tinkerbell record 12 "));
  EXPECT_FALSE(std::filesystem::exists(directory / "a.json"));
}

TEST_F(ProgramTest, RecordWritesTheCassetteOfATaskOrPrintsIt) {
  const TempDir directory;
  daemon_.lay_out("GET /v1/tasks/12/cassette", protocol::CassetteView{.exchanges = 1});
  const Outcome record = tinkerbell({"record", "12", directory / "a.json"});
  EXPECT_EQ(record.code, 0) << record.err;
  EXPECT_THAT(record.err, HasSubstr("recorded 1 exchange with models: "));
  const Outcome printed = tinkerbell({"record", "12", "-"});
  EXPECT_EQ(printed.out, directory.read("a.json"));
  EXPECT_EQ(tinkerbell({"record", "7", "-"}).code, 3);
}

TEST_F(ProgramTest, RunReplaysACassetteAsItIs) {
  const TempDir directory;
  directory.write("a.json", R"({"schema": "tinkerbell.cassette/1", "task": {"title": "t"}})");
  daemon_.lay_out("POST /v1/tasks", task_12("ready"), 201);
  const Outcome run = tinkerbell({"run", "x", "-w", "/", "--replay", directory / "a.json"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(
      daemon_.seen(),
      Contains(HasSubstr(R"("cassette":{"schema":"tinkerbell.cassette/1","task":{"title":"t"}})")));
}

TEST_F(ProgramTest, StraceShowsThePastOfATask) {
  daemon_.lay_out("GET /v1/tasks/12", task_12("waiting"));
  daemon_.lay_out("GET /v1/tasks/12/steps calls=64 full=0",
                  protocol::StepList{.steps = {call(1, "file.read", "done", "30"),
                                               call(2, "process.run", "started", "31")}});
  EXPECT_EQ(tinkerbell({"strace", "12"}).out,
            "20:33:30.000 [12] file.read() = ok <0.500000>\n"
            "20:33:31.000 [12] process.run() <unfinished ...>\n");
  EXPECT_EQ(tinkerbell({"strace", "12", "-e", "process"}).out,
            "20:33:31.000 [12] process.run() <unfinished ...>\n");
  const Outcome none = tinkerbell({"strace", "12", "-e", "llm,random"});
  EXPECT_EQ(none.out, "");
  EXPECT_EQ(none.err, "task 12 made no such call\n");
  EXPECT_THAT(tinkerbell({"strace", "12", "-c"}).out, HasSubstr("1 under way, not counted"));
  const Result<Json> json = parse_json(tinkerbell({"--json", "strace", "12"}).out);
  ASSERT_TRUE(json);  // one line: what is over
  EXPECT_EQ(json->at("task"), 12);
  (void)tinkerbell({"strace", "12", "--full"});
  EXPECT_THAT(daemon_.seen(), Contains("GET /v1/tasks/12/steps calls=0 full=0"));
  EXPECT_EQ(tinkerbell({"strace", "7"}).code, 3);
}

TEST_F(ProgramTest, StraceFollowsATaskAndItsChildrenOldAndNew) {
  protocol::TaskView parent = task_12("running");
  parent.children = {TaskId{13}, TaskId{14}};
  daemon_.lay_out_task(parent);
  daemon_.lay_out("GET /v1/tasks/12/steps",
                  protocol::StepList{.last_event = 1,
                                     .steps = {call(1, "task.spawn", "done", "30"),
                                               call(2, "file.read", "done", "34")}});
  daemon_.lay_out_task(task_of(13, 12, "completed"));
  daemon_.lay_out("GET /v1/tasks/13/steps",
                  protocol::StepList{.steps = {call(1, "file.list", "done", "32")}});
  daemon_.lay_out_task(task_of(14, 12, "failed"));
  daemon_.emit(2, name::kStepAsked, call(3, "task.spawn", "started", "36"));
  daemon_.emit(3, name::kStepDone, call(3, "task.spawn", "done", "36"));
  daemon_.emit(4, name::kTaskEnded, task_12("completed"));
  const Outcome strace = tinkerbell({"strace", "12", "-f"});
  EXPECT_EQ(strace.out,
            "20:33:30.000 [12] task.spawn() = ok <0.500000>\n"
            "20:33:32.000 [13] file.list() = ok <0.500000>\n"
            "20:33:34.000 [12] file.read() = ok <0.500000>\n"
            "             [13] +++ completed +++\n"
            "             [14] +++ failed +++\n"
            "20:33:36.000 [12] task.spawn() = ok <0.500000>\n"
            "             [12] +++ completed +++\n");
}

TEST_F(ProgramTest, StraceTellsWhoseAnswerATaskWaitsFor) {
  daemon_.lay_out_task(task_12("running"));
  daemon_.emit(1, name::kStepAsked, call(1, "process.run", "waiting", "30"));
  daemon_.emit(2, name::kApprovalOpened, approval_a3());
  daemon_.emit(3, name::kApprovalDecided,
               protocol::DecisionView{.id = ApprovalId{3}, .state = "approved", .by = "uid 0"});
  daemon_.emit(4, name::kStepDone, call(1, "process.run", "done", "30"));
  protocol::TaskView failed = task_12("failed");
  failed.error = protocol::ErrorBody{.code = "denied", .message = "no"};
  daemon_.emit(5, name::kTaskEnded, failed);
  const Outcome strace = tinkerbell({"strace", "12", "--follow"});
  EXPECT_EQ(strace.out,
            "20:33:30.000 [12] process.run() <unfinished ...>\n"
            "             [12] --- waits for approval a3: `tinkerbell approve a3` or `tinkerbell "
            "deny a3` ---\n"
            "             [12] --- a3 was approved by uid 0 ---\n"
            "20:33:30.500 [12] <... process.run resumed> = ok <0.500000>\n"
            "             [12] +++ failed: denied +++\n");
}

TEST_F(ProgramTest, StraceSaysOnceThatATaskWasCancelled) {
  protocol::TaskView cancelled = task_12("cancelled");
  cancelled.error = protocol::ErrorBody{.code = "cancelled", .message = "cancelled by a person"};
  daemon_.lay_out("GET /v1/tasks/12", cancelled);
  daemon_.lay_out("GET /v1/tasks/12/steps", protocol::StepList{});
  EXPECT_EQ(tinkerbell({"strace", "12"}).out, "             [12] +++ cancelled +++\n");
}

/// What a person sees of `strace -f` and these words who ends it with Ctrl-C. Never returns.
[[noreturn]] void interrupt_strace(std::vector<std::string> more) {
  sigset_t interrupt;  // none of the threads that the program itself would not have takes it
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(SIG_BLOCK, &interrupt, nullptr);
  FakeDaemon daemon;
  daemon.lay_out_task(task_12("running"));
  daemon.lay_out("GET /v1/tasks/12/steps",
                 protocol::StepList{.steps = {call(1, "file.read", "done", "30"),
                                              call(2, "process.run", "started", "31")}});
  const std::thread person([&] {
    const auto listens = [&] {
      return std::ranges::any_of(daemon.seen(), [](const std::string& request) {
        return request.starts_with("GET /v1/tasks/12/events");
      });
    };
    (void)wait_until(listens);
    kill(getpid(), SIGINT);
  });
  more.insert(more.begin(), {"strace", "12", "-f"});
  const GetEnv get_env = [](const char*) -> const char* { return nullptr; };
  more.insert(more.end(), {"--socket", daemon.socket()});
  (void)run_program(std::move(more), {.get_env = get_env, .out = std::cerr, .err = std::cerr});
  std::exit(1);
}

TEST(StraceDeathTest, AnInterruptedSummaryIsShown) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(interrupt_strace({"-c"}), testing::KilledBySignal(SIGINT),
              "file.read(.|\n)*1 under way, not counted\n\ntask 12 goes on");
}

TEST(StraceDeathTest, AnInterruptedCallIsUnfinished) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(interrupt_strace({}), testing::KilledBySignal(SIGINT),
              "process.run\\(\\) <unfinished ...>\n\ntask 12 goes on");
}

TEST_F(ProgramTest, ATraceIsSavedAsItCame) {
  daemon_.lay_out("GET /v1/trace", Json{{"traceEvents", Json::array()}});
  const TempDir directory;
  const std::string file = directory / "out.json";
  EXPECT_EQ(tinkerbell({"trace", "-f", file}).code, 0);
  EXPECT_EQ(directory.read("out.json"), R"({"traceEvents":[]})");
  EXPECT_EQ(tinkerbell({"trace", "12", "-f", "-"}).out, R"({"traceEvents":[]})");
  EXPECT_THAT(daemon_.seen(), Contains("GET /v1/trace task=12"));
  const Outcome nowhere = tinkerbell({"trace", "-f", directory / "no/where"});
  EXPECT_EQ(nowhere.code, 74);
  EXPECT_THAT(nowhere.err, HasSubstr("No such file or directory"));
}

TEST_F(ProgramTest, AReplayThatDiffersIsToldAndLeavesWithOne) {
  protocol::ReplayView replay{.task = TaskId{12}, .steps = 3, .end = "its end: completed"};
  daemon_.lay_out("POST /v1/tasks/12/replay", replay);
  const Outcome same = tinkerbell({"replay", "12", "--check"});
  EXPECT_EQ(same.code, 0) << same.err;
  EXPECT_EQ(same.out, "replays: 3 steps, same commands, same end\n");
  replay.end.clear();
  daemon_.lay_out("POST /v1/tasks/12/replay", replay);
  EXPECT_THAT(tinkerbell({"replay", "12", "--check"}).out, HasSubstr("up to where it is now"));

  replay.difference = {.step = 4, .recorded = "run a\x1b[2J", .found = "run b"};
  daemon_.lay_out("POST /v1/tasks/12/replay", replay);
  const Outcome other = tinkerbell({"replay", "12", "--check"});
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.out, AllOf(HasSubstr("DIFFERS at step 4\n"), HasSubstr("run a\\x1b[2J\n"),
                               HasSubstr("run b\n")));
  replay.difference->step = 0;
  replay.difference->from_snapshot = true;
  daemon_.lay_out("POST /v1/tasks/12/replay", replay);
  EXPECT_THAT(tinkerbell({"replay", "12", "--check"}).out,
              HasSubstr("DIFFERS at its end, going on from the state that it noted last\n"));
  EXPECT_EQ(tinkerbell({"replay", "12"}).code, 64);
}

TEST_F(ProgramTest, ACoreIsSavedAsItCameAndNeverOverAnotherFileUnasked) {
  daemon_.lay_out("GET /v1/tasks/12/core", protocol::ReplayView{});
  const TempDir directory;
  const std::string file = directory / "task.core";
  const Outcome saved = tinkerbell({"core", "12", "-f", file});
  EXPECT_EQ(saved.code, 0) << saved.err;
  const std::string bytes = tinkerbell({"core", "12", "-f", "-"}).out;
  EXPECT_EQ(directory.read("task.core"), bytes);
  const std::size_t seen = daemon_.seen().size();
  const Outcome again = tinkerbell({"core", "12", "-f", file});
  EXPECT_NE(again.code, 0);
  EXPECT_THAT(again.err, HasSubstr("--overwrite"));
  EXPECT_EQ(daemon_.seen().size(), seen);
  EXPECT_EQ(tinkerbell({"core", "12", "-f", file, "--overwrite"}).code, 0);
}

TEST_F(ProgramTest, TellsWhatWasRemovedOrWouldBe) {
  daemon_.lay_out("POST /v1/gc",
                  protocol::GcView{.tasks = 3, .records = 12, .blobs = 2, .bytes = 4'096});
  const Outcome gone = tinkerbell({"gc", "--older-than", "7d"});
  EXPECT_EQ(gone.code, 0) << gone.err;
  EXPECT_EQ(gone.out, "removed 3 tasks, 12 records, 2 blobs, 0 contents of files: 4096 bytes\n");
  daemon_.lay_out("POST /v1/gc", protocol::GcView{.dry_run = true, .tasks = 3});
  EXPECT_EQ(tinkerbell({"gc", "--dry-run"}).out,
            "would remove 3 tasks, 0 records, 0 blobs, 0 contents of files: 0 bytes\n");
}

TEST_F(ProgramTest, S90_VerifyNamesWhatIsWrongAndLeavesWithOne) {
  const std::string seal(64, 'a');
  protocol::VerifyView view{.records = 12,
                            .blobs = 2,
                            .sealed_from = 3,
                            .newest = {.lsn = 14, .seal = seal},
                            .anchored = 13,
                            .notes = {"begun\x1b[2J"},
                            .damage = {}};
  daemon_.lay_out("POST /v1/verify", view);
  const Outcome good = tinkerbell({"verify"});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_THAT(good.out,
              HasSubstr("12 records and 2 payloads beside them are as they were written"));
  EXPECT_THAT(good.out, HasSubstr("from record 3 on"));
  EXPECT_THAT(good.out, HasSubstr("14:" + seal));
  EXPECT_EQ(good.out.find('\x1b'), std::string::npos);

  view.good = false;
  view.damage =
      protocol::DamageView{.lsn = 7, .task = 5, .command = 2, .what = "wrong \x1b[2J crc"};
  daemon_.lay_out("POST /v1/verify", view);
  const Outcome bad = tinkerbell({"verify", "5", "--anchor", "14:" + seal});
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.out, HasSubstr("NOT as it was written: record 7 of task 5, step 2: wrong "));
  EXPECT_EQ(bad.out.find('\x1b'), std::string::npos);
  EXPECT_THAT(daemon_.seen(), Contains("POST /v1/verify {\"anchor\":{\"lsn\":14,\"seal\":\"" +
                                       seal + "\"},\"task\":5}"));
  EXPECT_EQ(tinkerbell({"verify", "--json"}).code, 1);
  EXPECT_NE(tinkerbell({"verify", "--anchor", "14"}).code, 0);
}

TEST_F(ProgramTest, ABackupGoesWhereThePersonMeansIt) {
  const std::string here = std::filesystem::current_path().string();
  daemon_.lay_out("POST /v1/backup",
                  protocol::BackupView{.directory = here + "/copies/today", .bytes = 4'096}, 201);
  const Outcome backup = tinkerbell({"backup", "copies/./today/"});
  EXPECT_EQ(backup.code, 0) << backup.err;
  EXPECT_EQ(backup.out, here + "/copies/today: 4096 bytes\n");
  EXPECT_THAT(daemon_.seen(),
              Contains("POST /v1/backup {\"directory\":\"" + here + "/copies/today\"}"));
  daemon_.refuse("POST /v1/backup", {Errc::conflict, "it is there already"});
  EXPECT_EQ(tinkerbell({"backup", "copies/today"}).code, 1);
}

TEST_F(ProgramTest, F60_AnotherVersionIsNamedNotGuessed) {
  Json other = to_json_value(task_12("ready"));
  other["schema"] = "tinkerbell.task/2";
  daemon_.lay_out("GET /v1/tasks/12", other);
  const Outcome show = tinkerbell({"show", "12"});
  EXPECT_EQ(show.code, 76);
  EXPECT_THAT(show.err, HasSubstr("speaks tinkerbell.task/2 where this tinkerbell expects "
                                  "tinkerbell.task/1"));
}

TEST(Program, SaysWhereNoDaemonRuns) {
  const Outcome status = tinkerbell_at("/nonexistent/control.sock", {"status"});
  EXPECT_EQ(status.code, 69);
  EXPECT_EQ(status.err,
            "tinkerbell: tinkerbelld is not running at /nonexistent/control.sock (connect "
            "/nonexistent/control.sock: No such file or directory): start it with `systemctl start "
            "tinkerbelld` or `tinkerbelld --config FILE`\n");
}

TEST(Program, NeedsNoDaemonToSayItsVersion) {
  EXPECT_EQ(tinkerbell_at("/nonexistent/control.sock", {"version"}).code, 0);
  const Outcome completion = tinkerbell_at("", {"completion", "bash"});
  EXPECT_EQ(completion.code, 0);
  EXPECT_THAT(completion.out, HasSubstr("complete -F _tinkerbell tinkerbell"));
}

TEST(Program, SaysThatTheDebuggersProgramCannotBeRun) {
  const Outcome debug =
      tinkerbell_at("/no/such/socket", {"debug", "x.core", "--program", "/no/such/program"});
  EXPECT_EQ(debug.code, 69);
  EXPECT_THAT(debug.err, HasSubstr("/no/such/program"));
}

TEST(Program, OutputThatCannotBeWrittenIsNoSuccess) {
  std::ostringstream err;
  std::ostream full(nullptr);
  const int code = run_program(
      {"version"},
      {.get_env = [](const char*) -> const char* { return nullptr; }, .out = full, .err = err});
  EXPECT_EQ(code, 74);
  EXPECT_EQ(run_program({"--help"}, {.get_env = [](const char*) -> const char* { return nullptr; },
                                     .out = full,
                                     .err = err}),
            74);
}

TEST_F(ProgramTest, UndoShowsWhatItWouldDoOrStaysWithTheTaskThatDoesIt) {
  daemon_.lay_out(
      "POST /v1/tasks/12/undo",
      protocol::UndoView{.files = {{.path = "a", .status = "removed", .diff = "-x\n"}}});
  const Outcome dry = tinkerbell({"undo", "12", "--to", "4", "-n"});
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_EQ(dry.out, "removed a\n-x\n");
  EXPECT_THAT(daemon_.seen(),
              Contains("POST /v1/tasks/12/undo "
                       R"({"approve_all":false,"dry_run":true,"keep_others":false,"to_step":4})"));
  EXPECT_THAT(tinkerbell({"--json", "undo", "12", "-n"}).out, HasSubstr("tinkerbell.undo/1"));
}

TEST_F(ProgramTest, DiffOfAStepAsksForThatStep) {
  daemon_.lay_out("GET /v1/tasks/12/diff step=4", protocol::DiffView{});
  const Outcome diff = tinkerbell({"diff", "12", "--step", "4"});
  EXPECT_EQ(diff.code, 0) << diff.err;
}

}  // namespace
}  // namespace tinkerbell::cli
