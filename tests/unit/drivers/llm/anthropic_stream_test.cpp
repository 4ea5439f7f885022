#include "drivers/llm/anthropic_stream.hpp"

#include "unit/drivers/llm/recordings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr ProviderType kType = ProviderType::anthropic;

std::string event(const std::string& data) {
  return "data: " + data + "\n\n";
}

std::string begin(int index, const std::string& block) {
  return event(R"({"type":"content_block_start","index":)" + std::to_string(index) +
               R"(,"content_block":)" + block + "}");
}

std::string piece(int index, const std::string& delta) {
  return event(R"({"type":"content_block_delta","index":)" + std::to_string(index) +
               R"(,"delta":)" + delta + "}");
}

std::string end(int index) {
  return event(R"({"type":"content_block_stop","index":)" + std::to_string(index) + "}");
}

std::string stop(const std::string& reason, const std::string& usage = "null") {
  return event(R"({"type":"message_delta","delta":{"stop_reason":")" + reason + R"("},"usage":)" +
               usage + "}") +
         event(R"({"type":"message_stop"})");
}

std::string call(int index) {
  return begin(index, R"({"type":"tool_use","id":"c)" + std::to_string(index) +
                          R"(","name":"f","input":{}})") +
         end(index);
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

TEST(AnthropicStream, KeepsThinkingWithItsSignatureInItsPlace) {
  EXPECT_THAT(
      reply(recorded(kType, "calls")).kept,
      ElementsAre(KeptPiece{.provider = "anthropic",
                            .json = "{\"signature\":\"EqQBCgIYAhIM/+==\",\"thinking\":"
                                    "\"Two lookups: \u00fc\\n\",\"type\":\"thinking\"}"},
                  KeptPiece{.provider = "anthropic",
                            .json = R"({"data":"EmwKAhgBEgy3va3","type":"redacted_thinking"})"}));
  const ModelReply between = reply(begin(0, R"({"type":"text","text":"abc"})") + end(0) + call(1) +
                                   begin(2, R"({"type":"redacted_thinking","data":"x"})") + end(2) +
                                   call(3) + stop("tool_use"));
  ASSERT_THAT(between.kept, SizeIs(1));
  EXPECT_EQ(between.kept[0].text_before, 3U);
  EXPECT_EQ(between.kept[0].calls_before, 1U);
}

TEST(AnthropicStream, APauseKeepsWhatTheServersOwnToolsWereAsked) {
  const ModelReply paused = reply(recorded(kType, "pause"));
  EXPECT_EQ(paused.finish, FinishReason::pause);
  EXPECT_EQ(paused.text, "I search.");
  EXPECT_THAT(paused.kept, ElementsAre(KeptPiece{
                               .provider = "anthropic",
                               .json = "{\"id\":\"srvtoolu_1\",\"input\":{\"query\":\"\u00fc\"},"
                                       "\"name\":\"web_search\",\"type\":\"server_tool_use\"}",
                               .text_before = 9}));
  EXPECT_EQ(reply(call(0) + stop("pause_turn")).finish, FinishReason::tool_calls);
}

TEST(AnthropicStream, AStopReasonHasAMeaning) {
  for (const auto& [reason, finish] :
       {std::pair{"end_turn", FinishReason::stop}, std::pair{"stop_sequence", FinishReason::stop},
        std::pair{"tool_use", FinishReason::stop}, std::pair{"max_tokens", FinishReason::length},
        std::pair{"model_context_window_exceeded", FinishReason::length},
        std::pair{"refusal", FinishReason::refusal}, std::pair{"surprise", FinishReason::other}})
    EXPECT_EQ(reply(stop(reason)).finish, finish) << reason;
  for (const char* reason : {"max_tokens", "model_context_window_exceeded", "refusal", "surprise"})
    EXPECT_THAT(reply(call(0) + stop(reason)).tool_calls, IsEmpty()) << reason;
  EXPECT_EQ(reply(call(0) + stop("end_turn")).finish, FinishReason::tool_calls);
}

TEST(AnthropicStream, S68_UsageThatMakesNoSenseIsUnknown) {
  const auto usage = [](const std::string& figures) {
    return reply(stop("end_turn", "{\"output_tokens\":3" + figures + "}")).usage;
  };
  EXPECT_TRUE(usage(R"(,"input_tokens":1)").known);
  EXPECT_FALSE(usage("").known);
  EXPECT_FALSE(usage(R"(,"input_tokens":0)").known);
  EXPECT_TRUE(usage(R"(,"input_tokens":0,"cache_read_input_tokens":1)").known);
  for (const char* figure : {"-5", "1e99", "\"12\"", "9223372036854775808", "1.5"}) {
    EXPECT_FALSE(usage(R"(,"input_tokens":)" + std::string(figure)).known) << figure;
    EXPECT_FALSE(
        usage(R"(,"input_tokens":1,"cache_read_input_tokens":)" + std::string(figure)).known)
        << figure;
  }
}

TEST(AnthropicStream, F46_BlocksThatDoNotFitTogetherAreAProtocolError) {
  const std::string text = R"({"type":"text","text":""})";
  const std::string delta = R"({"type":"text_delta","text":"x"})";
  EXPECT_THAT(failure(piece(0, delta)).message, HasSubstr("a piece of no block"));
  EXPECT_THAT(failure(begin(0, text) + end(0) + piece(0, delta)).message,
              HasSubstr("a piece of no block"));
  EXPECT_THAT(failure(end(0)).message, HasSubstr("the end of no block"));
  EXPECT_THAT(failure(begin(0, text) + begin(0, text)).message, HasSubstr("begins twice"));
  EXPECT_THAT(failure(begin(0, text) + stop("end_turn")).message, HasSubstr("inside a block"));
  EXPECT_THAT(failure(event(R"({"type":"message_stop"})")).message, HasSubstr("stop reason"));
}

TEST(AnthropicStream, TakesArgumentsThatComeWhole) {
  const ModelReply whole =
      reply(begin(0, R"({"type":"tool_use","id":"a","name":"f","input":{"x":[1]}})") + end(0) +
            stop("tool_use"));
  EXPECT_THAT(whole.tool_calls, ElementsAre(ToolCall{"a", "f", R"({"x":[1]})"}));
}

TEST(AnthropicStream, S69_MoreThan256CallsAreAProtocolError) {
  std::string stream;
  for (int i = 0; i < 256; ++i)
    stream += call(i);
  EXPECT_THAT(reply(stream + stop("tool_use")).tool_calls, SizeIs(256));
  EXPECT_THAT(failure(stream + call(256)).message, HasSubstr("more than 256 tool calls"));
}

/// How a block begins, and a piece of it up to its text.
struct Made {
  const char* block;
  const char* delta;
};

class AnthropicBound : public testing::TestWithParam<Made> {};

INSTANTIATE_TEST_SUITE_P(Of, AnthropicBound,
                         testing::Values(Made{R"({"type":"text","text":""})",
                                              R"({"type":"text_delta","text":")"},
                                         Made{R"({"type":"thinking","thinking":""})",
                                              R"({"type":"thinking_delta","thinking":")"},
                                         Made{R"({"type":"thinking","thinking":""})",
                                              R"({"type":"signature_delta","signature":")"},
                                         Made{R"({"type":"tool_use","id":"a","name":"f"})",
                                              R"({"type":"input_json_delta","partial_json":")"}));

TEST_P(AnthropicBound, F50_AnAnswerHasABoundWhateverItIsMadeOf) {
  const std::string many(1 << 19, 'x');
  std::string stream = begin(0, GetParam().block);
  for (int i = 0; i < 17; ++i)
    stream += piece(0, GetParam().delta + many + "\"}");
  EXPECT_EQ(failure(stream).code, Errc::too_large);
}

TEST(AnthropicStream, AnErrorHasAMeaning) {
  const auto meaning = [](const std::string& error) {
    return failure("event: error\n" +
                   event(R"({"type":"error","error":{"message":"m",)" + error + "}}"));
  };
  EXPECT_EQ(meaning(R"("type":"overloaded_error")").code, Errc::unavailable);
  EXPECT_EQ(meaning(R"("type":"api_error")").code, Errc::unavailable);
  EXPECT_EQ(meaning(R"("type":"permission_error")").code, Errc::unauthorized);
  EXPECT_EQ(meaning(R"("type":"billing_error")").code, Errc::exhausted);
  EXPECT_EQ(meaning(R"("type":"request_too_large")").code, Errc::too_large);
  EXPECT_EQ(
      meaning(R"("type":"rate_limit_error","details":{"error_code":"insufficient_quota"})").code,
      Errc::exhausted);
}

TEST(AnthropicStream, TakesAWholeMessageFromAServerThatDoesNotStream) {
  const HttpHead head{.status = 200, .headers = {{"Content-Type", "application/json"}}};
  const Attempt whole = attempt(kType, head, {R"({"type":"message","model":"m",
      "stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2},"content":[
        {"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"hi"},
        {"type":"tool_use","id":"a","name":"f","input":{"x":1}}]})"});
  ASSERT_TRUE(whole.reply) << whole.reply.error().message;
  EXPECT_EQ(whole.reply->text, "hi");
  EXPECT_THAT(whole.reply->tool_calls, ElementsAre(ToolCall{"a", "f", R"({"x":1})"}));
  EXPECT_THAT(whole.reply->kept, SizeIs(1));
  EXPECT_TRUE(whole.reply->usage.known);
  EXPECT_FALSE(attempt(kType, head, {R"({"type":"message"})"}).reply);
}

}  // namespace
}  // namespace tinkerbell
