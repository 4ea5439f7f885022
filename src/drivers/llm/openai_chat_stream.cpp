#include "drivers/llm/openai_chat_stream.hpp"

#include "drivers/llm/server_error.hpp"
#include "drivers/llm/server_json.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

/// A text, or a list of parts of which some have a text.
std::string content_text(const Json& content) {
  if (!content.is_array()) return text_of(content);
  std::string text;
  for (const Json& part : content)
    text += text_at(part, "text");
  return text;
}

/// One figure that makes no sense makes the whole usage unknown, and it is charged at its bound.
TokenUsage chat_usage(const Json& usage) {
  const auto input = tokens(member(usage, "prompt_tokens"));
  const auto output = tokens(member(usage, "completion_tokens"));
  if (!input || !output) return {};
  const Json& read = member(usage, "prompt_tokens_details");
  const auto cached = tokens(member(read, "cached_tokens"));
  const auto written = tokens(member(read, "cache_write_tokens"));
  const auto thought =
      tokens(member(member(usage, "completion_tokens_details"), "reasoning_tokens"));
  return {.input = *input,
          .input_cached = std::min(cached.value_or(0), *input),
          .output = *output,
          .known = true,
          .input_cache_write = std::min(written.value_or(0), *input),
          .output_reasoning = std::min(thought.value_or(0), *output)};
}

FinishReason chat_finish(std::string_view reason) {
  if (reason == "stop") return FinishReason::stop;
  if (reason == "tool_calls" || reason == "function_call") return FinishReason::tool_calls;
  if (reason == "length") return FinishReason::length;
  if (reason == "content_filter") return FinishReason::refusal;
  return FinishReason::other;
}

}  // namespace

Result<void> OpenAiChatStream::take(const StreamEvent& event) {
  if (ended_) return {};
  if (event.data == "[DONE]") {
    ended_ = true;
    return {};
  }
  if (event.name == "error") {
    const Result<Json> error = parse_json(valid_utf8(event.data));
    if (!error) return stream_error(event.data);
    return stream_error(error->contains("error") ? error->at("error") : *error);
  }
  return take_object(event.data, "delta");
}

Result<void> OpenAiChatStream::take_whole(std::string_view body) {
  auto taken = take_object(body, "message");
  if (taken) ended_ = true;
  return taken;
}

Result<void> OpenAiChatStream::take_object(std::string_view data, const char* content_key) {
  const Result<Json> object = read_event(data);
  if (!object) return object.error();
  if (const Json& error = member(*object, "error"); !error.is_null()) {
    return stream_error(error);
  }
  parts_.set_model(text_at(*object, "model"));
  const Json& usage = member(*object, "usage");
  if (!usage.is_null()) usage_ = chat_usage(usage);
  const Json& choices = member(*object, "choices");
  if (!choices.is_array() || choices.empty()) {  // so in the chunk with the usage
    if (usage.is_null()) parts_.pass_over();
    return {};
  }
  return take_choice(choices.front(), content_key);
}

Result<void> OpenAiChatStream::take_choice(const Json& choice, const char* content_key) {
  const Json& content = member(choice, content_key);
  pass_over_others(content, {"role", "content", "refusal", "tool_calls"}, parts_);
  const std::string text = content_text(member(content, "content"));
  if (auto added = parts_.add_text(text); !added) return added;
  if (auto added = parts_.add_refusal(text_at(content, "refusal")); !added) return added;
  if (auto taken = take_calls(member(content, "tool_calls")); !taken) return taken;
  if (const std::string reason = text_at(choice, "finish_reason"); !reason.empty()) {
    finish_reason_ = reason;
  }
  return {};
}

Result<void> OpenAiChatStream::take_calls(const Json& pieces) {
  if (!pieces.is_array()) return {};
  for (const Json& piece : pieces) {
    if (auto taken = take_call(piece); !taken) return taken;
  }
  return {};
}

Result<void> OpenAiChatStream::take_call(const Json& piece) {
  Result<ToolCall*> call = call_of(piece);
  if (!call) return call.error();
  const Json& function = member(piece, "function");
  const Json& arguments = member(function, "arguments");
  std::string id = valid_utf8(text_at(piece, "id"));
  std::string name = valid_utf8(text_at(function, "name"));
  std::string text = arguments.is_string() ? valid_utf8(text_of(arguments))
                     : arguments.is_null() ? ""
                                           : dump_json(arguments);
  const std::size_t bytes = id.size() + name.size() + text.size() + 1;
  ToolCall& into = **call;
  if (into.id.empty()) into.id = std::move(id);
  if (into.name.empty()) into.name = std::move(name);  // some servers repeat it in every piece
  into.arguments += text;
  return parts_.count(bytes);
}

/// Which call a piece belongs to. Without an index a server sends whole calls, one per piece: a new
/// id or a name begins one, and what has neither goes on with the last.
Result<ToolCall*> OpenAiChatStream::call_of(const Json& piece) {
  if (const auto index = index_at(piece, "index")) {
    const auto [place, is_new] = places_.try_emplace(*index, parts_.calls().size());
    if (is_new) return parts_.add_call();
    return &parts_.calls()[place->second];
  }
  if (const std::string id = text_at(piece, "id"); !id.empty()) {
    const auto known = std::ranges::find(parts_.calls(), id, &ToolCall::id);
    if (known != parts_.calls().end()) return &*known;
    return parts_.add_call();
  }
  const bool begins_call = !text_at(member(piece, "function"), "name").empty();
  if (begins_call || parts_.calls().empty()) return parts_.add_call();
  return &parts_.calls().back();
}

Result<ModelReply> OpenAiChatStream::finish() {
  if (!ended_) return Error{Errc::protocol, "the answer ended before its end mark"};
  if (!finish_reason_) return Error{Errc::protocol, "the answer ended without a finish reason"};
  return parts_.take(chat_finish(*finish_reason_), usage_);
}

}  // namespace tinkerbell
