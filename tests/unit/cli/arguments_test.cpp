#include "cli/arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinkerbell::cli {
namespace {

using ::testing::HasSubstr;

template <class Verb>
Verb command(const std::vector<std::string>& words) {
  const auto invocation = parse_arguments(words);
  EXPECT_TRUE(invocation.has_value()) << (invocation ? "" : invocation.error().text);
  return std::get<Verb>(invocation->command);
}

Parting refusal(const std::vector<std::string>& words) {
  const auto invocation = parse_arguments(words);
  EXPECT_FALSE(invocation.has_value()) << ::testing::PrintToString(words);
  return invocation ? Parting{ExitCode::ok, ""} : invocation.error();
}

TEST(Arguments, MisuseEndsWith64AndAHint) {
  const std::vector<std::vector<std::string>> lines = {
      {},
      {"frobnicate"},
      {"--bogus"},
      {"ls", "--bogus"},
      {"ls", "-n", "0"},
      {"ls", "-n", "many"},
      {"ls", "--color=pink"},
      {"--socket"},
      {"run"},
      {"run", "fix", "it"},
      {"run", "x", "--follow", "--detach"},
      {"run", "x", "--wait", "--detach"},
      {"run", "x", "--steps", "-1"},
      {"show"},
      {"show", "x"},
      {"show", "0"},
      {"show", "12x"},
      {"show", "99999999999999999999"},
      {"show", "12", "13"},
      {"pause", "a3"},
      {"fork", "12"},
      {"fork", "12", "--at", "-1"},
      {"fork", "12", "--at", "last"},
      {"step", "a3"},
      {"break", "12", "file.write", "--clear", "1"},
      {"break", "12", "--clear", "x"},
      {"break", "12", "--clear", "0"},
      {"approve", "b3"},
      {"approve", "a0"},
      {"answer", "a3"},
      {"completion", "zsh"},
      {"tree", "a3"},
      {"strace"},
      {"strace", "12", "-s", "0"},
      {"strace", "12", "-s", "9", "--full"},
      {"undo"},
      {"undo", "12", "--to", "0"},
      {"undo", "12", "--to", "x"},
      {"diff", "12", "--step", "0"},
      {"backup"},
      {"gc", "--older-than", "30"},
      {"gc", "--older-than", "-1d"},
      {"gc", "--older-than", "2w"},
      {"run", "goal", "--time", "30"},
      {"budget", "12", "--add-time", "2w"},
      {"gc", "12"},
      {"trace"},
      {"trace", "x", "-f", "out.json"},
      {"record", "12"},
      {"replay", "12"},
      {"core", "12"},
      {"debug"},
      {"debug", "a.core", "--step", "0"},
      {"record", "a3", "out.json"},
      {"run", "x", "--record", "out.json", "--detach"},
      {"run", "x", "--record", "-"},
      {"run", "x", "--overwrite"},
      {"run", "x", "--git=rebase"},
      {"run", "x", "--git", "--live"},
      {"run", "x", "--branch", "y"},
      {"run", "--git", "--args", "{}"},
  };
  for (const auto& words : lines) {
    const Parting parting = refusal(words);
    EXPECT_EQ(parting.code, ExitCode::usage) << ::testing::PrintToString(words);
    EXPECT_THAT(parting.text, HasSubstr("Try `tinkerbell help`"));
  }
}

TEST(Arguments, SuggestTheVerbThatWasMeant) {
  EXPECT_THAT(refusal({"folow", "12"}).text, HasSubstr("did you mean \"follow\"?"));
  EXPECT_THAT(refusal({"aprove", "a3"}).text, HasSubstr("did you mean \"approve\"?"));
  EXPECT_EQ(nearest_verb("stauts"), "status");
  EXPECT_EQ(nearest_verb("sl"), "");  // as far from "ls" as from anything of its length
  EXPECT_EQ(nearest_verb("frobnicate"), "");
}

TEST(Arguments, KnowWhatOtherProgramsCallAVerb) {
  EXPECT_THAT(refusal({"kill", "12"}).text, HasSubstr("did you mean \"cancel\"?"));
  EXPECT_THAT(refusal({"logs", "12"}).text, HasSubstr("did you mean \"follow\"?"));
}

TEST(Arguments, RefuseFiltersThatNameNothingAndListWhatThereIs) {
  const Parting state = refusal({"ls", "--state", "bogus"});
  EXPECT_EQ(state.code, ExitCode::usage);
  EXPECT_THAT(state.text, HasSubstr("ready, running, waiting"));
  for (const char* filter : {"bogus", "FILE", "file,bogus", "file.raed", "file.*.x", "*", ""}) {
    const Parting calls = refusal({"strace", "12", "-e", filter});
    EXPECT_EQ(calls.code, ExitCode::usage) << filter;
    EXPECT_THAT(calls.text, HasSubstr("file.read")) << filter;
  }
  EXPECT_EQ(command<TraceCalls>({"strace", "12", "-e", "file.*,random,task.join"}).only,
            (std::vector<std::string>{"file", "random", "task.join"}));
}

TEST(Arguments, OfLimitsAreWholeNumbersFromOneOn) {
  for (const char* steps : {"-1", "0", "abc", "1.5", "99999999999999999999"}) {
    const Parting parting = refusal({"run", "x", "--steps", steps});
    EXPECT_EQ(parting.code, ExitCode::usage) << steps;
    EXPECT_THAT(parting.text, HasSubstr("is no whole number from 1 on")) << steps;
    EXPECT_LT(parting.text.size(), 160U) << parting.text;
  }
  EXPECT_EQ(command<RunGoal>({"run", "x", "--steps", "7"}).steps_max, 7U);
}

TEST(Arguments, S27_AStrayWordCannotRedrawTheScreen) {
  EXPECT_THAT(refusal({"\x1b[2Kls"}).text, HasSubstr("\"\\x1b[2Kls\""));
}

TEST(Arguments, CommitsAreMadeInADraftAndSayHow) {
  EXPECT_FALSE(command<RunGoal>({"run", "x"}).git);
  const RunGoal run = command<RunGoal>({"run", "--git", "x"});
  EXPECT_EQ(run.git, protocol::GitRequest{});
  EXPECT_EQ(run.files, "draft");
  EXPECT_EQ(run.goal, "x");
  EXPECT_EQ(command<RunGoal>({"run", "x", "--git=keep", "--branch", "topic"}).git,
            (protocol::GitRequest{.branch = "topic", .keep = true}));
}

TEST(Arguments, OfRunAreTheGoalAndHowToWatchIt) {
  const RunGoal run = command<RunGoal>(
      {"run", "fix the test", "-w", "/tmp", "--model", "big", "--wait", "--yes", "--steps", "9"});
  EXPECT_EQ(run.goal, "fix the test");
  EXPECT_EQ(run.workspace, "/tmp");
  EXPECT_EQ(run.model, "big");
  EXPECT_EQ(run.mode, RunMode::wait);
  EXPECT_TRUE(run.approve_all);
  EXPECT_EQ(run.steps_max, 9U);

  const RunGoal plain = command<RunGoal>({"run", "x"});
  EXPECT_EQ(plain.mode, RunMode::automatic);
  EXPECT_FALSE(plain.approve_all);
  EXPECT_FALSE(plain.steps_max.has_value());
}

TEST(Arguments, OfCassettesAreFiles) {
  const RunGoal run = command<RunGoal>({"run", "x", "--record", "a.json", "--overwrite"});
  EXPECT_EQ(run.record, "a.json");
  EXPECT_TRUE(run.overwrite);
  EXPECT_EQ(command<RunGoal>({"run", "x", "--replay", "a.json"}).replay, "a.json");
  const RecordTask record = command<RecordTask>({"record", "12", "a.json"});
  EXPECT_EQ(record.task, TaskId{12});
  EXPECT_EQ(record.file, "a.json");
  EXPECT_FALSE(record.overwrite);
  EXPECT_TRUE(command<RecordTask>({"record", "12", "-", "--overwrite"}).overwrite);
}

TEST(Arguments, ReadsWhatIsToBeDebugged) {
  EXPECT_EQ(command<CheckReplay>({"replay", "12", "--check"}).task, TaskId{12});
  const SaveCore core = command<SaveCore>({"core", "12", "-f", "a.core", "--overwrite"});
  EXPECT_EQ(core.task, TaskId{12});
  EXPECT_EQ(core.file, "a.core");
  EXPECT_TRUE(core.overwrite);
  const DebugCore debug =
      command<DebugCore>({"debug", "a.core", "--step", "3", "--task", "12", "--program", "/x"});
  EXPECT_EQ(debug.file, "a.core");
  EXPECT_EQ(debug.step, 3U);
  EXPECT_EQ(debug.task, 12U);
  EXPECT_EQ(debug.program, "/x");
}

TEST(Arguments, OfAnotherKindOfTaskAreJson) {
  const RunGoal run = command<RunGoal>({"run", "--kind", "count@1", "--args", R"({"to": 3})"});
  EXPECT_EQ(run.kind, "count@1");
  EXPECT_EQ(run.arguments, (Json{{"to", 3}}));
  EXPECT_EQ(command<RunGoal>({"run", "--kind", "count@1"}).arguments, Json::object());
  EXPECT_FALSE(command<RunGoal>({"run", "x", "--kind", "agent@2"}).arguments.has_value());

  EXPECT_THAT(refusal({"run"}).text, HasSubstr("GOAL is required"));
  EXPECT_THAT(refusal({"run", "--args", "{"}).text, HasSubstr("--args: "));
  EXPECT_THAT(refusal({"run", "x", "--args", "{}"}).text, HasSubstr("excludes"));
  EXPECT_THAT(refusal({"run", "--args", "{}", "--steps", "3"}).text, HasSubstr("excludes"));
  EXPECT_THAT(refusal({"run", "--args", "{}", "--output-schema", "f"}).text, HasSubstr("excludes"));
}

TEST(Arguments, AGoalMayBeAVerbOrLookLikeOneOfOurs) {
  EXPECT_EQ(command<RunGoal>({"run", "status"}).goal, "status");
  EXPECT_EQ(command<RunGoal>({"run", "--", "--yes"}).goal, "--yes");
  EXPECT_EQ(command<RunGoal>({"run", "[a, b]"}).goal, "[a, b]");
}

TEST(Arguments, GlobalOptionsStandBeforeOrAfterTheVerb) {
  for (const auto& words : {std::vector<std::string>{"--json", "--socket", "/s", "-q", "ls"},
                            std::vector<std::string>{"ls", "-q", "--socket", "/s", "--json"}}) {
    const auto invocation = parse_arguments(words);
    ASSERT_TRUE(invocation.has_value());
    EXPECT_TRUE(invocation->json);
    EXPECT_TRUE(invocation->quiet);
    EXPECT_EQ(invocation->socket, "/s");
    EXPECT_EQ(invocation->color, ColorWhen::automatic);
  }
  EXPECT_EQ(parse_arguments({"ls", "--color=never"})->color, ColorWhen::never);
}

TEST(Arguments, IdsAreNumbersAndThoseOfQuestionsBeginWithA) {
  EXPECT_EQ(command<ShowTask>({"show", "12"}).task, TaskId{12});
  EXPECT_EQ(command<ShowApproval>({"show", "a3"}).approval, ApprovalId{3});
  EXPECT_EQ(command<Decide>({"approve", "3"}).approval, ApprovalId{3});
  EXPECT_EQ(command<FollowTask>({"follow", "12"}).task, TaskId{12});
  EXPECT_EQ(command<ChangeTask>({"cancel", "12"}).action, "cancel");
  EXPECT_TRUE(command<ListSteps>({"steps", "12", "--full"}).full);
}

TEST(Arguments, OfBreakpointsAreThePatternOrWhichToClear) {
  EXPECT_EQ(command<ListBreakpoints>({"break", "12"}).task, TaskId{12});
  EXPECT_EQ(command<SetBreakpoint>({"break", "12", "program=git push"}).pattern,
            "program=git push");
  EXPECT_EQ(command<SetBreakpoint>({"break", "12", "file.write", "path=docs/**"}).pattern,
            "file.write path=docs/**");
  EXPECT_EQ(command<ClearBreakpoints>({"break", "12", "--clear", "3"}).number, 3U);
  EXPECT_EQ(command<ClearBreakpoints>({"break", "12", "--clear", "all"}).number, 0U);
}

TEST(Arguments, AStepWaitsUntilTheTaskStopsUnlessTold) {
  EXPECT_FALSE(command<StepTask>({"step", "12"}).detach);
  EXPECT_TRUE(command<StepTask>({"step", "12", "-d"}).detach);
  EXPECT_TRUE(command<RunGoal>({"run", "x", "--step"}).stepping);
}

TEST(Arguments, OfDecisionsAreTheAnswerItsScopeAndItsWords) {
  const Decide approve = command<Decide>({"approve", "a3", "--task", "--reason", "fine"});
  EXPECT_EQ(approve.answer, protocol::Answer::approve);
  EXPECT_EQ(approve.scope, protocol::Scope::task);
  EXPECT_EQ(approve.text, "fine");
  const Decide deny = command<Decide>({"deny", "a3", "--reason", "not now"});
  EXPECT_EQ(deny.answer, protocol::Answer::deny);
  EXPECT_EQ(deny.text, "not now");
  const Decide answer = command<Decide>({"answer", "a3", "blue"});
  EXPECT_EQ(answer.answer, protocol::Answer::answer);
  EXPECT_EQ(answer.text, "blue");
}

TEST(Arguments, OfAnApprovalForGoodAreHowFarAndHowLong) {
  const Decide good = command<Decide>({"approve", "a3", "--always", "--directory", "--for", "30d"});
  EXPECT_EQ(good.scope, protocol::Scope::always);
  EXPECT_TRUE(good.directory);
  EXPECT_EQ(good.valid_ms, std::uint64_t{30} * 24 * 3'600'000);
  EXPECT_FALSE(command<Decide>({"approve", "a3", "--always"}).valid_ms);
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"approve", "a3", "--for", "30d"},
                                             {"approve", "a3", "--directory"},
                                             {"approve", "a3", "--always", "--task"},
                                             {"deny", "a3", "--always"}}) {
    EXPECT_FALSE(parse_arguments(wrong)) << testing::PrintToString(wrong);
  }
}

TEST(Arguments, OfRulesAreNoneOrOneToRemove) {
  (void)command<ListRules>({"rules"});
  EXPECT_EQ(command<RemoveRule>({"rules", "remove", "17"}).number, 17U);
  EXPECT_FALSE(parse_arguments({"rules", "remove"}));
  EXPECT_FALSE(parse_arguments({"rules", "remove", "a17"}));
  EXPECT_FALSE(parse_arguments({"rules", "drop", "17"}));
}

TEST(Arguments, OfMcpAreNoneOrWhatIsToBeForgotten) {
  (void)command<ListMcp>({"mcp"});
  EXPECT_EQ(command<ForgetTools>({"mcp", "forget", "notes"}).server, "notes");
  const ForgetTools one = command<ForgetTools>({"mcp", "forget", "notes", "search"});
  EXPECT_EQ(one.server, "notes");
  EXPECT_EQ(one.tool, "search");
  EXPECT_FALSE(parse_arguments({"mcp", "forget"}));
  EXPECT_FALSE(parse_arguments({"mcp", "trust", "notes"}));
}

TEST(Arguments, OfResolveAreOneOfThreeAnswers) {
  EXPECT_EQ(command<Decide>({"resolve", "a3", "--happened"}).answer, protocol::Answer::happened);
  EXPECT_EQ(command<Decide>({"resolve", "a3", "--run-again"}).answer, protocol::Answer::run_again);
  const Decide abort =
      command<Decide>({"resolve", "3", "--abort", "--reason", "late", "--hash", "0123456789"});
  EXPECT_EQ(abort.approval, ApprovalId{3});
  EXPECT_EQ(abort.answer, protocol::Answer::abort);
  EXPECT_EQ(abort.text, "late");
  EXPECT_EQ(abort.hash, "0123456789");
  EXPECT_EQ(command<Decide>({"resolve", "a3", "--happened", "--result", "v7"}).result, "v7");
  EXPECT_EQ(command<Decide>({"resolve", "a3", "--happened", "--result", ""}).result, "");
  EXPECT_EQ(command<Decide>({"resolve", "a3", "--happened"}).result, std::nullopt);
  EXPECT_EQ(command<Decide>({"resolve", "a3", "--happened", "--result-file", "-"}).result_file,
            "-");
  EXPECT_EQ(refusal({"resolve", "a3", "--abort", "--result", "v7"}).code, ExitCode::usage);
  EXPECT_EQ(refusal({"resolve", "a3", "--run-again", "--result-file", "f"}).code, ExitCode::usage);
  EXPECT_EQ(refusal({"resolve", "a3", "--happened", "--result", "v", "--result-file", "f"}).code,
            ExitCode::usage);
  EXPECT_EQ(refusal({"resolve", "a3"}).code, ExitCode::usage);
  EXPECT_EQ(refusal({"resolve", "a3", "--happened", "--abort"}).code, ExitCode::usage);
}

TEST(Arguments, OfStraceAreThoseOfTheOldOne) {
  const TraceCalls plain = command<TraceCalls>({"strace", "12"});
  EXPECT_EQ(plain.task, TaskId{12});
  EXPECT_FALSE(plain.follow || plain.summary);
  EXPECT_TRUE(plain.only.empty());
  EXPECT_EQ(plain.text_max, 64U);
  const TraceCalls all =
      command<TraceCalls>({"strace", "-f", "-c", "-e", "file,process", "-s", "9", "12"});
  EXPECT_EQ(all.task, TaskId{12});
  EXPECT_TRUE(all.follow && all.summary);
  EXPECT_EQ(all.only, (std::vector<std::string>{"file", "process"}));
  EXPECT_EQ(all.text_max, 9U);
  EXPECT_EQ(command<TraceCalls>({"strace", "12", "-e", "file", "-e", "llm"}).only.size(), 2U);
  EXPECT_EQ(command<TraceCalls>({"strace", "12", "--full"}).text_max, 0U);
}

TEST(Arguments, ATreeOrATraceIsOfAllTasksOrOfOne) {
  EXPECT_EQ(command<ShowTree>({"tree"}).task, kNoTask);
  EXPECT_EQ(command<ShowTree>({"tree", "12"}).task, TaskId{12});
  EXPECT_TRUE(command<ShowTree>({"tree", "--all"}).all);
  EXPECT_EQ(command<BackUp>({"backup", "copies/today"}).directory, "copies/today");
  EXPECT_EQ(command<VerifyJournal>({"verify"}).task, kNoTask);
  EXPECT_EQ(command<VerifyJournal>({"verify", "12", "--anchor", "3:ab"}).task, TaskId{12});
  EXPECT_EQ(command<VerifyJournal>({"verify", "--anchor", "3:ab"}).anchor, "3:ab");
  EXPECT_FALSE(command<CollectGarbage>({"gc"}).older_than_ms);
  EXPECT_FALSE(command<CollectGarbage>({"gc"}).dry_run);
  EXPECT_TRUE(command<CollectGarbage>({"gc", "--dry-run"}).dry_run);
  EXPECT_EQ(command<CollectGarbage>({"gc", "--older-than", "30d"}).older_than_ms, 2'592'000'000U);
  EXPECT_EQ(command<CollectGarbage>({"gc", "--older-than", "90s"}).older_than_ms, 90'000U);
  EXPECT_EQ(command<SaveTrace>({"trace", "-f", "-"}).task, kNoTask);
  EXPECT_EQ(command<SaveTrace>({"trace", "12", "-f", "out.json"}).task, TaskId{12});
  EXPECT_EQ(command<SaveTrace>({"trace", "12", "-f", "out.json"}).file, "out.json");
}

TEST(Arguments, HelpAndVersionAreAnswersNotErrors) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"help"}, {"--help"}, {"help", "run"}, {"run", "--help"}, {"--version"}}) {
    EXPECT_EQ(refusal(words).code, ExitCode::ok) << ::testing::PrintToString(words);
  }
  EXPECT_THAT(refusal({"help"}).text, HasSubstr("Usage: tinkerbell [OPTIONS] VERB\n"));
  EXPECT_THAT(refusal({"help", "run"}).text, HasSubstr("Usage: tinkerbell run [OPTIONS] [GOAL]"));
  EXPECT_THAT(refusal({"--version"}).text, HasSubstr("tinkerbell 0."));
}

TEST(Arguments, UndoTakesAStepAndHowItIsDone) {
  const UndoTask all = command<UndoTask>({"undo", "12"});
  EXPECT_EQ(all.task, TaskId{12});
  EXPECT_EQ(all.request, protocol::UndoRequest{});
  EXPECT_EQ(
      command<UndoTask>({"undo", "12", "--to", "4", "--dry-run", "--keep-others", "--yes"}).request,
      (protocol::UndoRequest{
          .to_step = 4, .dry_run = true, .keep_others = true, .approve_all = true}));
  EXPECT_THAT(refusal({"revert", "12"}).text, HasSubstr("undo"));
}

TEST(Arguments, DiffIsOfAllOrOfOneStep) {
  EXPECT_EQ(command<ShowDiff>({"diff", "12"}).step, 0U);
  EXPECT_EQ(command<ShowDiff>({"diff", "12", "--step", "4"}).step, 4U);
}

TEST(Arguments, AForkNeedsAStepAndMaySaySomething) {
  const auto plain = command<ForkTask>({"fork", "12", "--at", "0"});
  EXPECT_EQ(plain.task, TaskId{12});
  EXPECT_EQ(plain.at, 0U);
  EXPECT_TRUE(plain.say.empty());
  const auto all = command<ForkTask>({"fork", "12", "--at", "4", "--say", "not so", "--yes", "-d"});
  EXPECT_EQ(all.at, 4U);
  EXPECT_EQ(all.say, "not so");
  EXPECT_TRUE(all.approve_all);
  EXPECT_TRUE(all.detach);
  EXPECT_EQ(nearest_verb("branch"), "fork");
}

}  // namespace
}  // namespace tinkerbell::cli
