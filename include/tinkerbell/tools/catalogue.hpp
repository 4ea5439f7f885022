#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/conversation.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

/// What a model may call: the tools as it is shown them, its calls as commands, and the outcomes as
/// it is told them. Pure functions. Their texts and limits enter conversations, so a change that an
/// old journal would meet again makes a new version of the agent.

namespace tinkerbell {

/// The tools of an agent. The order and the texts are part of a task's frozen definition and of
/// every provider's prompt cache: all schemas together stay below 5 kB, but for `output_schema`.
/// Where that is given, it is what `finish` takes: the arguments are the result.
[[nodiscard]] std::vector<ToolSchema> agent_tools(const std::optional<Json>& output_schema = {});

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

using ToolRequest = std::variant<TaskCommand, Finish, Note>;

/// What a call of one of the `offered` tools asks for: those of agent_tools() with which the task
/// was started, as its definition has them. The arguments are checked against that schema; empty
/// text stands for no arguments. Errors: invalid (unknown tool, not JSON, against the schema),
/// too_large (nested too deeply, too many values), each with a message that tells a model what to
/// do differently.
[[nodiscard]] Result<ToolRequest> parse_tool_call(const ToolCall& call,
                                                  const std::vector<ToolSchema>& offered);

/// What the model is told of a command's outcome: plain text in valid UTF-8. More than 30 000 bytes
/// are cut in the middle, and the text says how much is missing.
[[nodiscard]] std::string result_text(const TaskCommand& command, const Result<Reply>& outcome);

}  // namespace tinkerbell
