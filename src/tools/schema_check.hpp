#pragma once

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/result.hpp"

namespace tinkerbell {

/// Checks a value against the part of JSON Schema 2020-12 that our tools use: type, enum, required,
/// properties, additionalProperties (false), items, minItems, minLength, minimum and maximum (of
/// integers). Text with a NUL in it never passes: neither a path nor an argument can hold one.
/// Errors: invalid; the message names the place ("argv[0]") and what is wanted there.
[[nodiscard]] Result<void> check_schema(const Json& value, const Json& schema);

}  // namespace tinkerbell
