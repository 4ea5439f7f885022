#include "drivers/llm/openai_chat_request.hpp"

#include "tinkerbell/base/json.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

ModelQuestion question(std::vector<Message> messages) {
  ModelQuestion question{.key = "k", .model = "m1", .tokens_max = 400};
  for (Message& message : messages)
    question.messages.add(std::move(message));
  return question;
}

Json body_of(const ModelQuestion& asked, const std::string& base_url = "http://127.0.0.1:8080/v1") {
  return *parse_json(openai_chat_body(asked, {.base_url = base_url}));
}

/// The first message of a body that consists of `message`.
Json sent(Message message) {
  return body_of(question({std::move(message)})).at("messages").at(0);
}

TEST(OpenAiChatRequest, IsWhatTheReferenceSays) {
  ModelQuestion asked = question({
      {.role = Role::system, .text = "Be brief."},
      {.role = Role::user, .text = "What is in a.txt?"},
      {.role = Role::assistant,
       .tool_calls = {{.id = "c1", .name = "read_file", .arguments = R"({"path":"a.txt"})"}}},
      {.role = Role::tool, .text = "hello", .tool_call_id = "c1"},
  });
  asked.tools = {
      {.name = "read_file", .description = "Read a file.", .parameters = {{"type", "object"}}}};

  EXPECT_EQ(body_of(asked), *parse_json(R"({
    "model": "m1",
    "max_tokens": 400,
    "stream": true,
    "stream_options": {"include_usage": true},
    "messages": [
      {"role": "system", "content": "Be brief."},
      {"role": "user", "content": "What is in a.txt?"},
      {"role": "assistant", "content": null, "tool_calls": [
        {"id": "c1", "type": "function",
         "function": {"name": "read_file", "arguments": "{\"path\":\"a.txt\"}"}}]},
      {"role": "tool", "tool_call_id": "c1", "content": "hello"}],
    "tools": [{"type": "function", "function": {
      "name": "read_file", "description": "Read a file.", "parameters": {"type": "object"}}}]
  })"));
}

TEST(OpenAiChatRequest, HasNoToolsWhereThereAreNone) {
  EXPECT_FALSE(body_of(question({{.text = "hi"}})).contains("tools"));
}

TEST(OpenAiChatRequest, NamesTheBoundAsTheServerKnowsIt) {
  const Json body = body_of(question({}), "https://api.openai.com/v1");
  EXPECT_EQ(body.at("max_completion_tokens"), 400);
  EXPECT_FALSE(body.contains("max_tokens"));
}

TEST(OpenAiChatRequest, KeepsTheTextBesideToolCalls) {
  const Json message =
      sent({.role = Role::assistant, .text = "I look.", .tool_calls = {{.id = "1", .name = "f"}}});
  EXPECT_EQ(message.at("content"), "I look.");
  EXPECT_EQ(message.at("tool_calls").at(0).at("function").at("arguments"), "{}");
}

TEST(OpenAiChatRequest, SendsBackWhatAModelGotWrongInAFormThatServersTake) {
  const Json message = sent({.role = Role::assistant,
                             .tool_calls = {{.id = "1", .name = "", .arguments = "{\"path\":"},
                                            {.id = "2", .name = "rm -rf", .arguments = "[1]"}}});
  const Json first = message.at("tool_calls").at(0).at("function");
  EXPECT_EQ(first.at("name"), "_");
  EXPECT_EQ(first.at("arguments"), R"({"invalid_arguments":"{\"path\":"})");
  const Json second = message.at("tool_calls").at(1).at("function");
  EXPECT_EQ(second.at("name"), "rm_-rf");
  EXPECT_EQ(second.at("arguments"), R"({"invalid_arguments":"[1]"})");
}

TEST(OpenAiChatRequest, S67_SendsValidUtf8OnlyWhateverAFileHeld) {
  EXPECT_EQ(sent({.role = Role::tool, .text = "a\xFF", .tool_call_id = "1"}).at("content"),
            "a\uFFFD");
}

}  // namespace
}  // namespace tinkerbell
