#include "tinkerbell/base/canonical.hpp"

#include <bit>
#include <utility>

namespace tinkerbell {

namespace {

constexpr std::uint8_t kUnsigned = 0;
constexpr std::uint8_t kNegative = 1;
constexpr std::uint8_t kText = 3;
constexpr std::uint8_t kArray = 4;
constexpr std::uint8_t kMap = 5;
constexpr std::uint8_t kFalse = 0xF4;
constexpr std::uint8_t kTrue = 0xF5;
constexpr std::uint8_t kNull = 0xF6;
constexpr std::uint8_t kDouble = 0xFB;

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
  bytes_.push_back(static_cast<char>(kDouble));
  append_big_endian(bytes_, std::bit_cast<std::uint64_t>(value), 8);
}

CanonicalReader::Kind CanonicalReader::next() const {
  if (failed_ || rest_.empty()) return Kind::end;
  const auto first = static_cast<std::uint8_t>(rest_.front());
  switch (first >> 5) {
    case kUnsigned:
      return Kind::unsigned_integer;
    case kNegative:
      return Kind::negative;
    case kText:
      return Kind::text;
    case kArray:
      return Kind::array;
    case kMap:
      return Kind::map;
    default:
      break;
  }
  if (first == kFalse || first == kTrue) return Kind::boolean;
  if (first == kNull) return Kind::null;
  return first == kDouble ? Kind::number : Kind::end;
}

std::uint64_t CanonicalReader::big_endian(std::size_t bytes) {
  if (failed_ || rest_.size() < bytes) {
    failed_ = true;
    return 0;
  }
  std::uint64_t value = 0;
  for (const char byte : rest_.substr(0, bytes))
    value = value << 8 | static_cast<std::uint8_t>(byte);
  rest_.remove_prefix(bytes);
  return value;
}

std::uint64_t CanonicalReader::head(std::uint8_t major) {
  const std::uint64_t first = big_endian(1);
  const std::uint64_t low = first & 0x1F;
  if (first >> 5 != major || low > 27) failed_ = true;
  if (failed_) return 0;
  return low < 24 ? low : big_endian(std::size_t{1} << (low - 24));
}

bool CanonicalReader::boolean() {
  const std::uint64_t value = big_endian(1);
  if (value != kFalse && value != kTrue) failed_ = true;
  return !failed_ && value == kTrue;
}

std::uint64_t CanonicalReader::unsigned_integer() {
  return head(kUnsigned);
}

std::int64_t CanonicalReader::integer() {
  const bool negative = next() == Kind::negative;
  const std::uint64_t value = head(negative ? kNegative : kUnsigned);
  if (!std::in_range<std::int64_t>(value)) failed_ = true;
  if (failed_) return 0;
  const auto magnitude = static_cast<std::int64_t>(value);
  return negative ? -1 - magnitude : magnitude;
}

double CanonicalReader::number() {
  if (big_endian(1) != kDouble) failed_ = true;
  return std::bit_cast<double>(big_endian(8));
}

std::string_view CanonicalReader::text() {
  const std::uint64_t size = head(kText);
  if (size > rest_.size()) failed_ = true;
  if (failed_) return {};
  const std::string_view found = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return found;
}

std::uint64_t CanonicalReader::begin(std::uint8_t major, std::uint64_t values_each) {
  const std::uint64_t size = head(major);
  if (size > rest_.size() / values_each) failed_ = true;
  return failed_ ? 0 : size;
}

std::uint64_t CanonicalReader::begin_array() {
  return begin(kArray, 1);
}

std::uint64_t CanonicalReader::begin_map() {
  return begin(kMap, 2);
}

bool CanonicalReader::take_null() {
  if (next() != Kind::null) return false;
  rest_.remove_prefix(1);
  return true;
}

/// Counts what is still to come instead of calling itself: hostile nesting costs no stack.
std::string_view CanonicalReader::skip() {
  const std::string_view before = rest_;
  for (std::uint64_t values = 1; values > 0 && !failed_; --values) {
    switch (next()) {
      case Kind::unsigned_integer:
        (void)head(kUnsigned);
        break;
      case Kind::negative:
        (void)head(kNegative);
        break;
      case Kind::text:
        (void)text();
        break;
      case Kind::array:
        values += begin_array();
        break;
      case Kind::map:
        values += 2 * begin_map();
        break;
      case Kind::boolean:
      case Kind::null:
        rest_.remove_prefix(1);
        break;
      case Kind::number:
        (void)number();
        break;
      case Kind::end:
        failed_ = true;
        break;
    }
  }
  return failed_ ? std::string_view() : before.substr(0, before.size() - rest_.size());
}

}  // namespace tinkerbell
