#pragma once

#include "tinkerbell/base/canonical.hpp"
#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/names.hpp"
#include "tinkerbell/base/result.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

/// One description of a struct serves all its outside forms: JSON for people and the socket,
/// canonical bytes for hashes and the journal. A described struct has
///
///     static constexpr auto fields() { return described(field("path", &AwaitFileRead::path), …);
///     }
///
/// Names reach clients, places and defaults reach journals: add at the end, never rename, never
/// reorder, never give a field another default (the old one would be read as the new).

namespace tinkerbell {

template <class Struct, class Member>
struct Field {
  std::string_view name;
  Member Struct::* member;
};

template <class Struct, class Member>
[[nodiscard]] constexpr Field<Struct, Member> field(std::string_view name,
                                                    Member Struct::* member) {
  return {name, member};
}

/// The fields of a struct, in their order, as a function that hands them to another one. A
/// std::tuple of them would cost the compiler much more: a quarter of its time for a source with
/// many such structs.
template <class... Fields>
[[nodiscard]] constexpr auto described(Fields... each) {
  return [=](const auto& use) -> decltype(auto) { return use(each...); };
}

template <class T>
concept Described = requires { T::fields(); };

/// What `use` returns when it is called with every Field of T.
template <Described T, class Use>
constexpr decltype(auto) apply_to_fields(const Use& use) {
  return T::fields()(use);
}

/// What a reader does with a key that the struct does not know.
enum class UnknownKeys : std::uint8_t {
  ignore,  ///< Journals and servers of a newer version.
  reject,  ///< Requests of people: a misspelt key must not be lost in silence.
};

namespace detail {

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;

template <class T>
inline constexpr bool kIsDuration = false;
template <class Rep, class Period>
inline constexpr bool kIsDuration<std::chrono::duration<Rep, Period>> = true;

/// Enums without names are ids: plain numbers.
template <class T>
concept NumberedEnum = std::is_enum_v<T> && !Named<T>;

[[nodiscard]] inline Error wrong_type(std::string_view expected) {
  return {Errc::invalid, "expected " + std::string(expected)};
}

/// A type with a JSON form of its own for people.
template <class T>
concept HasJsonForm = requires(const T& value) {
  { value.to_json() } -> std::same_as<Json>;
};

/// The same, and it can be read back.
template <class T>
concept ReadsJsonForm = requires(const Json& json) {
  { T::from_json(json) } -> std::same_as<Result<T>>;
};

/// A type with a canonical form of its own (a conversation, written as hashes).
template <class T>
concept HasCanonicalForm =
    requires(const T& value, T& into, CanonicalWriter& writer, CanonicalReader& reader) {
      value.write_canonical(writer);
      into.read_canonical(reader);
    };

}  // namespace detail

// ---- to JSON ----

template <class T>
[[nodiscard]] Json to_json_value(const T& value) {
  if constexpr (detail::HasJsonForm<T>) {
    return value.to_json();
  } else if constexpr (Described<T>) {
    Json object = Json::object();
    apply_to_fields<T>([&](const auto&... each) {
      ((object[std::string(each.name)] = to_json_value(value.*each.member)), ...);
    });
    return object;
  } else if constexpr (Named<T>) {
    return name_of(value);
  } else if constexpr (detail::NumberedEnum<T>) {
    return std::to_underlying(value);
  } else if constexpr (detail::kIsOptional<T>) {
    return value ? to_json_value(*value) : Json(nullptr);
  } else if constexpr (detail::kIsVector<T>) {
    Json array = Json::array();
    for (const auto& each : value)
      array.push_back(to_json_value(each));
    return array;
  } else if constexpr (detail::kIsDuration<T>) {
    return value.count();
  } else {
    return Json(value);  // bool, numbers, strings, string maps, Json itself
  }
}

// ---- to canonical bytes ----

namespace detail {

/// What a struct is before anything is said about it.
template <class T>
[[nodiscard]] const T& default_of() {
  static const T value{};
  return value;
}

template <class T>
[[nodiscard]] bool same(const T& one, const T& other) {
  if constexpr (kIsOptional<T>) {
    return one.has_value() == other.has_value() && (!one || same(*one, *other));
  } else if constexpr (kIsVector<T>) {
    return std::ranges::equal(one, other, [](const auto& a, const auto& b) { return same(a, b); });
  } else if constexpr (Described<T>) {
    return apply_to_fields<T>(
        [&](const auto&... each) { return (same(one.*each.member, other.*each.member) && ...); });
  } else if constexpr (std::same_as<T, double>) {
    return std::bit_cast<std::uint64_t>(one) == std::bit_cast<std::uint64_t>(other);  // -0.0 is not
  } else if constexpr (requires { one == other; }) {
    return one == other;
  } else {
    return false;
  }
}

}  // namespace detail

/// Levels of a Json tree in canonical form: a value alone has none, what stands in it one more.
inline constexpr std::size_t kTreeDepthMax = 1'000;

/// Whether a tree is nested deeper than that, or has such a tree in it. It could not be read back:
/// whoever writes one for good must look first.
[[nodiscard]] bool is_too_deep(const Json& value);

template <class T>
  requires(!std::same_as<T, Json>)
[[nodiscard]] bool is_too_deep(const T& value) {
  if constexpr (detail::HasCanonicalForm<T>) {
    return false;  // it has no trees, or hashes of them
  } else if constexpr (Described<T>) {
    return apply_to_fields<T>(
        [&](const auto&... each) { return (is_too_deep(value.*each.member) || ...); });
  } else if constexpr (detail::kIsOptional<T>) {
    return value && is_too_deep(*value);
  } else if constexpr (detail::kIsVector<T>) {
    return std::ranges::any_of(value, [](const auto& each) { return is_too_deep(each); });
  } else {
    return false;
  }
}

/// A Json tree in canonical form: keys are already sorted. What is too deep becomes null.
void write_canonical(CanonicalWriter& writer, const Json& value);

/// A described struct is a map from the places of its fields (the first is 0) to their values;
/// those that are as the struct's default has them are left out.
template <class T>
  requires(!std::same_as<T, Json>)
void write_canonical(CanonicalWriter& writer, const T& value) {
  if constexpr (detail::HasCanonicalForm<T>) {
    value.write_canonical(writer);
  } else if constexpr (Described<T>) {
    const T& usual = detail::default_of<T>();
    const auto tells = [&](const auto& field) {
      return !detail::same(value.*field.member, usual.*field.member);
    };
    apply_to_fields<T>([&](const auto&... each) {
      writer.begin_map((std::uint64_t{0} + ... + (tells(each) ? 1U : 0U)));
      std::uint64_t place = 0;
      const auto write = [&](const auto& field) {
        if (tells(field)) {
          writer.unsigned_integer(place);
          write_canonical(writer, value.*field.member);
        }
        ++place;
      };
      (write(each), ...);
    });
  } else if constexpr (Named<T>) {
    writer.text(name_of(value));
  } else if constexpr (detail::NumberedEnum<T>) {
    writer.unsigned_integer(std::to_underlying(value));
  } else if constexpr (detail::kIsOptional<T>) {
    value ? write_canonical(writer, *value) : writer.null();
  } else if constexpr (detail::kIsVector<T>) {
    writer.begin_array(value.size());
    for (const auto& each : value)
      write_canonical(writer, each);
  } else if constexpr (detail::kIsDuration<T>) {
    writer.integer(value.count());
  } else if constexpr (std::same_as<T, bool>) {
    writer.boolean(value);
  } else if constexpr (std::unsigned_integral<T>) {
    writer.unsigned_integer(value);
  } else if constexpr (std::signed_integral<T>) {
    writer.integer(value);
  } else if constexpr (std::floating_point<T>) {
    writer.number(value);
  } else if constexpr (std::same_as<T, std::map<std::string, std::string>>) {
    writer.begin_map(value.size());
    for (const auto& [key, text] : value) {
      writer.text(key);
      writer.text(text);
    }
  } else {
    writer.text(value);
  }
}

template <class T>
[[nodiscard]] std::string canonical_bytes(const T& value) {
  CanonicalWriter writer;
  write_canonical(writer, value);
  return writer.take();
}

// ---- from JSON ----

template <class T>
[[nodiscard]] Result<T> from_json_value(const Json& json,
                                        UnknownKeys unknown = UnknownKeys::ignore);

namespace detail {

template <class T>
[[nodiscard]] Result<T> integer_from(const Json& json) {
  if (json.is_number_unsigned()) {
    const auto value = json.get<std::uint64_t>();
    if (std::in_range<T>(value)) return static_cast<T>(value);
    return Error{Errc::invalid, "number out of range"};
  }
  if (json.is_number_integer()) {
    const auto value = json.get<std::int64_t>();
    if (std::in_range<T>(value)) return static_cast<T>(value);
    return Error{Errc::invalid, "number out of range"};
  }
  return wrong_type("an integer");
}

template <class Struct, class Member>
[[nodiscard]] Result<void> read_member(Struct& into, const Field<Struct, Member>& field,
                                       const Json& json, UnknownKeys unknown) {
  const auto found = json.find(field.name);
  if (found == json.end()) return {};
  Result<Member> value = from_json_value<Member>(*found, unknown);
  if (!value) return value.error().with(field.name);
  into.*field.member = *std::move(value);
  return {};
}

template <class Struct>
[[nodiscard]] bool knows_key(std::string_view key) {
  return apply_to_fields<Struct>([&](const auto&... each) { return ((each.name == key) || ...); });
}

template <class Struct>
[[nodiscard]] Result<Struct> struct_from(const Json& json, UnknownKeys unknown) {
  if (!json.is_object()) return wrong_type("an object");
  if (unknown == UnknownKeys::reject) {
    for (const auto& item : json.items()) {
      if (!knows_key<Struct>(item.key())) {
        return Error{Errc::invalid, "unknown key \"" + item.key() + "\""};
      }
    }
  }
  Struct value{};
  Result<void> read;
  apply_to_fields<Struct>([&](const auto&... each) {
    (void)((read = read_member(value, each, json, unknown), read.ok()) && ...);
  });
  if (!read) return read.error();
  return value;
}

}  // namespace detail

/// Reads a value; a missing key keeps the struct's default, a wrong type is an error that names the
/// key. Errors: invalid.
template <class T>
Result<T> from_json_value(const Json& json, UnknownKeys unknown) {
  if constexpr (detail::ReadsJsonForm<T>) {
    return T::from_json(json);
  } else if constexpr (Described<T>) {
    return detail::struct_from<T>(json, unknown);
  } else if constexpr (std::same_as<T, Json>) {
    return json;
  } else if constexpr (Named<T>) {
    if (!json.is_string()) return detail::wrong_type("a string");
    const auto value = value_named<T>(json.get_ref<const std::string&>());
    if (!value) return Error{Errc::invalid, "unknown value \"" + json.get<std::string>() + "\""};
    return *value;
  } else if constexpr (detail::NumberedEnum<T>) {
    Result<std::underlying_type_t<T>> value = detail::integer_from<std::underlying_type_t<T>>(json);
    if (!value) return value.error();
    return static_cast<T>(*value);
  } else if constexpr (detail::kIsOptional<T>) {
    if (json.is_null()) return T{};
    Result<typename T::value_type> value = from_json_value<typename T::value_type>(json, unknown);
    if (!value) return value.error();
    return T{*std::move(value)};
  } else if constexpr (detail::kIsVector<T>) {
    if (!json.is_array()) return detail::wrong_type("an array");
    T values;
    values.reserve(json.size());
    for (const Json& each : json) {
      Result<typename T::value_type> value = from_json_value<typename T::value_type>(each, unknown);
      if (!value) return value.error().with("element " + std::to_string(values.size()));
      values.push_back(*std::move(value));
    }
    return values;
  } else if constexpr (detail::kIsDuration<T>) {
    Result<typename T::rep> count = detail::integer_from<typename T::rep>(json);
    if (!count) return count.error();
    return T{*count};
  } else if constexpr (std::same_as<T, bool>) {
    if (!json.is_boolean()) return detail::wrong_type("true or false");
    return json.get<bool>();
  } else if constexpr (std::integral<T>) {
    return detail::integer_from<T>(json);
  } else if constexpr (std::floating_point<T>) {
    if (!json.is_number()) return detail::wrong_type("a number");
    return json.get<T>();
  } else if constexpr (std::same_as<T, std::map<std::string, std::string>>) {
    if (!json.is_object()) return detail::wrong_type("an object of strings");
    T values;
    for (const auto& item : json.items()) {
      if (!item.value().is_string()) return detail::wrong_type("a string").with(item.key());
      values[item.key()] = item.value().template get<std::string>();
    }
    return values;
  } else {
    static_assert(std::same_as<T, std::string>, "describe this type with fields()");
    if (!json.is_string()) return detail::wrong_type("a string");
    return json.get<std::string>();
  }
}

// ---- from canonical bytes ----

/// A Json tree; one that is too deep fails.
void read_canonical(CanonicalReader& reader, Json& into);

namespace detail {

template <class Wide, class T>
void put_number(CanonicalReader& reader, Wide value, T& into) {
  if (!std::in_range<T>(value)) return reader.fail();
  into = static_cast<T>(value);
}

}  // namespace detail

/// What is not there stays as it is in `into`; fields of a newer program are passed over. That
/// something is wrong, the reader says at the end.
template <class T>
  requires(!std::same_as<T, Json>)
void read_canonical(CanonicalReader& reader, T& into) {
  if constexpr (detail::HasCanonicalForm<T>) {
    into.read_canonical(reader);
  } else if constexpr (Described<T>) {
    for (std::uint64_t left = reader.begin_map(); left > 0 && !reader.failed(); --left) {
      const std::uint64_t wanted = reader.unsigned_integer();
      const bool known = apply_to_fields<T>([&](const auto&... each) {
        std::uint64_t place = 0;
        return ((wanted == place++ && (read_canonical(reader, into.*each.member), true)) || ...);
      });
      if (!known) (void)reader.skip();
    }
  } else if constexpr (Named<T>) {
    const auto value = value_named<T>(reader.text());
    if (!value) return reader.fail();
    into = *value;
  } else if constexpr (detail::NumberedEnum<T>) {
    std::underlying_type_t<T> value{};
    detail::put_number(reader, reader.unsigned_integer(), value);
    into = static_cast<T>(value);
  } else if constexpr (detail::kIsOptional<T>) {
    if (reader.take_null()) return into.reset();
    read_canonical(reader, into.emplace());
  } else if constexpr (detail::kIsVector<T>) {
    into.clear();
    for (std::uint64_t left = reader.begin_array(); left > 0 && !reader.failed(); --left)
      read_canonical(reader, into.emplace_back());
  } else if constexpr (detail::kIsDuration<T>) {
    typename T::rep count{};
    detail::put_number(reader, reader.integer(), count);
    into = T{count};
  } else if constexpr (std::same_as<T, bool>) {
    into = reader.boolean();
  } else if constexpr (std::unsigned_integral<T>) {
    detail::put_number(reader, reader.unsigned_integer(), into);
  } else if constexpr (std::signed_integral<T>) {
    detail::put_number(reader, reader.integer(), into);
  } else if constexpr (std::floating_point<T>) {
    into = static_cast<T>(reader.number());
  } else if constexpr (std::same_as<T, std::map<std::string, std::string>>) {
    into.clear();
    for (std::uint64_t left = reader.begin_map(); left > 0 && !reader.failed(); --left) {
      std::string key(reader.text());
      into.insert_or_assign(std::move(key), std::string(reader.text()));
    }
  } else {
    static_assert(std::same_as<T, std::string>, "describe this type with fields()");
    into = reader.text();
  }
}

/// The value that canonical bytes stand for. Errors: invalid.
template <class T>
[[nodiscard]] Result<T> from_canonical(std::string_view bytes) {
  CanonicalReader reader(bytes);
  T value{};
  read_canonical(reader, value);
  if (!reader.is_done()) return Error{Errc::invalid, "not canonical bytes"};
  return value;
}

}  // namespace tinkerbell
