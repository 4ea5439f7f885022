#include "tools/schema_check.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

std::string complaint(const char* value, const char* schema) {
  const Result<void> checked = check_schema(*parse_json(value), *parse_json(schema));
  return checked ? "" : checked.error().message;
}

TEST(SchemaCheck, NamesTheValuesOfAnEnum) {
  const char* schema = R"({"type":"object","properties":{"a":{"type":"string","enum":["x","y"]}}})";
  EXPECT_EQ(complaint(R"({"a":"x"})", schema), "");
  EXPECT_EQ(complaint(R"({"a":"z"})", schema), R"("a" must be one of ["x","y"])");
}

TEST(SchemaCheck, NamesThePlaceInsideOfObjectsAndArrays) {
  const char* schema = R"({"type":"object","properties":{"a":{"type":"array","items":
      {"type":"object","properties":{"b":{"type":"boolean"}}}}}})";
  EXPECT_EQ(complaint(R"({"a":[{"b":true},{"b":1}]})", schema),
            "\"a[1].b\" must be a boolean, not a number");
}

TEST(SchemaCheck, LetsUnknownKeysPassWhereTheSchemaDoes) {
  EXPECT_EQ(complaint(R"({"z":1})", R"({"type":"object"})"), "");
}

TEST(SchemaCheck, HoldsToSchemasThatOthersWrote) {
  const char* schema = R"({"type":"object","properties":{
      "n":{"type":"number","minimum":0.5},
      "s":{"type":["string","null"],"minLength":3},
      "k":{"const":"v"},
      "l":{"type":"array","minItems":2,"items":{"enum":[1,"x",null]}},
      "m":{"additionalProperties":{"type":"boolean"}}}})";
  EXPECT_EQ(complaint(R"({"n":0.5,"s":null,"k":"v","l":[1,null],"m":{"a":true}})", schema), "");
  EXPECT_EQ(complaint(R"({"n":0.25})", schema), "\"n\" must be at least 0.5");
  EXPECT_EQ(complaint(R"({"n":"1"})", schema), "\"n\" must be a number, not a string");
  EXPECT_EQ(complaint(R"({"s":1})", schema),
            R"("s" must be one of ["string","null"], not a number)");
  EXPECT_EQ(complaint(R"({"s":"ab"})", schema), "\"s\" must have at least 3 characters");
  EXPECT_EQ(complaint(R"({"k":"w"})", schema), R"("k" must be "v")");
  EXPECT_EQ(complaint(R"({"l":[1]})", schema), "\"l\" must have at least 2 elements");
  EXPECT_EQ(complaint(R"({"l":[1,2]})", schema), R"("l[1]" must be one of [1,"x",null])");
  EXPECT_EQ(complaint(R"({"m":{"a":1}})", schema), "\"m.a\" must be a boolean, not a number");
}

TEST(SchemaCheck, WhatItDoesNotKnowOrMakesNoSenseAsksForNothing) {
  for (const char* schema :
       {"true", "7", "[]", R"({"$ref":"#/$defs/x"})", R"({"type":"colour"})", R"({"type":7})",
        R"({"type":["string",7]})", R"({"enum":"x"})", R"({"required":"a"})", R"({"required":[7]})",
        R"({"properties":7})", R"({"properties":{"a":7}})", R"({"properties":{"a":{"items":7}}})",
        R"({"properties":{"a":{"minItems":-1}}})", R"({"properties":{"b":{"minLength":"x"}}})",
        R"({"properties":{"c":{"minimum":"x","maximum":null}}})", R"({"additionalProperties":7})",
        R"({"additionalProperties":false,"patternProperties":{}})",
        R"({"anyOf":[{"type":"string"}]})"}) {
    EXPECT_EQ(complaint(R"({"a":[1],"b":"","c":-1})", schema), "") << schema;
  }
}

TEST(SchemaCheck, ShowsForeignKeysShortenedAndVisible) {
  const std::string value = "{\"\\u001b[2J" + std::string(10'000, 'k') + "\":1}";
  const std::string text =
      complaint(value.c_str(), R"({"type":"object","properties":{},"additionalProperties":false})");
  EXPECT_LT(text.size(), 200U);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace tinkerbell
