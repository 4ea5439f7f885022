#include "tinkerbell/debug/debugger.hpp"

#include "support/dice.hpp"
#include "support/syscall_world.hpp"

#include "tinkerbell/debug/core_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

/// What a person sees of a core, step by step.

namespace tinkerbell {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

FileState file_of(std::string_view content) {
  return {.mode = 0644, .content = sha256(content), .bytes = content.size()};
}

/// Asks a model, edits a file, runs a program that changes another, asks again.
Task<Result<Json>> works(TaskStart /*start*/) {
  Conversation conversation;
  conversation.add({.role = Role::user, .text = "fix it"});
  const AwaitLLMResponse question{.model = "default", .messages = conversation};
  const auto first = co_await AwaitLLMResponse{question};
  (void)co_await AwaitFileEdit{.path = "a.txt", .old_text = "one", .new_text = "two"};
  const auto run = co_await AwaitProcess{.argv = {"./make"}};
  conversation.add({.role = Role::assistant, .text = first ? first->text : ""});
  conversation.add({.role = Role::tool, .text = run ? run->output : "", .tool_call_id = "c1"});
  const auto last = co_await AwaitLLMResponse{.model = "default", .messages = conversation};
  co_return Json(last ? last->text : "");
}

class DebuggerTest : public testing::Test {
 protected:
  DebuggerTest() {
    world.add_kind("works@1", works);
    world.driver->next_reply("llm.response",
                             Reply(AwaitLLMResponse::Reply{
                                 .text = "I will look",
                                 .tool_calls = {{"c1", "run_program", R"({"argv":["./make"]})"}}}));
    world.driver->next_reply("llm.response", Reply(AwaitLLMResponse::Reply{.text = "all done"}));
    const std::string diff = "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n";
    world.driver->facts(
        "file.edit",
        {.facts = {.object = "a.txt", .diff = diff, .result_sha256 = sha256("two\n").hex()},
         .pre_image = PreImage{.path = "a.txt", .existed = true, .content = "one\n"}});
    AwaitFileEdit::Reply edited{.line = 1};
    edited.changes = {{.path = "a.txt", .before = file_of("one\n"), .after = file_of("two\n")}};
    world.driver->reply("file.edit", Reply(edited));
    AwaitProcess::Reply ran{.output = "made \x1b[31mred\n"};
    ran.changes = {{.path = "o\x1b[2J.txt", .before = {}, .after = file_of("built\n")},
                   {.path = "a.txt", .before = file_of("two\n"), .after = file_of("three\n")},
                   {.path = "big", .before = {}, .after = file_of("unknown")}};
    world.driver->reply("process.run", Reply(ran));
    task = world.submit("works@1", /*approve_all=*/true);
    EXPECT_EQ(world.end_of(task).state, "completed");
    take_core();
  }

  void take_core() {
    RecordedTask recorded{.task = task, .created = world.head(task).created, .records = {}};
    for (const Record& record : world.memory->records) {
      if (record.task == task) recorded.records.push_back(record);
    }
    CoreBuilder builder("1.2.3", WallTime{}, masker);
    EXPECT_TRUE(builder.add(recorded));
    const Result<std::string> file =
        builder.finish([](const Sha256& hash, std::size_t) -> Result<std::string> {
          for (const std::string content : {"one\n", "two\n", "three\n", "built\n"}) {
            if (sha256(content) == hash) return content;
          }
          return Error{Errc::not_found, "it is not kept"};
        });
    ASSERT_TRUE(file) << file.error().message;
    Result<Core> read = read_core_file(*file);
    ASSERT_TRUE(read) << read.error().message;
    core = *std::move(read);
  }

  /// What is printed for these lines.
  std::string say(std::initializer_list<std::string_view> lines) {
    std::ostringstream out;
    Debugger debugger(core, world.registry, out);
    EXPECT_TRUE(debugger.choose(core.tasks.front().task));
    for (const std::string_view line : lines) {
      out.str("");  // only the last one counts
      EXPECT_TRUE(debugger.obey(line));
    }
    return out.str();
  }

  SyscallWorld world;
  Masker masker;
  Core core;
  TaskId task = kNoTask;
};

TEST_F(DebuggerTest, StepsOnAndBackAndToTheEnd) {
  EXPECT_THAT(say({"show"}), StartsWith("step 1 of 4: ask model default"));
  EXPECT_THAT(say({"step"}), StartsWith("step 2 of 4: edit a.txt"));
  EXPECT_THAT(say({"step 2"}), StartsWith("step 3 of 4: run ./make"));
  EXPECT_THAT(say({"step 3", "back"}), StartsWith("step 3 of 4"));
  EXPECT_THAT(say({"step 3", "back 2"}), StartsWith("step 2 of 4"));
  EXPECT_THAT(say({"back 9"}), StartsWith("step 1 of 4"));
  EXPECT_THAT(say({"goto 3"}), StartsWith("step 3 of 4"));
  EXPECT_THAT(say({"goto 5"}), HasSubstr("does not come to step 5"));
  EXPECT_THAT(say({"continue"}), StartsWith("as it was: its end: completed"));
  EXPECT_THAT(say({"continue", "step"}), StartsWith("as it was: its end: completed"));
  EXPECT_THAT(say({"continue", "back"}), StartsWith("step 4 of 4"));
  EXPECT_THAT(say({"s"}), StartsWith("step 2 of 4"));  // the beginning of a name will do
}

TEST_F(DebuggerTest, StopsAtBreakpoints) {
  EXPECT_THAT(say({"break process.*", "continue"}), StartsWith("step 3 of 4: run ./make"));
  EXPECT_THAT(say({"break path=a.*", "break llm.response", "continue"}), StartsWith("step 2 of 4"));
  EXPECT_THAT(say({"break path=a.*", "break llm.response", "clear 1", "continue"}),
              StartsWith("step 4 of 4"));
  EXPECT_THAT(say({"break llm.response", "clear", "continue"}), StartsWith("as it was"));
  EXPECT_THAT(say({"break llm.response", "break"}), HasSubstr("1  llm.response"));
  EXPECT_THAT(say({"break no.such.command"}), Not(HasSubstr("1  ")));
  EXPECT_THAT(say({"clear 3"}), HasSubstr("no breakpoint 3"));
}

TEST_F(DebuggerTest, ShowsTheStateOfAStep) {
  EXPECT_THAT(say({"step 2", "show"}), AllOf(HasSubstr("call     process.run(argv=[\"./make\"]"),
                                             HasSubstr("verdict  allow (default: programs ask)"),
                                             HasSubstr("answer   exit 0"), HasSubstr("waits at "),
                                             HasSubstr("debugger_test.cpp"), HasSubstr("works")));
  EXPECT_THAT(say({"show"}),
              AllOf(HasSubstr("call     llm.response(model=\"default\", tokens_max="),
                    Not(HasSubstr("messages="))));
  EXPECT_THAT(say({"call"}), HasSubstr("messages=["));
  EXPECT_THAT(say({"step 2", "call"}), HasSubstr("| "));
  EXPECT_THAT(say({"steps"}),
              AllOf(HasSubstr("* 1  ask model default"), HasSubstr("  3  run ./make")));
}

TEST_F(DebuggerTest, ShowsTheConversationUpToAStep) {
  EXPECT_THAT(say({"messages"}), AllOf(HasSubstr("user\n  | fix it\n"), Not(HasSubstr("look"))));
  EXPECT_THAT(say({"step", "messages"}),
              AllOf(HasSubstr("user\n  | fix it\nassistant\n  | I will look\n"),
                    HasSubstr("  calls run_program with\n  | {\"argv\":[\"./make\"]}")));
  EXPECT_THAT(say({"continue", "messages"}),
              AllOf(HasSubstr("tool (c1)\n"), HasSubstr("assistant\n  | all done\n")));
}

TEST_F(DebuggerTest, ShowsWhatAStepChanged) {
  EXPECT_THAT(say({"diff"}), HasSubstr("changed no file"));
  EXPECT_THAT(say({"step", "diff"}),
              AllOf(HasSubstr("-one\n+two\n"), HasSubstr("a.txt: file of 4 bytes -> ")));
  EXPECT_THAT(say({"step 2", "diff"}),
              AllOf(HasSubstr("-two\n+three\n"), HasSubstr("+built\n"),
                    HasSubstr("big: nothing -> file of 7 bytes\n  its contents are not in")));
}

TEST_F(DebuggerTest, NothingThatATaskWroteReachesTheTerminalAsItIs) {
  for (const std::string_view line : {"show", "call", "messages", "diff", "steps"}) {
    const std::string shown = say({"step 2", line});
    EXPECT_THAT(shown, Not(HasSubstr("\x1b"))) << line;
  }
  EXPECT_THAT(say({"step 2", "diff"}), HasSubstr("o\\x1b[2J.txt"));
  EXPECT_THAT(say({"\x1b[2J"}), Not(HasSubstr("\x1b")));
}

TEST_F(DebuggerTest, WhatTheProgramDoesOtherwiseIsSaid) {
  world.registry = {};
  world.add_kind("works@1", [](TaskStart) -> Task<Result<Json>> {
    (void)co_await AwaitFileRead{.path = "other"};
    co_return Json();
  });
  EXPECT_THAT(say({"show"}), AllOf(StartsWith("DIFFERS at step 1\n  recorded  ask model default"),
                                   HasSubstr("now       read other"), HasSubstr("file.read(")));
  std::ostringstream out;
  Debugger debugger(core, world.registry, out);
  ASSERT_TRUE(debugger.choose(task));
  for (const Seq step : {Seq{1}, Seq{2}}) {
    const Result<void> gone = debugger.go_to(step);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code, Errc::diverged);
  }
}

TEST_F(DebuggerTest, SaysWhatItIsOfAndWhatIsNotInIt) {
  std::ostringstream out;
  Debugger debugger(core, world.registry, out);
  ASSERT_TRUE(debugger.choose(task));
  debugger.greet();
  EXPECT_THAT(out.str(), AllOf(HasSubstr("(works@1): a task"), HasSubstr("by tinkerbelld 1.2.3"),
                               HasSubstr("not in it: content ")));
  EXPECT_EQ(debugger.choose(TaskId{99}).error().code, Errc::not_found);
  EXPECT_FALSE(debugger.obey("quit"));
}

TEST_F(DebuggerTest, HelpNamesAllThatItTakes) {
  const std::string help = say({"help"});
  for (const std::string_view verb : {"step", "back", "continue", "goto", "break", "clear", "steps",
                                      "show", "call", "messages", "diff", "task", "quit"}) {
    EXPECT_THAT(help, HasSubstr(verb));
  }
  EXPECT_THAT(say({"frobnicate"}), HasSubstr("try help"));
  EXPECT_THAT(say({"step many"}), HasSubstr("no number"));
  EXPECT_THAT(say({"task"}), HasSubstr("* 1\n"));
  EXPECT_THAT(say({"task 5"}), HasSubstr("not in this core"));
}

/// Payloads with bytes changed at random, in records whose checksums are right.
TEST_F(DebuggerTest, RecordsThatSomebodyMadeUpDoNoHarm) {
  const Result<RecordedTask> good = recorded_task(core.tasks.front());
  ASSERT_TRUE(good);
  Dice dice(1);
  for (int round = 0; round < 500; ++round) {
    std::vector<Record> records = good->records;
    for (int change = 0; change < 2; ++change) {
      std::string& payload = records[dice.pick(records.size())].payload;
      if (!payload.empty()) payload[dice.pick(payload.size())] = static_cast<char>(dice.pick(256));
    }
    if (dice.chance(4)) records[dice.pick(records.size())].kind = RecordKind{dice.chance(2)};
    if (dice.chance(4)) records[dice.pick(records.size())].seq = Seq{2};
    core.tasks.front().records.clear();
    for (const Record& record : records)
      append_encoded(record, core.tasks.front().records);
    std::ostringstream out;
    Debugger debugger(core, world.registry, out);
    if (!debugger.choose(task)) continue;
    debugger.greet();
    for (int step = 0; step < 5; ++step) {
      debugger.show_all();
      (void)debugger.obey("step");
    }
    (void)debugger.obey("steps");
    EXPECT_THAT(out.str(), Not(HasSubstr("\x1b")));
  }
}

TEST_F(DebuggerTest, OfAMaskedCoreItSaysWhatIsCompared) {
  masker.add("I will look");
  take_core();
  std::ostringstream out;
  Debugger debugger(core, world.registry, out);
  ASSERT_TRUE(debugger.choose(task));
  debugger.greet();
  EXPECT_THAT(out.str(), HasSubstr("compared by name"));
  EXPECT_THAT(say({"continue"}), StartsWith("as it was"));
  EXPECT_THAT(say({"step", "messages"}), HasSubstr("  | [secret]\n"));
}

}  // namespace
}  // namespace tinkerbell
