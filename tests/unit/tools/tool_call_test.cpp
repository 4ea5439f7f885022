#include "tinkerbell/tools/catalogue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Result<ToolRequest> parse(std::string name, std::string arguments) {
  return parse_tool_call({.id = "1", .name = std::move(name), .arguments = std::move(arguments)},
                         agent_tools());
}

/// The command of a call that must be good.
template <class C>
C command(const std::string& name, const std::string& arguments) {
  const auto request = parse(name, arguments);
  EXPECT_TRUE(request) << request.error().message;
  return std::get<C>(std::get<TaskCommand>(*request));
}

/// The message of a call that must be refused.
std::string refusal(const std::string& name, const std::string& arguments,
                    Errc code = Errc::invalid) {
  const auto request = parse(name, arguments);
  EXPECT_FALSE(request);
  if (request) return {};
  EXPECT_EQ(request.error().code, code);
  return request.error().message;
}

TEST(ToolCall, OfAServerGoesThereWithItsHash) {
  const std::vector<ServerTool> tools{
      {.schema = {.name = "s__t",
                  .description = "",
                  .parameters = {{"type", "object"}, {"required", {"a"}}}},
       .server = "s",
       .tool = "t",
       .definition = "hash",
       .effect = EffectClass::pure}};
  const auto parse_with = [&](std::string arguments) {
    return parse_tool_call({.id = "1", .name = "s__t", .arguments = std::move(arguments)},
                           agent_tools(), tools);
  };
  const auto request = parse_with(R"({"a":1})");
  ASSERT_TRUE(request) << request.error().message;
  const auto& call = std::get<AwaitTool>(std::get<TaskCommand>(*request));
  EXPECT_EQ(call.server, "s");
  EXPECT_EQ(call.tool, "t");
  EXPECT_EQ(call.definition, "hash");
  EXPECT_EQ(call.arguments, (Json{{"a", 1}}));
  EXPECT_EQ(effect_of(call), EffectClass::pure);
  EXPECT_FALSE(parse_with("{}")) << "against its schema";
  EXPECT_FALSE(parse("s__t", R"({"a":1})")) << "not offered";
}

TEST(ToolCall, ReadsAFileInPages) {
  const auto read = command<AwaitFileRead>("read_file", R"({"path":"a.txt"})");
  EXPECT_EQ(read.path, "a.txt");
  EXPECT_EQ(read.line, 1U);
  EXPECT_EQ(read.column, std::nullopt);
  EXPECT_EQ(read.lines_max, 2'000U);
  EXPECT_EQ(read.bytes_max, 28'000U);
  const auto page =
      command<AwaitFileRead>("read_file", R"({"path":"a","line":812,"column":7,"lines":20})");
  EXPECT_EQ(page.line, 812U);
  EXPECT_EQ(page.column, 7U);
  EXPECT_EQ(page.lines_max, 20U);
}

TEST(ToolCall, ReadsOnInAnOutput) {
  const auto from_start = parse("read_output", R"({"output":"ab12"})");
  ASSERT_TRUE(from_start);
  EXPECT_EQ(std::get<ReadOutput>(*from_start), (ReadOutput{"ab12", 0}));
  EXPECT_EQ(std::get<ReadOutput>(*parse("read_output", R"({"output":"ab12","offset":7})")),
            (ReadOutput{"ab12", 7}));
  EXPECT_EQ(std::get<SaveOutput>(*parse("save_output", R"({"output":"ab12","path":"a"})")),
            (SaveOutput{.output = "ab12", .path = "a"}));
  EXPECT_EQ(refusal("read_output", R"({"output":"ab12","offset":-1})"),
            "read_output: \"offset\" must be at least 0");
}

TEST(ToolCall, OfAnAgentThatCannotReadOnAreTheCommandsThatTheyWere) {
  std::vector<ToolSchema> offered = agent_tools().all();
  std::erase_if(offered, [](const ToolSchema& tool) { return tool.name == "read_output"; });
  const auto command_of = [&](std::string name, std::string arguments) {
    const auto request = parse_tool_call({"1", std::move(name), std::move(arguments)}, offered);
    return canonical_command(std::get<TaskCommand>(*request));
  };
  EXPECT_EQ(command_of("read_file", R"({"path":"a"})"),
            canonical_command(AwaitFileRead{.path = "a"}));
  EXPECT_EQ(command_of("run_program", R"({"argv":["ls"]})"),
            canonical_command(AwaitProcess{.argv = {"ls"}}));
}

TEST(ToolCall, ListsTheWorkspaceWhereNoPathIsGiven) {
  for (const char* nothing : {"", "{}", " \n"}) {
    const auto list = command<AwaitFileList>("list_files", nothing);
    EXPECT_EQ(list.path, ".");
    EXPECT_FALSE(list.recursive);
  }
  EXPECT_TRUE(command<AwaitFileList>("list_files", R"({"path":"src","recursive":true})").recursive);
}

TEST(ToolCall, SearchesBelowADirectory) {
  const auto search = command<AwaitFileSearch>("search_files", R"({"text":"TODO","path":"src"})");
  EXPECT_EQ(search.text, "TODO");
  EXPECT_EQ(search.path, "src");
}

TEST(ToolCall, SaysItsPlan) {
  const auto plan = command<UpdatePlan>(
      "update_plan",
      R"({"steps":[{"text":"look","state":"done"},{"text":"fix","state":"pending"}]})");
  EXPECT_THAT(plan.steps, ElementsAre(PlanStep{"look", PlanState::done}, PlanStep{"fix"}));
  EXPECT_THAT(refusal("update_plan", R"({"steps":[{"text":"look","state":"soon"}]})"),
              HasSubstr("steps[0].state"));
}

TEST(ToolCall, ReadsASkillOrAFileOfIt) {
  EXPECT_EQ(command<AwaitSkill>("use_skill", R"({"name":"pdf"})").file, "SKILL.md");
  EXPECT_EQ(command<AwaitSkill>("use_skill", R"({"name":"pdf","file":"a.py"})").file, "a.py");
}

TEST(ToolCall, KeepsANote) {
  EXPECT_EQ(std::get<Note>(*parse("note", R"({"text":"slow"})")), Note{"slow"});
}

TEST(ToolCall, WritesAnEmptyFile) {
  const auto write = command<AwaitFileWrite>("write_file", R"({"path":"a","content":""})");
  EXPECT_EQ(write.path, "a");
  EXPECT_EQ(write.content, "");
}

TEST(ToolCall, EditsAFile) {
  const auto edit =
      command<AwaitFileEdit>("edit_file", R"({"path":"a","old_text":"x\n","new_text":""})");
  EXPECT_EQ(edit.old_text, "x\n");
  EXPECT_EQ(edit.new_text, "");
  EXPECT_FALSE(edit.replace_all);
  EXPECT_TRUE(command<AwaitFileEdit>(
                  "edit_file", R"({"path":"a","old_text":"x","new_text":"","replace_all":true})")
                  .replace_all);
}

TEST(ToolCall, PatchesFiles) {
  const auto patch = command<AwaitFilePatch>(
      "apply_patch", R"({"patch":"--- a/f\n+++ b/f\n@@ -1 +1 @@\n-x\n+y\n"})");
  ASSERT_EQ(patch.files.size(), 1U);
  EXPECT_EQ(patch.files[0].hunks[0].after, "y\n");
  EXPECT_THAT(refusal("apply_patch", R"({"patch":"x"})"),
              HasSubstr("apply_patch: this is no unified diff"));
}

TEST(ToolCall, MovesAndRemoves) {
  const auto move = command<AwaitFileMove>("move_file", R"({"path":"a","to":"b/c"})");
  EXPECT_EQ(move.path, "a");
  EXPECT_EQ(move.to, "b/c");
  EXPECT_FALSE(command<AwaitFileRemove>("remove_file", R"({"path":"a"})").recursive);
  EXPECT_TRUE(
      command<AwaitFileRemove>("remove_file", R"({"path":"a","recursive":true})").recursive);
}

TEST(ToolCall, RunsAProgramWithItsOwnTimeout) {
  const auto process = command<AwaitProcess>(
      "run_program", R"({"argv":["make","-j2",""],"cwd":"build","timeout_s":7})");
  EXPECT_THAT(process.argv, ElementsAre("make", "-j2", ""));
  EXPECT_EQ(process.cwd, "build");
  EXPECT_EQ(process.timeout, Milliseconds{7'000});
  EXPECT_EQ(command<AwaitProcess>("run_program", R"({"argv":["ls"]})").timeout,
            Milliseconds{120'000});
  EXPECT_EQ(process.output_kept_max, std::uint64_t{8} << 20);
}

TEST(ToolCall, LooksAtARepositoryAndCommits) {
  EXPECT_EQ(command<AwaitGitStatus>("git_status", "{}").entries_max, 1'000U);
  const auto diff = command<AwaitGitDiff>(
      "git_diff", R"({"from":"HEAD~1","to":"x","staged":false,"paths":["a"]})");
  EXPECT_EQ(diff.from, "HEAD~1");
  EXPECT_EQ(diff.to, "x");
  EXPECT_THAT(diff.paths, ElementsAre("a"));
  EXPECT_TRUE(command<AwaitGitDiff>("git_diff", R"({"staged":true})").staged);
  EXPECT_EQ(command<AwaitGitLog>("git_log", "{}").commits_max, 20U);
  EXPECT_EQ(command<AwaitGitLog>("git_log", R"({"commits":3,"from":"v1"})").from, "v1");
  const auto commit = parse_tool_call(
      {"c", "git_commit", R"({"message":"Mend it","paths":["a b"]})"}, agent_tools());
  ASSERT_TRUE(commit);
  EXPECT_EQ(std::get<CommitFiles>(*commit), (CommitFiles{.message = "Mend it", .paths = {"a b"}}));
  EXPECT_THAT(refusal("git_commit", "{}"), HasSubstr("\"message\""));
}

TEST(ToolCall, ReadsThePagesOfTheWeb) {
  const auto page = command<AwaitHttp>("fetch_url", R"({"url":"https://a.example/"})");
  EXPECT_EQ(page.method, "GET");
  EXPECT_EQ(page.url, "https://a.example/");
  EXPECT_TRUE(page.readable);
  EXPECT_EQ(page.bytes_max, 28'000U);
  EXPECT_EQ(page.body_kept_max, std::uint64_t{64} << 20);
}

TEST(ToolCall, OfAnAgentThatCannotSaveBodiesNothingIsKept) {
  std::vector<ToolSchema> offered = agent_tools().all();
  std::erase_if(offered, [](const ToolSchema& tool) { return tool.name == "save_output"; });
  const auto request = parse_tool_call(
      {.id = "c", .name = "fetch_url", .arguments = R"({"url":"https://a.example/"})"}, offered);
  ASSERT_TRUE(request) << request.error().message;
  const auto& page = std::get<AwaitHttp>(std::get<TaskCommand>(*request));
  EXPECT_EQ(page.bytes_max, AwaitHttp{}.bytes_max);
  EXPECT_FALSE(page.body_kept_max);
}

TEST(ToolCall, CallsAnApi) {
  const auto request = command<AwaitHttp>(
      "http_request",
      R"({"method":"POST","url":"https://a.example/","headers":{"X-B":"2","X-A":"1"},"body":"{}","keyed":true})");
  EXPECT_EQ(request.method, "POST");
  EXPECT_THAT(request.headers, ElementsAre(HttpField{"X-A", "1"}, HttpField{"X-B", "2"}));
  EXPECT_EQ(request.body, "{}");
  EXPECT_TRUE(request.keyed);
  EXPECT_FALSE(request.readable);
  EXPECT_FALSE(command<AwaitHttp>("http_request", R"({"method":"PUT","url":"u"})").keyed);
  EXPECT_THAT(refusal("http_request", R"({"method":"TRACE","url":"u"})"), HasSubstr("\"method\""));
  EXPECT_THAT(refusal("http_request", R"({"method":"GET","url":"u","headers":{"A":1}})"),
              HasSubstr("headers.A"));
}

TEST(ToolCall, AsksAPerson) {
  const auto question =
      command<AwaitUserAnswer>("ask_user", R"({"question":"Which?","choices":["a","b"]})");
  EXPECT_EQ(question.question, "Which?");
  EXPECT_THAT(question.choices, ElementsAre("a", "b"));
  EXPECT_THAT(command<AwaitUserAnswer>("ask_user", R"({"question":"?"})").choices, IsEmpty());
}

TEST(ToolCall, FinishIsNoCommand) {
  const auto request = parse("finish", R"({"summary":"done"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(std::get<Finish>(*request), (Finish{{{"summary", "done"}}}));
}

TEST(ToolCall, S69_AnUnknownToolIsAnErrorThatListsTheKnownOnes) {
  EXPECT_EQ(refusal("rm", "{}"),
            "unknown tool \"rm\"; the tools are read_file, list_files, search_files, write_file, "
            "edit_file, apply_patch, move_file, remove_file, run_program, read_output, "
            "save_output, git_status, "
            "git_diff, git_log, git_commit, fetch_url, http_request, ask_user, update_plan, "
            "use_skill, note, start_task, wait, send_message, "
            "finish");
  EXPECT_THAT(refusal("", "{}"), HasSubstr("unknown tool \"\""));
  EXPECT_LT(refusal(std::string(100'000, 'x'), "{}").size(), 400U);
}

TEST(ToolCall, IsHeldToTheToolsThatTheTaskWasStartedWith) {
  std::vector<ToolSchema> offered = agent_tools().all();
  std::erase_if(offered, [](const ToolSchema& tool) { return tool.name != "read_file"; });
  offered[0].parameters["required"] = Json::array({"path", "why"});
  const auto call = [&](std::string name, std::string arguments) {
    return parse_tool_call({.name = std::move(name), .arguments = std::move(arguments)}, offered);
  };
  EXPECT_EQ(call("read_file", R"({"path":"a"})").error().message, "read_file: missing \"why\"");
  EXPECT_EQ(call("write_file", R"({"path":"a","content":""})").error().message,
            "unknown tool \"write_file\"; the tools are read_file");
}

TEST(ToolCall, F49_ArgumentsThatAreNotJsonAreAnError) {
  for (const char* text :
       {"{", R"({"path":"a)", R"({"path":NaN})", "path=a", R"({"path":"a"} x)"}) {
    EXPECT_THAT(refusal("read_file", text), HasSubstr("read_file: the arguments cannot be read: "))
        << text;
  }
}

TEST(ToolCall, F49_ARepeatedKeyIsAnError) {
  EXPECT_EQ(refusal("read_file", R"({"path":"a","path":"b"})"),
            "read_file: the arguments cannot be read: duplicate key \"path\"");
  const std::string long_key = '"' + std::string(100'000, 'k') + "\":1";
  EXPECT_LT(refusal("read_file", '{' + long_key + ',' + long_key + '}').size(), 300U);
}

TEST(ToolCall, F49_WrongTypesAreNamed) {
  EXPECT_EQ(refusal("read_file", R"(["a"])"),
            "read_file: the arguments must be an object, not an array");
  EXPECT_EQ(refusal("read_file", R"({"path":1})"),
            "read_file: \"path\" must be a string, not a number");
  EXPECT_EQ(refusal("read_file", R"({"path":null})"),
            "read_file: \"path\" must be a string, not null");
  EXPECT_EQ(refusal("list_files", R"({"recursive":"yes"})"),
            "list_files: \"recursive\" must be a boolean, not a string");
  EXPECT_EQ(refusal("run_program", R"({"argv":"ls -l"})"),
            "run_program: \"argv\" must be an array, not a string");
  EXPECT_EQ(refusal("run_program", R"({"argv":["ls",3]})"),
            "run_program: \"argv[1]\" must be a string, not a number");
}

TEST(ToolCall, S68_NumbersOutOfBoundsAreRefused) {
  EXPECT_EQ(refusal("run_program", R"({"argv":["ls"],"timeout_s":0})"),
            "run_program: \"timeout_s\" must be at least 1");
  EXPECT_EQ(refusal("run_program", R"({"argv":["ls"],"timeout_s":-9223372036854775808})"),
            "run_program: \"timeout_s\" must be at least 1");
  EXPECT_EQ(refusal("run_program", R"({"argv":["ls"],"timeout_s":18446744073709551615})"),
            "run_program: \"timeout_s\" must be at most 3600");
  EXPECT_EQ(refusal("run_program", R"({"argv":["ls"],"timeout_s":1.5})"),
            "run_program: \"timeout_s\" must be an integer, not a number");
  EXPECT_THAT(refusal("run_program", R"({"argv":["ls"],"timeout_s":1e400})"),
              HasSubstr("cannot be read"));
}

TEST(ToolCall, WhatIsMissingOrUnknownIsNamed) {
  EXPECT_EQ(refusal("write_file", R"({"path":"a"})"), "write_file: missing \"content\"");
  EXPECT_EQ(refusal("read_file", R"({"file":"a","path":"a"})"),
            "read_file: unknown argument \"file\" (known: column, line, lines, path)");
}

TEST(ToolCall, WhatIsEmptyAndMustNotBeIsNamed) {
  EXPECT_EQ(refusal("run_program", R"({"argv":[]})"), "run_program: \"argv\" must not be empty");
  EXPECT_EQ(refusal("read_file", R"({"path":""})"), "read_file: \"path\" must not be empty");
  EXPECT_EQ(refusal("edit_file", R"({"path":"a","old_text":"","new_text":"x"})"),
            "edit_file: \"old_text\" must not be empty");
}

TEST(ToolCall, TextWithANulIsRefused) {
  EXPECT_EQ(refusal("read_file", R"({"path":"a\u0000b"})"),
            "read_file: \"path\" must not contain a NUL character");
  EXPECT_EQ(refusal("run_program", R"({"argv":["ls","\u0000"]})"),
            "run_program: \"argv[1]\" must not contain a NUL character");
}

TEST(ToolCall, S66_DeepNestingIsRefusedBeforeATreeIsBuilt) {
  const std::string deep = R"({"path":)" + std::string(1'000'000, '[');
  EXPECT_THAT(refusal("read_file", deep, Errc::too_large), HasSubstr("nested deeper"));
}

}  // namespace
}  // namespace tinkerbell
