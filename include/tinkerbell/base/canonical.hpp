#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace tinkerbell {

/// Writes the canonical byte form: definite-length CBOR (RFC 8949), shortest integers, map keys in
/// declared order. One value has one byte form, so it can be hashed; and any CBOR reader can show
/// it.
class CanonicalWriter {
 public:
  void null() { bytes_.push_back(static_cast<char>(0xF6)); }

  void boolean(bool value) { bytes_.push_back(static_cast<char>(value ? 0xF5 : 0xF4)); }

  void unsigned_integer(std::uint64_t value) { head(0, value); }

  void integer(std::int64_t value);

  void number(double value);

  /// Bytes as given; valid UTF-8 is the caller's concern and is not checked.
  void text(std::string_view value) {
    head(3, value.size());
    bytes_.append(value);
  }

  void begin_array(std::uint64_t size) { head(4, size); }

  void begin_map(std::uint64_t size) { head(5, size); }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }

  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  void head(std::uint8_t major, std::uint64_t value);

  std::string bytes_;
};

}  // namespace tinkerbell
