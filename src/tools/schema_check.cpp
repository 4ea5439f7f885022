#include "tools/schema_check.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
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

/// Null where a schema does not say it.
const Json& word(const Json& schema, const char* key) {
  static const Json kNull;
  const auto found = schema.find(key);
  return found == schema.end() ? kNull : *found;
}

std::size_t size_at(const Json& schema, const char* key) {
  const Json& size = word(schema, key);
  return size.is_number_unsigned() ? size.get<std::size_t>() : 0;
}

bool has_type(const Json& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "boolean") return value.is_boolean();
  if (type == "number") return value.is_number();
  if (type == "null") return value.is_null();
  return true;  // there is no such type
}

bool has_one_of(const Json& value, const Json& types) {
  return std::ranges::any_of(types, [&](const Json& each) {
    return !each.is_string() || has_type(value, each.get_ref<const std::string&>());
  });
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
  const Json& type = word(schema, "type");
  std::string wanted;
  if (type.is_string()) {
    const auto& name = type.get_ref<const std::string&>();
    if (has_type(value, name)) return {};
    wanted = with_article(name);
  } else if (type.is_array() && !has_one_of(value, type)) {
    wanted = "one of " + dump_json(type);
  } else {
    return {};
  }
  return wrong(place, "must be " + wanted + ", not " +
                          (value.is_null() ? "null" : with_article(value.type_name())));
}

Result<void> check_enum(const Json& value, const Json& schema, const std::string& place) {
  if (schema.contains("const") && schema["const"] != value) {
    return wrong(place, "must be " + dump_json(schema["const"]));
  }
  const Json& allowed = word(schema, "enum");
  if (!allowed.is_array() || std::ranges::find(allowed, value) != allowed.end()) return {};
  return wrong(place, "must be one of " + dump_json(allowed));
}

std::string wants_at_least(std::size_t count, std::string_view what) {
  if (count == 1) return "must not be empty";
  return "must have at least " + std::to_string(count) + ' ' + std::string(what);
}

Result<void> check_string(const Json& value, const Json& schema, const std::string& place) {
  const auto& text = value.get_ref<const std::string&>();
  if (const std::size_t least = size_at(schema, "minLength"); text.size() < least) {
    return wrong(place, wants_at_least(least, "characters"));
  }
  if (text.contains('\0')) return wrong(place, "must not contain a NUL character");
  return {};
}

/// Numbers above the signed range compare as the unsigned numbers that they are.
Result<void> check_range(const Json& value, const Json& schema, const std::string& place) {
  const Json& minimum = word(schema, "minimum");
  if (minimum.is_number() && value < minimum) {
    return wrong(place, "must be at least " + dump_json(minimum));
  }
  const Json& maximum = word(schema, "maximum");
  if (maximum.is_number() && value > maximum) {
    return wrong(place, "must be at most " + dump_json(maximum));
  }
  return {};
}

Result<void> check_array(const Json& value, const Json& schema, const std::string& place) {
  if (const std::size_t least = size_at(schema, "minItems"); value.size() < least) {
    return wrong(place, wants_at_least(least, "elements"));
  }
  const Json& items = word(schema, "items");
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (auto checked = check(value[i], items, place + '[' + std::to_string(i) + ']'); !checked) {
      return checked;
    }
  }
  return {};
}

Result<void> check_required(const Json& value, const Json& schema) {
  const Json& required = word(schema, "required");
  if (!required.is_array()) return {};
  for (const Json& name : required) {
    if (!name.is_string()) continue;
    const auto& key = name.get_ref<const std::string&>();
    if (!value.contains(key)) return Error{Errc::invalid, "missing " + in_quotes(key)};
  }
  return {};
}

Result<void> check_object(const Json& value, const Json& schema, const std::string& place) {
  if (auto checked = check_required(value, schema); !checked) return checked;
  const Json& properties = word(schema, "properties");
  const bool by_pattern = schema.contains("patternProperties");
  for (const auto& item : value.items()) {
    const auto property = properties.find(item.key());
    const bool is_known = property != properties.end();
    if (!is_known && by_pattern) continue;
    const Json& inner_schema = is_known ? *property : word(schema, "additionalProperties");
    if (inner_schema.is_object()) {
      const std::string inner = place.empty() ? item.key() : place + '.' + item.key();
      if (auto checked = check(item.value(), inner_schema, inner); !checked) return checked;
    } else if (!is_known && inner_schema == false) {
      return Error{Errc::invalid, "unknown argument " + in_quotes(item.key()) +
                                      " (known: " + names_of(properties) + ")"};
    }
  }
  return {};
}

/// The value's depth was bounded when it was parsed, and it goes no deeper into the schema.
Result<void> check(const Json& value, const Json& schema, const std::string& place) {
  if (!schema.is_object()) return {};
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
