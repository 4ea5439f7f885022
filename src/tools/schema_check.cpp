#include "tools/schema_check.hpp"

#include "tinkerbell/base/text.hpp"

#include <string>
#include <string_view>

namespace tinkerbell {

namespace {

/// Keys and values that a model wrote are shown back to it, but not at any length.
constexpr std::size_t kShownBytesMax = 80;

std::string in_quotes(std::string_view text) {
  return '"' + visible_line(shortened(text, kShownBytesMax)) + '"';
}

/// `place` as the subject of a sentence; the whole value has an empty one.
Error wrong(const std::string& place, const std::string& what) {
  return {Errc::invalid, (place.empty() ? "the arguments" : in_quotes(place)) + " " + what};
}

bool has_type(const Json& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "boolean") return value.is_boolean();
  return false;
}

std::string with_article(std::string_view type) {
  const bool vowel = std::string_view("aeiou").contains(type.front());
  return (vowel ? "an " : "a ") + std::string(type);
}

std::string names_of(const Json& object) {
  std::string names;
  for (const auto& item : object.items())
    names += (names.empty() ? "" : ", ") + item.key();
  return names;
}

Result<void> check(const Json& value, const Json& schema, const std::string& place);

Result<void> check_type(const Json& value, const Json& schema, const std::string& place) {
  const auto type = schema.value("type", "");
  if (has_type(value, type)) return {};
  return wrong(place, "must be " + with_article(type) + ", not " +
                          (value.is_null() ? "null" : with_article(value.type_name())));
}

Result<void> check_enum(const Json& value, const Json& schema, const std::string& place) {
  const auto allowed = schema.find("enum");
  if (allowed == schema.end()) return {};
  for (const Json& each : *allowed) {
    if (each == value) return {};
  }
  return wrong(place, "must be one of " + dump_json(*allowed));
}

Result<void> check_string(const Json& value, const Json& schema, const std::string& place) {
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() < schema.value("minLength", std::size_t{0})) {
    return wrong(place, "must not be empty");
  }
  if (text.contains('\0')) return wrong(place, "must not contain a NUL character");
  return {};
}

/// Numbers above the signed range compare as the unsigned numbers that they are.
Result<void> check_range(const Json& value, const Json& schema, const std::string& place) {
  if (const auto minimum = schema.find("minimum"); minimum != schema.end() && value < *minimum) {
    return wrong(place, "must be at least " + dump_json(*minimum));
  }
  if (const auto maximum = schema.find("maximum"); maximum != schema.end() && value > *maximum) {
    return wrong(place, "must be at most " + dump_json(*maximum));
  }
  return {};
}

Result<void> check_array(const Json& value, const Json& schema, const std::string& place) {
  if (value.size() < schema.value("minItems", std::size_t{0})) {
    return wrong(place, "must not be empty");
  }
  const auto items = schema.find("items");
  if (items == schema.end()) return {};
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (auto checked = check(value[i], *items, place + '[' + std::to_string(i) + ']'); !checked) {
      return checked;
    }
  }
  return {};
}

Result<void> check_required(const Json& value, const Json& schema) {
  const auto required = schema.find("required");
  if (required == schema.end()) return {};
  for (const Json& name : *required) {
    const auto& key = name.get_ref<const std::string&>();
    if (!value.contains(key)) return Error{Errc::invalid, "missing " + in_quotes(key)};
  }
  return {};
}

Result<void> check_object(const Json& value, const Json& schema, const std::string& place) {
  if (auto checked = check_required(value, schema); !checked) return checked;
  const Json properties = schema.value("properties", Json::object());
  for (const auto& item : value.items()) {
    const auto property = properties.find(item.key());
    if (property != properties.end()) {
      const std::string inner = place.empty() ? item.key() : place + '.' + item.key();
      if (auto checked = check(item.value(), *property, inner); !checked) return checked;
    } else if (!schema.value("additionalProperties", true)) {
      return Error{Errc::invalid, "unknown argument " + in_quotes(item.key()) +
                                      " (known: " + names_of(properties) + ")"};
    }
  }
  return {};
}

/// The value's depth was bounded when it was parsed, and the schema's is ours.
Result<void> check(const Json& value, const Json& schema, const std::string& place) {
  if (auto checked = check_type(value, schema, place); !checked) return checked;
  if (auto checked = check_enum(value, schema, place); !checked) return checked;
  if (value.is_string()) return check_string(value, schema, place);
  if (value.is_number()) return check_range(value, schema, place);
  if (value.is_array()) return check_array(value, schema, place);
  if (value.is_object()) return check_object(value, schema, place);
  return {};
}

}  // namespace

Result<void> check_schema(const Json& value, const Json& schema) {
  return check(value, schema, {});
}

}  // namespace tinkerbell
