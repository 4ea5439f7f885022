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

Result<Json> json_from_canonical(std::string_view bytes) {
  Json value = Json::from_cbor(bytes, /*strict=*/true, /*allow_exceptions=*/false);
  if (value.is_discarded()) return Error{Errc::invalid, "not canonical bytes"};
  return value;
}

}  // namespace tinkerbell
