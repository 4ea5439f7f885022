#include "drivers/llm/openai_responses_request.hpp"

#include "drivers/llm/message_parts.hpp"
#include "drivers/llm/sendable.hpp"

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/command/commands.hpp"

namespace tinkerbell {

namespace {

Json text_item(Role role, std::string text) {
  return {{"role", name_of(role)}, {"content", std::move(text)}};
}

Json call_item(const ToolCall& call) {
  return {{"type", "function_call"},
          {"call_id", call.id},
          {"name", sendable_name(call.name)},
          {"arguments", sendable_arguments(call.arguments)}};
}

Json result_item(const Message& message) {
  return {{"type", "function_call_output"},
          {"call_id", message.tool_call_id},
          {"output", valid_utf8(message.text)}};
}

void add_items(Json& input, const Message& message) {
  if (message.role == Role::tool) return input.push_back(result_item(message));
  for (MessagePart& part : parts_of(message, ProviderType::openai_responses)) {
    input.push_back(std::visit(
        Overloaded{[&](std::string& text) { return text_item(message.role, std::move(text)); },
                   [](ToolCall& call) { return call_item(call); },
                   [](Json& kept) { return std::move(kept); }},
        part));
  }
}

Json responses_tool(const ToolSchema& tool) {
  return {{"type", "function"},
          {"name", tool.name},
          {"description", tool.description},
          {"parameters", tool.parameters},
          {"strict", false}};
}

}  // namespace

std::string openai_responses_body(const ModelQuestion& question, const ProviderSettings&) {
  Json body = {{"model", question.model},
               {"input", Json::array()},
               {"stream", true},
               {"store", false},
               {"include", {"reasoning.encrypted_content"}},
               {"max_output_tokens", question.tokens_max}};
  for (std::size_t i = 0; i < question.messages.size(); ++i)
    add_items(body["input"], question.messages.at(i));
  for (const ToolSchema& tool : question.tools)
    body["tools"].push_back(responses_tool(tool));
  if (!question.output_schema.is_null()) {
    Json& format = body["text"]["format"] = named_schema(question.output_schema);
    format["type"] = "json_schema";
  }
  if (question.thinking) body["reasoning"]["effort"] = effort_of(*question.thinking);
  return dump_json(body);
}

}  // namespace tinkerbell
