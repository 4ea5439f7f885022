#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/command/effect.hpp"

#include <cstdint>
#include <string>
#include <string_view>

/// What was kept because it is too long for a reply.

namespace tinkerbell {

/// Read a page of a content that an earlier reply names by its hash. Whoever knows the hash may: a
/// task hands out none but of what it was told. Errors: not_found (not kept, or not any more),
/// invalid (no hash; beyond the end), io, cancelled.
struct AwaitContentRead {
  static constexpr std::string_view kName = "content.read";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::string text;
    std::uint64_t bytes = 0;  ///< Of the whole content.
    std::uint64_t next = 0;   ///< The offset of the next page; 0: this is the last.

    static constexpr auto fields() {
      return described(field("text", &Reply::text), field("bytes", &Reply::bytes),
                       field("next", &Reply::next));
    }
  };

  std::string sha256;  ///< 64 hexadecimal digits.
  std::uint64_t offset = 0;
  std::uint64_t bytes_max = 24'000;  ///< A page ends there, after a whole line if it has one.

  static constexpr auto fields() {
    return described(field("sha256", &AwaitContentRead::sha256),
                     field("offset", &AwaitContentRead::offset),
                     field("bytes_max", &AwaitContentRead::bytes_max));
  }
};

}  // namespace tinkerbell
