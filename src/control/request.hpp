#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/io/http_server.hpp"
#include "tinkerbell/syscall/payloads.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tinkerbell::control {

/// One request on its way through a handler. Answer it exactly once.
class Request {
 public:
  Request(HttpRequest http, std::shared_ptr<HttpResponder> responder, std::uint64_t id)
      : http_(std::move(http)), responder_(std::move(responder)), id_(id) {}

  /// The number in the path: /v1/tasks/{id}.
  [[nodiscard]] std::uint64_t id() const { return id_; }

  /// A number in the query. Errors: invalid.
  [[nodiscard]] Result<std::uint64_t> query_number(const std::string& name, std::uint64_t otherwise,
                                                   std::uint64_t maximum) const;

  [[nodiscard]] std::string query_text(const std::string& name) const;

  /// The body as a wire struct; unknown keys are refused. Errors: invalid, too_large.
  template <class T>
  [[nodiscard]] Result<T> body() const {
    return read<T>(http_.body);
  }

  /// The same of a text, for who reads it on another thread.
  template <class T>
  [[nodiscard]] static Result<T> read(const std::string& body) {
    Result<Json> json = parse_json(body.empty() ? "{}" : body);
    if (!json) return json.error();
    return from_json_value<T>(*json, UnknownKeys::reject);
  }

  [[nodiscard]] const std::string& body_text() const { return http_.body; }

  /// Who asks, as the kernel says.
  [[nodiscard]] Person person() const;

  /// A view as the body of an answer. Takes long for a large one; needs no loop thread.
  template <class T>
  [[nodiscard]] static std::string body_of(const T& view) {
    return dump_json(to_json_value(view)) + "\n";
  }

  template <class T>
  void answer(const T& view, int status = 200) const {
    answer_body(body_of(view), status);
  }

  void answer_body(std::string body, int status = 200) const;

  /// What is no JSON.
  void answer_bytes(std::string bytes) const;

  void fail(const Error& error) const;

  [[nodiscard]] std::shared_ptr<EventStream> stream() const { return responder_->stream(); }

 private:
  HttpRequest http_;
  std::shared_ptr<HttpResponder> responder_;
  std::uint64_t id_;
};

}  // namespace tinkerbell::control
