#include "drivers/llm/server_json.hpp"

#include "tinkerbell/base/text.hpp"

namespace tinkerbell {

namespace {

constexpr std::uint64_t kTokensMax = 1ULL << 32;  ///< Beyond that a figure is nonsense.

}  // namespace

const Json& member(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string text_at(const Json& object, const char* key) {
  return text_of(member(object, key));
}

std::optional<std::uint64_t> tokens(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto count = value.get<std::uint64_t>();
  return count <= kTokensMax ? std::optional(count) : std::nullopt;
}

std::optional<std::uint64_t> tokens_or_none(const Json& value) {
  return value.is_null() ? std::optional<std::uint64_t>(0) : tokens(value);
}

std::optional<std::uint64_t> index_at(const Json& object, const char* key) {
  const Json& index = member(object, key);
  return index.is_number_unsigned() ? std::optional(index.get<std::uint64_t>()) : std::nullopt;
}

Error bad_chunk(std::string_view what) {
  return {Errc::protocol, "a chunk of the answer: " + std::string(what)};
}

Result<Json> read_event(std::string_view data) {
  Result<Json> object = parse_json(valid_utf8(data));
  if (!object) return bad_chunk(object.error().message);
  if (!object->is_object()) return bad_chunk("no object");
  return object;
}

}  // namespace tinkerbell
