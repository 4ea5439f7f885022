#include "tinkerbell/workspace/git_index.hpp"

#include "tinkerbell/workspace/content_store.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tinkerbell {

namespace {

constexpr std::uint64_t kIndexBytesMax = 256 << 20;

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes)
    value = value << 8U | static_cast<std::uint8_t>(byte);
  return value;
}

/// Reads the entries of an index one by one.
class IndexReader {
 public:
  explicit IndexReader(std::string_view bytes) : rest_(bytes) {
    const std::string_view head = take(kHeadBytes);
    version_ = big_endian(head.substr(4, 4));
    if (!head.starts_with("DIRC") || version_ < 2 || version_ > 4) failed_ = true;
    left_ = failed_ ? 0 : big_endian(head.substr(8, 4));
  }

  /// Mode, hash, flags and name of the next entry; nothing: there are no more.
  std::optional<std::string> next() {
    if (failed_ || left_-- == 0) return std::nullopt;
    const std::size_t before = rest_.size();
    const std::string_view stat = take(kStatBytes);
    std::string entry(stat.substr(kModeAt, 4));
    entry += take(kHashBytes);
    const std::string_view flags = take(2);
    const bool extended = (big_endian(flags) & kExtended) != 0;
    entry += flags;
    if (extended) entry += take(2);
    take_name();
    if (version_ < 4) pad(before - rest_.size());
    if (failed_) return std::nullopt;
    return entry + name_;
  }

  [[nodiscard]] bool failed() const { return failed_; }

 private:
  static constexpr std::size_t kHeadBytes = 12;
  static constexpr std::size_t kStatBytes = 40;  // times, device, inode, mode, owner, size
  static constexpr std::size_t kModeAt = 24;
  static constexpr std::size_t kHashBytes = 20;
  static constexpr std::uint64_t kExtended = 0x4000;

  std::string_view take(std::size_t count) {
    static constexpr std::array<char, kStatBytes> kNothing{};
    if (rest_.size() < count) {
      failed_ = true;
      rest_ = {};
      return {kNothing.data(), count};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  /// From version 4 on a name says how much of the end of the one before it goes.
  void take_name() {
    std::uint64_t gone = version_ < 4 ? name_.size() : take_offset();
    if (gone > name_.size()) {
      failed_ = true;
      gone = name_.size();
    }
    name_.resize(name_.size() - gone);
    const std::size_t end = rest_.find('\0');
    if (end == std::string_view::npos) {
      failed_ = true;
      return;
    }
    name_ += rest_.substr(0, end);
    rest_.remove_prefix(version_ < 4 ? end : end + 1);
  }

  /// The variable length of pack offsets.
  std::uint64_t take_offset() {
    auto byte = static_cast<std::uint8_t>(take(1).front());
    std::uint64_t value = byte & 0x7FU;
    while ((byte & 0x80U) != 0 && !failed_) {
      byte = static_cast<std::uint8_t>(take(1).front());
      value = ((value + 1) << 7U) | (byte & 0x7FU);
    }
    return value;
  }

  /// One to eight zeroes, so that an entry has a multiple of eight bytes.
  void pad(std::size_t entry_bytes) { take(8 - entry_bytes % 8); }

  std::string_view rest_;
  std::uint64_t version_ = 0;
  std::uint64_t left_ = 0;
  std::string name_;
  bool failed_ = false;
};

std::optional<FileState> file_at(const std::optional<FileState>& state) {
  return state && state->type == FileType::file ? state : std::nullopt;
}

}  // namespace

bool is_same_index(std::string_view one, std::string_view other) {
  IndexReader first(one);
  IndexReader second(other);
  for (;;) {
    const std::optional<std::string> left = first.next();
    const std::optional<std::string> right = second.next();
    if (left != right) return false;
    if (!left) return !first.failed() && !second.failed();
  }
}

Result<bool> is_same_index(const std::optional<FileState>& one,
                           const std::optional<FileState>& other, const ContentStore& contents) {
  if (!file_at(one) || !file_at(other)) return one == other;
  const Result<std::string> first = contents.read(one->content, kIndexBytesMax);
  if (!first) return first.error();
  const Result<std::string> second = contents.read(other->content, kIndexBytesMax);
  if (!second) return second.error();
  return is_same_index(*first, *second);
}

}  // namespace tinkerbell
