#include "tinkerbell/journal/record.hpp"

#include "sample_records.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

std::string encoded(const Record& record) {
  std::string bytes;
  append_encoded(record, bytes);
  return bytes;
}

/// Of a record whose length is written in one byte.
constexpr std::size_t kBodyAt = 1 + 4;

/// With its crc made right again after a change: what another version might have written.
std::string resealed(std::string bytes) {
  const std::uint32_t crc = crc32c(std::string_view(bytes).substr(kBodyAt));
  for (std::size_t i = 0; i < 4; ++i)
    bytes[1 + i] = static_cast<char>(crc >> (8 * i));
  return bytes;
}

TEST(Record, ComesBackAsItWasWritten) {
  SampleRecords samples(1);
  std::vector<Record> records;
  std::string bytes;
  for (int i = 0; i < 500; ++i) {
    records.push_back(samples.any_record());
    append_encoded(records.back(), bytes);
  }
  std::string_view rest = bytes;
  for (const Record& record : records) {
    const Result<PackedRecord> decoded = take_decoded(rest);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->record, record);
    EXPECT_FALSE(decoded->blob);
  }
  EXPECT_TRUE(rest.empty());
}

TEST(Record, NamesTheBlobThatIsItsPayload) {
  SampleRecords samples(2);
  const Record record = samples.any_record();
  const BlobRef blob{.hash = sha256("a long payload"), .length = std::uint64_t{1} << 40};
  std::string bytes;
  append_encoded(record, bytes, blob);
  std::string_view rest = bytes;
  const Result<PackedRecord> decoded = take_decoded(rest);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(decoded->blob, blob);
  Record without = record;
  without.payload.clear();
  EXPECT_EQ(decoded->record, without);
}

TEST(Record, HasTheDocumentedBytes) {
  Record record{.lsn = Lsn{300},
                .previous = Lsn{298},
                .task = TaskId{3},
                .branch = 4,
                .seq = Seq{5},
                .kind = RecordKind::result,
                .effect = EffectClass::once,
                .attempt = 6,
                .epoch = Epoch{7},
                .wall = wall_from_unix_nanoseconds(-2),
                .fingerprint = {},
                .payload = "hi"};
  const std::string numbers = "\xac\2\2\3\4\5\6\7";  // lsn, lsn - previous, task, …, epoch
  const std::string wall("\xfe\xff\xff\xff\xff\xff\xff\xff", 8);
  const std::string plain = encoded(record);
  EXPECT_EQ(plain.substr(0, 1), "\x19");
  EXPECT_EQ(plain.substr(kBodyAt), std::string("\2\x43\0", 3) + numbers + wall + "hi");

  record.fingerprint.bytes.fill('f');
  EXPECT_EQ(encoded(record).substr(kBodyAt),
            std::string("\2\x43\1", 3) + numbers + wall + std::string(16, 'f') + "hi");
}

TEST(Record, F14_IsRefusedWithAnyByteChanged) {
  SampleRecords samples(2);
  Record record = samples.any_record();
  record.payload.resize(80);
  const std::string bytes = encoded(record);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int change = 1; change < 256; ++change) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ change);
      std::string_view rest = changed;
      const Result<PackedRecord> decoded = take_decoded(rest);
      ASSERT_FALSE(decoded) << "byte " << at << " ^ " << change;
      EXPECT_EQ(decoded.error().code, Errc::invalid);
      EXPECT_EQ(rest.size(), changed.size());
    }
  }
}

TEST(Record, F14_IsRefusedWithAnyByteChangedWhenOthersFollow) {
  SampleRecords samples(3);
  const std::string first = encoded(samples.any_record());
  const std::string both = first + encoded(samples.any_record());
  for (std::size_t at = 0; at < first.size(); ++at) {
    std::string changed = both;
    changed[at] = static_cast<char>(changed[at] ^ (1 << samples.below(8)));
    std::string_view rest = changed;
    EXPECT_FALSE(take_decoded(rest)) << "byte " << at;
  }
}

TEST(Record, IsRefusedWhenTorn) {
  SampleRecords samples(4);
  const std::string bytes = encoded(samples.any_record());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    // A copy of its own size, so that a read past its end is seen.
    const std::string torn = bytes.substr(0, size);
    std::string_view rest = torn;
    const Result<PackedRecord> decoded = take_decoded(rest);
    ASSERT_FALSE(decoded) << size << " bytes";
    EXPECT_EQ(decoded.error().code, Errc::invalid);
  }
}

TEST(Record, IsRefusedBeforeAnythingIsReservedForAnImpossibleLength) {
  std::string bytes("\xff\xff\xff\xff\x0f", 5);
  bytes.resize(200);
  std::string_view rest = bytes;
  EXPECT_EQ(take_decoded(rest).error().message, "journal record: impossible length");
}

TEST(Record, F18_OfANewerFormatIsNamedAsSuch) {
  Record record;
  record.lsn = Lsn{41};

  struct Change {
    std::size_t at;
    char value;
    std::string_view field;
  };

  for (const auto [at, value, field] :
       {Change{0, '\3', "format 3"}, Change{1, '\x0c', "kind 12"}, Change{1, '\x60', "effect 6"},
        Change{2, '\x08', "flags 8"}}) {
    std::string bytes = encoded(record);
    bytes[kBodyAt + at] = value;
    bytes = resealed(std::move(bytes));
    std::string_view rest = bytes;
    EXPECT_EQ(take_decoded(rest).error().message,
              "journal record 41: " + std::string(field) +
                  " is of a newer version (this one reads format 2)");
  }
}

TEST(Record, IsNeverMadeOfNoise) {
  SampleRecords samples(5);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = samples.any_record().payload;
    if (bytes.size() > 7) {  // a believable length gets it past the first check
      const std::size_t size = bytes.size() - 2;
      bytes[0] = static_cast<char>((size & 0x7F) | 0x80);
      bytes[1] = static_cast<char>(size >> 7);
    }
    std::string_view rest = bytes;
    EXPECT_FALSE(take_decoded(rest));
  }
}

}  // namespace
}  // namespace tinkerbell
