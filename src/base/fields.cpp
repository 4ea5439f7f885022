#include "tinkerbell/base/fields.hpp"

namespace tinkerbell {

namespace {

void write_tree(CanonicalWriter& writer, const Json& value, std::size_t depth) {
  if (depth == kTreeDepthMax && value.is_structured() && !value.empty()) return writer.null();
  switch (value.type()) {
    case Json::value_t::boolean:
      writer.boolean(value.get<bool>());
      return;
    case Json::value_t::number_integer:
      writer.integer(value.get<std::int64_t>());
      return;
    case Json::value_t::number_unsigned:
      writer.unsigned_integer(value.get<std::uint64_t>());
      return;
    case Json::value_t::number_float:
      writer.number(value.get<double>());
      return;
    case Json::value_t::string:
      writer.text(value.get_ref<const std::string&>());
      return;
    case Json::value_t::array:
      writer.begin_array(value.size());
      for (const Json& each : value)
        write_tree(writer, each, depth + 1);
      return;
    case Json::value_t::object:
      writer.begin_map(value.size());
      for (const auto& item : value.items()) {
        writer.text(item.key());
        write_tree(writer, item.value(), depth + 1);
      }
      return;
    case Json::value_t::null:
    case Json::value_t::binary:
    case Json::value_t::discarded:
      writer.null();
      return;
  }
}

bool is_deeper_than(std::size_t levels, const Json& value) {
  if (!value.is_structured() || value.empty()) return false;
  return levels == 0 || std::ranges::any_of(value, [levels](const Json& each) {
           return is_deeper_than(levels - 1, each);
         });
}

void read_tree(CanonicalReader& reader, Json& into, std::size_t depth) {
  if (depth > kTreeDepthMax) return reader.fail();
  switch (reader.next()) {
    case CanonicalReader::Kind::unsigned_integer:
      into = reader.unsigned_integer();
      return;
    case CanonicalReader::Kind::negative:
      into = reader.integer();
      return;
    case CanonicalReader::Kind::text:
      into = std::string(reader.text());
      return;
    case CanonicalReader::Kind::array:
      into = Json::array();
      for (std::uint64_t left = reader.begin_array(); left > 0 && !reader.failed(); --left)
        read_tree(reader, into.emplace_back(), depth + 1);
      return;
    case CanonicalReader::Kind::map:
      into = Json::object();
      for (std::uint64_t left = reader.begin_map(); left > 0 && !reader.failed(); --left) {
        const std::string key(reader.text());
        read_tree(reader, into[key], depth + 1);
      }
      return;
    case CanonicalReader::Kind::boolean:
      into = reader.boolean();
      return;
    case CanonicalReader::Kind::number:
      into = reader.number();
      return;
    case CanonicalReader::Kind::null:
      into = nullptr;
      (void)reader.take_null();
      return;
    case CanonicalReader::Kind::end:
      reader.fail();
      return;
  }
}

}  // namespace

void write_canonical(CanonicalWriter& writer, const Json& value) {
  write_tree(writer, value, 0);
}

bool is_too_deep(const Json& value) {
  return is_deeper_than(kTreeDepthMax, value);
}

void read_canonical(CanonicalReader& reader, Json& into) {
  read_tree(reader, into, 0);
}

}  // namespace tinkerbell
