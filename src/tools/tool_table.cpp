#include "tools/tool_table.hpp"

#include "tools/patch_text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

namespace {

constexpr std::uint64_t kCommitsShown = 20;
constexpr std::uint64_t kCommitsMax = 1'000;

std::string text(const Json& arguments, std::string_view name) {
  return arguments.at(std::string(name)).get<std::string>();
}

std::string text_or(const Json& arguments, std::string_view name, std::string_view otherwise) {
  return arguments.value(std::string(name), std::string(otherwise));
}

std::vector<std::string> texts(const Json& arguments, std::string_view name) {
  return arguments.value(std::string(name), std::vector<std::string>{});
}

std::optional<std::uint64_t> number(const Json& arguments, const char* name) {
  const auto found = arguments.find(name);
  if (found == arguments.end()) return std::nullopt;
  return found->get<std::uint64_t>();
}

Result<ToolRequest> read_file(const Json& arguments) {
  return AwaitFileRead{.path = text(arguments, "path"),
                       .line = number(arguments, "line"),
                       .column = number(arguments, "column"),
                       .lines_max = number(arguments, "lines")};
}

Result<ToolRequest> list_files(const Json& arguments) {
  return AwaitFileList{.path = text_or(arguments, "path", "."),
                       .recursive = arguments.value("recursive", false)};
}

Result<ToolRequest> search_files(const Json& arguments) {
  return AwaitFileSearch{.text = text(arguments, "text"), .path = text_or(arguments, "path", ".")};
}

Result<ToolRequest> write_file(const Json& arguments) {
  return AwaitFileWrite{.path = text(arguments, "path"), .content = text(arguments, "content")};
}

Result<ToolRequest> edit_file(const Json& arguments) {
  return AwaitFileEdit{.path = text(arguments, "path"),
                       .old_text = text(arguments, "old_text"),
                       .new_text = text(arguments, "new_text"),
                       .replace_all = arguments.value("replace_all", false)};
}

Result<ToolRequest> apply_patch(const Json& arguments) {
  Result<AwaitFilePatch> patch = parse_patch(text(arguments, "patch"));
  if (!patch) return patch.error();
  return ToolRequest(TaskCommand(*std::move(patch)));
}

Result<ToolRequest> move_file(const Json& arguments) {
  return AwaitFileMove{.path = text(arguments, "path"), .to = text(arguments, "to")};
}

Result<ToolRequest> remove_file(const Json& arguments) {
  return AwaitFileRemove{.path = text(arguments, "path"),
                         .recursive = arguments.value("recursive", false)};
}

Result<ToolRequest> run_program(const Json& arguments) {
  AwaitProcess command{.argv = texts(arguments, "argv"), .cwd = text_or(arguments, "cwd", ".")};
  if (const auto timeout = arguments.find("timeout_s"); timeout != arguments.end()) {
    command.timeout = std::chrono::seconds{timeout->get<std::int64_t>()};
  }
  return command;
}

Result<ToolRequest> read_output(const Json& arguments) {
  return ReadOutput{.output = text(arguments, "output"),
                    .offset = number(arguments, "offset").value_or(0)};
}

Result<ToolRequest> save_output(const Json& arguments) {
  return SaveOutput{.output = text(arguments, "output"), .path = text(arguments, "path")};
}

Result<ToolRequest> git_status(const Json& /*arguments*/) {
  return AwaitGitStatus{};
}

Result<ToolRequest> git_diff(const Json& arguments) {
  return AwaitGitDiff{.from = text_or(arguments, "from", ""),
                      .to = text_or(arguments, "to", ""),
                      .staged = arguments.value("staged", false),
                      .paths = texts(arguments, "paths")};
}

Result<ToolRequest> git_log(const Json& arguments) {
  const std::uint64_t commits = number(arguments, "commits").value_or(kCommitsShown);
  return AwaitGitLog{.from = text_or(arguments, "from", "HEAD"),
                     .paths = texts(arguments, "paths"),
                     .commits_max = static_cast<std::uint32_t>(std::min(commits, kCommitsMax))};
}

Result<ToolRequest> git_commit(const Json& arguments) {
  return CommitFiles{.message = text(arguments, "message"), .paths = texts(arguments, "paths")};
}

Result<ToolRequest> fetch_url(const Json& arguments) {
  return AwaitHttp{.url = text(arguments, "url"), .readable = true};
}

Result<ToolRequest> http_request(const Json& arguments) {
  AwaitHttp command{.method = text(arguments, "method"),
                    .url = text(arguments, "url"),
                    .body = text_or(arguments, "body", ""),
                    .keyed = arguments.value("keyed", false)};
  for (const auto& [name, value] : arguments.value("headers", Json::object()).items())
    command.headers.push_back({name, value.get<std::string>()});
  return command;
}

Result<ToolRequest> ask_user(const Json& arguments) {
  return AwaitUserAnswer{.question = text(arguments, "question"),
                         .choices = texts(arguments, "choices")};
}

Result<ToolRequest> update_plan(const Json& arguments) {
  UpdatePlan plan;
  for (const Json& step : arguments.at("steps")) {
    plan.steps.push_back(
        {.text = text(step, "text"), .state = *value_named<PlanState>(text(step, "state"))});
  }
  return plan;
}

Result<ToolRequest> use_skill(const Json& arguments) {
  return AwaitSkill{.name = text(arguments, "name"),
                    .file = text_or(arguments, "file", AwaitSkill{}.file)};
}

Result<ToolRequest> note(const Json& arguments) {
  return Note{.text = text(arguments, "text")};
}

Result<ToolRequest> start_task(const Json& arguments) {
  StartTask start{.goal = text(arguments, "goal"),
                  .model = text_or(arguments, "model", ""),
                  .directory = text_or(arguments, "directory", "")};
  if (const auto steps = arguments.find("steps_max"); steps != arguments.end()) {
    start.steps_max = steps->get<std::uint32_t>();
  }
  if (const auto tokens = arguments.find("tokens_max"); tokens != arguments.end()) {
    start.limits.tokens = tokens->get<std::uint64_t>();
  }
  if (arguments.contains("tools")) start.tools = texts(arguments, "tools");
  return start;
}

Result<ToolRequest> wait(const Json& arguments) {
  WaitFor wait{.all = arguments.value("all", false), .file = text_or(arguments, "file", "")};
  for (const std::uint64_t task : arguments.value("tasks", std::vector<std::uint64_t>{}))
    wait.tasks.push_back(TaskId{task});
  if (const auto seconds = arguments.find("seconds"); seconds != arguments.end()) {
    wait.timeout = std::chrono::seconds{seconds->get<std::int64_t>()};
  }
  return wait;
}

Result<ToolRequest> send_message(const Json& arguments) {
  return Send{.task = TaskId{arguments.at("task").get<std::uint64_t>()},
              .message = text(arguments, "text")};
}

Result<ToolRequest> finish(const Json& arguments) {
  return Finish{.result = arguments};
}

constexpr std::array kTools = {
    Tool{"read_file",
         "Read a text file; a long one in pages, each of which says where it goes on. Read a file "
         "before you change it.",
         R"({"type":"object","additionalProperties":false,"required":["path"],"properties":{
             "path":{"type":"string","minLength":1,
                     "description":"Relative to the workspace, like every path."},
             "line":{"type":"integer","minimum":1,"description":"The first line. Default: 1."},
             "column":{"type":"integer","minimum":0,"description":"Bytes of it to pass over."},
             "lines":{"type":"integer","minimum":1,"description":"Default: 2000."}}})",
         read_file},
    Tool{"list_files",
         "List a directory; directories end in \"/\". Names beginning with a dot are included.",
         R"({"type":"object","additionalProperties":false,"properties":{
             "path":{"type":"string","minLength":1,"description":"Default: the workspace itself."},
             "recursive":{"type":"boolean","description":"Default: false."}}})",
         list_files},
    Tool{
        "search_files",
        "Find a literal text (not a pattern) in all files below a directory. Answers with lines of "
        "the form path:line: text.",
        R"({"type":"object","additionalProperties":false,"required":["text"],"properties":{
             "text":{"type":"string","minLength":1},
             "path":{"type":"string","minLength":1,"description":"Default: the workspace itself."}}})",
        search_files},
    Tool{
        "write_file",
        "Create a file, or replace all of its content. To change a part of a file use edit_file.",
        R"({"type":"object","additionalProperties":false,"required":["path","content"],"properties":{
             "path":{"type":"string","minLength":1},
             "content":{"type":"string","description":"The whole file."}}})",
        write_file},
    Tool{"edit_file",
         "Replace one passage of a file. old_text must occur exactly once, unless you replace all: "
         "copy it with its indentation and take enough lines around it.",
         R"({"type":"object","additionalProperties":false,"required":["path","old_text","new_text"],
             "properties":{
             "path":{"type":"string","minLength":1},
             "old_text":{"type":"string","minLength":1},
             "new_text":{"type":"string"},
             "replace_all":{"type":"boolean","description":"Default: false."}}})",
         edit_file},
    Tool{
        "apply_patch",
        "Change, create, delete or rename one or several files, all or nothing, by a unified diff. "
        "The lines of a hunk must be in the file exactly; line numbers may be wrong.",
        R"({"type":"object","additionalProperties":false,"required":["patch"],"properties":{
             "patch":{"type":"string","minLength":1,
                      "description":"--- a/path, +++ b/path (/dev/null: no file), @@ hunks."}}})",
        apply_patch},
    Tool{"move_file", "Move or rename a file or a directory. Nothing may stand at the new place.",
         R"({"type":"object","additionalProperties":false,"required":["path","to"],"properties":{
             "path":{"type":"string","minLength":1},
             "to":{"type":"string","minLength":1,"description":"The whole new path."}}})",
         move_file},
    Tool{"remove_file", "Remove a file or a directory.",
         R"({"type":"object","additionalProperties":false,"required":["path"],"properties":{
             "path":{"type":"string","minLength":1},
             "recursive":{"type":"boolean",
                          "description":"A directory with all in it. Default: false."}}})",
         remove_file},
    Tool{"run_program",
         "Run a program in a sandbox and wait for its end. There is no shell: no pipes, no "
         "redirection, no wildcards.",
         R"({"type":"object","additionalProperties":false,"required":["argv"],"properties":{
             "argv":{"type":"array","minItems":1,"items":{"type":"string"},
                     "description":"The program and its arguments, one word each."},
             "cwd":{"type":"string","minLength":1,"description":"Default: the workspace itself."},
             "timeout_s":{"type":"integer","minimum":1,"maximum":3600,
                          "description":"Default: 120."}}})",
         run_program},
    Tool{kReadOutputTool, "Read on in an output or body of which you were told the ends.",
         R"({"type":"object","additionalProperties":false,"required":["output"],"properties":{
             "output":{"type":"string","minLength":1,"description":"Its name, as you were told."},
             "offset":{"type":"integer","minimum":0,"description":"In bytes. Default: 0."}}})",
         read_output},
    Tool{kSaveOutputTool, "Write all of such an output or body into a file.",
         R"({"type":"object","additionalProperties":false,"required":["output","path"],
             "properties":{
             "output":{"type":"string","minLength":1},
             "path":{"type":"string","minLength":1}}})",
         save_output},
    Tool{"git_status", "What is checked out, and what differs.",
         R"({"type":"object","additionalProperties":false,"properties":{}})", git_status},
    Tool{"git_diff", "What is not staged; or since a commit, or between two.",
         R"({"type":"object","additionalProperties":false,"properties":{
             "from":{"type":"string"},
             "to":{"type":"string"},
             "staged":{"type":"boolean"},
             "paths":{"type":"array","items":{"type":"string"}}}})",
         git_diff},
    Tool{"git_log", "Commits, newest first.",
         R"({"type":"object","additionalProperties":false,"properties":{
             "from":{"type":"string"},
             "paths":{"type":"array","items":{"type":"string"}},
             "commits":{"type":"integer","minimum":1}}})",
         git_log},
    Tool{"git_commit", "Stage paths, new and removed too, and commit. For all else run git.",
         R"({"type":"object","additionalProperties":false,"required":["message"],"properties":{
             "message":{"type":"string"},
             "paths":{"type":"array","items":{"type":"string"},"description":"Default: all."}}})",
         git_commit},
    Tool{"fetch_url", "Read a page of the web as text.",
         R"({"type":"object","additionalProperties":false,"required":["url"],"properties":{
             "url":{"type":"string","minLength":1}}})",
         fetch_url},
    Tool{"http_request", "Call an HTTP API.",
         R"({"type":"object","additionalProperties":false,"required":["method","url"],
             "properties":{
             "method":{"type":"string",
                       "enum":["GET","HEAD","OPTIONS","POST","PUT","PATCH","DELETE"]},
             "url":{"type":"string","minLength":1},
             "headers":{"type":"object","additionalProperties":{"type":"string"}},
             "body":{"type":"string"},
             "keyed":{"type":"boolean",
                      "description":"With an Idempotency-Key, if the API knows it."}}})",
         http_request},
    Tool{"ask_user",
         "Ask the person who gave you the goal, when you cannot find out by yourself what they "
         "want. They may take long to answer.",
         R"({"type":"object","additionalProperties":false,"required":["question"],"properties":{
             "question":{"type":"string","minLength":1},
             "choices":{"type":"array","items":{"type":"string"},
                        "description":"Suggested answers."}}})",
         ask_user},
    Tool{"update_plan",
         "Show the steps of longer work; call it again with all of them as they change.",
         R"({"type":"object","additionalProperties":false,"required":["steps"],"properties":{
             "steps":{"type":"array","minItems":1,"items":{"type":"object",
               "additionalProperties":false,"required":["text","state"],"properties":{
               "text":{"type":"string","minLength":1},
               "state":{"type":"string","enum":["pending","doing","done"]}}}}}})",
         update_plan},
    Tool{"use_skill", "Read a skill that you were told of, or a file of it, before you work by it.",
         R"({"type":"object","additionalProperties":false,"required":["name"],"properties":{
             "name":{"type":"string","minLength":1},
             "file":{"type":"string","minLength":1,"description":"Default: SKILL.md."}}})",
         use_skill},
    Tool{"note",
         "Keep a short fact about this workspace for later tasks: what took long to find out.",
         R"({"type":"object","additionalProperties":false,"required":["text"],"properties":{
             "text":{"type":"string","minLength":1}}})",
         note},
    Tool{"start_task",
         "Have a part of the work done by a task of its own, in the same files. It knows only what "
         "you tell it. Its steps are taken from yours. Answers with its number.",
         R"({"type":"object","additionalProperties":false,"required":["goal"],"properties":{
             "goal":{"type":"string","minLength":1},
             "model":{"type":"string","minLength":1},
             "steps_max":{"type":"integer","minimum":1,"maximum":4294967295,
                          "description":"Default: a quarter of those that you have left."},
             "tokens_max":{"type":"integer","minimum":0},
             "tools":{"type":"array","items":{"type":"string"},
                      "description":"The only ones that it may use. Default: those that you have."},
             "directory":{"type":"string","minLength":1,
                          "description":"It may touch nothing outside of it."}}})",
         start_task},
    Tool{"wait",
         "Wait until a task that you started has ended, and be told what it returned; or until a "
         "file changes, or time has passed. A message or your user's words end it, too.",
         R"({"type":"object","additionalProperties":false,"properties":{
             "tasks":{"type":"array","items":{"type":"integer","minimum":1},
                      "description":"Default: all that you started."},
             "all":{"type":"boolean","description":"Until all have ended. Default: any."},
             "file":{"type":"string","minLength":1},
             "seconds":{"type":"integer","minimum":0,"maximum":2592000,
                        "description":"At most that long."}}})",
         wait},
    Tool{"send_message", "Tell another task something; it reads that when it waits.",
         R"({"type":"object","additionalProperties":false,"required":["task","text"],"properties":{
             "task":{"type":"integer","minimum":1},
             "text":{"type":"string","minLength":1}}})",
         send_message},
    Tool{"finish", "End the work, when the goal is reached or cannot be reached.",
         R"({"type":"object","additionalProperties":false,"required":["summary"],"properties":{
             "summary":{"type":"string","minLength":1,
                        "description":"What was done, what was not, and how you know that it works."}}})",
         finish},
};

}  // namespace

std::span<const Tool> tool_table() {
  return kTools;
}

}  // namespace tinkerbell
