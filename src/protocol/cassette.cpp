#include "tinkerbell/protocol/cassette.hpp"

namespace tinkerbell::protocol {

Result<void> check_cassette(const Json& document) {
  constexpr std::string_view kName = "tinkerbell.cassette/";
  const auto schema = document.is_object() ? document.find("schema") : document.end();
  const bool named = document.is_object() && schema != document.end() && schema->is_string();
  const std::string theirs = named ? schema->get<std::string>() : std::string();
  if (!theirs.starts_with(kName)) return Error{Errc::invalid, "this is no cassette"};
  if (theirs != CassetteView::kSchema) {
    return Error{Errc::unsupported, "the cassette is of version " + theirs.substr(kName.size()) +
                                        ", and this program reads version " +
                                        std::string(CassetteView::kSchema.substr(kName.size()))};
  }
  return {};
}

}  // namespace tinkerbell::protocol
