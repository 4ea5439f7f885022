#pragma once

#include "workspace/path_text.hpp"

#include "tinkerbell/base/canonical.hpp"
#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/names.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

/// What trees and changes have in common in their canonical form. What is not possible fails.

namespace tinkerbell {

[[nodiscard]] inline std::string_view bytes_of(const Sha256& hash) {
  return {reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()};
}

[[nodiscard]] inline Sha256 read_hash(CanonicalReader& reader) {
  const std::string_view bytes = reader.text();
  Sha256 hash;
  if (bytes.size() == hash.bytes.size()) {
    std::ranges::copy(bytes, hash.bytes.begin());
  } else {
    reader.fail();
  }
  return hash;
}

template <Named Enum>
[[nodiscard]] Enum read_enum(CanonicalReader& reader) {
  const std::uint64_t value = reader.unsigned_integer();
  if (value >= kNames<Enum>.size()) reader.fail();
  return reader.failed() ? Enum{} : static_cast<Enum>(value);
}

[[nodiscard]] inline std::uint32_t read_mode(CanonicalReader& reader) {
  const std::uint64_t mode = reader.unsigned_integer();
  if (mode > 07777) reader.fail();
  return reader.failed() ? 0 : static_cast<std::uint32_t>(mode);
}

[[nodiscard]] inline std::string read_path(CanonicalReader& reader) {
  std::string path(reader.text());
  if (!is_plain_path(path)) reader.fail();
  return path;
}

}  // namespace tinkerbell
