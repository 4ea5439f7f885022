#include "control/request.hpp"

#include "tinkerbell/protocol/error.hpp"

#include <charconv>

namespace tinkerbell::control {

Result<std::uint64_t> Request::query_number(const std::string& name, std::uint64_t otherwise,
                                            std::uint64_t maximum) const {
  const std::string text = query_text(name);
  if (text.empty()) return otherwise;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > maximum) {
    return Error{Errc::invalid,
                 "query \"" + name + "\" must be a number up to " + std::to_string(maximum)};
  }
  return value;
}

std::string Request::query_text(const std::string& name) const {
  const auto found = http_.query.find(name);
  return found == http_.query.end() ? std::string() : found->second;
}

Person Request::person() const {
  const bool cli = header_value(http_.headers, "user-agent").starts_with("tinkerbell");
  return {.via = cli ? "cli" : "api", .uid = http_.peer.uid, .pid = http_.peer.pid};
}

void Request::answer_body(std::string body, int status) const {
  responder_->respond({.status = status, .body = std::move(body)});
}

void Request::answer_bytes(std::string bytes) const {
  responder_->respond({.content_type = "application/octet-stream", .body = std::move(bytes)});
}

void Request::fail(const Error& error) const {
  answer(protocol::ErrorView{protocol::body_of(error)}, protocol::status_for(error.code));
}

}  // namespace tinkerbell::control
