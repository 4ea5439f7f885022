#include "cli/print.hpp"

#include "unit/cli/fake_daemon.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinkerbell::cli {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const WallTime kNow = wall_from_unix_nanoseconds(1795379735'000000000);  // 2026-11-22T20:35:35Z
const Terminal kPipe{};

protocol::TaskList two_tasks() {
  protocol::TaskView waiting = task_12("waiting");
  waiting.waiting_for = "approval a3: run ./test.sh";
  protocol::TaskView long_one = task_12("completed");
  long_one.id = TaskId{9};
  long_one.title = std::string(100, 'x');
  return {.tasks = {waiting, long_one}};
}

TEST(TaskTable, ShowsWhyATaskWaits) {
  EXPECT_EQ(task_table({.tasks = {two_tasks().tasks[0]}}, kPipe, kNow),
            "ID  STATE    STEPS  SINCE  TASK\n"
            "12  waiting  2      2m     fix the test  [approval a3: run ./test.sh]\n");
}

TEST(TaskTable, FitsATerminalAndIsWholeInAPipe) {
  const std::string whole = task_table(two_tasks(), kPipe, kNow);
  EXPECT_THAT(whole, HasSubstr(std::string(100, 'x') + "\n"));
  EXPECT_EQ(task_table(two_tasks(), Terminal{.columns = 70}, kNow),
            "ID  STATE      STEPS  SINCE  TASK\n"
            "12  waiting    2      2m     fix the te…  [approval a3: run ./test.sh]\n"
            "9   completed  2      2m     xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…\n");
}

TEST(TaskTable, ShortensTheTitleToAQuarterBeforeTheReason) {
  EXPECT_EQ(task_table({.tasks = {two_tasks().tasks[0]}}, Terminal{.columns = 55}, kNow),
            "ID  STATE    STEPS  SINCE  TASK\n"
            "12  waiting  2      2m     fix th…  [approval a3: run …\n");
}

TEST(TaskTree, ShortensTheTitleBeforeTheReason) {
  EXPECT_EQ(task_tree({.tasks = {two_tasks().tasks[0]}}, Terminal{.columns = 63}, kNow),
            "TASK  STATE    SINCE  WHAT\n"
            "12    waiting  2m     fix the te…  [approval a3: run ./test.sh]\n");
}

TEST(StepTable, ShortensTheCommandBeforeItsOutcome) {
  EXPECT_EQ(step_table({.steps = {step(1, std::string(100, 'x'), "done", "340 bytes")}},
                       Terminal{.columns = 60}),
            "STEP  STATE  TIME  RULE            COMMAND\n"
            "1     done         cautious/reads  xxxxxxxxxxx…  → 340 bytes\n");
}

TEST(TaskTable, S27_ATitleCannotRedrawTheScreen) {
  protocol::TaskView task = task_12("ready");
  task.title = "a\r\x1b[2K\nb";
  const std::string text = task_table({.tasks = {task}}, kPipe, kNow);
  EXPECT_THAT(text, HasSubstr("a\\x0d\\x1b[2K\\x0ab"));
}

TEST(TaskTable, CountsTheColumnsOfWideCharacters) {
  EXPECT_EQ(columns_of("日本"), 4U);
  EXPECT_EQ(columns_of("e\u0301"), 1U);
  EXPECT_EQ(fitted("日本語", 5), "日本…");
  EXPECT_EQ(fitted("abc", 3), "abc");
}

TEST(TaskDetails, AreOneLineForEachThingThatIsKnown) {
  protocol::TaskView task = task_12("failed");
  task.goal = "fix\nthe test";
  task.error = protocol::ErrorBody{.code = "denied", .message = "no"};
  EXPECT_EQ(task_details(task, kNow),
            "task        12\n"
            "kind        agent@1\n"
            "state       failed\n"
            "goal        fix\n"
            "            the test\n"
            "workspace   /home/ann/project\n"
            "model       default\n"
            "origin      cli, uid 1000, pid 4711\n"
            "created     2026-11-22T20:33:30.000Z\n"
            "changed     2026-11-22T20:33:35.000Z\n"
            "steps       2\n"
            "questions   0\n"
            "tokens      1200 in, 80 out\n"
            "error       no (denied)\n");
}

TEST(TaskDetails, TellWhereATaskStandsAndWhatItUsed) {
  protocol::TaskView task = task_12("waiting");
  task.parent = TaskId{7};
  task.children = {TaskId{13}, TaskId{14}};
  task.waiting_for = "join task 13";
  task.scheduling =
      protocol::SchedulingView{.priority = "normal",
                               .turns = 35,
                               .cpu_us = 12'345,
                               .longest_turn_us = 900,
                               .deadline = "2026-11-22T20:45:00.000Z",
                               .calls = {{.where = "src/tasks/agent.cpp:143", .function = "ask"},
                                         {.where = "src/a.cpp:9", .function = "run"}}};
  const std::string text = task_details(task, kNow);
  EXPECT_THAT(text, HasSubstr("parent      7\nchildren    13, 14\nkind "));
  EXPECT_THAT(text,
              HasSubstr("waits for   join task 13\n"
                        "deadline    2026-11-22T20:45:00.000Z\n"
                        "stands at   src/tasks/agent.cpp:143  ask\n"
                        "            src/a.cpp:9              run\n"
                        "priority    normal\n"
                        "used        35 turns, 12.3 ms of processor time, longest turn 900 µs\n"
                        "goal "));
  task.scheduling = protocol::SchedulingView{.turns = 1, .cpu_us = 2'500'000};
  EXPECT_THAT(task_details(task, kNow),
              HasSubstr("13\nused        1 turn, 2.5 s of processor time\ngoal "));
}

TEST(TaskDetails, ShowThePlan) {
  protocol::TaskView task = task_12("running");
  task.plan = {{"find the bug", "done"}, {"fix\nit", "doing"}, {"test it", "pending"}};
  EXPECT_THAT(task_details(task, kNow), HasSubstr("plan        [x] find the bug\n"
                                                  "            [>] fix\\x0ait\n"
                                                  "            [ ] test it\n"));
}

TEST(TaskTree, DrawsABranchForEachChild) {
  protocol::TaskList list;
  for (const auto& [id, parent] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {6, 1}, {5, 4}, {4, 1}, {2, 1}, {3, 2}, {1, 0}}) {
    protocol::TaskView task = task_12("ready");
    task.id = TaskId{id};
    task.parent = TaskId{parent};
    task.title = "t";
    list.tasks.push_back(task);
  }
  list.tasks[0].waiting_for = "read a.txt";
  list.tasks[0].waiting_since = "2026-11-22T20:35:30.000Z";
  EXPECT_EQ(task_tree(list, kPipe, kNow),
            "TASK     STATE  SINCE  WHAT\n"
            "1        ready  2m     t\n"
            "├─ 2     ready  2m     t\n"
            "│  └─ 3  ready  2m     t\n"
            "├─ 4     ready  2m     t\n"
            "│  └─ 5  ready  2m     t\n"
            "└─ 6     ready  5s     t  [read a.txt]\n");
}

TEST(Status, HasALineAboutTheScheduler) {
  protocol::StatusView status{.version = "0.1.0"};
  EXPECT_FALSE(status_text(status).contains("scheduler"));
  status.scheduler = protocol::SchedulerView{
      .turns = 1024, .timers = 3, .longest_turn = protocol::TurnView{TaskId{3}, 12'000}};
  EXPECT_THAT(status_text(status),
              HasSubstr("scheduler   0 ready, 3 timers, 1024 turns, the longest lately 12.0 ms "
                        "(task 3)\n"));
}

TEST(Status, SaysHowManyQuestionsAnAcceptedTaskTook) {
  protocol::StatusView status{.version = "0.1.0"};
  EXPECT_FALSE(status_text(status).contains("accepted"));
  status.accepted = {.tasks = 14, .questions = 17, .mean = "1.2", .since = "2026-11-27"};
  EXPECT_THAT(status_text(status),
              HasSubstr("accepted    14 tasks, with 1.2 questions each (17 in all, since "
                        "2026-11-27)\n"));
}

TEST(StepTable, NamesTheRuleOfEachStep) {
  protocol::StepView done = step(1, "read a.txt", "done", "340 bytes");
  done.ended = "2026-11-22T20:33:35.000Z";
  done.duration_ms = 1250;
  EXPECT_EQ(step_table({.steps = {done, step(2, "run ./test.sh", "waiting")}}, kPipe),
            "STEP  STATE    TIME   RULE            COMMAND\n"
            "1     done     1.2 s  cautious/reads  read a.txt  → 340 bytes\n"
            "2     waiting         cautious/reads  run ./test.sh\n");
}

TEST(StepLine, BeginsWithAMarkOfItsOutcome) {
  EXPECT_EQ(step_line(step(1, "read a.txt", "done", "340 bytes"), kPipe),
            "✓ read a.txt  340 bytes");
  EXPECT_EQ(step_line(step(1, "read a.txt", "failed", "no such file"), kPipe),
            "✗ read a.txt  no such file");
  EXPECT_EQ(step_line(step(1, "run rm", "denied"), kPipe), "⊘ run rm");
  EXPECT_EQ(step_line(step(1, "run ls", "done"), Terminal{.color = true}),
            "\x1b[32m✓\x1b[0m run ls");
}

TEST(Framed, S30_EveryLineOfACardStandsBehindItsFrame) {
  const auto lines = framed("run\n  \"x\nAllow? [y/N] y\"\n\nend", 0);
  EXPECT_THAT(lines, Each(StartsWith("│ ")));
  EXPECT_EQ(lines.size(), 5U);
}

TEST(Framed, S30_PaddingCannotPushAForgedPromptToTheBeginningOfALine) {
  const std::string forged = std::string(18, ' ') + "Approve a3? [y]es";
  EXPECT_THAT(framed(forged, 20), ElementsAre("│ " + std::string(18, ' '), "┆ Approve a3? [y]es"));
}

TEST(Framed, S29_LeavesNothingOut) {
  const std::string card(100 * 1024, 'a');
  std::size_t bytes = 0;
  for (const std::string& line : framed(card, 80))
    bytes += line.size() - std::string_view("│ ").size();
  EXPECT_EQ(bytes, card.size());
}

TEST(ApprovalDetails, EndWithSizeAndHash) {
  EXPECT_EQ(approval_details(approval_a3(), kPipe),
            "a3 (open), permission for task 12\n"
            "│ run a program\n"
            "│   ./test.sh\n"
            "│ sandbox: bubblewrap\n"
            "46 bytes, hash 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
            "asked by rule cautious/programs\n"
            "answer with `tinkerbell approve a3` or `tinkerbell deny a3`\n");
}

TEST(ApprovalDetails, SayWhatAnApprovalForGoodWouldAllow) {
  protocol::ApprovalView approval = approval_a3();
  approval.always = "write docs/a.md; in /w";
  approval.always_directory = "write any file below docs/; in /w";
  EXPECT_NE(approval_details(approval, kPipe)
                .find("always: write docs/a.md; in /w\n"
                      "always, --directory: write any file below docs/; in /w\n│ run a program\n"),
            std::string::npos);
}

TEST(RuleTable, HasAllThatIsKnownOfEach) {
  const protocol::RuleList list{.rules = {{.number = 3,
                                           .rule = "write a.md; in /w",
                                           .since = "2026-11-20T10:00:00Z",
                                           .by = "uid 1000",
                                           .via = "cli",
                                           .expires = "2026-12-20T10:00:00Z",
                                           .used = 12,
                                           .last_used = "2026-11-22T20:33:35Z"},
                                          {.number = 17,
                                           .rule = "run ls, these words; in /w",
                                           .since = "2026-11-21T10:00:00Z",
                                           .by = "uid 0",
                                           .via = "program /bin/ask",
                                           .expires = "2026-11-22T10:00:00Z",
                                           .expired = true}}};
  EXPECT_EQ(rule_table(list, kNow),
            "N   SINCE                 BY                        EXPIRES               USED  LAST "
            "USED  ALLOWS\n"
            "3   2026-11-20T10:00:00Z  uid 1000 (cli)            2026-12-20T10:00:00Z  12    2m "
            "ago     write a.md; in /w\n"
            "17  2026-11-21T10:00:00Z  uid 0 (program /bin/ask)  expired               0     never "
            "     run ls, these words; in /w\n");
  EXPECT_EQ(rule_numbers(list), "3\n17\n");
}

TEST(HowToAnswer, NamesTheVerbsThatFitTheKind) {
  protocol::ApprovalView approval = approval_a3();
  approval.kind = "outcome";
  EXPECT_EQ(how_to_answer(approval),
            "`tinkerbell resolve a3 --happened`, `--run-again` or `--abort`");
  approval.kind = "answer";
  EXPECT_EQ(how_to_answer(approval), "`tinkerbell answer a3 TEXT` or `tinkerbell deny a3`");
}

TEST(DecisionLine, SaysHowAndByWhom) {
  EXPECT_EQ(decision_line({.id = ApprovalId{3}, .state = "denied", .by = "uid 0"}),
            "a3 was denied by uid 0");
  EXPECT_EQ(decision_line({.id = ApprovalId{3}, .state = "happened", .by = "uid 0"}),
            "a3 was resolved as happened by uid 0");
}

TEST(DiffText, S27_FilesCannotRedrawTheScreen) {
  const protocol::DiffView diff{
      .files = {{.path = "a\nb", .status = "changed", .diff = "@@ -1 +1 @@\n-x\r\n+y\x1b[A\n"}}};
  EXPECT_EQ(diff_text(diff, kPipe),
            "changed a\\x0ab\n"
            "@@ -1 +1 @@\n"
            "-x\\x0d\n"
            "+y\\x1b[A\n");
  EXPECT_THAT(diff_text(diff, Terminal{.color = true}), HasSubstr("\x1b[31m-x\\x0d\x1b[0m\n"));
}

TEST(UndoText, TellsWhatWouldBeDoneWhatStaysAndWhatNobodyKnows) {
  const protocol::UndoView undo{
      .in_draft = true,
      .files = {{.path = "a", .status = "changed", .diff = "-x\n+y\n"}},
      .others = {{.path = "b\n", .why = "changed by somebody else since"}},
      .unknown = {{.path = "", .why = "step 3 of task 12, run make"}}};
  EXPECT_EQ(undo_text(undo, kPipe),
            "changed a\n"
            "-x\n"
            "+y\n"
            "all of it in the draft of the task, which is not taken over yet\n"
            "refused without --keep-others, because of:\n"
            "  b\\x0a: changed by somebody else since\n"
            "not known, and as it is:\n"
            "  step 3 of task 12, run make\n");
  EXPECT_EQ(undo_text({.note = "nothing"}, kPipe), "nothing\n");
}

TEST(Age, IsRoundedDownAndNeverNegative) {
  EXPECT_EQ(age_of("2026-11-22T20:35:30.000Z", kNow), "5s");
  EXPECT_EQ(age_of("2026-11-22T20:33:35.000Z", kNow), "2m");
  EXPECT_EQ(age_of("2026-11-22T10:33:35.000Z", kNow), "10h");
  EXPECT_EQ(age_of("2026-11-12T10:33:35.000Z", kNow), "10d");
  EXPECT_EQ(age_of("2026-11-22T21:35:30.000Z", kNow), "0s");
  EXPECT_EQ(age_of("", kNow), "");
}

TEST(Color, GivesWayToNoColorAndThatToTheOption) {
  std::map<std::string, std::string> variables;
  const GetEnv get_env = [&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
  EXPECT_FALSE(terminal_of(-1, ColorWhen::automatic, get_env).color);
  variables["CLICOLOR_FORCE"] = "1";
  EXPECT_TRUE(terminal_of(-1, ColorWhen::automatic, get_env).color);
  variables["NO_COLOR"] = "1";
  EXPECT_FALSE(terminal_of(-1, ColorWhen::automatic, get_env).color);
  EXPECT_TRUE(terminal_of(-1, ColorWhen::always, get_env).color);
  variables.clear();
  EXPECT_FALSE(terminal_of(-1, ColorWhen::never, get_env).color);
}

}  // namespace
}  // namespace tinkerbell::cli
