#include "tinkerbell/mcp/form.hpp"

#include "mcp/text_in.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace tinkerbell::mcp {

namespace {

constexpr std::size_t kFieldsMax = 16;
constexpr std::size_t kWordsMax = 2'000;

/// For people.
std::string words_in(const Json& object, const char* key) {
  return shortened(valid_utf8(text_in(object, key)), kWordsMax);
}

std::vector<std::string> choices_of(const Json& schema) {
  std::vector<std::string> choices;
  for (const Json& each : schema.value("enum", Json::array())) {
    if (each.is_string()) choices.push_back(each.get<std::string>());
  }
  for (const Json& each : schema.value("oneOf", Json::array())) {
    if (each.is_object() && each.contains("const")) choices.push_back(words_in(each, "const"));
  }
  if (schema.value("type", Json()) == "boolean") choices = {"yes", "no"};
  return choices;
}

bool is_plain(const Json& schema) {
  const Json type = schema.value("type", Json());
  return type == "string" || type == "number" || type == "integer" || type == "boolean";
}

template <class Number>
Result<Json> number_in(const std::string& said, std::string_view what) {
  Number number{};
  const auto [end, failure] = std::from_chars(said.data(), said.data() + said.size(), number);
  if (failure == std::errc() && end == said.data() + said.size()) return Json(number);
  return Error{Errc::invalid, "it must be " + std::string(what)};
}

Result<Json> boolean_in(const std::string& said) {
  if (said == "yes" || said == "true") return Json(true);
  if (said == "no" || said == "false") return Json(false);
  return Error{Errc::invalid, "it must be yes or no"};
}

}  // namespace

Result<Form> form_of(const Json& params) {
  const Json schema = params.is_object() ? params.value("requestedSchema", Json()) : Json();
  if (!schema.is_object() || params.value("mode", Json("form")) != "form") {
    return Error{Errc::unsupported, "it is no form"};
  }
  const Json properties = schema.value("properties", Json::object());
  const Json required = schema.value("required", Json::array());
  if (!properties.is_object()) return Error{Errc::unsupported, "it is no form"};
  if (properties.size() > kFieldsMax) {
    return Error{Errc::too_large, "more than " + std::to_string(kFieldsMax) + " fields"};
  }
  Form form{.message = words_in(params, "message"), .fields = {}};
  for (const auto& [name, each] : properties.items()) {
    if (!each.is_object() || !is_plain(each)) {
      return Error{Errc::unsupported, "field " + visible_line(name) + " is no plain value"};
    }
    std::string question = words_in(each, "title");
    if (question.empty()) question = name;
    if (const std::string more = words_in(each, "description"); !more.empty()) {
      question += " (" + more + ")";
    }
    form.fields.push_back(
        {.name = name,
         .question = std::move(question),
         .choices = choices_of(each),
         .required = required.is_array() && std::ranges::count(required, Json(name)) > 0,
         .schema = each});
  }
  return form;
}

Result<Json> value_of(const FormField& field, const std::string& said) {
  const Json type = field.schema.value("type", Json());
  if (type == "boolean") return boolean_in(said);
  if (type == "integer") return number_in<std::int64_t>(said, "a whole number");
  if (type == "number") return number_in<double>(said, "a number");
  if (!field.choices.empty() && std::ranges::count(field.choices, said) == 0) {
    return Error{Errc::invalid, "it must be one of those that are offered"};
  }
  return Json(said);
}

}  // namespace tinkerbell::mcp
