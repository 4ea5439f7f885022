#include "support/llm_wire.hpp"

#include <utility>

namespace tinkerbell {

namespace {

/// By Wire.
constexpr std::array kPaths = {std::string_view("/chat/completions"),
                               std::string_view("/responses"), std::string_view("/v1/messages"),
                               std::string_view("/api/chat")};

std::string event(const Json& chunk) {
  return "data: " + dump_json(chunk) + "\n\n";
}

std::string typed_event(const Json& chunk) {
  return "event: " + chunk.at("type").get<std::string>() + "\n" + event(chunk);
}

// ---- OpenAI Chat Completions ----

Json chat_chunk(const LlmWords& words, const Json& delta, const Json& finish_reason = nullptr) {
  return {{"model", words.model},
          {"choices", {{{"index", 0}, {"delta", delta}, {"finish_reason", finish_reason}}}}};
}

std::vector<std::string> in_words_of_chat(const LlmWords& words) {
  std::vector<std::string> pieces = {event(chat_chunk(words, {{"content", words.text}}))};
  for (std::size_t i = 0; i < words.calls.size(); ++i) {
    const LlmCall& each = words.calls[i];
    const Json call = {{"index", i},
                       {"id", "call_" + std::to_string(i + 1)},
                       {"type", "function"},
                       {"function", {{"name", each.tool}, {"arguments", each.arguments}}}};
    pieces.push_back(event(chat_chunk(words, {{"tool_calls", Json::array({call})}})));
  }
  const std::string reason = !words.reason.empty() ? words.reason
                             : words.calls.empty() ? "stop"
                                                   : "tool_calls";
  std::string end = event(chat_chunk(words, Json::object(), reason));
  if (words.has_usage) {
    end += event(
        {{"model", words.model},
         {"choices", Json::array()},
         {"usage", {{"prompt_tokens", words.tokens_in}, {"completion_tokens", words.tokens_out}}}});
  }
  pieces.push_back(end + "data: [DONE]\n\n");
  return pieces;
}

// ---- OpenAI Responses ----

std::string item_event(std::string_view state, std::size_t index, const Json& item) {
  return typed_event({{"type", "response.output_item." + std::string(state)},
                      {"output_index", index},
                      {"item", item}});
}

std::vector<std::string> in_words_of_responses(const LlmWords& words) {
  const Json message = {
      {"type", "message"},
      {"id", "msg_1"},
      {"role", "assistant"},
      {"content",
       {{{"type", "output_text"}, {"text", words.text}, {"annotations", Json::array()}}}}};
  std::vector<std::string> pieces = {
      item_event("added", 0, {{"type", "message"}, {"id", "msg_1"}, {"content", Json::array()}}) +
      typed_event(
          {{"type", "response.output_text.delta"}, {"output_index", 0}, {"delta", words.text}}) +
      item_event("done", 0, message)};
  for (std::size_t i = 1; i <= words.calls.size(); ++i) {
    const LlmCall& each = words.calls[i - 1];
    const std::string number = std::to_string(i);
    Json call = {{"type", "function_call"}, {"id", "fc_" + number}, {"call_id", "call_" + number},
                 {"name", each.tool},       {"arguments", ""},      {"status", "in_progress"}};
    std::string piece = item_event("added", i, call);
    piece += typed_event({{"type", "response.function_call_arguments.delta"},
                          {"output_index", i},
                          {"delta", each.arguments}});
    call["arguments"] = each.arguments;
    call["status"] = "completed";
    pieces.push_back(piece + item_event("done", i, call));
  }
  const bool whole = words.reason.empty();
  Json response = {{"model", words.model}, {"status", whole ? "completed" : "incomplete"}};
  if (!whole) response["incomplete_details"] = {{"reason", words.reason}};
  if (words.has_usage) {
    response["usage"] = {{"input_tokens", words.tokens_in}, {"output_tokens", words.tokens_out}};
  }
  pieces.push_back(typed_event(
      {{"type", whole ? "response.completed" : "response.incomplete"}, {"response", response}}));
  return pieces;
}

// ---- Anthropic Messages ----

std::string block(std::size_t index, const Json& start, const Json& delta) {
  return typed_event(
             {{"type", "content_block_start"}, {"index", index}, {"content_block", start}}) +
         typed_event({{"type", "content_block_delta"}, {"index", index}, {"delta", delta}}) +
         typed_event({{"type", "content_block_stop"}, {"index", index}});
}

std::vector<std::string> in_words_of_anthropic(const LlmWords& words) {
  Json message = {{"model", words.model}, {"role", "assistant"}, {"content", Json::array()}};
  if (words.has_usage) {
    message["usage"] = {{"input_tokens", words.tokens_in}, {"output_tokens", 1}};
  }
  std::vector<std::string> pieces = {
      typed_event({{"type", "message_start"}, {"message", message}}) +
      block(0, {{"type", "text"}, {"text", ""}}, {{"type", "text_delta"}, {"text", words.text}})};
  for (std::size_t i = 1; i <= words.calls.size(); ++i) {
    const LlmCall& each = words.calls[i - 1];
    pieces.push_back(block(i,
                           {{"type", "tool_use"},
                            {"id", "toolu_" + std::to_string(i)},
                            {"name", each.tool},
                            {"input", Json::object()}},
                           {{"type", "input_json_delta"}, {"partial_json", each.arguments}}));
  }
  const std::string reason = !words.reason.empty() ? words.reason
                             : words.calls.empty() ? "end_turn"
                                                   : "tool_use";
  Json end = {{"type", "message_delta"}, {"delta", {{"stop_reason", reason}}}};
  if (words.has_usage) end["usage"] = {{"output_tokens", words.tokens_out}};
  pieces.push_back(typed_event(end) + typed_event({{"type", "message_stop"}}));
  return pieces;
}

// ---- Ollama ----

std::string line(const Json& object) {
  return dump_json(object) + "\n";
}

std::vector<std::string> in_words_of_ollama(const LlmWords& words) {
  const auto message = [&](const Json& content) -> Json {
    return {{"model", words.model}, {"message", content}, {"done", false}};
  };
  std::vector<std::string> pieces = {
      line(message({{"role", "assistant"}, {"content", words.text}}))};
  for (const LlmCall& each : words.calls) {
    const Json call = {
        {"function", {{"name", each.tool}, {"arguments", Json::parse(each.arguments)}}}};
    pieces.push_back(line(
        message({{"role", "assistant"}, {"content", ""}, {"tool_calls", Json::array({call})}})));
  }
  Json end = message({{"role", "assistant"}, {"content", ""}});
  end["done"] = true;
  end["done_reason"] = words.reason.empty() ? "stop" : words.reason;
  if (words.has_usage) {
    end["prompt_eval_count"] = words.tokens_in;
    end["eval_count"] = words.tokens_out;
  }
  pieces.push_back(line(end));
  return pieces;
}

// ---- questions ----

/// A text, or a list of parts of which some have a text or, as the outcomes of calls, a content.
std::string text_in(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (!content.is_array()) return text;
  for (const Json& part : content)
    text += part.value("text", "") + part.value("content", "");
  return text;
}

/// Responses has calls and their outcomes beside the messages.
LlmMessage message_in(const Json& item) {
  const std::string type = item.value("type", "message");
  if (type == "function_call_output") return {.role = "tool", .text = item.value("output", "")};
  const std::string role = type == "message" ? item.value("role", "") : "assistant";
  const auto content = item.find("content");
  return {.role = role, .text = content == item.end() ? "" : text_in(*content)};
}

}  // namespace

std::optional<Wire> wire_of(std::string_view target) {
  for (std::size_t i = 0; i < kPaths.size(); ++i) {
    if (target.ends_with(kPaths[i])) return static_cast<Wire>(i);
  }
  return std::nullopt;
}

std::string_view content_type_of(Wire wire) {
  return wire == Wire::ollama ? "application/x-ndjson" : "text/event-stream";
}

std::vector<std::string> in_words_of(Wire wire, const LlmWords& words) {
  switch (wire) {
    case Wire::openai_chat:
      return in_words_of_chat(words);
    case Wire::openai_responses:
      return in_words_of_responses(words);
    case Wire::anthropic:
      return in_words_of_anthropic(words);
    case Wire::ollama:
      return in_words_of_ollama(words);
  }
}

std::vector<LlmMessage> messages_in(Wire wire, const Json& question) {
  std::vector<LlmMessage> messages;
  for (const Json& item : question.at(wire == Wire::openai_responses ? "input" : "messages")) {
    LlmMessage message = message_in(item);
    if (message.role == "system") continue;
    const bool goes_on =
        message.role == "assistant" && !messages.empty() && messages.back().role == "assistant";
    if (goes_on) {
      messages.back().text += message.text;
    } else {
      messages.push_back(std::move(message));
    }
  }
  return messages;
}

}  // namespace tinkerbell
