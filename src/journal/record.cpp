#include "tinkerbell/journal/record.hpp"

#include "tinkerbell/base/assert.hpp"

#include <concepts>
#include <span>

namespace tinkerbell {

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kPrefixBytes = kLengthBytes + 4;  // and the crc
constexpr std::size_t kHeaderBytes = 108;               // everything before the payload

/// Writes the header's fields one after the other, little-endian on every machine.
class HeaderWriter {
 public:
  template <std::unsigned_integral T>
  void integer(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i)
      bytes_[at_++] = static_cast<char>(value >> (8 * i));
  }

  void bytes(std::span<const std::uint8_t> values) {
    for (const std::uint8_t value : values)
      integer(value);
  }

  [[nodiscard]] std::string_view view() const {
    TINKERBELL_ASSERT(at_ == kHeaderBytes);
    return {bytes_.data(), at_};
  }

 private:
  std::array<char, kHeaderBytes> bytes_{};
  std::size_t at_ = 0;
};

/// Reads them back. The caller has checked that they are all there.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view bytes) : bytes_(bytes) {}

  template <std::unsigned_integral T>
  [[nodiscard]] T integer() {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value |= static_cast<T>(static_cast<T>(static_cast<std::uint8_t>(bytes_[i])) << (8 * i));
    }
    bytes_.remove_prefix(sizeof(T));
    return value;
  }

  void bytes(std::span<std::uint8_t> values) {
    for (std::uint8_t& value : values)
      value = integer<std::uint8_t>();
  }

 private:
  std::string_view bytes_;
};

/// The number that a u32 field of `bytes` holds.
std::uint32_t u32_at(std::string_view bytes, std::size_t offset) {
  return HeaderReader(bytes.substr(offset, 4)).integer<std::uint32_t>();
}

Error damaged(std::string_view what) {
  return {Errc::invalid, "journal record: " + std::string(what)};
}

/// The bytes of the first record, once their length is believable and their crc right.
Result<std::string_view> checked_front(std::string_view bytes) {
  if (bytes.size() < kLengthBytes) return damaged("torn before its length");
  const std::size_t size = kLengthBytes + u32_at(bytes, 0);
  if (size < kHeaderBytes || size > kRecordBytesMax) return damaged("impossible length");
  if (size > bytes.size()) return damaged("torn");
  const std::string_view record = bytes.substr(0, size);
  if (crc32c(record.substr(kPrefixBytes)) != u32_at(record, kLengthBytes)) {
    return damaged("wrong crc");
  }
  return record;
}

Error unreadable(Lsn lsn, std::string_view field, std::uint32_t value) {
  return {Errc::invalid, "journal record " + std::to_string(number(lsn)) + ": " +
                             std::string(field) + " " + std::to_string(value) +
                             " is of a newer version (this one reads format " +
                             std::to_string(kFormat) + ")"};
}

}  // namespace

void append_encoded(const Record& record, std::string& out) {
  const std::size_t size = kHeaderBytes + record.payload.size();
  TINKERBELL_ASSERT(size <= kRecordBytesMax);

  HeaderWriter header;
  header.integer(static_cast<std::uint32_t>(size - kLengthBytes));
  header.integer(std::uint32_t{0});  // the crc: filled in once all that it covers is there
  header.integer(kFormat);
  header.integer(std::to_underlying(record.kind));
  header.integer(std::to_underlying(record.effect));
  header.integer(std::uint8_t{0});
  header.integer(record.branch);
  header.integer(number(record.seq));
  header.integer(record.attempt);
  header.integer(std::to_underlying(record.epoch));
  header.integer(number(record.lsn));
  header.integer(number(record.previous));
  header.integer(number(record.task));
  header.integer(static_cast<std::uint64_t>(unix_nanoseconds(record.wall)));
  header.bytes(record.fingerprint.bytes);
  header.bytes(record.chain.bytes);

  const std::size_t start = out.size();
  out.append(header.view());
  out.append(record.payload);
  const std::uint32_t crc = crc32c(std::string_view(out).substr(start + kPrefixBytes));
  for (std::size_t i = 0; i < sizeof crc; ++i)
    out[start + kLengthBytes + i] = static_cast<char>(crc >> (8 * i));
}

Result<Record> take_decoded(std::string_view& bytes) {
  const Result<std::string_view> front = checked_front(bytes);
  if (!front) return front.error();

  HeaderReader header(front->substr(kPrefixBytes));
  const auto format = header.integer<std::uint8_t>();
  const auto kind = header.integer<std::uint8_t>();
  const auto effect = header.integer<std::uint8_t>();
  const auto reserved = header.integer<std::uint8_t>();

  Record record;
  record.branch = header.integer<std::uint32_t>();
  record.seq = Seq{header.integer<std::uint32_t>()};
  record.attempt = header.integer<std::uint32_t>();
  record.epoch = Epoch{header.integer<std::uint32_t>()};
  record.lsn = Lsn{header.integer<std::uint64_t>()};
  if (format != kFormat) return unreadable(record.lsn, "format", format);
  if (kind >= kNames<RecordKind>.size()) return unreadable(record.lsn, "kind", kind);
  if (effect >= kNames<EffectClass>.size()) return unreadable(record.lsn, "effect", effect);
  if (reserved != 0) return unreadable(record.lsn, "reserved byte", reserved);

  record.kind = static_cast<RecordKind>(kind);
  record.effect = static_cast<EffectClass>(effect);
  record.previous = Lsn{header.integer<std::uint64_t>()};
  record.task = TaskId{header.integer<std::uint64_t>()};
  record.wall =
      wall_from_unix_nanoseconds(static_cast<std::int64_t>(header.integer<std::uint64_t>()));
  header.bytes(record.fingerprint.bytes);
  header.bytes(record.chain.bytes);
  record.payload = front->substr(kHeaderBytes);
  bytes.remove_prefix(front->size());
  return record;
}

}  // namespace tinkerbell
