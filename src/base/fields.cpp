#include "tinkerbell/base/fields.hpp"

namespace tinkerbell {

void write_canonical(CanonicalWriter& writer, const Json& value) {
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
        write_canonical(writer, each);
      return;
    case Json::value_t::object:
      writer.begin_map(value.size());
      for (const auto& item : value.items()) {
        writer.text(item.key());
        write_canonical(writer, item.value());
      }
      return;
    case Json::value_t::null:
    case Json::value_t::binary:
    case Json::value_t::discarded:
      writer.null();
      return;
  }
}

namespace {

constexpr int kTreeDepthMax = 1'000;

void read_tree(CanonicalReader& reader, Json& into, int depth) {
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

void read_canonical(CanonicalReader& reader, Json& into) {
  read_tree(reader, into, 0);
}

}  // namespace tinkerbell
