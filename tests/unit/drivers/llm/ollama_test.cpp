#include "drivers/llm/ollama_request.hpp"
#include "unit/drivers/llm/recordings.hpp"

#include "tinkerbell/base/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr ProviderType kType = ProviderType::ollama;

// ---- requests ----

TEST(OllamaRequest, IsWhatTheReferenceSays) {
  ModelQuestion asked{.key = "k", .model = "m1", .tokens_max = 400, .context_tokens = 9'000};
  asked.tools = {
      {.name = "read_file", .description = "Read a file.", .parameters = {{"type", "object"}}}};
  asked.messages.add({.role = Role::system, .text = "Be brief."});
  asked.messages.add(
      {.role = Role::assistant,
       .text = "I look.",
       .tool_calls = {{.id = "c1", .name = "read_file", .arguments = R"({"path":"a"})"},
                      {.id = "c2", .name = "list files", .arguments = "["}},
       .kept = {{.provider = "ollama", .json = R"("hm")"}}});
  asked.messages.add({.role = Role::tool, .text = "second", .tool_call_id = "c2"});
  asked.messages.add({.role = Role::tool, .text = "first\xFF", .tool_call_id = "c1"});
  EXPECT_EQ(*parse_json(ollama_body(asked, {})), *parse_json(R"({
    "model": "m1",
    "stream": true,
    "truncate": false,
    "shift": false,
    "options": {"num_ctx": 9000, "num_predict": 400},
    "messages": [
      {"role": "system", "content": "Be brief."},
      {"role": "assistant", "content": "I look.", "thinking": "hm", "tool_calls": [
        {"id": "c1", "function": {"name": "read_file", "arguments": {"path": "a"}}},
        {"id": "c2", "function": {"name": "list_files",
                                  "arguments": {"invalid_arguments": "["}}}]},
      {"role": "tool", "content": "second", "tool_call_id": "c2", "tool_name": "list_files"},
      {"role": "tool", "content": "first\ufffd", "tool_call_id": "c1", "tool_name": "read_file"}],
    "tools": [{"type": "function", "function": {
      "name": "read_file", "description": "Read a file.", "parameters": {"type": "object"}}}]
  })"));
}

// ---- streams ----

const std::string kEnd = "{\"done\":true,\"done_reason\":\"stop\"}\n";

ModelReply reply(const std::string& stream, const ModelQuestion& question = {}) {
  const Attempt whole = streamed(kType, {stream}, question);
  EXPECT_TRUE(whole.reply) << whole.reply.error().message;
  return whole.reply ? *whole.reply : ModelReply{};
}

Error failure(const std::string& stream, const ModelQuestion& question = {}) {
  const Attempt failed = streamed(kType, {stream}, question);
  EXPECT_FALSE(failed.reply);
  return failed.reply ? Error{} : failed.reply.error();
}

std::string message(const std::string& inside) {
  return R"({"message":{)" + inside + "},\"done\":false}\n";
}

TEST(OllamaStream, KeepsItsThinking) {
  EXPECT_THAT(reply(recorded(kType, "calls")).kept,
              ElementsAre(KeptPiece{.provider = "ollama",
                                    .json = "\"Two lookups: \u00fc\\n\"",
                                    .text_before = 12,
                                    .calls_before = 2}));
}

TEST(OllamaStream, AReasonForTheEndHasAMeaning) {
  const std::string calls = message(R"("tool_calls":[{"function":{"name":"f","arguments":{}}}])");
  for (const auto& [reason, finish] :
       {std::pair{"stop", FinishReason::stop}, std::pair{"length", FinishReason::length},
        std::pair{"load", FinishReason::other}, std::pair{"unload", FinishReason::other}}) {
    const std::string end = R"({"done":true,"done_reason":")" + std::string(reason) + "\"}\n";
    EXPECT_EQ(reply(end).finish, finish) << reason;
    const bool whole = finish == FinishReason::stop;
    EXPECT_THAT(reply(calls + end).tool_calls, SizeIs(whole ? 1 : 0)) << reason;
  }
  EXPECT_EQ(failure(calls + "{\"done\":true}\n").code, Errc::protocol);
}

TEST(OllamaStream, KeepsTheIdsThatThereAre) {
  const std::string calls = message(
      R"("tool_calls":[{"id":"x","function":{"name":"f","arguments":"text"}},{"function":{}},7])");
  EXPECT_THAT(reply(calls + kEnd).tool_calls,
              ElementsAre(ToolCall{"x", "f", "\"text\""}, ToolCall{"call_2", "", ""},
                          ToolCall{"call_3", "", ""}));
}

/// A question of so many bytes to a server with room for 1 000 tokens.
ModelQuestion question_of(std::size_t bytes) {
  ModelQuestion question{.context_tokens = 1'000};
  question.messages.add({.role = Role::user, .text = std::string(bytes, 'x')});
  return question;
}

std::string end_after_reading(int tokens) {
  return R"({"done":true,"done_reason":"stop","eval_count":1,"prompt_eval_count":)" +
         std::to_string(tokens) + "}\n";
}

TEST(OllamaStream, NoticesThatTheServerDroppedTheBeginning) {
  const Error truncated = failure(end_after_reading(990), question_of(8'000));
  EXPECT_EQ(truncated.code, Errc::too_large);
  EXPECT_EQ(truncated.message,
            "the server read only 990 tokens of a conversation of 8000 bytes: it dropped the "
            "beginning; raise context_tokens (1000)");
}

TEST(OllamaStream, DoesNotTakeACacheForATruncation) {
  EXPECT_FALSE(reply(end_after_reading(10), question_of(5'000)).text.size());
  EXPECT_FALSE(reply(end_after_reading(0), question_of(8'000)).usage.known);
  EXPECT_FALSE(reply(kEnd, question_of(8'000)).usage.known);
  EXPECT_EQ(reply(end_after_reading(1'400), question_of(8'000)).usage.input, 1'400U);
}

TEST(OllamaStream, S68_UsageThatMakesNoSenseIsUnknown) {
  for (const char* figure : {"-5", "1e99", "\"12\"", "null", "9223372036854775808", "1.5", "0"}) {
    EXPECT_FALSE(reply(R"({"done":true,"done_reason":"stop","eval_count":1,"prompt_eval_count":)" +
                       std::string(figure) + "}\n")
                     .usage.known)
        << figure;
  }
}

TEST(OllamaStream, S69_MoreThan256CallsAreAProtocolError) {
  std::string stream;
  for (int i = 0; i < 256; ++i)
    stream += message(R"("tool_calls":[{"function":{"name":"f","arguments":{}}}])");
  EXPECT_THAT(reply(stream + kEnd).tool_calls, SizeIs(256));
  EXPECT_THAT(failure(stream + message(R"("tool_calls":[{}])")).message,
              HasSubstr("more than 256 tool calls"));
}

class OllamaBound : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Of, OllamaBound, testing::Values("content", "thinking"));

TEST_P(OllamaBound, F50_AnAnswerHasABoundWhateverItIsMadeOf) {
  const std::string many(1 << 19, 'x');
  std::string stream;
  for (int i = 0; i < 17; ++i)
    stream += message("\"" + std::string(GetParam()) + "\":\"" + many + "\"");
  EXPECT_EQ(failure(stream).code, Errc::too_large);
}

TEST(OllamaStream, TakesAWholeAnswerFromAServerThatDoesNotStream) {
  const HttpHead head{.status = 200, .headers = {{"Content-Type", "application/json"}}};
  const Attempt whole = attempt(kType, head, {R"({"model":"m","message":{"content":"hi"},
      "done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":1})"});
  ASSERT_TRUE(whole.reply) << whole.reply.error().message;
  EXPECT_EQ(whole.reply->text, "hi");
  EXPECT_TRUE(whole.reply->usage.known);
  EXPECT_FALSE(attempt(kType, head, {R"({"message":{"content":"hi"},"done":false})"}).reply);
}

}  // namespace
}  // namespace tinkerbell
