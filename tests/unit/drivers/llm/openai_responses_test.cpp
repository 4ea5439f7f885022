#include "drivers/llm/openai_responses_request.hpp"
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

constexpr ProviderType kType = ProviderType::openai_responses;

// ---- requests ----

TEST(OpenAiResponsesRequest, IsWhatTheReferenceSays) {
  ModelQuestion asked{.key = "k", .model = "m1", .tokens_max = 400};
  asked.tools = {
      {.name = "read_file", .description = "Read a file.", .parameters = {{"type", "object"}}}};
  asked.messages.add({.role = Role::system, .text = "Be brief."});
  asked.messages.add({.role = Role::user, .text = "What is in a.txt?"});
  asked.messages.add(
      {.role = Role::assistant,
       .text = "I look.",
       .tool_calls = {{.id = "c1", .name = "read_file", .arguments = R"({"path": "a.txt"})"}},
       .kept = {{"openai_responses", R"({"encrypted_content":"x","type":"reasoning"})", 0, 0},
                {"openai_responses", R"({"encrypted_content":"y","type":"reasoning"})", 7, 0}}});
  asked.messages.add({.role = Role::tool, .text = "hello\xFF", .tool_call_id = "c1"});
  EXPECT_EQ(*parse_json(openai_responses_body(asked, {})), *parse_json(R"({
    "model": "m1",
    "max_output_tokens": 400,
    "stream": true,
    "store": false,
    "include": ["reasoning.encrypted_content"],
    "input": [
      {"role": "system", "content": "Be brief."},
      {"role": "user", "content": "What is in a.txt?"},
      {"type": "reasoning", "encrypted_content": "x"},
      {"role": "assistant", "content": "I look."},
      {"type": "reasoning", "encrypted_content": "y"},
      {"type": "function_call", "call_id": "c1", "name": "read_file",
       "arguments": "{\"path\": \"a.txt\"}"},
      {"type": "function_call_output", "call_id": "c1", "output": "hello\ufffd"}],
    "tools": [{"type": "function", "name": "read_file", "description": "Read a file.",
               "parameters": {"type": "object"}, "strict": false}]
  })"));
}

// ---- streams ----

std::string event(const std::string& data) {
  return "data: " + data + "\n\n";
}

std::string begun(int index) {
  return event(R"({"type":"response.output_item.added","output_index":)" + std::to_string(index) +
               "}");
}

std::string done(int index, const std::string& item) {
  return event(R"({"type":"response.output_item.done","output_index":)" + std::to_string(index) +
               R"(,"item":)" + item + "}");
}

std::string call(int index) {
  return done(index, R"({"type":"function_call","call_id":"c)" + std::to_string(index) +
                         R"(","name":"f","arguments":"{}","status":"completed"})");
}

std::string end(const std::string& status, const std::string& more = "") {
  return event(R"({"type":"response.)" + status + R"(","response":{"status":")" + status + "\"" +
               more + "}}");
}

ModelReply reply(const std::string& stream) {
  const Attempt whole = streamed(kType, {stream});
  EXPECT_TRUE(whole.reply) << whole.reply.error().message;
  return whole.reply ? *whole.reply : ModelReply{};
}

Error failure(const std::string& stream) {
  const Attempt failed = streamed(kType, {stream});
  EXPECT_FALSE(failed.reply);
  return failed.reply ? Error{} : failed.reply.error();
}

TEST(OpenAiResponsesStream, KeepsEncryptedReasoningInItsPlace) {
  EXPECT_THAT(
      reply(recorded(kType, "calls")).kept,
      ElementsAre(KeptPiece{
          .provider = "openai_responses",
          .json =
              R"({"encrypted_content":"gAAAAABpZ+/==","id":"rs_1","summary":[],"type":"reasoning"})"}));
  const ModelReply between =
      reply(call(0) + done(1, R"({"type":"reasoning","encrypted_content":"x"})") + call(2) +
            done(3, R"({"type":"reasoning","id":"rs_2"})") + end("completed"));
  ASSERT_THAT(between.kept, SizeIs(1)) << "what the server would have to look up is left out";
  EXPECT_EQ(between.kept[0].calls_before, 1U);
}

TEST(OpenAiResponsesStream, AnItemCountsOnceHoweverOftenItIsTold) {
  EXPECT_THAT(reply(call(0) + call(0) + end("completed")).tool_calls, SizeIs(1));
}

TEST(OpenAiResponsesStream, TheMarkOfAnotherProtocolDoesNoHarmAndIsNoEnd) {
  EXPECT_THAT(reply(call(0) + end("completed") + event("[DONE]")).tool_calls, SizeIs(1));
  EXPECT_EQ(failure(call(0) + event("[DONE]")).code, Errc::protocol);
}

TEST(OpenAiResponsesStream, F49_ACallThatIsNotDoneIsNotExecuted) {
  EXPECT_THAT(failure(begun(0) + end("completed")).message, HasSubstr("before an item is done"));
  const ModelReply cut =
      reply(call(0) +
            done(1, R"({"type":"function_call","call_id":"b","name":"f","status":"incomplete"})") +
            end("completed"));
  EXPECT_EQ(cut.finish, FinishReason::length);
  EXPECT_THAT(cut.tool_calls, IsEmpty());
}

TEST(OpenAiResponsesStream, AReasonForAnEarlyEndHasAMeaning) {
  for (const auto& [reason, finish] : {std::pair{"max_output_tokens", FinishReason::length},
                                       std::pair{"content_filter", FinishReason::refusal},
                                       std::pair{"steered", FinishReason::other}}) {
    const ModelReply cut =
        reply(call(0) + end("incomplete",
                            R"(,"incomplete_details":{"reason":")" + std::string(reason) + "\"}"));
    EXPECT_EQ(cut.finish, finish) << reason;
    EXPECT_THAT(cut.tool_calls, IsEmpty()) << reason;
  }
}

TEST(OpenAiResponsesStream, AFailureIsAnError) {
  EXPECT_EQ(failure(call(0) + end("failed", R"(,"error":{"code":"server_error","message":"m"})")),
            (Error{Errc::unavailable, "the server broke off: m"}));
  EXPECT_EQ(failure(end("failed", R"(,"error":{"code":"invalid_prompt","message":"m"})")).code,
            Errc::invalid);
  EXPECT_EQ(failure(end("failed")).code, Errc::unavailable);
  EXPECT_EQ(failure(event(R"({"type":"error","error":{"code":"insufficient_quota"}})")).code,
            Errc::exhausted);
}

TEST(OpenAiResponsesStream, TakesItemsThatComeAtTheEndOnly) {
  const std::string items = R"(,"output":[{"type":"message","content":[
      {"type":"output_text","text":"hi"}]},{"type":"function_call","call_id":"a","name":"f"}])";
  std::string line = items;
  std::erase(line, '\n');
  const ModelReply streamed_reply = reply(end("completed", line));
  EXPECT_EQ(streamed_reply.text, "hi");
  EXPECT_THAT(streamed_reply.tool_calls, ElementsAre(ToolCall{"a", "f", ""}));
  const HttpHead head{.status = 200, .headers = {{"Content-Type", "application/json"}}};
  const Attempt whole = attempt(kType, head, {R"({"status":"completed")" + items + "}"});
  ASSERT_TRUE(whole.reply) << whole.reply.error().message;
  EXPECT_EQ(whole.reply->text, "hi");
  for (const char* status : {"in_progress", "queued", "cancelled", ""}) {
    EXPECT_FALSE(attempt(kType, head, {R"({"status":")" + std::string(status) + "\"}"}).reply)
        << status;
  }
}

TEST(OpenAiResponsesStream, S68_UsageThatMakesNoSenseIsUnknown) {
  for (const char* figure : {"-5", "1e99", "\"12\"", "null", "9223372036854775808", "1.5", "0"}) {
    EXPECT_FALSE(reply(end("completed", R"(,"usage":{"output_tokens":3,"input_tokens":)" +
                                            std::string(figure) + "}"))
                     .usage.known)
        << figure;
  }
}

TEST(OpenAiResponsesStream, S69_MoreThan256CallsAreAProtocolError) {
  std::string stream;
  for (int i = 0; i < 256; ++i)
    stream += call(i);
  EXPECT_THAT(reply(stream + end("completed")).tool_calls, SizeIs(256));
  EXPECT_THAT(failure(stream + call(256) + end("completed")).message,
              HasSubstr("more than 256 tool calls"));
}

/// An event up to the text that it is made of, and the rest of it.
struct Made {
  const char* begin;
  const char* end;
};

class OpenAiResponsesBound : public testing::TestWithParam<Made> {};

INSTANTIATE_TEST_SUITE_P(
    Of, OpenAiResponsesBound,
    testing::Values(Made{R"({"type":"response.output_text.delta","delta":")", R"("})"},
                    Made{R"({"type":"response.refusal.delta","delta":")", R"("})"},
                    Made{R"({"type":"response.function_call_arguments.delta","delta":")", R"("})"},
                    Made{R"({"type":"response.output_item.done","output_index":0,"item":{"x":")",
                         R"("}})"}));

TEST_P(OpenAiResponsesBound, F50_AnAnswerHasABoundWhateverItIsMadeOf) {
  const std::string many(1 << 19, 'x');
  std::string stream;
  for (int i = 0; i < 17; ++i)
    stream += event(GetParam().begin + many + GetParam().end);
  EXPECT_EQ(failure(stream).code, Errc::too_large);
}

}  // namespace
}  // namespace tinkerbell
