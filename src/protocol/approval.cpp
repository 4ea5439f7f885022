#include "tinkerbell/protocol/approval.hpp"

#include "tinkerbell/base/hash.hpp"

#include <string>
#include <string_view>

namespace tinkerbell::protocol {

AnswerForm form_of(const ApprovalView& approval) {
  if (approval.kind == "answer") return AnswerForm::words;
  return approval.kind == "outcome" ? AnswerForm::outcome : AnswerForm::verdict;
}

namespace {

Result<void> check_size(std::string_view what, const std::string& text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return {};
  return Error{Errc::too_large, "the " + std::string(what) + " has " + std::to_string(text.size()) +
                                    " bytes, more than " + std::to_string(bytes_max)};
}

Result<void> check_result(const DecisionRequest& request) {
  if (!request.result) return {};
  if (request.answer != Answer::happened) {
    return Error{Errc::invalid, "only what happened has a result"};
  }
  return check_size("result", *request.result, DecisionRequest::kResultBytesMax);
}

}  // namespace

Result<void> check(const DecisionRequest& request) {
  if (!request.answer) return Error{Errc::invalid, "\"answer\" is missing: approve, deny, …"};
  if (Result<void> text = check_size("text", request.text, DecisionRequest::kTextBytesMax); !text) {
    return text;
  }
  if (Result<void> result = check_result(request); !result) return result;
  if (request.answer == Answer::answer && request.text.empty()) {
    return Error{Errc::invalid, "an answer needs a text"};
  }
  if (request.scope == Scope::task && request.answer != Answer::approve) {
    return Error{Errc::invalid, "only an approval can hold for the whole task"};
  }
  if (request.scope == Scope::always && request.answer != Answer::approve) {
    return Error{Errc::invalid, "only an approval can hold for good"};
  }
  if (request.scope != Scope::always && (request.directory || request.valid_ms)) {
    return Error{Errc::invalid, "\"directory\" and \"valid_ms\" go with the scope \"always\""};
  }
  if (request.valid_ms &&
      (*request.valid_ms == 0 || *request.valid_ms > DecisionRequest::kValidMsMax)) {
    return Error{Errc::invalid,
                 "a standing rule holds for a millisecond to ten years, or for good"};
  }
  if (!request.hash.empty() && Sha256::from_hex(request.hash).empty()) {
    return Error{Errc::invalid, "the hash is not 64 hexadecimal digits"};
  }
  return {};
}

}  // namespace tinkerbell::protocol
