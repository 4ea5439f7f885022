#pragma once

#include "tinkerbell/base/hash.hpp"

#include <initializer_list>
#include <string>
#include <string_view>

namespace tinkerbell {

/// HMAC-SHA-256 under one key. Source: RFC 2104.
class HmacSha256 {
 public:
  /// A key of at most 64 bytes.
  explicit HmacSha256(std::string_view key);

  /// Of the pieces one behind the other: where one ends is not part of it.
  [[nodiscard]] Sha256 of(std::initializer_list<std::string_view> pieces) const;

 private:
  std::string inner_;  ///< The key as each of the two hashes begins with it.
  std::string outer_;
};

}  // namespace tinkerbell
