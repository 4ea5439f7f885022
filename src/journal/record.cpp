#include "tinkerbell/journal/record.hpp"

#include "tinkerbell/base/assert.hpp"

#include <concepts>
#include <cstring>
#include <span>

namespace tinkerbell {

namespace {

constexpr std::uint8_t kFormat = 2;
constexpr std::size_t kCrcBytes = 4;
constexpr int kEffectShift = 4;
constexpr std::uint8_t kKindMask = (1U << kEffectShift) - 1;

/// What a record holds besides.
constexpr std::uint8_t kHasFingerprint = 1;
constexpr std::uint8_t kHasBlob = 4;

/// No record's header is longer, nor with the place of its payload.
constexpr std::size_t kHeaderBytesMax = 192;

/// Writes the header's fields one after the other.
class HeaderWriter {
 public:
  void byte(std::uint8_t value) { bytes_[at_++] = static_cast<char>(value); }

  /// LEB128: seven bits a byte, the lowest first.
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      byte(static_cast<std::uint8_t>(value | 0x80));
    byte(static_cast<std::uint8_t>(value));
  }

  /// Little-endian on every machine.
  void fixed(std::unsigned_integral auto value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
      byte(static_cast<std::uint8_t>(value >> (8 * i)));
  }

  void bytes(std::span<const std::uint8_t> values) {
    std::memcpy(bytes_.data() + at_, values.data(), values.size());
    at_ += values.size();
  }

  [[nodiscard]] std::string_view view() const { return {bytes_.data(), at_}; }

 private:
  std::array<char, kHeaderBytesMax> bytes_;  // written before it is read
  std::size_t at_ = 0;
};

/// Reads them back. After the first field that is cut off it has failed, and all else is 0.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] std::uint8_t byte() {
    if (rest_.empty()) {
      failed_ = true;
      return 0;
    }
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }

  [[nodiscard]] std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t next = byte();
      value |= std::uint64_t{next & 0x7FU} << shift;
      if (next < 0x80) return failed_ ? 0 : value;
    }
    failed_ = true;  // more than 64 bits
    return 0;
  }

  template <std::unsigned_integral T>
  [[nodiscard]] T number_up_to_max() {
    const std::uint64_t value = number();
    if (!std::in_range<T>(value)) failed_ = true;
    return static_cast<T>(value);
  }

  template <std::unsigned_integral T>
  [[nodiscard]] T fixed() {
    T value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i)
      value |= static_cast<T>(static_cast<T>(byte()) << (8 * i));
    return value;
  }

  void bytes(std::span<std::uint8_t> values) {
    for (std::uint8_t& value : values)
      value = byte();
  }

  [[nodiscard]] bool failed() const { return failed_; }

  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

Error damaged(std::string_view what) {
  return {Errc::invalid, "journal record: " + std::string(what)};
}

/// Takes the first record's bytes behind its crc, once their length is believable and the crc
/// right.
Result<std::string_view> take_checked(std::string_view& bytes) {
  HeaderReader prefix(bytes);
  const std::uint64_t size = prefix.number();
  if (prefix.failed()) return damaged("torn in its length");
  if (size <= kCrcBytes || size > kRecordBytesMax) return damaged("impossible length");
  if (size > prefix.rest().size()) return damaged("torn");
  const std::string_view after = prefix.rest().substr(size);
  const auto crc = prefix.fixed<std::uint32_t>();
  const std::string_view body = prefix.rest().substr(0, size - kCrcBytes);
  if (crc32c(body) != crc) return damaged("wrong crc");
  bytes = after;
  return body;
}

Error unreadable(Lsn lsn, std::string_view field, std::uint32_t value) {
  return {Errc::invalid, "journal record " + std::to_string(number(lsn)) + ": " +
                             std::string(field) + " " + std::to_string(value) +
                             " is of a newer version (this one reads format " +
                             std::to_string(kFormat) + ")"};
}

/// All but the payload, before which `header` stands then.
Result<PackedRecord> decoded(HeaderReader& header) {
  const std::uint8_t format = header.byte();
  const std::uint8_t kind_and_effect = header.byte();
  const std::uint8_t flags = header.byte();
  PackedRecord packed;
  Record& record = packed.record;
  record.lsn = Lsn{header.number()};
  const auto kind = static_cast<std::uint8_t>(kind_and_effect & kKindMask);
  const auto effect = static_cast<std::uint8_t>(kind_and_effect >> kEffectShift);
  if (format != kFormat) return unreadable(record.lsn, "format", format);
  if (kind >= kNames<RecordKind>.size()) return unreadable(record.lsn, "kind", kind);
  if (effect >= kNames<EffectClass>.size()) return unreadable(record.lsn, "effect", effect);
  if ((flags & ~(kHasFingerprint | kHasBlob)) != 0) return unreadable(record.lsn, "flags", flags);

  record.kind = static_cast<RecordKind>(kind);
  record.effect = static_cast<EffectClass>(effect);
  record.previous = Lsn{number(record.lsn) - header.number()};
  record.task = TaskId{header.number()};
  record.branch = header.number_up_to_max<std::uint32_t>();
  record.seq = Seq{header.number_up_to_max<std::uint32_t>()};
  record.attempt = header.number_up_to_max<std::uint32_t>();
  record.epoch = Epoch{header.number_up_to_max<std::uint32_t>()};
  record.wall =
      wall_from_unix_nanoseconds(static_cast<std::int64_t>(header.fixed<std::uint64_t>()));
  if ((flags & kHasFingerprint) != 0) header.bytes(record.fingerprint.bytes);
  if ((flags & kHasBlob) != 0) {
    BlobRef& blob = packed.blob.emplace();
    header.bytes(blob.hash.bytes);
    blob.length = header.number();
  }
  if (header.failed()) return damaged("cut off");
  return packed;
}

}  // namespace

void append_encoded(const Record& record, std::string& out, const std::optional<BlobRef>& blob) {
  const bool has_fingerprint = record.fingerprint != Fingerprint{};
  HeaderWriter header;
  header.byte(kFormat);
  header.byte(static_cast<std::uint8_t>(std::to_underlying(record.kind) |
                                        std::to_underlying(record.effect) << kEffectShift));
  header.byte(
      static_cast<std::uint8_t>((has_fingerprint ? kHasFingerprint : 0) | (blob ? kHasBlob : 0)));
  header.number(number(record.lsn));
  header.number(number(record.lsn) - number(record.previous));
  header.number(number(record.task));
  header.number(record.branch);
  header.number(number(record.seq));
  header.number(record.attempt);
  header.number(std::to_underlying(record.epoch));
  header.fixed(static_cast<std::uint64_t>(unix_nanoseconds(record.wall)));
  if (has_fingerprint) header.bytes(record.fingerprint.bytes);

  if (blob) {
    header.bytes(blob->hash.bytes);
    header.number(blob->length);
  }
  const std::string_view payload = blob ? std::string_view() : record.payload;
  const std::size_t size = kCrcBytes + header.view().size() + payload.size();
  TINKERBELL_ASSERT(size <= kRecordBytesMax);
  HeaderWriter prefix;
  prefix.number(size);
  prefix.fixed(crc32c(payload, crc32c(header.view())));
  out.append(prefix.view()).append(header.view()).append(payload);
}

namespace {

enum class Payload : std::uint8_t { read, left };

Result<PackedRecord> taken(std::string_view& bytes, Payload payload) {
  std::string_view after = bytes;
  const Result<std::string_view> body = take_checked(after);
  if (!body) return body.error();
  HeaderReader header(*body);
  Result<PackedRecord> packed = decoded(header);
  if (!packed) return packed;
  if (payload == Payload::read && !packed->blob) packed->record.payload = header.rest();
  bytes = after;
  return packed;
}

}  // namespace

Result<PackedRecord> take_decoded(std::string_view& bytes) {
  return taken(bytes, Payload::read);
}

Result<PackedRecord> take_header(std::string_view& bytes) {
  return taken(bytes, Payload::left);
}

}  // namespace tinkerbell
