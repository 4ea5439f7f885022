#include "tinkerbell/base/hash.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tinkerbell {
namespace {

// FIPS 180-4 examples
TEST(Hash, Sha256GivesTheValuesOfTheStandard) {
  EXPECT_EQ(sha256("").hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')).hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Hash, Sha256IsTheSameInPieces) {
  const std::string data = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  for (std::size_t cut = 0; cut <= data.size(); ++cut) {
    Sha256Stream stream;
    stream.update(data.substr(0, cut));
    stream.update(data.substr(cut));
    EXPECT_EQ(stream.finish(), sha256(data)) << cut;
  }
}

TEST(Hash, Sha256ReadsBackItsHexadecimalForm) {
  const Sha256 hash = sha256("abc");
  EXPECT_EQ(Sha256::from_hex(hash.hex()), hash);
  EXPECT_FALSE(hash.empty());
  EXPECT_TRUE(Sha256{}.empty());
  EXPECT_TRUE(Sha256::from_hex("").empty());
  EXPECT_TRUE(Sha256::from_hex(hash.hex() + "0").empty());
  EXPECT_TRUE(Sha256::from_hex("x" + hash.hex().substr(1)).empty());
}

// RFC 3720, appendix B.4
TEST(Hash, Crc32cGivesTheValuesOfTheStandard) {
  EXPECT_EQ(crc32c(""), 0U);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
  std::string ascending;
  for (char c = 0; c < 32; ++c)
    ascending += c;
  EXPECT_EQ(crc32c(ascending), 0x46DD794EU);
}

TEST(Hash, Crc32cIsTheSameWithAndWithoutTheInstruction) {
  std::string text;
  for (int size = 0; size < 100; ++size) {
    EXPECT_EQ(crc32c(text), ~detail::crc32c_by_table(~0U, text)) << size;
    text += static_cast<char>(size * 37);
  }
}

TEST(Hash, Crc32cGoesOnFromASeed) {
  EXPECT_EQ(crc32c("56789", crc32c("1234")), crc32c("123456789"));
}

}  // namespace
}  // namespace tinkerbell
