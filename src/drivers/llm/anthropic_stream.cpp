#include "drivers/llm/anthropic_stream.hpp"

#include "drivers/llm/server_error.hpp"
#include "drivers/llm/server_json.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

FinishReason anthropic_finish(std::string_view reason) {
  if (reason == "end_turn" || reason == "stop_sequence") return FinishReason::stop;
  if (reason == "tool_use") return FinishReason::tool_calls;
  if (reason == "pause_turn") return FinishReason::pause;
  if (reason == "max_tokens" || reason == "model_context_window_exceeded") {
    return FinishReason::length;
  }
  if (reason == "refusal") return FinishReason::refusal;
  return FinishReason::other;
}

/// The three figures of what was read are apart from each other. One that makes no sense makes the
/// whole usage unknown, and it is charged at its bound.
TokenUsage anthropic_usage(const Json& usage) {
  const auto fresh = tokens(member(usage, "input_tokens"));
  const auto cached = tokens_or_none(member(usage, "cache_read_input_tokens"));
  const auto written = tokens_or_none(member(usage, "cache_creation_input_tokens"));
  const auto output = tokens(member(usage, "output_tokens"));
  if (!fresh || !cached || !written || !output) return {};
  const auto thought =
      tokens_or_none(member(member(usage, "output_tokens_details"), "thinking_tokens"));
  return {.input = *fresh + *cached + *written,
          .input_cached = *cached,
          .output = *output,
          .known = true,
          .input_cache_write = *written,
          .output_reasoning = std::min(thought.value_or(0), *output)};
}

}  // namespace

Result<void> AnthropicStream::take(const StreamEvent& event) {
  if (ended_) return {};
  const Result<Json> read = read_event(event.data);
  if (!read) return read.error();
  const std::string type = text_at(*read, "type");
  if (type == "error" || event.name == "error") {
    const Json& error = member(*read, "error");
    return stream_error(error.is_null() ? *read : error);
  }
  if (type == "content_block_start") return start_block(*read);
  if (type == "content_block_delta") return add_to_block(*read);
  if (type == "content_block_stop") return stop_block(*read);
  if (type == "message_start") {
    take_message(member(*read, "message"));
  } else if (type == "message_delta") {
    take_end(member(*read, "delta"));
    take_usage(member(*read, "usage"));
  } else if (type == "message_stop") {
    if (!open_.empty()) return bad_chunk("the end inside a block");
    ended_ = true;
  } else if (type != "ping") {
    parts_.pass_over();
  }
  return {};
}

Result<void> AnthropicStream::take_whole(std::string_view body) {
  const Result<Json> message = read_event(body);
  if (!message) return message.error();
  if (const Json& error = member(*message, "error"); !error.is_null()) return stream_error(error);
  take_message(*message);
  take_end(*message);
  const Json& content = member(*message, "content");
  if (!content.is_array()) return bad_chunk("no content");
  for (const Json& block : content) {
    if (auto taken = take_block({.start = block}); !taken) return taken;
  }
  ended_ = true;
  return {};
}

void AnthropicStream::take_message(const Json& message) {
  parts_.set_model(text_at(message, "model"));
  take_usage(member(message, "usage"));
}

void AnthropicStream::take_end(const Json& delta) {
  if (const std::string reason = text_at(delta, "stop_reason"); !reason.empty()) {
    stop_reason_ = reason;
  }
  if (const std::string said = text_at(member(delta, "stop_details"), "explanation");
      !said.empty()) {
    explanation_ = said;
  }
}

/// Later figures stand for earlier ones: they are cumulative.
void AnthropicStream::take_usage(const Json& usage) {
  for (const char* key : {"input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
                          "output_tokens", "output_tokens_details"}) {
    if (const Json& figure = member(usage, key); !figure.is_null()) usage_[key] = figure;
  }
}

Result<void> AnthropicStream::start_block(const Json& event) {
  const auto index = index_at(event, "index");
  if (!index) return bad_chunk("a block without an index");
  const auto [block, is_new] = open_.try_emplace(*index);
  if (!is_new) return bad_chunk("a block that begins twice");
  block->second.start = member(event, "content_block");
  if (text_at(block->second.start, "type") == "text") {
    return parts_.add_text(text_at(block->second.start, "text"));
  }
  return parts_.count(dump_json(block->second.start).size());
}

Result<void> AnthropicStream::add_to_block(const Json& event) {
  const auto index = index_at(event, "index");
  const auto found = index ? open_.find(*index) : open_.end();
  if (found == open_.end()) return bad_chunk("a piece of no block");
  Block& block = found->second;
  const Json& delta = member(event, "delta");
  const std::string type = text_at(delta, "type");
  if (type == "text_delta") return parts_.add_text(text_at(delta, "text"));
  std::string Block::* into = nullptr;
  std::string piece;
  if (type == "input_json_delta") {
    into = &Block::input_json;
    piece = text_at(delta, "partial_json");
  } else if (type == "thinking_delta") {
    into = &Block::thinking;
    piece = text_at(delta, "thinking");
  } else if (type == "signature_delta") {
    into = &Block::signature;
    piece = text_at(delta, "signature");
  } else {
    parts_.pass_over();
    return {};
  }
  block.*into += piece;
  return parts_.count(piece.size());
}

Result<void> AnthropicStream::stop_block(const Json& event) {
  const auto index = index_at(event, "index");
  const auto found = index ? open_.find(*index) : open_.end();
  if (found == open_.end()) return bad_chunk("the end of no block");
  Block block = std::move(found->second);
  open_.erase(found);
  if (text_at(block.start, "type") == "text") return {};  // its text is there already
  return take_block(std::move(block));
}

Result<void> AnthropicStream::take_block(Block block) {
  const std::string type = text_at(block.start, "type");
  if (type == "text") return parts_.add_text(text_at(block.start, "text"));
  if (type == "tool_use") return take_call(block);
  if (!block.start.is_object()) return {};
  if (!block.thinking.empty()) block.start["thinking"] = block.thinking;
  if (!block.signature.empty()) block.start["signature"] = block.signature;
  if (!block.input_json.empty()) {
    Result<Json> input = parse_json(block.input_json);
    if (!input) return bad_chunk("an input that is no JSON");
    block.start["input"] = *std::move(input);
  }
  return parts_.keep(block.start);
}

/// Its arguments come in pieces, or, from servers that do not cut them up, with its start.
Result<void> AnthropicStream::take_call(const Block& block) {
  Result<ToolCall*> call = parts_.add_call();
  if (!call) return call.error();
  (*call)->id = valid_utf8(text_at(block.start, "id"));
  (*call)->name = valid_utf8(text_at(block.start, "name"));
  const Json& input = member(block.start, "input");
  const bool came_whole = block.input_json.empty() && input.is_object() && !input.empty();
  (*call)->arguments = came_whole ? dump_json(input) : valid_utf8(block.input_json);
  return parts_.count((*call)->id.size() + (*call)->name.size() + 1);
}

Result<ModelReply> AnthropicStream::finish() {
  if (!ended_) return Error{Errc::protocol, "the answer ended before its end mark"};
  if (!stop_reason_) return Error{Errc::protocol, "the answer ended without a stop reason"};
  const FinishReason finish = anthropic_finish(*stop_reason_);
  ModelReply reply = parts_.take(finish, anthropic_usage(usage_));
  // What was said before a refusal is not to be used: the reference asks to throw it away.
  if (finish == FinishReason::refusal) reply.text = valid_utf8(explanation_);
  return reply;
}

}  // namespace tinkerbell
