#include "drivers/llm/ollama_request.hpp"

#include "drivers/llm/message_parts.hpp"
#include "drivers/llm/sendable.hpp"

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/command/commands.hpp"

#include <map>

namespace tinkerbell {

namespace {

/// The name of the tool that was called, by the id of the call: results are told apart by it.
using CalledTools = std::map<std::string, std::string>;

Json ollama_call(const ToolCall& call) {
  return {{"id", call.id},
          {"function",
           {{"name", sendable_name(call.name)}, {"arguments", sendable_object(call.arguments)}}}};
}

Json ollama_message(const Message& message, CalledTools& called) {
  Json json = {{"role", name_of(message.role)}, {"content", valid_utf8(message.text)}};
  if (message.role == Role::tool) {
    json["tool_call_id"] = message.tool_call_id;
    json["tool_name"] = called[message.tool_call_id];
  }
  for (MessagePart& part : parts_of(message, ProviderType::ollama)) {
    std::visit(Overloaded{[](std::string&) {},  // in the content already
                          [&](ToolCall& call) {
                            called[call.id] = sendable_name(call.name);
                            json["tool_calls"].push_back(ollama_call(call));
                          },
                          [&](Json& kept) { json["thinking"] = std::move(kept); }},
               part);
  }
  return json;
}

/// Some models know only whether, others only how much.
Json think_of(Thinking thinking) {
  if (thinking == Thinking::off || thinking == Thinking::on) return thinking == Thinking::on;
  return name_of(thinking);
}

}  // namespace

std::string ollama_body(const ModelQuestion& question, const ProviderSettings&) {
  Json body = {
      {"model", question.model},
      {"messages", Json::array()},
      {"stream", true},
      {"truncate", false},
      {"shift", false},
      {"options", {{"num_ctx", question.context_tokens}, {"num_predict", question.tokens_max}}}};
  CalledTools called;
  for (std::size_t i = 0; i < question.messages.size(); ++i)
    body["messages"].push_back(ollama_message(question.messages.at(i), called));
  for (const ToolSchema& tool : question.tools)
    body["tools"].push_back(function_tool(tool));
  if (!question.output_schema.is_null()) body["format"] = question.output_schema;
  if (question.thinking) body["think"] = think_of(*question.thinking);
  return dump_json(body);
}

std::uint64_t ollama_prompt_bytes(const ModelQuestion& question) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < question.messages.size(); ++i) {
    const Message& message = question.messages.at(i);
    bytes += message.text.size();
    for (const ToolCall& call : message.tool_calls)
      bytes += call.name.size() + call.arguments.size();
  }
  return bytes;
}

}  // namespace tinkerbell
