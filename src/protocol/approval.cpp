#include "tinkerbell/protocol/approval.hpp"

#include "tinkerbell/base/hash.hpp"

namespace tinkerbell::protocol {

AnswerForm form_of(const ApprovalView& approval) {
  if (approval.kind == "answer") return AnswerForm::words;
  return approval.kind == "outcome" ? AnswerForm::outcome : AnswerForm::verdict;
}

Result<void> check(const DecisionRequest& request) {
  if (!request.answer) return Error{Errc::invalid, "\"answer\" is missing: approve, deny, …"};
  if (request.text.size() > DecisionRequest::kTextBytesMax) {
    return Error{Errc::too_large, "the text has " + std::to_string(request.text.size()) +
                                      " bytes, more than " +
                                      std::to_string(DecisionRequest::kTextBytesMax)};
  }
  if (request.answer == Answer::answer && request.text.empty()) {
    return Error{Errc::invalid, "an answer needs a text"};
  }
  if (request.scope == Scope::task && request.answer != Answer::approve) {
    return Error{Errc::invalid, "only an approval can hold for the whole task"};
  }
  if (!request.hash.empty() && Sha256::from_hex(request.hash).empty()) {
    return Error{Errc::invalid, "the hash is not 64 hexadecimal digits"};
  }
  return {};
}

}  // namespace tinkerbell::protocol
