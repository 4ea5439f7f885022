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

/// With its crc made right again after a change: what another version might have written.
std::string resealed(std::string bytes) {
  const std::uint32_t crc = crc32c(std::string_view(bytes).substr(8));
  for (std::size_t i = 0; i < 4; ++i)
    bytes[4 + i] = static_cast<char>(crc >> (8 * i));
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
    const Result<Record> decoded = take_decoded(rest);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, record);
  }
  EXPECT_TRUE(rest.empty());
}

TEST(Record, HasTheDocumentedBytes) {
  const Record record{.lsn = Lsn{0x0102030405060708},
                      .previous = Lsn{2},
                      .task = TaskId{3},
                      .branch = 4,
                      .seq = Seq{5},
                      .kind = RecordKind::result,
                      .effect = EffectClass::once,
                      .attempt = 6,
                      .epoch = Epoch{7},
                      .wall = wall_from_unix_nanoseconds(-2),
                      .fingerprint = {},
                      .payload = "hi",
                      .chain = {}};
  const std::string bytes = encoded(record);
  ASSERT_EQ(bytes.size(), 110U);
  EXPECT_EQ(bytes.substr(0, 4), std::string("\x6a\0\0\0", 4));
  EXPECT_EQ(bytes.substr(8, 20), std::string("\1\3\4\0\4\0\0\0\5\0\0\0\6\0\0\0\7\0\0\0", 20));
  EXPECT_EQ(bytes.substr(28, 16), std::string("\x8\x7\x6\x5\x4\x3\x2\x1\2\0\0\0\0\0\0\0", 16));
  EXPECT_EQ(bytes.substr(44, 16),
            std::string("\3\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff", 16));
  EXPECT_EQ(bytes.substr(108), "hi");
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
      const Result<Record> decoded = take_decoded(rest);
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
    const Result<Record> decoded = take_decoded(rest);
    ASSERT_FALSE(decoded) << size << " bytes";
    EXPECT_EQ(decoded.error().code, Errc::invalid);
  }
}

TEST(Record, IsRefusedBeforeAnythingIsReservedForAnImpossibleLength) {
  std::string bytes("\xff\xff\xff\xff", 4);
  bytes.resize(200);
  std::string_view rest = bytes;
  EXPECT_EQ(take_decoded(rest).error().message, "journal record: impossible length");
}

TEST(Record, F18_OfANewerFormatIsNamedAsSuch) {
  Record record;
  record.lsn = Lsn{41};

  struct Change {
    std::size_t at;
    std::string_view field;
  };

  for (const auto [at, field] : {Change{8, "format"}, Change{9, "kind"}, Change{10, "effect"},
                                 Change{11, "reserved byte"}}) {
    std::string bytes = encoded(record);
    bytes[at] = 99;
    bytes = resealed(std::move(bytes));
    std::string_view rest = bytes;
    EXPECT_EQ(take_decoded(rest).error().message,
              "journal record 41: " + std::string(field) +
                  " 99 is of a newer version (this one reads format 1)");
  }
}

TEST(Record, IsNeverMadeOfNoise) {
  SampleRecords samples(5);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = samples.any_record().payload;
    if (bytes.size() > 4) {  // a believable length gets it past the first check
      bytes[0] = static_cast<char>(bytes.size() - 4);
      bytes[1] = static_cast<char>((bytes.size() - 4) >> 8);
      bytes[2] = bytes[3] = 0;
    }
    std::string_view rest = bytes;
    EXPECT_FALSE(take_decoded(rest));
  }
}

}  // namespace
}  // namespace tinkerbell
