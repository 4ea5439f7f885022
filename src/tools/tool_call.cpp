#include "tools/schema_check.hpp"
#include "tools/tool_table.hpp"

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/tools/catalogue.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

/// What is shown back to a model of its own words.
constexpr std::size_t kShownNameBytesMax = 64;
constexpr std::size_t kShownReasonBytesMax = 200;

Error unknown_tool(const std::string& name, const ToolList& offered,
                   const std::vector<ServerTool>& of_servers) {
  std::string known;
  for (const ToolSchema& tool : offered)
    known += (known.empty() ? "" : ", ") + tool.name;
  for (const ServerTool& tool : of_servers)
    known += ", " + tool.schema.name;
  return {Errc::invalid, "unknown tool \"" + visible_line(shortened(name, kShownNameBytesMax)) +
                             "\"; the tools are " + known};
}

/// Models call a tool without arguments with "" as well as with "{}".
Result<Json> parse_arguments(const std::string& text) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return Json::object();
  Result<Json> arguments = parse_json(text);
  if (arguments) return arguments;
  const Error& error = arguments.error();
  return Error{error.code, "the arguments cannot be read: " +
                               visible_line(shortened(error.message, kShownReasonBytesMax))};
}

/// What a model is told at once: with what is said about it less than an agent is told of anything.
constexpr std::uint64_t kPageBytesMax = 28'000;
constexpr std::uint64_t kPageLinesMax = 2'000;
constexpr std::uint64_t kOutputKeptMax = std::uint64_t{8} << 20;

bool has_tool(const ToolList& offered, std::string_view name) {
  return std::ranges::find(offered, name, &ToolSchema::name) != offered.end();
}

/// An agent that can read on reads pages. Those that were started without the tools for that
/// cannot, and their calls must become the commands that they became then.
ToolRequest in_pages(ToolRequest request, const ToolList& offered) {
  auto* const command = std::get_if<TaskCommand>(&request);
  if (command == nullptr) return request;
  if (auto* const read = std::get_if<AwaitFileRead>(command)) {
    read->bytes_max = kPageBytesMax;
    read->line = read->line.value_or(1);
    read->lines_max = read->lines_max.value_or(kPageLinesMax);
  } else if (auto* const program = std::get_if<AwaitProcess>(command)) {
    program->output_bytes_max = kPageBytesMax;
    program->output_kept_max = kOutputKeptMax;
  } else if (auto* const http = std::get_if<AwaitHttp>(command)) {
    if (!has_tool(offered, kSaveOutputTool)) return request;
    http->bytes_max = kPageBytesMax;
    http->body_kept_max = AwaitHttp::kBodyKeptMax;
  }
  return request;
}

Result<ToolRequest> call_of_server(const ToolCall& call, const ServerTool& tool) {
  Result<Json> arguments = parse_arguments(call.arguments);
  if (!arguments) return arguments.error().with(tool.schema.name);
  if (const Result<void> checked = check_schema(*arguments, tool.schema.parameters); !checked) {
    return checked.error().with(tool.schema.name);
  }
  return ToolRequest(TaskCommand(AwaitTool{.server = tool.server,
                                           .tool = tool.tool,
                                           .arguments = *std::move(arguments),
                                           .definition = tool.definition,
                                           .effect = tool.effect,
                                           .input_responses = {},
                                           .request_state = {}}));
}

}  // namespace

Result<ToolRequest> parse_tool_call(const ToolCall& call, const ToolList& offered,
                                    const std::vector<ServerTool>& of_servers) {
  const auto of_server = std::ranges::find(of_servers, call.name,
                                           [](const ServerTool& tool) { return tool.schema.name; });
  if (of_server != of_servers.end()) return call_of_server(call, *of_server);
  const auto schema = std::ranges::find(offered, call.name, &ToolSchema::name);
  const auto tool = std::ranges::find(tool_table(), call.name, &Tool::name);
  if (schema == offered.end() || tool == tool_table().end()) {
    return unknown_tool(call.name, offered, of_servers);
  }
  Result<Json> arguments = parse_arguments(call.arguments);
  if (!arguments) return arguments.error().with(tool->name);
  const Result<void> checked = check_schema(*arguments, schema->parameters);
  if (!checked) return checked.error().with(tool->name);
  Result<ToolRequest> request = tool->request(*arguments);
  if (!request) return request.error().with(tool->name);
  return has_tool(offered, kReadOutputTool) ? in_pages(*std::move(request), offered)
                                            : *std::move(request);
}

}  // namespace tinkerbell
