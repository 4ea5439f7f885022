#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/conversation.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What a model may call: the tools as it is shown them, its calls as commands, and the outcomes as
/// it is told them. Pure functions. Their texts and limits enter conversations, so a change that an
/// old journal would meet again makes a new version of the agent.

namespace tinkerbell {

/// The tools of an agent. The order and the texts are part of a task's frozen definition and of
/// every provider's prompt cache: all schemas together stay below 11 kB, but for `output_schema`.
/// Where that is given, it is what `finish` takes: the arguments are the result.
[[nodiscard]] ToolList agent_tools(const std::optional<Json>& output_schema = {});

/// The model says that it is done. Not a command: the agent ends with it.
struct Finish {
  Json result;  ///< {"summary": …}, or what follows the output_schema.

  bool operator==(const Finish&) const = default;
};

/// The model wants a text kept for later tasks. Not a command: the agent adds when and by whom, and
/// writes a file.
struct Note {
  std::string text;

  bool operator==(const Note&) const = default;
};

/// A tool of an MCP server, as an agent has it for its life.
struct ServerTool {
  ToolSchema schema;  ///< As the model is offered it: "server__tool".
  std::string server;
  std::string tool;
  std::string definition;  ///< Its hash.
  EffectClass effect = EffectClass::once;

  static constexpr auto fields() {
    return described(field("schema", &ServerTool::schema), field("server", &ServerTool::server),
                     field("tool", &ServerTool::tool), field("definition", &ServerTool::definition),
                     field("effect", &ServerTool::effect));
  }
};

/// The model wants to read on in what it was told the ends of. It becomes a command where the agent
/// knows such an output: no other content may be read.
struct ReadOutput {
  std::string output;  ///< As it was told: the first digits of the hash.
  std::uint64_t offset = 0;

  bool operator==(const ReadOutput&) const = default;
};

/// The model wants what it was told of as an output in a file. Likewise.
struct SaveOutput {
  std::string output;
  std::string path;

  bool operator==(const SaveOutput&) const = default;
};

/// The model wants a part of the work done by a task of its own. Not a command: the agent gives it
/// some of its own steps, and says which commands the tools come to.
struct StartTask {
  std::string goal;
  std::string model;                       ///< Empty: that of the agent.
  std::optional<std::uint32_t> steps_max;  ///< Nothing: as the agent sees fit.
  Limits limits;
  std::optional<std::vector<std::string>> tools;  ///< Nothing: all that the agent has.
  std::string directory;                          ///< Empty: where the agent works.

  bool operator==(const StartTask&) const = default;
};

/// The model wants to wait for the first of several things. Not a command: it may take several.
struct WaitFor {
  std::vector<TaskId> tasks;  ///< Empty: all that the agent has started.
  bool all = false;           ///< For the end of all of these; false: of any.
  std::string file;           ///< A path at which something becomes another; empty: none.
  std::optional<Milliseconds> timeout;

  bool operator==(const WaitFor&) const = default;
};

/// The model wants a commit. Not a command: the agent stages first.
struct CommitFiles {
  std::string message;
  std::vector<std::string> paths;  ///< Empty: all that is not as in the newest commit.

  bool operator==(const CommitFiles&) const = default;
};

using ToolRequest = std::variant<TaskCommand, Finish, Note, ReadOutput, SaveOutput, StartTask,
                                 WaitFor, CommitFiles>;

/// The names of all commands that calls of these tools may come to. Errors: invalid (no such tool).
[[nodiscard]] Result<std::vector<std::string>> commands_of(const std::vector<std::string>& tools);

/// What a call of one of the `offered` tools asks for: those of agent_tools() with which the task
/// was started, as its definition has them. The arguments are checked against that schema; empty
/// text stands for no arguments. Errors: invalid (unknown tool, not JSON, against the schema),
/// too_large (nested too deeply, too many values), each with a message that tells a model what to
/// do differently.
[[nodiscard]] Result<ToolRequest> parse_tool_call(const ToolCall& call, const ToolList& offered,
                                                  const std::vector<ServerTool>& of_servers = {});

/// What the model is told of a command's outcome: plain text in valid UTF-8. Of more than
/// `bytes_max` bytes it is told the ends, in whole lines, how much is left out, and how to read
/// that. Without such a limit: as the agents were told that had none, who got 30 000 bytes and no
/// advice.
[[nodiscard]] std::string result_text(const TaskCommand& command, const Result<Reply>& outcome,
                                      std::optional<std::uint32_t> bytes_max = {});

/// By what of its hash a model knows an output.
[[nodiscard]] std::string output_name(std::string_view sha256);

}  // namespace tinkerbell
