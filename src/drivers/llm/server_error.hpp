#pragma once

#include "tinkerbell/base/error.hpp"
#include "tinkerbell/base/json.hpp"

#include <string_view>

namespace tinkerbell {

/// What an answer with a status other than 200 means: "HTTP 429: Rate limit reached". The reason is
/// taken from the body where it has one, made valid UTF-8, and shortened to 300 bytes.
/// 401, 403 unauthorized · 402 exhausted · 404 not_found · 413 and "context too long" too_large (by
/// its code, or by the words of services that have none) · 429 rate_limited, or exhausted where it
/// is the account's quota · 408, 409, 5xx unavailable · else invalid.
[[nodiscard]] Error http_error(int status, std::string_view body);

/// What an error inside a stream that began with 200 means. `error` is the value of its "error"
/// key: an object with message, type and code, or just text.
[[nodiscard]] Error stream_error(const Json& error);

}  // namespace tinkerbell
