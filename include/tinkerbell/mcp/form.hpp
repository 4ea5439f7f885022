#pragma once

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/result.hpp"

#include <string>
#include <vector>

namespace tinkerbell::mcp {

/// One thing that a server wants to know from a person.
struct FormField {
  std::string name;
  std::string question;              ///< As the server words it.
  std::vector<std::string> choices;  ///< What it takes, if that is not free.
  bool required = false;
  Json schema;
};

/// The form of an elicitation/create.
struct Form {
  std::string message;
  std::vector<FormField> fields;
};

/// Reads its params. Errors: unsupported (no form, or a field that is no plain value), too_large
/// (more than 16 fields).
[[nodiscard]] Result<Form> form_of(const Json& params);

/// What a person said, as the value that the field wants. Errors: invalid, with what it takes.
[[nodiscard]] Result<Json> value_of(const FormField& field, const std::string& said);

}  // namespace tinkerbell::mcp
