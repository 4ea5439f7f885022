#include "drivers/llm/anthropic_request.hpp"

#include "tinkerbell/base/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::Pair;

Json body_of(std::vector<Message> messages, std::vector<ToolSchema> tools = {}) {
  ModelQuestion question{.key = "k", .model = "m1", .tokens_max = 400, .tools = std::move(tools)};
  for (Message& message : messages)
    question.messages.add(std::move(message));
  return *parse_json(anthropic_body(question, {}));
}

TEST(AnthropicRequest, IsWhatTheReferenceSays) {
  const Json body = body_of(
      {{.role = Role::system, .text = "Be brief."},
       {.role = Role::user, .text = "What is in a.txt?"},
       {.role = Role::assistant,
        .text = "I look.",
        .tool_calls = {{.id = "c1", .name = "read_file", .arguments = R"({"path":"a.txt"})"},
                       {.id = "c2", .name = "read_file", .arguments = ""}},
        .kept = {{.provider = "anthropic",
                  .json = R"({"signature":"c2ln","thinking":"hm","type":"thinking"})"}}},
       {.role = Role::tool, .text = "hello", .tool_call_id = "c1"},
       {.role = Role::tool, .text = "", .tool_call_id = "c2"},
       {.role = Role::user, .text = "Well?"}},
      {{.name = "read_file", .description = "Read a file.", .parameters = {{"type", "object"}}}});
  EXPECT_EQ(body, *parse_json(R"({
    "model": "m1",
    "max_tokens": 400,
    "stream": true,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
      {"role": "user", "content": [
        {"type": "text", "text": "What is in a.txt?", "cache_control": {"type": "ephemeral"}}]},
      {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "c1", "name": "read_file", "input": {"path": "a.txt"}},
        {"type": "tool_use", "id": "c2", "name": "read_file", "input": {}}]},
      {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "c1", "content": "hello"},
        {"type": "tool_result", "tool_use_id": "c2", "content": ""},
        {"type": "text", "text": "Well?", "cache_control": {"type": "ephemeral"}}]}],
    "tools": [{
      "name": "read_file", "description": "Read a file.", "input_schema": {"type": "object"}}]
  })"));
}

/// The messages that end with a cache breakpoint, by their place.
std::vector<std::size_t> breakpoints(const Json& body) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < body.at("messages").size(); ++i) {
    if (body["messages"][i]["content"].back().contains("cache_control")) places.push_back(i);
  }
  return places;
}

TEST(AnthropicRequest, EachQuestionReadsFromTheCacheWhatTheOneBeforeItWrote) {
  std::vector<Message> messages{{.role = Role::system, .text = "s"}};
  for (int turn = 0; turn < 5; ++turn) {
    messages.push_back({.role = Role::user, .text = "u"});
    const std::size_t end = 2 * static_cast<std::size_t>(turn);
    const std::vector<std::size_t> first{0};
    const std::vector<std::size_t> later{end - 2, end};
    EXPECT_EQ(breakpoints(body_of(messages)), turn == 0 ? first : later);
    messages.push_back({.role = Role::assistant, .text = "a"});
  }
}

TEST(AnthropicRequest, AnEmptyAnswerIsNotSentAndItsNeighboursAreOneMessage) {
  const Json body = body_of({{.role = Role::user, .text = "Do it"},
                             {.role = Role::assistant, .text = ""},
                             {.role = Role::user, .text = "Go on"}});
  ASSERT_EQ(body.at("messages").size(), 1U);
  EXPECT_EQ(body["messages"][0]["content"].size(), 2U);
  EXPECT_FALSE(body.contains("system"));
  EXPECT_FALSE(body.contains("tools"));
}

TEST(AnthropicRequest, BlanksBeforeCallsAreNotSent) {
  const Json body = body_of({{.role = Role::system, .text = " "},
                             {.role = Role::user, .text = "Do it"},
                             {.role = Role::assistant,
                              .text = "\n\n",
                              .tool_calls = {{.id = "a", .name = "f", .arguments = "{}"}}}});
  ASSERT_EQ(body["messages"][1]["content"].size(), 1U);
  EXPECT_EQ(body["messages"][1]["content"][0]["type"], "tool_use");
  EXPECT_FALSE(body.contains("system"));
}

TEST(AnthropicRequest, WhatWasPausedGoesBackAsItWas) {
  const std::string kept = R"({"id":"s1","input":{},"name":"web_search","type":"server_tool_use"})";
  const Json body = body_of({{.role = Role::user, .text = "Search"},
                             {.role = Role::assistant,
                              .text = "I search.",
                              .kept = {{"anthropic", kept, /*text_before=*/9, 0}}}});
  EXPECT_EQ(body["messages"][1]["content"][1], *parse_json(kept));
  EXPECT_THAT(breakpoints(body), ElementsAre(0U));
}

TEST(AnthropicRequest, IdsAndNamesOfOtherServicesFitItsPattern) {
  const Json body = body_of({{.role = Role::assistant,
                              .tool_calls = {{.id = "f.x:0", .name = "rm -rf", .arguments = "["}}},
                             {.role = Role::tool, .text = "a\xFF", .tool_call_id = "f.x:0"}});
  const Json& call = body["messages"][0]["content"][0];
  EXPECT_EQ(call["id"], "f_x_0");
  EXPECT_EQ(call["name"], "rm_-rf");
  EXPECT_EQ(call["input"], (Json{{"invalid_arguments", "["}}));
  const Json& result = body["messages"][1]["content"][0];
  EXPECT_EQ(result["tool_use_id"], "f_x_0");
  EXPECT_EQ(result["content"], "a\uFFFD");
}

TEST(AnthropicRequest, SaysItsVersionAndTheKeyInTheHeaderThatIsWanted) {
  EXPECT_THAT(anthropic_headers({}), ElementsAre(Pair("anthropic-version", "2026-10-21")));
  EXPECT_THAT(anthropic_headers({.api_key = "k", .api_version = "2023-06-01"}),
              ElementsAre(Pair("anthropic-version", "2023-06-01"), Pair("x-api-key", "k")));
  EXPECT_THAT(
      anthropic_headers({.api_key = "k", .key_header = KeyHeader::authorization}),
      ElementsAre(Pair("anthropic-version", "2026-10-21"), Pair("Authorization", "Bearer k")));
}

}  // namespace
}  // namespace tinkerbell
