#include "drivers/llm/openai_chat_request.hpp"

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/text.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

/// Function names match ^[a-zA-Z0-9_-]{1,64}$; one that does not would end the conversation for
/// good, with a 400 on every later turn.
std::string sendable_name(const std::string& name) {
  constexpr std::size_t kNameBytesMax = 64;
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  std::string sendable = name.substr(0, kNameBytesMax);
  std::ranges::replace_if(sendable, [&](char c) { return !kAllowed.contains(c); }, '_');
  return sendable.empty() ? "_" : sendable;
}

/// llama.cpp and others parse the arguments of earlier calls and fail on what is no object.
std::string sendable_arguments(const std::string& arguments) {
  const Result<Json> parsed = parse_json(arguments);
  if (parsed && parsed->is_object()) return arguments;
  if (arguments.empty()) return "{}";
  return dump_json({{"invalid_arguments", valid_utf8(arguments)}});
}

Json call_json(const ToolCall& call) {
  return {
      {"id", call.id},
      {"type", "function"},
      {"function",
       {{"name", sendable_name(call.name)}, {"arguments", sendable_arguments(call.arguments)}}}};
}

Json message_json(const Message& message) {
  Json json = {{"role", name_of(message.role)}, {"content", valid_utf8(message.text)}};
  if (message.role == Role::tool) json["tool_call_id"] = message.tool_call_id;
  if (message.tool_calls.empty()) return json;
  if (message.text.empty()) json["content"] = nullptr;
  for (const ToolCall& call : message.tool_calls)
    json["tool_calls"].push_back(call_json(call));
  return json;
}

Json tool_json(const ToolSchema& tool) {
  return {
      {"type", "function"},
      {"function",
       {{"name", tool.name}, {"description", tool.description}, {"parameters", tool.parameters}}}};
}

std::string_view name_of_field(TokensField field) {
  return field == TokensField::max_tokens ? "max_tokens" : "max_completion_tokens";
}

}  // namespace

std::string openai_chat_body(const ModelQuestion& question, TokensField tokens_field) {
  Json body = {{"model", question.model},
               {"messages", Json::array()},
               {"stream", true},
               {"stream_options", {{"include_usage", true}}},
               {name_of_field(tokens_field), question.tokens_max}};
  for (std::size_t i = 0; i < question.messages.size(); ++i)
    body["messages"].push_back(message_json(question.messages.at(i)));
  for (const ToolSchema& tool : question.tools)  // an empty list is refused
    body["tools"].push_back(tool_json(tool));
  return dump_json(body);
}

}  // namespace tinkerbell
