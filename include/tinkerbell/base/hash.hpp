#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace tinkerbell {

/// A SHA-256 value (FIPS 180-4). All zero stands for "none".
struct Sha256 {
  std::array<std::uint8_t, 32> bytes{};

  /// 64 lower-case hexadecimal digits.
  [[nodiscard]] std::string hex() const;

  /// The inverse of hex(); all zero if the text is not 64 hexadecimal digits.
  [[nodiscard]] static Sha256 from_hex(std::string_view text);

  [[nodiscard]] bool empty() const { return *this == Sha256{}; }

  auto operator<=>(const Sha256&) const = default;
};

[[nodiscard]] Sha256 sha256(std::string_view data);

/// SHA-256 of data that comes in pieces.
class Sha256Stream {
 public:
  Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;
  ~Sha256Stream();

  void update(std::string_view data);
  [[nodiscard]] Sha256 finish();

 private:
  void* context_;
};

namespace detail {

/// For machines without the instruction. Without the inversions at both ends.
[[nodiscard]] std::uint32_t crc32c_by_table(std::uint32_t crc, std::string_view data);

}  // namespace detail

/// CRC-32C (Castagnoli), as in iSCSI, RFC 3720 appendix B.4.
[[nodiscard]] std::uint32_t crc32c(std::string_view data, std::uint32_t seed = 0);

}  // namespace tinkerbell
