#include "drivers/llm/ollama_stream.hpp"

#include "drivers/llm/ollama_request.hpp"
#include "drivers/llm/server_error.hpp"
#include "drivers/llm/server_json.hpp"

#include "tinkerbell/base/text.hpp"

namespace tinkerbell {

namespace {

/// Prose has four to five bytes a token, code three to four.
constexpr std::uint64_t kBytesPerTokenMax = 6;

FinishReason ollama_finish(std::string_view reason) {
  if (reason == "stop") return FinishReason::stop;
  return reason == "length" ? FinishReason::length : FinishReason::other;
}

TokenUsage ollama_usage(const Json& end) {
  const auto input = tokens(member(end, "prompt_eval_count"));
  const auto output = tokens(member(end, "eval_count"));
  if (!input || !output) return {};
  return {.input = *input, .output = *output, .known = true};
}

}  // namespace

OllamaStream::OllamaStream(const ModelQuestion& question, Provider::TextHandler text)
    : parts_(ProviderType::ollama, question, std::move(text)),
      prompt_bytes_(ollama_prompt_bytes(question)),
      context_tokens_(question.context_tokens) {}

Result<void> OllamaStream::take(const StreamEvent& event) {
  return end_ ? Result<void>{} : take_object(event.data);
}

Result<void> OllamaStream::take_whole(std::string_view body) {
  return take_object(body);
}

Result<void> OllamaStream::take_object(std::string_view data) {
  Result<Json> object = read_event(data);
  if (!object) return object.error();
  if (const Json& error = member(*object, "error"); !error.is_null()) return stream_error(error);
  parts_.set_model(text_at(*object, "model"));
  if (auto taken = take_message(member(*object, "message")); !taken) return taken;
  if (member(*object, "done") == true) return take_end(*std::move(object));
  if (!member(*object, "message").is_object()) parts_.pass_over();
  return {};
}

Result<void> OllamaStream::take_message(const Json& message) {
  const std::string thought = text_at(message, "thinking");
  thinking_ += thought;
  if (auto counted = parts_.count(thought.size()); !counted) return counted;
  if (auto added = parts_.add_text(text_at(message, "content")); !added) return added;
  pass_over_others(message, {"role", "content", "thinking", "tool_calls"}, parts_);
  const Json& calls = member(message, "tool_calls");
  if (!calls.is_array()) return {};
  for (const Json& call : calls) {
    if (auto taken = take_call(call); !taken) return taken;
  }
  return {};
}

Result<void> OllamaStream::take_call(const Json& piece) {
  Result<ToolCall*> call = parts_.add_call();
  if (!call) return call.error();
  const Json& function = member(piece, "function");
  const Json& arguments = member(function, "arguments");
  (*call)->id = valid_utf8(text_at(piece, "id"));
  (*call)->name = valid_utf8(text_at(function, "name"));
  (*call)->arguments = arguments.is_null() ? "" : dump_json(arguments);
  return parts_.count((*call)->id.size() + (*call)->name.size() + (*call)->arguments.size() + 1);
}

Result<void> OllamaStream::take_end(Json object) {
  const auto read = tokens(member(object, "prompt_eval_count"));
  if (read && was_truncated(*read)) {
    return Error{Errc::too_large, "the server read only " + std::to_string(*read) +
                                      " tokens of a conversation of " +
                                      std::to_string(prompt_bytes_) +
                                      " bytes: it dropped the beginning; raise context_tokens (" +
                                      std::to_string(context_tokens_) + ")"};
  }
  if (!thinking_.empty()) {
    if (auto kept = parts_.keep(thinking_); !kept) return kept;
  }
  end_ = std::move(object);
  return {};
}

/// Only where the conversation can hardly fit: a server that has its beginning in the cache counts
/// what it had to read anew.
bool OllamaStream::was_truncated(std::uint64_t tokens_read) const {
  const bool can_fit = prompt_bytes_ <= context_tokens_ * kBytesPerTokenMax;
  return tokens_read > 0 && !can_fit && prompt_bytes_ > tokens_read * kBytesPerTokenMax;
}

Result<ModelReply> OllamaStream::finish() {
  if (!end_) return Error{Errc::protocol, "the answer ended before its end mark"};
  const std::string reason = text_at(*end_, "done_reason");
  if (reason.empty()) return Error{Errc::protocol, "the answer ended without a reason"};
  return parts_.take(ollama_finish(reason), ollama_usage(*end_));
}

}  // namespace tinkerbell
