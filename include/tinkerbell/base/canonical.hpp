#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace tinkerbell {

/// Writes the canonical byte form: definite-length CBOR (RFC 8949), shortest integers, map keys in
/// declared order. One value has one byte form, so it can be hashed; and any CBOR reader can show
/// it. What is written with it is fields.hpp's.
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

  /// A whole value that is in this form already.
  void canonical(std::string_view value) { bytes_.append(value); }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }

  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  void head(std::uint8_t major, std::uint64_t value);

  std::string bytes_;
};

/// Reads it back, value by value. After the first thing that is not as asked for it has failed:
/// numbers are 0, texts empty and containers without elements from then on, so that one look at the
/// end is enough. A container never claims more elements than there are bytes.
class CanonicalReader {
 public:
  explicit CanonicalReader(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] bool boolean();
  [[nodiscard]] std::uint64_t unsigned_integer();
  [[nodiscard]] std::int64_t integer();
  [[nodiscard]] double number();
  [[nodiscard]] std::string_view text();
  [[nodiscard]] std::uint64_t begin_array();
  [[nodiscard]] std::uint64_t begin_map();

  /// What comes next, so that a reader of any value can choose. `end`: nothing, or it has failed.
  enum class Kind : std::uint8_t {
    unsigned_integer,
    negative,
    text,
    array,
    map,
    boolean,
    null,
    number,
    end
  };
  [[nodiscard]] Kind next() const;

  /// Passes over a null, if one comes next.
  bool take_null();

  /// Passes over a value, whatever it is, and returns its bytes.
  std::string_view skip();

  void fail() { failed_ = true; }

  [[nodiscard]] bool failed() const { return failed_; }

  /// Nothing has failed and nothing is left.
  [[nodiscard]] bool is_done() const { return !failed_ && rest_.empty(); }

 private:
  [[nodiscard]] std::uint64_t head(std::uint8_t major);
  [[nodiscard]] std::uint64_t big_endian(std::size_t bytes);
  [[nodiscard]] std::uint64_t begin(std::uint8_t major, std::uint64_t values_each);

  std::string_view rest_;
  bool failed_ = false;
};

/// A whole value that is in this form already, inside of another one. Empty: none, which cannot be
/// written.
struct CanonicalValue {
  std::string bytes;

  void write_canonical(CanonicalWriter& writer) const { writer.canonical(bytes); }

  void read_canonical(CanonicalReader& reader) { bytes = reader.skip(); }

  bool operator==(const CanonicalValue&) const = default;
};

}  // namespace tinkerbell
