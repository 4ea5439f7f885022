#include "tinkerbell/base/masker.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

constexpr std::string_view kSecret = "sk-Ab/+\"9%\\z0123";

Masker masker() {
  Masker masker;
  EXPECT_TRUE(masker.add(kSecret));
  return masker;
}

/// RFC 4648, section 4.
std::string base64(std::string_view data) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < data.size(); at += 3) {
    const std::string_view group = data.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = (bits << 8U) | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      text += i <= group.size() ? kDigits[(bits >> (18 - 6 * i)) & 63U] : '=';
  }
  return text;
}

TEST(Masker, S50_HidesASecretWhereverItStands) {
  const std::string secret(kSecret);
  EXPECT_EQ(masker().masked(secret), "[secret]");
  EXPECT_EQ(masker().masked("a" + secret + "b" + secret), "a[secret]b[secret]");
  EXPECT_EQ(masker().masked(secret + secret), "[secret][secret]");
  EXPECT_EQ(masker().masked("sk-Ab/+ is not it"), "sk-Ab/+ is not it");
}

TEST(Masker, S50_HidesASecretInBase64AtEveryPosition) {
  for (std::size_t before = 0; before < 7; ++before) {
    for (std::size_t after = 0; after < 4; ++after) {
      const std::string text =
          base64(std::string(before, 'x') + std::string(kSecret) + std::string(after, 'y'));
      EXPECT_NE(masker().masked(text).find("[secret]"), std::string::npos) << before << after;
      EXPECT_EQ(masker().masked(text).find(base64(kSecret.substr(3, 9))), std::string::npos);
    }
  }
}

TEST(Masker, S50_HidesASecretInAUrlAndInJson) {
  EXPECT_EQ(masker().masked("?key=sk-Ab%2F%2B%229%25%5Cz0123&x"), "?key=[secret]&x");
  EXPECT_EQ(masker().masked(R"({"k":"sk-Ab/+\"9%\\z0123"})"), R"({"k":"[secret]"})");
}

TEST(Masker, HidesTheLongerOfTwoSecretsFirst) {
  Masker both;
  both.add("password");
  both.add("password-and-more");
  EXPECT_EQ(both.masked("password-and-more, password"), "[secret], [secret]");
}

TEST(Masker, RefusesWordsThatCouldBeOrdinary) {
  Masker masker;
  EXPECT_FALSE(masker.add("1234567"));
  EXPECT_TRUE(masker.empty());
  EXPECT_EQ(masker.masked("1234567"), "1234567");
  EXPECT_TRUE(masker.add("12345678"));
}

TEST(Masker, S50_HidesASecretInEveryTextOfATree) {
  Json tree = {{"a", std::string(kSecret)}, {"b", Json::array({1, "x" + std::string(kSecret)})}};
  mask_strings(tree, masker());
  EXPECT_EQ(tree, (Json{{"a", "[secret]"}, {"b", Json::array({1, "x[secret]"})}}));
}

struct Texts {
  std::string one;
  std::optional<std::string> maybe;
  std::vector<std::string> many;
  std::map<std::string, std::string> by_name;
  Json tree;

  static constexpr auto fields() {
    return described(field("one", &Texts::one), field("maybe", &Texts::maybe),
                     field("many", &Texts::many), field("by_name", &Texts::by_name),
                     field("tree", &Texts::tree));
  }
};

TEST(Masker, S50_HidesASecretInEveryTextOfADescribedValue) {
  const std::string secret(kSecret);
  Texts texts{secret, secret, {"a", secret}, {{"KEY", secret}}, Json{{"k", secret}}};
  EXPECT_TRUE(masker().finds_secret_in(canonical_bytes(texts)));
  mask_strings(texts, masker());
  EXPECT_EQ(canonical_bytes(texts), canonical_bytes(Texts{"[secret]",
                                                          "[secret]",
                                                          {"a", "[secret]"},
                                                          {{"KEY", "[secret]"}},
                                                          Json{{"k", "[secret]"}}}));
  EXPECT_FALSE(masker().finds_secret_in(canonical_bytes(texts)));
}

}  // namespace
}  // namespace tinkerbell
