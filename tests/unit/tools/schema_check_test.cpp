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

TEST(SchemaCheck, ShowsForeignKeysShortenedAndVisible) {
  const std::string value = "{\"\\u001b[2J" + std::string(10'000, 'k') + "\":1}";
  const std::string text =
      complaint(value.c_str(), R"({"type":"object","properties":{},"additionalProperties":false})");
  EXPECT_LT(text.size(), 200U);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace tinkerbell
