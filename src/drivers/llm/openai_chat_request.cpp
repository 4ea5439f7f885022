#include "drivers/llm/openai_chat_request.hpp"

#include "drivers/llm/http_provider.hpp"
#include "drivers/llm/sendable.hpp"

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/text.hpp"

namespace tinkerbell {

namespace {

Json chat_call(const ToolCall& call) {
  return {
      {"id", call.id},
      {"type", "function"},
      {"function",
       {{"name", sendable_name(call.name)}, {"arguments", sendable_arguments(call.arguments)}}}};
}

Json chat_message(const Message& message) {
  Json json = {{"role", name_of(message.role)}, {"content", valid_utf8(message.text)}};
  if (message.role == Role::tool) json["tool_call_id"] = message.tool_call_id;
  if (message.tool_calls.empty()) return json;
  if (message.text.empty()) json["content"] = nullptr;
  for (const ToolCall& call : message.tool_calls)
    json["tool_calls"].push_back(chat_call(call));
  return json;
}

/// How a server calls the bound of an answer. OpenAI's reasoning models refuse what compatible
/// servers know.
std::string_view tokens_key(const ProviderSettings& settings) {
  const bool own = origin_of(settings.base_url) == "https://api.openai.com";
  return own ? "max_completion_tokens" : "max_tokens";
}

}  // namespace

std::string openai_chat_body(const ModelQuestion& question, const ProviderSettings& settings) {
  Json body = {{"model", question.model},
               {"messages", Json::array()},
               {"stream", true},
               {"stream_options", {{"include_usage", true}}},
               {tokens_key(settings), question.tokens_max}};
  for (std::size_t i = 0; i < question.messages.size(); ++i)
    body["messages"].push_back(chat_message(question.messages.at(i)));
  for (const ToolSchema& tool : question.tools)  // an empty list is refused
    body["tools"].push_back(function_tool(tool));
  if (!question.output_schema.is_null()) {
    body["response_format"] = {{"type", "json_schema"},
                               {"json_schema", named_schema(question.output_schema)}};
  }
  if (question.thinking) body["reasoning_effort"] = effort_of(*question.thinking);
  return dump_json(body);
}

}  // namespace tinkerbell
