#include "tinkerbell/base/fields.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

enum class Colour : std::uint8_t { red, green };

template <>
inline constexpr std::array<std::string_view, 2> kNames<Colour> = {"red", "green"};

namespace {

enum class Number : std::uint32_t {};

struct Part {
  std::string text;
  bool flag = false;

  static constexpr auto fields() {
    return described(field("text", &Part::text), field("flag", &Part::flag));
  }

  bool operator==(const Part&) const = default;
};

/// One member of every kind.
struct Whole {
  std::string text;
  std::uint8_t small = 7;
  std::int64_t integer = 0;
  double real = 0;
  Colour colour = Colour::red;
  Number number{0};
  std::optional<Part> maybe;
  std::vector<Part> parts;
  std::map<std::string, std::string> texts;
  std::chrono::milliseconds length{0};
  Json tree;

  static constexpr auto fields() {
    return described(field("text", &Whole::text), field("small", &Whole::small),
                     field("integer", &Whole::integer), field("real", &Whole::real),
                     field("colour", &Whole::colour), field("number", &Whole::number),
                     field("maybe", &Whole::maybe), field("parts", &Whole::parts),
                     field("texts", &Whole::texts), field("length_ms", &Whole::length),
                     field("tree", &Whole::tree));
  }

  bool operator==(const Whole&) const = default;
};

Whole example() {
  return {.text = std::string("a\0\xff", 3),
          .small = 255,
          .integer = INT64_MIN,
          .real = 0.1,
          .colour = Colour::green,
          .number = Number{4'000'000'000},
          .maybe = Part{"p", true},
          .parts = {{"q", false}, {"", true}},
          .texts = {{"k", "v"}, {"", ""}},
          .length = std::chrono::milliseconds(1'500),
          .tree = Json::parse(R"({"z":[1,-2,0.5,null,true],"a":{}})")};
}

std::string hex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

template <class Write>
std::string written(const Write& write) {
  CanonicalWriter writer;
  write(writer);
  return hex(writer.bytes());
}

// RFC 8949, appendix A
TEST(CanonicalBytes, AreTheShortestFormOfTheStandard) {
  const auto number = [](std::int64_t value) {
    return written([&](CanonicalWriter& writer) { writer.integer(value); });
  };
  EXPECT_EQ(number(0), "00");
  EXPECT_EQ(number(23), "17");
  EXPECT_EQ(number(24), "1818");
  EXPECT_EQ(number(255), "18ff");
  EXPECT_EQ(number(256), "190100");
  EXPECT_EQ(number(1'000), "1903e8");
  EXPECT_EQ(number(1'000'000), "1a000f4240");
  EXPECT_EQ(number(1'000'000'000'000), "1b000000e8d4a51000");
  EXPECT_EQ(number(-1), "20");
  EXPECT_EQ(number(-100), "3863");
  EXPECT_EQ(number(INT64_MIN), "3b7fffffffffffffff");
  EXPECT_EQ(written([](auto& writer) { writer.unsigned_integer(UINT64_MAX); }),
            "1bffffffffffffffff");
  EXPECT_EQ(written([](auto& writer) { writer.number(1.1); }), "fb3ff199999999999a");
  EXPECT_EQ(written([](auto& writer) { writer.boolean(false); }), "f4");
  EXPECT_EQ(written([](auto& writer) { writer.boolean(true); }), "f5");
  EXPECT_EQ(written([](auto& writer) { writer.null(); }), "f6");
  EXPECT_EQ(written([](auto& writer) { writer.text("IETF"); }), "6449455446");
  EXPECT_EQ(written([](auto& writer) { writer.begin_array(25); }), "9819");
  EXPECT_EQ(written([](auto& writer) { writer.begin_map(2); }), "a2");
}

TEST(CanonicalBytes, OfAStructAreThePlacesAndValuesThatDifferFromItsDefault) {
  EXPECT_EQ(hex(canonical_bytes(Part{})), "a0");
  EXPECT_EQ(hex(canonical_bytes(Part{"", true})), "a101f5");
  //         map(2) 0: "hi"   1: true
  EXPECT_EQ(hex(canonical_bytes(Part{"hi", true})), "a20062686901f5");
  EXPECT_EQ(hex(canonical_bytes(Whole{})), "a0");
  EXPECT_EQ(hex(canonical_bytes(Whole{.small = 0})), "a10100");  // 7 is the default
}

TEST(CanonicalBytes, OfATreeReadBack) {
  const Json tree = Json::parse(R"({"z":[1,-2,0.5,null,true,"t"],"a":{},"":[[]]})");
  const Result<Json> read = from_canonical<Json>(canonical_bytes(tree));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, tree);
}

TEST(CanonicalBytes, AreRefusedWhenCutOrFollowedByMore) {
  const std::string bytes = canonical_bytes(example());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(from_canonical<Whole>(bytes.substr(0, size))) << size;
    CanonicalReader reader(std::string_view(bytes).substr(0, size));
    (void)reader.skip();
    EXPECT_FALSE(reader.is_done()) << size;
  }
  EXPECT_FALSE(from_canonical<Whole>(bytes + '\0'));
}

TEST(CanonicalBytes, PassOverTheFieldsOfANewerProgram) {
  const Result<Part> part = from_canonical<Part>(canonical_bytes(
      Whole{.text = "kept", .real = 1, .parts = {{"q", true}}, .tree = {{"a", {1, 2}}}}));
  ASSERT_TRUE(part) << part.error().message;
  EXPECT_EQ(part->text, "kept");
  EXPECT_FALSE(from_canonical<Part>(canonical_bytes(Whole{.small = 9})));  // a number, not a bool
}

TEST(CanonicalBytes, AreRefusedWhereTheTypeCannotHoldThem) {
  const auto with = [](const auto& write) {
    CanonicalWriter writer;
    writer.begin_map(1);
    write(writer);
    return writer.take();
  };
  const auto number = [&](std::uint64_t place, std::int64_t value) {
    return with([&](CanonicalWriter& writer) {
      writer.unsigned_integer(place);
      writer.integer(value);
    });
  };
  EXPECT_EQ(from_canonical<Whole>(number(1, 255))->small, 255);
  EXPECT_FALSE(from_canonical<Whole>(number(1, 256)));
  EXPECT_FALSE(from_canonical<Whole>(number(1, -1)));
  EXPECT_FALSE(from_canonical<Whole>(number(5, std::int64_t{1} << 32)));
  EXPECT_FALSE(from_canonical<Whole>(with([](CanonicalWriter& writer) {
    writer.unsigned_integer(4);
    writer.text("blue");
  })));
}

TEST(CanonicalBytes, S67_ClaimNoMoreThanTheyHold) {
  for (const std::string_view head : {"\x9b", "\xbb", "\x7b"}) {  // array, map, text
    std::string bytes(head);
    bytes += std::string(8, '\xff');
    EXPECT_FALSE(from_canonical<Json>(bytes)) << hex(bytes);
    EXPECT_FALSE(from_canonical<std::vector<Part>>(bytes)) << hex(bytes);
    CanonicalReader reader(bytes);
    EXPECT_EQ(reader.skip(), "");
    EXPECT_TRUE(reader.failed());
  }
}

TEST(CanonicalBytes, S67_NestedWithoutEndAreRefused) {
  const std::string deep = std::string(1'000'000, '\x81') + '\0';  // [[[…0…]]]
  EXPECT_FALSE(from_canonical<Json>(deep));
  CanonicalReader reader(deep);
  EXPECT_EQ(reader.skip().size(), deep.size());  // passing over costs no stack
  EXPECT_TRUE(reader.is_done());
}

/// An array in an array in …, with a number in the innermost.
Json nested(std::size_t levels) {
  Json tree = 1;
  for (std::size_t i = 0; i < levels; ++i)
    tree = Json::array({std::move(tree)});
  return tree;
}

TEST(CanonicalBytes, WhatIsTooDeepToBeReadBackIsKnownBeforeItIsWritten) {
  const Json fits = nested(kTreeDepthMax);
  EXPECT_FALSE(is_too_deep(fits));
  EXPECT_EQ(*from_canonical<Json>(canonical_bytes(fits)), fits);

  const Json too_deep = nested(kTreeDepthMax + 1);
  EXPECT_TRUE(is_too_deep(too_deep));
  EXPECT_TRUE(is_too_deep(Whole{.tree = too_deep}));
  EXPECT_FALSE(is_too_deep(Whole{.tree = fits}));
  EXPECT_TRUE(from_canonical<Json>(canonical_bytes(too_deep))) << "cut where it becomes too deep";
}

TEST(Fields, KeepTheSignOfAZero) {
  const Result<Whole> read = from_canonical<Whole>(canonical_bytes(Whole{.real = -0.0}));
  ASSERT_TRUE(read);
  EXPECT_TRUE(std::signbit(read->real));
  EXPECT_EQ(canonical_bytes(Whole{.real = 0.0}), canonical_bytes(Whole{}));
}

TEST(Fields, RoundTripThroughJsonAndBytes) {
  for (const Whole& whole : {Whole{}, example()}) {
    const Result<Whole> from_bytes = from_canonical<Whole>(canonical_bytes(whole));
    ASSERT_TRUE(from_bytes) << from_bytes.error().message;
    EXPECT_EQ(*from_bytes, whole);
    const Result<Whole> from_json =
        from_json_value<Whole>(to_json_value(whole), UnknownKeys::reject);
    ASSERT_TRUE(from_json) << from_json.error().message;
    EXPECT_EQ(*from_json, whole);
  }
}

TEST(Fields, KeepTheDefaultOfAMissingKey) {
  const Result<Whole> whole = from_json_value<Whole>(Json::object());
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->small, 7);
}

TEST(Fields, TakeOrRejectUnknownKeysAtEveryDepth) {
  for (const char* text :
       {R"({"txet":"x"})", R"({"maybe":{"more":1}})", R"({"parts":[{"x":1}]})"}) {
    const Json json = Json::parse(text);
    EXPECT_TRUE(from_json_value<Whole>(json)) << text;
    EXPECT_FALSE(from_json_value<Whole>(json, UnknownKeys::reject)) << text;
  }
  EXPECT_EQ(
      from_json_value<Part>(Json::parse(R"({"txet":1})"), UnknownKeys::reject).error().message,
      "unknown key \"txet\"");
}

TEST(Fields, NameTheKeyOfAWrongValue) {
  const auto fault = [](const char* text) {
    return from_json_value<Whole>(Json::parse(text)).error().message;
  };
  EXPECT_EQ(fault(R"({"text":1})"), "text: expected a string");
  EXPECT_EQ(fault(R"({"small":256})"), "small: number out of range");
  EXPECT_EQ(fault(R"({"small":-1})"), "small: number out of range");
  EXPECT_EQ(fault(R"({"integer":1.0})"), "integer: expected an integer");
  EXPECT_EQ(fault(R"({"integer":18446744073709551615})"), "integer: number out of range");
  EXPECT_EQ(fault(R"({"colour":"blue"})"), "colour: unknown value \"blue\"");
  EXPECT_EQ(fault(R"({"parts":[{},{"flag":0}]})"),
            "parts: element 1: flag: expected true or false");
  EXPECT_EQ(fault(R"({"texts":{"a":1}})"), "texts: a: expected a string");
  EXPECT_EQ(fault("[]"), "expected an object");
}

}  // namespace
}  // namespace tinkerbell
