#pragma once

#include "tinkerbell/base/json.hpp"

#include <cstdint>
#include <optional>
#include <string>

/// Reading what servers send: what is left out, and what is of another type than it should be, read
/// alike.

namespace tinkerbell {

/// Null where there is no such key, or no object.
[[nodiscard]] const Json& member(const Json& object, const char* key);

/// Empty where it is no text. As the server wrote it: it may hold NUL.
[[nodiscard]] std::string text_of(const Json& value);

/// The same of a member.
[[nodiscard]] std::string text_at(const Json& object, const char* key);

/// A count of tokens; nothing where it makes no sense (negative, a fraction, above 2³²).
[[nodiscard]] std::optional<std::uint64_t> tokens(const Json& value);

/// The same where it may be missing: 0 then.
[[nodiscard]] std::optional<std::uint64_t> tokens_or_none(const Json& value);

/// A place in a list; nothing where it is none.
[[nodiscard]] std::optional<std::uint64_t> index_at(const Json& object, const char* key);

/// Errc::protocol: "a chunk of the answer: …".
[[nodiscard]] Error bad_chunk(std::string_view what);

/// The object that an event holds, made valid UTF-8 first. Errors: protocol.
[[nodiscard]] Result<Json> read_event(std::string_view data);

}  // namespace tinkerbell
