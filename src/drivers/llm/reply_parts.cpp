#include "drivers/llm/reply_parts.hpp"

#include "drivers/llm/tool_call_ids.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

constexpr std::size_t kCallsMax = 256;
constexpr std::size_t kReplyBytesMax = 8 << 20;
constexpr std::size_t kModelNameBytesMax = 200;

}  // namespace

ReplyParts::ReplyParts(ProviderType type, const ModelQuestion& question, Provider::TextHandler text)
    : type_(type), earlier_ids_(call_ids_in(question.messages)), text_handler_(std::move(text)) {}

Result<void> ReplyParts::add_text(std::string_view piece) {
  const std::string valid = valid_utf8(piece);
  text_ += valid;
  return show_valid(valid);
}

Result<void> ReplyParts::show(std::string_view piece) {
  return show_valid(valid_utf8(piece));
}

Result<void> ReplyParts::show_valid(const std::string& valid) {
  if (valid.empty()) return {};
  if (auto counted = count(valid.size()); !counted) return counted;
  shown_ = true;
  if (text_handler_) text_handler_(valid);
  return {};
}

Result<void> ReplyParts::add_whole_text(std::string_view text) {
  if (!shown_) return add_text(text);
  text_ += valid_utf8(text);
  return count(text.size());
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

Result<void> ReplyParts::keep(const Json& part) {
  kept_.push_back({.provider = std::string(name_of(type_)),
                   .json = dump_json(part),
                   .text_before = text_.size(),
                   .calls_before = calls_.size()});
  return count(kept_.back().json.size());
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
  const bool whole = finish == FinishReason::stop || finish == FinishReason::tool_calls ||
                     finish == FinishReason::pause;
  if (!whole || !refusal_.empty()) {
    calls_.clear();
    kept_.clear();
  }
  if (!refusal_.empty()) {
    finish = FinishReason::refusal;
  } else if (!calls_.empty()) {
    finish = FinishReason::tool_calls;
  } else if (finish == FinishReason::tool_calls) {
    finish = FinishReason::stop;
  }
  ensure_unique_ids(calls_, earlier_ids_);
  ModelReply reply{.text = text_ + refusal_,
                   .finish = finish,
                   .usage = usage.input > 0 ? usage : TokenUsage{},
                   .model = std::move(model_)};
  reply.tool_calls = std::move(calls_);
  reply.kept = std::move(kept_);
  return reply;
}

void pass_over_others(const Json& object, std::initializer_list<std::string_view> known,
                      ReplyParts& parts) {
  if (!object.is_object()) return;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_null() && std::ranges::find(known, key) == known.end()) parts.pass_over();
  }
}

}  // namespace tinkerbell
