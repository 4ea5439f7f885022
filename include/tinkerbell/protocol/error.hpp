#pragma once

#include "tinkerbell/base/error.hpp"
#include "tinkerbell/base/fields.hpp"

#include <string>
#include <string_view>

namespace tinkerbell::protocol {

/// A failure on the wire. The code is an Errc's name, as text: a newer daemon may know more of
/// them.
struct ErrorBody {
  std::string code;
  std::string message;

  static constexpr auto fields() {
    return described(field("code", &ErrorBody::code), field("message", &ErrorBody::message));
  }

  bool operator==(const ErrorBody&) const = default;
};

/// The body of every answer with a status of 400 or more: {"error":{"code","message"}}.
struct ErrorView {
  ErrorBody error;

  static constexpr auto fields() { return described(field("error", &ErrorView::error)); }

  bool operator==(const ErrorView&) const = default;
};

[[nodiscard]] ErrorBody body_of(const Error& error);

/// The error that a body stands for. A code that this build does not know becomes Errc::internal;
/// the message is kept.
[[nodiscard]] Error error_of(const ErrorBody& body);

/// The HTTP status that carries an error (RFC 9110, section 15).
[[nodiscard]] int status_for(Errc code);

/// What an answer with an error status says. A body that is no ErrorView gives Errc::protocol.
[[nodiscard]] Error error_from(int status, std::string_view body);

}  // namespace tinkerbell::protocol
