#include "drivers/llm/anthropic_request.hpp"

#include "drivers/llm/message_parts.hpp"
#include "drivers/llm/sendable.hpp"
#include "drivers/llm/wire_format.hpp"

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/command/commands.hpp"

namespace tinkerbell {

namespace {

Json text_block(std::string text) {
  return {{"type", "text"}, {"text", std::move(text)}};
}

/// Ids of other services' calls have to fit the same pattern as names.
Json call_block(const ToolCall& call) {
  return {{"type", "tool_use"},
          {"id", sendable_name(call.id)},
          {"name", sendable_name(call.name)},
          {"input", sendable_object(call.arguments)}};
}

Json result_block(const Message& message) {
  return {{"type", "tool_result"},
          {"tool_use_id", sendable_name(message.tool_call_id)},
          {"content", valid_utf8(message.text)}};
}

bool is_blank(const std::string& text) {
  return text.find_first_not_of(" \t\r\n") == std::string::npos;
}

/// Without texts of blanks, which are refused: models put line breaks before their calls.
Json blocks_of(const Message& message) {
  if (message.role == Role::tool) return Json::array({result_block(message)});
  Json blocks = Json::array();
  for (MessagePart& part : parts_of(message, ProviderType::anthropic)) {
    std::visit(Overloaded{[&](std::string& text) {
                            if (!is_blank(text)) blocks.push_back(text_block(std::move(text)));
                          },
                          [&](ToolCall& call) { blocks.push_back(call_block(call)); },
                          [&](Json& kept) { blocks.push_back(std::move(kept)); }},
               part);
  }
  return blocks;
}

/// The messages but for those of the system. One without content, as an answer that was cut before
/// its first word, would be refused.
Json anthropic_messages(const Conversation& conversation) {
  Json messages = Json::array();
  for (std::size_t i = 0; i < conversation.size(); ++i) {
    const Message& message = conversation.at(i);
    if (message.role == Role::system) continue;
    Json blocks = blocks_of(message);
    if (blocks.empty()) continue;
    const char* const role = message.role == Role::assistant ? "assistant" : "user";
    if (messages.empty() || messages.back()["role"] != role) {
      messages.push_back({{"role", role}, {"content", Json::array()}});
    }
    for (Json& block : blocks)
      messages.back()["content"].push_back(std::move(block));
  }
  return messages;
}

Json anthropic_system(const Conversation& conversation) {
  Json system = Json::array();
  for (std::size_t i = 0; i < conversation.size(); ++i) {
    const Message& message = conversation.at(i);
    if (message.role != Role::system || is_blank(message.text)) continue;
    system.push_back(text_block(valid_utf8(message.text)));
  }
  return system;
}

void set_breakpoint(Json& blocks) {
  if (!blocks.empty()) blocks.back()["cache_control"] = {{"type", "ephemeral"}};
}

/// Each of the last two messages of the user ends a question: the last one, and this one.
void set_breakpoints(Json& messages) {
  constexpr int kQuestions = 2;
  int set = 0;
  for (auto message = messages.rbegin(); message != messages.rend() && set < kQuestions;
       ++message) {
    if ((*message)["role"] != "user") continue;
    set_breakpoint((*message)["content"]);
    ++set;
  }
}

Json anthropic_tool(const ToolSchema& tool) {
  return {
      {"name", tool.name}, {"description", tool.description}, {"input_schema", tool.parameters}};
}

/// How much is said apart from whether.
void set_thinking(Json& body, Thinking thinking) {
  body["thinking"]["type"] = thinking == Thinking::off ? "disabled" : "adaptive";
  if (thinking == Thinking::off || thinking == Thinking::on) return;
  body["output_config"]["effort"] = name_of(thinking);
}

}  // namespace

HttpHeaders anthropic_headers(const ProviderSettings& settings) {
  HttpHeaders headers{{"anthropic-version", settings.api_version}};
  if (settings.api_key.empty()) return headers;
  if (settings.key_header == KeyHeader::x_api_key) {
    headers.emplace_back("x-api-key", settings.api_key);
  } else {
    headers.push_back(bearer(settings).front());
  }
  return headers;
}

std::string anthropic_body(const ModelQuestion& question, const ProviderSettings&) {
  Json messages = anthropic_messages(question.messages);
  set_breakpoints(messages);
  Json body = {{"model", question.model},
               {"max_tokens", question.tokens_max},
               {"messages", std::move(messages)},
               {"stream", true}};
  if (Json system = anthropic_system(question.messages); !system.empty()) {
    set_breakpoint(system);
    body["system"] = std::move(system);
  }
  for (const ToolSchema& tool : question.tools)
    body["tools"].push_back(anthropic_tool(tool));
  if (!question.output_schema.is_null()) {
    body["output_config"]["format"] = {{"type", "json_schema"}, {"schema", question.output_schema}};
  }
  if (question.thinking) set_thinking(body, *question.thinking);
  return dump_json(body);
}

}  // namespace tinkerbell
