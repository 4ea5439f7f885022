#include "tinkerbell/mcp/tool.hpp"

#include "tinkerbell/mcp/form.hpp"

#include <gtest/gtest.h>

#include <set>

namespace tinkerbell::mcp {
namespace {

TEST(McpTool, S85_TheHashIsAboutAllThatMakesItThisTool) {
  const Tool tool{.name = "t", .description = "d", .schema = {{"type", "object"}}};
  std::set<std::string> hashes{definition_hash("s", {"x"}, tool)};
  EXPECT_EQ(*hashes.begin(), definition_hash("s", {"x"}, tool));
  hashes.insert(definition_hash("s2", {"x"}, tool));
  hashes.insert(definition_hash("s", {"x", "y"}, tool));
  for (const Tool& other : {Tool{"u", "d", tool.schema}, Tool{"t", "e", tool.schema},
                            Tool{"t", "d", {{"type", "object"}, {"x", 1}}}})
    hashes.insert(definition_hash("s", {"x"}, other));
  EXPECT_EQ(hashes.size(), 6U);
}

TEST(McpTool, S85_OfferedNamesFitAndNeverMeet) {
  EXPECT_EQ(offered_name("files", "read_file"), "files__read_file");
  const std::set<std::string> names{offered_name("s", "a.b"),
                                    offered_name("s", "a_b"),
                                    offered_name("s", "a/b"),
                                    offered_name("s-t", "a_b"),
                                    offered_name("s", std::string(128, 'a')),
                                    offered_name("s", std::string(127, 'a'))};
  EXPECT_EQ(names.size(), 6U);
  for (const std::string& name : names)
    EXPECT_LE(name.size(), 64U) << name;
}

TEST(McpTool, AServersNameHasNoUnderscore) {
  EXPECT_TRUE(is_server_name("my-files2"));
  for (const char* name : {"", "a_b", "A", "a.b", "aaaaaaaaaaaaaaaaaaaaaaaaa"})
    EXPECT_FALSE(is_server_name(name)) << name;
}

TEST(McpTool, AFloodOfToolsIsTooLarge) {
  Json tools = Json::array();
  for (int i = 0; i < 1'001; ++i)
    tools.push_back({{"name", "t" + std::to_string(i)}, {"inputSchema", Json::object()}});
  ToolList list;
  EXPECT_EQ(add_page({{"tools", tools}}, list).error().code, Errc::too_large);
}

TEST(McpForm, ReadsItsFieldsAndWhatPeopleSay) {
  const Result<Form> form =
      form_of({{"message", "book?"},
               {"requestedSchema",
                {{"type", "object"},
                 {"required", {"seats"}},
                 {"properties",
                  {{"seats", {{"type", "integer"}, {"title", "Seats"}}},
                   {"sure", {{"type", "boolean"}}},
                   {"where", {{"type", "string"}, {"enum", {"in", "out"}}}}}}}}});
  ASSERT_TRUE(form);
  ASSERT_EQ(form->fields.size(), 3U);
  const FormField& seats = form->fields[0];
  EXPECT_TRUE(seats.required);
  EXPECT_EQ(seats.question, "Seats");
  EXPECT_EQ(*value_of(seats, "4"), Json(4));
  EXPECT_FALSE(value_of(seats, "four"));
  EXPECT_FALSE(value_of(seats, "4.5"));
  EXPECT_EQ(*value_of(form->fields[1], "yes"), Json(true));
  EXPECT_EQ(*value_of(form->fields[2], "in"), Json("in"));
  EXPECT_FALSE(value_of(form->fields[2], "under"));
}

TEST(McpForm, WhatIsNoPlainFormIsRefused) {
  EXPECT_FALSE(form_of({{"mode", "url"}, {"url", "https://x"}}));
  EXPECT_FALSE(form_of(3));
  EXPECT_FALSE(form_of({{"requestedSchema", {{"properties", {{"x", {{"type", "object"}}}}}}}}));
}

}  // namespace
}  // namespace tinkerbell::mcp
