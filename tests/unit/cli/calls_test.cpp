#include "cli/calls.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace tinkerbell::cli {
namespace {

constexpr TaskId kTask{1};
constexpr TaskId kChild{2};

protocol::StepView call(std::uint32_t seq, std::string command, std::string state = "done",
                        std::uint64_t took_us = 12) {
  return {.seq = Seq{seq},
          .command = command,
          .state = std::move(state),
          .outcome = "137 bytes",
          .ended = "2026-11-22T12:01:02.900Z",
          .asked = "2026-11-22T12:01:02.345Z",
          .duration_us = took_us,
          .call = command + "(path=\"a.txt\")",
          .result = "137 bytes"};
}

class CallLinesTest : public ::testing::Test {
 protected:
  std::ostringstream out_;
  CallLines lines_{out_};
};

TEST_F(CallLinesTest, ACallIsALineWithItsTimeItsResultAndHowLongItTook) {
  lines_.finished(kTask, call(1, "file.read"));
  EXPECT_EQ(out_.str(), "12:01:02.345 [1] file.read(path=\"a.txt\") = 137 bytes <0.000012>\n");
}

TEST_F(CallLinesTest, ACallThatNothingInterruptsStaysOnItsLine) {
  lines_.begun(kTask, call(1, "file.read", "started"));
  EXPECT_EQ(out_.str(), "12:01:02.345 [1] file.read(path=\"a.txt\")");
  lines_.finished(kTask, call(1, "file.read"));
  EXPECT_EQ(out_.str(), "12:01:02.345 [1] file.read(path=\"a.txt\") = 137 bytes <0.000012>\n");
}

TEST_F(CallLinesTest, WhatComesBetweenLeavesItUnfinishedAndItIsResumed) {
  lines_.begun(kTask, call(1, "task.join", "started"));
  lines_.finished(kChild, call(1, "file.read"));
  lines_.noted(kChild, "+++ completed +++");
  lines_.finished(kTask, call(1, "task.join", "done", 1'500'000));
  EXPECT_EQ(out_.str(),
            "12:01:02.345 [1] task.join(path=\"a.txt\") <unfinished ...>\n"
            "12:01:02.345 [2] file.read(path=\"a.txt\") = 137 bytes <0.000012>\n"
            "             [2] +++ completed +++\n"
            "12:01:02.900 [1] <... task.join resumed> = 137 bytes <1.500000>\n");
}

TEST(CallLines, WhatIsUnderWayAtTheEndIsUnfinished) {
  std::ostringstream out;
  {
    CallLines lines(out);
    lines.begun(kTask, call(1, "file.read", "waiting"));
  }
  EXPECT_TRUE(out.str().ends_with("(path=\"a.txt\") <unfinished ...>\n"));
}

TEST_F(CallLinesTest, TheTimeCoversTheWaitForAPersonAndANewDayIsTold) {
  protocol::StepView asked = call(1, "file.edit");
  asked.waited_us = 2'000'000;
  lines_.finished(kTask, asked);
  asked.seq = Seq{2};
  asked.asked = "2026-11-23T00:00:00.001Z";
  lines_.finished(kTask, asked);
  EXPECT_EQ(out_.str(),
            "12:01:02.345 [1] file.edit(path=\"a.txt\") = 137 bytes <2.000012>\n"
            "--- 2026-11-23 ---\n"
            "00:00:00.001 [1] file.edit(path=\"a.txt\") = 137 bytes <2.000012>\n");
}

TEST_F(CallLinesTest, S27_WhatADaemonSaysCannotRedrawTheScreen) {
  protocol::StepView hostile = call(1, "file.read");
  hostile.call = "a\x1b[2J";
  hostile.result = "b\r";
  lines_.finished(kTask, hostile);
  EXPECT_EQ(out_.str(), "12:01:02.345 [1] a\\x1b[2J = b\\x0d <0.000012>\n");
}

TEST(CallFilter, LetsThroughFamiliesAndCommandsEachCallOnce) {
  std::ostringstream out;
  CallLines lines(out);
  CallFilter filter(lines, {"process", "file.read"});
  for (const char* command : {"file.read", "file.write", "process.run", "file.reader"}) {
    filter.finished(kTask, call(1, command));
    filter.finished(kTask, call(1, command));
  }
  EXPECT_EQ(out.str(), "12:01:02.345 [1] file.read(path=\"a.txt\") = 137 bytes <0.000012>\n");
  filter.begun(kTask, call(1, "file.read", "started"));  // it is over
  filter.finished(kTask, call(2, "process.run"));
  EXPECT_TRUE(out.str().ends_with("[1] process.run(path=\"a.txt\") = 137 bytes <0.000012>\n"));
  EXPECT_TRUE(filter.saw_any());
}

TEST(CallFilter, KnowsWhetherAnythingWasAskedFor) {
  std::ostringstream out;
  CallJson json(out);
  CallFilter filter(json, {"fiel"});
  filter.finished(kTask, call(1, "file.read"));
  EXPECT_FALSE(filter.saw_any());
  EXPECT_EQ(out.str(), "");
}

TEST(CallSummary, CountsByCommandTheLongestFirst) {
  CallSummary summary;
  summary.finished(kTask, call(1, "file.read", "done", 100));
  summary.finished(kTask, call(2, "file.read", "failed", 300));
  protocol::StepView run = call(3, "process.run", "denied", 600'000);
  run.waited_us = 1'000'000;
  run.answered_us = 300'000;  // and held by a person for the rest
  run.approval = ApprovalId{1};
  summary.finished(kTask, run);
  summary.begun(kTask, call(4, "llm.response", "started"));
  EXPECT_EQ(summary.text(),
            "% TIME   TOTAL s    MEAN s  LONGEST s  CALLS  ERRORS  COMMAND\n"
            " 99.98  1.600000  1.600000   1.600000      1       1  process.run\n"
            "  0.02  0.000400  0.000200   0.000300      2       1  file.read\n"
            "100.00  1.600400  0.533466   1.600000      3       2  total\n"
            "0.300000 s of it until a person had answered\n"
            "1 under way, not counted\n");
  const Json json = summary.json(kTask);
  EXPECT_EQ(json.at("commands").at(1).at("command"), "file.read");
  EXPECT_EQ(json.at("commands").at(1).at("mean_us"), 200);
  EXPECT_EQ(json.at("under_way"), 1);
}

TEST(CallSummary, OfNothingIsAnEmptyTable) {
  EXPECT_EQ(CallSummary().text(),
            "% TIME   TOTAL s    MEAN s  LONGEST s  CALLS  ERRORS  COMMAND\n"
            "  0.00  0.000000  0.000000   0.000000      0          total\n");
}

TEST(CallJson, IsTheDaemonsDocumentAndTheTask) {
  std::ostringstream out;
  CallJson(out).finished(kTask, call(1, "file.read"));
  const Result<Json> json = parse_json(out.str());
  ASSERT_TRUE(json);
  EXPECT_EQ(json->at("task"), 1);
  EXPECT_EQ(json->at("command"), "file.read");
  EXPECT_EQ(json->at("duration_us"), 12);
}

}  // namespace
}  // namespace tinkerbell::cli
