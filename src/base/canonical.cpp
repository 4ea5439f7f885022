#include "tinkerbell/base/canonical.hpp"

#include <bit>

namespace tinkerbell {

namespace {

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xFF));
  }
}

}  // namespace

void CanonicalWriter::head(std::uint8_t major, std::uint64_t value) {
  const auto tag = static_cast<std::uint8_t>(major << 5);
  const auto put_tag = [&](std::uint8_t low) { bytes_.push_back(static_cast<char>(tag | low)); };
  if (value < 24) {
    put_tag(static_cast<std::uint8_t>(value));
  } else if (value <= 0xFF) {
    put_tag(24);
    append_big_endian(bytes_, value, 1);
  } else if (value <= 0xFFFF) {
    put_tag(25);
    append_big_endian(bytes_, value, 2);
  } else if (value <= 0xFFFF'FFFF) {
    put_tag(26);
    append_big_endian(bytes_, value, 4);
  } else {
    put_tag(27);
    append_big_endian(bytes_, value, 8);
  }
}

void CanonicalWriter::integer(std::int64_t value) {
  if (value >= 0) {
    head(0, static_cast<std::uint64_t>(value));
  } else {
    head(1, static_cast<std::uint64_t>(-(value + 1)));
  }
}

void CanonicalWriter::number(double value) {
  bytes_.push_back(static_cast<char>(0xFB));
  append_big_endian(bytes_, std::bit_cast<std::uint64_t>(value), 8);
}

}  // namespace tinkerbell
