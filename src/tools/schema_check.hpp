#pragma once

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/result.hpp"

namespace tinkerbell {

/// Checks a value against a part of JSON Schema 2020-12: type, enum, const, required, properties,
/// additionalProperties, items, minItems, minLength (in bytes), minimum and maximum. Other words of
/// a schema, and what makes no sense in it, ask for nothing. Text with a NUL in it never passes:
/// neither a path nor an argument can hold one.
/// Errors: invalid; the message names the place ("argv[0]") and what is wanted there.
[[nodiscard]] Result<void> check_schema(const Json& value, const Json& schema);

}  // namespace tinkerbell
