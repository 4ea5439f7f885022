#include "drivers/llm/reply_parts.hpp"

#include "drivers/llm/tool_call_ids.hpp"

#include "tinkerbell/base/text.hpp"

namespace tinkerbell {

namespace {

constexpr std::size_t kCallsMax = 32;
constexpr std::size_t kReplyBytesMax = 8 << 20;
constexpr std::size_t kModelNameBytesMax = 200;

}  // namespace

ReplyParts::ReplyParts(const ModelQuestion& question, Provider::TextHandler text)
    : calls_before_(calls_in(question.messages)), text_handler_(std::move(text)) {}

Result<void> ReplyParts::add_text(std::string_view piece) {
  const std::string valid = valid_utf8(piece);
  if (valid.empty()) return {};
  if (auto counted = count(valid.size()); !counted) return counted;
  text_ += valid;
  if (text_handler_) text_handler_(valid);
  return {};
}

Result<void> ReplyParts::add_refusal(std::string_view piece) {
  const std::string valid = valid_utf8(piece);
  refusal_ += valid;
  return count(valid.size());
}

Result<ToolCall*> ReplyParts::add_call() {
  if (calls_.size() == kCallsMax) {
    return Error{Errc::protocol,
                 "more than " + std::to_string(kCallsMax) + " tool calls in one answer"};
  }
  return &calls_.emplace_back();
}

Result<void> ReplyParts::count(std::size_t bytes) {
  bytes_ += bytes;
  if (bytes_ <= kReplyBytesMax) return {};
  return Error{Errc::too_large,
               "an answer of more than " + std::to_string(kReplyBytesMax) + " bytes"};
}

void ReplyParts::set_model(std::string_view name) {
  if (model_.empty()) model_ = shortened(valid_utf8(name), kModelNameBytesMax);
}

ModelReply ReplyParts::take(FinishReason finish, const TokenUsage& usage) {
  const bool whole = finish == FinishReason::stop || finish == FinishReason::tool_calls;
  if (!whole || !refusal_.empty()) calls_.clear();
  if (whole) finish = calls_.empty() ? FinishReason::stop : FinishReason::tool_calls;
  if (!refusal_.empty()) finish = FinishReason::refusal;
  ensure_unique_ids(calls_, calls_before_);
  ModelReply reply{
      .text = text_ + refusal_, .finish = finish, .usage = usage, .model = std::move(model_)};
  reply.tool_calls = std::move(calls_);
  return reply;
}

}  // namespace tinkerbell
