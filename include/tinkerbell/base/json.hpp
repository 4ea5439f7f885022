#pragma once

#include "tinkerbell/base/result.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace tinkerbell {

/// JSON with sorted keys, so that one value has one text.
using Json = nlohmann::json;

/// Bounds checked while the text is read, before a tree is built.
/// nlohmann parses a million levels but its dump and copy recurse (nlohmann/json#5387).
struct JsonLimits {
  std::size_t depth_max = 64;
  std::size_t nodes_max = 100'000;
  std::size_t bytes_max = 8 << 20;
};

/// Parses one JSON document. Rejects duplicate keys at every depth, trailing text, integers that do
/// not fit 64 bits, and whatever exceeds the limits. Errors: invalid, too_large. Source: RFC 8259,
/// RFC 7493 (I-JSON).
[[nodiscard]] Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {});

/// The only serializer: compact, and invalid UTF-8 becomes U+FFFD instead of an exception.
[[nodiscard]] std::string dump_json(const Json& value);

/// The same, indented by two, for people.
[[nodiscard]] std::string pretty_json(const Json& value);

}  // namespace tinkerbell
