#include "drivers/llm/openai_responses_stream.hpp"

#include "drivers/llm/server_error.hpp"
#include "drivers/llm/server_json.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <array>

namespace tinkerbell {

namespace {

TokenUsage responses_usage(const Json& usage) {
  const auto input = tokens(member(usage, "input_tokens"));
  const auto output = tokens(member(usage, "output_tokens"));
  if (!input || !output) return {};
  const Json& read = member(usage, "input_tokens_details");
  const auto cached = tokens(member(read, "cached_tokens"));
  const auto written = tokens(member(read, "cache_write_tokens"));
  const auto thought = tokens(member(member(usage, "output_tokens_details"), "reasoning_tokens"));
  return {.input = *input,
          .input_cached = std::min(cached.value_or(0), *input),
          .output = *output,
          .known = true,
          .input_cache_write = std::min(written.value_or(0), *input),
          .output_reasoning = std::min(thought.value_or(0), *output)};
}

FinishReason why_incomplete(const Json& response) {
  const std::string reason = text_at(member(response, "incomplete_details"), "reason");
  if (reason == "max_output_tokens") return FinishReason::length;
  if (reason == "content_filter") return FinishReason::refusal;
  return FinishReason::other;
}

/// What the event at the end of a stream says of it; empty for all others.
std::string_view status_of(std::string_view type) {
  for (const std::string_view status : {"completed", "incomplete", "failed"}) {
    if (type.starts_with("response.") && type.substr(9) == status) return status;
  }
  return {};
}

/// Events that are known and say nothing that the items do not.
bool is_known(std::string_view type) {
  constexpr std::array<std::string_view, 8> kBeginnings = {
      "response.created",      "response.in_progress",
      "response.queued",       "response.content_part.",
      "response.output_text.", "response.refusal.",
      "response.reasoning_",   "response.function_call_arguments."};
  return std::ranges::any_of(
      kBeginnings, [type](std::string_view beginning) { return type.starts_with(beginning); });
}

}  // namespace

Result<void> OpenAiResponsesStream::take(const StreamEvent& event) {
  if (finish_ || event.data == "[DONE]") return {};
  const Result<Json> read = read_event(event.data);
  if (!read) return read.error();
  const std::string type = text_at(*read, "type");
  if (type == "error" || event.name == "error") {
    const Json& error = member(*read, "error");
    return stream_error(error.is_null() ? *read : error);
  }
  if (type == "response.output_item.added") return take_begun(*read);
  if (type == "response.output_item.done") return take_done(*read);
  if (const std::string_view status = status_of(type); !status.empty()) {
    return take_response(member(*read, "response"), status);
  }
  return take_piece(type, *read);
}

Result<void> OpenAiResponsesStream::take_whole(std::string_view body) {
  const Result<Json> response = read_event(body);
  if (!response) return response.error();
  return take_response(*response, text_at(*response, "status"));
}

/// Pieces of an item that is not done are shown, and are a sign that the answer has begun.
Result<void> OpenAiResponsesStream::take_piece(std::string_view type, const Json& event) {
  const std::string piece = text_at(event, "delta");
  if (type == "response.output_text.delta") return parts_.show(piece);
  if (type == "response.refusal.delta" || type == "response.function_call_arguments.delta") {
    return parts_.count(piece.size());
  }
  if (!is_known(type)) parts_.pass_over();
  return {};
}

Result<void> OpenAiResponsesStream::take_begun(const Json& event) {
  const auto index = index_at(event, "output_index");
  if (!index) return bad_chunk("an item without an index");
  items_.try_emplace(*index);
  return {};
}

Result<void> OpenAiResponsesStream::take_done(const Json& event) {
  const auto index = index_at(event, "output_index");
  if (!index) return bad_chunk("an item without an index");
  const Json& item = member(event, "item");
  items_[*index] = item;
  return parts_.count(dump_json(item).size());
}

/// Its own list of items is for servers that do not tell of each.
Result<void> OpenAiResponsesStream::take_response(const Json& response, std::string_view status) {
  if (const Json& error = member(response, "error"); !error.is_null()) return stream_error(error);
  if (status == "failed") return stream_error("no reason given");
  const bool whole = status == "completed";
  if (!whole && status != "incomplete") return bad_chunk("an answer that is not at its end");
  const Json& output = member(response, "output");
  if (items_.empty() && output.is_array()) {
    for (const Json& item : output)
      items_.emplace(items_.size(), item);
  }
  for (const auto& [index, item] : items_) {
    if (item.is_null() && whole) return bad_chunk("the end before an item is done");
    if (auto taken = take_item(item); !taken) return taken;
  }
  parts_.set_model(text_at(response, "model"));
  usage_ = responses_usage(member(response, "usage"));
  finish_ = !whole          ? why_incomplete(response)
            : has_cut_call_ ? FinishReason::length
                            : FinishReason::stop;
  return {};
}

Result<void> OpenAiResponsesStream::take_item(const Json& item) {
  const std::string type = text_at(item, "type");
  if (type == "message") return take_content(member(item, "content"));
  if (type == "function_call") return take_call(item);
  // Without it the server, which stores nothing, would look for the item and not find it.
  if (!text_at(item, "encrypted_content").empty()) return parts_.keep(item);
  if (type != "reasoning") parts_.pass_over();
  return {};
}

Result<void> OpenAiResponsesStream::take_content(const Json& content) {
  if (!content.is_array()) return {};
  for (const Json& part : content) {
    const std::string type = text_at(part, "type");
    Result<void> added;
    if (type == "output_text") {
      added = parts_.add_whole_text(text_at(part, "text"));
    } else if (type == "refusal") {
      added = parts_.add_refusal(text_at(part, "refusal"));
    } else {
      parts_.pass_over();
    }
    if (!added) return added;
  }
  return {};
}

Result<void> OpenAiResponsesStream::take_call(const Json& item) {
  if (text_at(item, "status") == "incomplete") has_cut_call_ = true;
  Result<ToolCall*> call = parts_.add_call();
  if (!call) return call.error();
  (*call)->id = valid_utf8(text_at(item, "call_id"));
  (*call)->name = valid_utf8(text_at(item, "name"));
  (*call)->arguments = valid_utf8(text_at(item, "arguments"));
  return {};
}

Result<ModelReply> OpenAiResponsesStream::finish() {
  if (!finish_) return Error{Errc::protocol, "the answer ended before its end mark"};
  return parts_.take(*finish_, usage_);
}

}  // namespace tinkerbell
