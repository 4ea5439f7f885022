#include "tinkerbell/base/json.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace tinkerbell {
namespace {

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

Errc refusal(std::string_view text, const JsonLimits& limits = {}) {
  const Result<Json> json = parse_json(text, limits);
  EXPECT_FALSE(json) << text.substr(0, 80);
  return json ? Errc::internal : json.error().code;
}

TEST(Json, S35_RejectsDuplicateKeysAtEveryDepth) {
  EXPECT_EQ(refusal(R"({"argv":["ls"],"argv":["rm","x"]})"), Errc::invalid);
  EXPECT_EQ(refusal(R"({"argv":1,"\u0061rgv":2})"), Errc::invalid);
  EXPECT_EQ(refusal(R"([{"a":{"b":1,"c":2,"b":3}}])"), Errc::invalid);
  EXPECT_EQ(refusal(R"({"a":{},"a":{}})"), Errc::invalid);
  EXPECT_TRUE(parse_json(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})"));
}

TEST(Json, S35_KeepsIntegersExactOrRejectsThem) {
  EXPECT_EQ(parse_json("18446744073709551615")->get<std::uint64_t>(), UINT64_MAX);
  EXPECT_EQ(parse_json("-9223372036854775808")->get<std::int64_t>(), INT64_MIN);
  EXPECT_EQ(refusal("18446744073709551616"), Errc::invalid);
  EXPECT_EQ(refusal("-9223372036854775809"), Errc::invalid);
  EXPECT_EQ(refusal("[123456789012345678901234567890]"), Errc::invalid);
  EXPECT_TRUE(parse_json("1.0")->is_number_float());
  EXPECT_TRUE(parse_json("1")->is_number_unsigned());
}

TEST(Json, S66_StopsAtItsDepth) {
  EXPECT_TRUE(parse_json(nested(64)));
  EXPECT_EQ(refusal(nested(65)), Errc::too_large);
  std::string objects;
  for (int i = 0; i < 65; ++i)
    objects += "{\"a\":";
  EXPECT_EQ(refusal(objects), Errc::too_large);
}

TEST(Json, S66_RefusesAMillionBracketsAtOnce) {
  const std::string brackets(1'000'000, '[');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(refusal(brackets), Errc::too_large);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(Json, S66_CountsValuesAndBytes) {
  EXPECT_TRUE(parse_json("[1,2]", {.nodes_max = 3}));
  EXPECT_EQ(refusal("[1,2,3]", {.nodes_max = 3}), Errc::too_large);
  EXPECT_EQ(refusal("[[],{}]", {.nodes_max = 2}), Errc::too_large);
  EXPECT_TRUE(parse_json("\"12345678\"", {.bytes_max = 10}));
  EXPECT_EQ(refusal("\"123456789\"", {.bytes_max = 10}), Errc::too_large);
}

TEST(Json, RejectsWhatIsNotOneDocument) {
  for (const char* text :
       {"", " ", "{", "[1,]", "{\"a\":1,}", "1 2", "{}{}", "nul", "'a'", "NaN", "// c\n1", "01",
        "\"\xff\"", "\"a\nb\"", "\"\\ud800\"", "\xEF\xBB\xBF"}) {
    EXPECT_EQ(refusal(text), Errc::invalid) << text;
  }
}

TEST(Json, S68_RejectsNumbersThatNoDoubleHolds) {
  EXPECT_EQ(refusal("1e400"), Errc::invalid);
  EXPECT_EQ(refusal("[-1e99999]"), Errc::invalid);
}

TEST(Json, S67_WritesInvalidUtf8AsReplacementCharacters) {
  EXPECT_EQ(dump_json(Json("a\xff")), "\"a\xEF\xBF\xBD\"");
  EXPECT_EQ(dump_json(Json{{"b", 1}, {"a", "\x1b\n"}}), "{\"a\":\"\\u001b\\n\",\"b\":1}");
  EXPECT_EQ(pretty_json(Json{{"a", "\xfe"}}), "{\n  \"a\": \"\xEF\xBF\xBD\"\n}");
}

}  // namespace
}  // namespace tinkerbell
