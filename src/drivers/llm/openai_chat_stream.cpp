#include "drivers/llm/openai_chat_stream.hpp"

#include "drivers/llm/openai_chat_error.hpp"
#include "drivers/llm/tool_call_ids.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

constexpr std::size_t kCallsMax = 32;
constexpr std::size_t kReplyBytesMax = 8 << 20;
constexpr std::size_t kModelNameBytesMax = 200;
constexpr std::uint64_t kTokensMax = 1ULL << 32;  ///< Beyond that a figure is nonsense.

/// Null where there is no such key, or no object: whatever a server leaves out reads alike.
const Json& member(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// A text, or a list of parts of which some have a text.
std::string content_text(const Json& content) {
  if (!content.is_array()) return text_of(content);
  std::string text;
  for (const Json& part : content)
    text += text_of(member(part, "text"));
  return text;
}

std::optional<std::uint64_t> tokens(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto count = value.get<std::uint64_t>();
  return count <= kTokensMax ? std::optional(count) : std::nullopt;
}

/// One figure that makes no sense makes the whole usage unknown, and it is charged at its bound.
TokenUsage read_usage(const Json& usage) {
  const auto input = tokens(member(usage, "prompt_tokens"));
  const auto output = tokens(member(usage, "completion_tokens"));
  if (!input || !output) return {};
  const auto cached = tokens(member(member(usage, "prompt_tokens_details"), "cached_tokens"));
  return {.input = *input,
          .input_cached = std::min(cached.value_or(0), *input),
          .output = *output,
          .known = true};
}

bool is_whole(std::string_view finish_reason) {
  return finish_reason == "stop" || finish_reason == "tool_calls" ||
         finish_reason == "function_call";
}

FinishReason read_finish(std::string_view reason, bool has_calls) {
  if (reason == "length") return FinishReason::length;
  if (reason == "content_filter") return FinishReason::refusal;
  if (!is_whole(reason)) return FinishReason::other;
  return has_calls ? FinishReason::tool_calls : FinishReason::stop;
}

}  // namespace

Result<void> OpenAiChatStream::take(const SseParser::Event& event) {
  if (ended_) return {};
  if (event.data == "[DONE]") {
    ended_ = true;
    return {};
  }
  if (event.name == "error") {
    const Result<Json> error = parse_json(valid_utf8(event.data));
    if (!error) return openai_stream_error(event.data);
    return openai_stream_error(error->contains("error") ? error->at("error") : *error);
  }
  return take_object(event.data, "delta");
}

Result<void> OpenAiChatStream::take_whole(std::string_view body) {
  auto taken = take_object(body, "message");
  if (taken) ended_ = true;
  return taken;
}

Result<void> OpenAiChatStream::take_object(std::string_view data, const char* content_key) {
  const Result<Json> object = parse_json(valid_utf8(data));
  if (!object) return Error{Errc::protocol, "a chunk of the answer: " + object.error().message};
  if (!object->is_object()) return Error{Errc::protocol, "a chunk of the answer is no object"};
  if (const Json& error = member(*object, "error"); !error.is_null()) {
    return openai_stream_error(error);
  }
  if (model_.empty()) {
    model_ = shortened(valid_utf8(text_of(member(*object, "model"))), kModelNameBytesMax);
  }
  if (const Json& usage = member(*object, "usage"); !usage.is_null()) usage_ = read_usage(usage);
  const Json& choices = member(*object, "choices");  // empty in the chunk with the usage
  if (!choices.is_array() || choices.empty()) return {};
  return take_choice(choices.front(), content_key);
}

Result<void> OpenAiChatStream::take_choice(const Json& choice, const char* content_key) {
  const Json& content = member(choice, content_key);
  if (auto taken = take_text(member(content, "content")); !taken) return taken;
  if (auto taken = take_refusal(member(content, "refusal")); !taken) return taken;
  if (auto taken = take_calls(member(content, "tool_calls")); !taken) return taken;
  if (const std::string reason = text_of(member(choice, "finish_reason")); !reason.empty()) {
    finish_reason_ = reason;
  }
  return {};
}

Result<void> OpenAiChatStream::take_text(const Json& content) {
  const std::string piece = valid_utf8(content_text(content));
  if (piece.empty()) return {};
  if (auto counted = count(piece.size()); !counted) return counted;
  text_ += piece;
  if (text_handler_) text_handler_(piece);
  return {};
}

Result<void> OpenAiChatStream::take_refusal(const Json& refusal) {
  const std::string piece = valid_utf8(text_of(refusal));
  refusal_ += piece;
  return count(piece.size());
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
  std::string id = valid_utf8(text_of(member(piece, "id")));
  std::string name = valid_utf8(text_of(member(function, "name")));
  std::string text = arguments.is_string() ? valid_utf8(text_of(arguments))
                     : arguments.is_null() ? ""
                                           : dump_json(arguments);
  const std::size_t bytes = id.size() + name.size() + text.size() + 1;
  ToolCall& into = **call;
  if (into.id.empty()) into.id = std::move(id);
  if (into.name.empty()) into.name = std::move(name);  // some servers repeat it in every piece
  into.arguments += text;
  return count(bytes);
}

/// Which call a piece belongs to. Without an index a server sends whole calls, one per piece: a new
/// id or a name begins one, and what has neither goes on with the last.
Result<ToolCall*> OpenAiChatStream::call_of(const Json& piece) {
  if (const Json& index = member(piece, "index"); index.is_number_unsigned()) {
    const auto [place, is_new] = places_.try_emplace(index.get<std::uint64_t>(), calls_.size());
    if (is_new) return add_call();
    return &calls_[place->second];
  }
  if (const std::string id = text_of(member(piece, "id")); !id.empty()) {
    const auto known = std::ranges::find(calls_, id, &ToolCall::id);
    if (known != calls_.end()) return &*known;
    return add_call();
  }
  const bool begins_call = !text_of(member(member(piece, "function"), "name")).empty();
  if (begins_call || calls_.empty()) return add_call();
  return &calls_.back();
}

Result<ToolCall*> OpenAiChatStream::add_call() {
  if (calls_.size() == kCallsMax) {
    return Error{Errc::protocol,
                 "more than " + std::to_string(kCallsMax) + " tool calls in one answer"};
  }
  return &calls_.emplace_back();
}

Result<void> OpenAiChatStream::count(std::size_t bytes) {
  bytes_ += bytes;
  if (bytes_ <= kReplyBytesMax) return {};
  return Error{Errc::too_large,
               "an answer of more than " + std::to_string(kReplyBytesMax) + " bytes"};
}

Result<ModelReply> OpenAiChatStream::finish() {
  if (!ended_) return Error{Errc::protocol, "the answer ended before its end mark"};
  if (!finish_reason_) return Error{Errc::protocol, "the answer ended without a finish reason"};
  if (!is_whole(*finish_reason_)) calls_.clear();
  ensure_unique_ids(calls_, calls_before_);
  ModelReply reply{.text = std::move(text_),
                   .finish = read_finish(*finish_reason_, !calls_.empty()),
                   .usage = usage_,
                   .model = std::move(model_)};
  reply.tool_calls = std::move(calls_);
  if (!refusal_.empty()) {
    reply.text += refusal_;
    reply.tool_calls.clear();
    reply.finish = FinishReason::refusal;
  }
  return reply;
}

}  // namespace tinkerbell
