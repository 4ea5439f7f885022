#include "drivers/llm/openai_chat_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// What came of a stream.
struct Outcome {
  Result<void> taken;  ///< The first event that failed.
  Result<ModelReply> reply{Error{Errc::internal, "not finished"}};
  std::string shown;
};

Outcome outcome(const std::vector<std::string>& events, std::size_t calls_before = 0) {
  Outcome outcome;
  ModelQuestion question;
  Message earlier{.role = Role::assistant};
  for (std::size_t i = 1; i <= calls_before; ++i)
    earlier.tool_calls.push_back({.id = "earlier" + std::to_string(i)});
  question.messages.add(earlier);
  OpenAiChatStream stream(question, [&](std::string_view text) { outcome.shown += text; });
  for (const std::string& data : events) {
    if (outcome.taken) outcome.taken = stream.take({.name = "message", .data = data});
  }
  outcome.reply = stream.finish();
  return outcome;
}

std::string delta(const std::string& inside) {
  return R"({"model":"m","choices":[{"index":0,"delta":{)" + inside + "}}]}";
}

std::string end_for(const std::string& reason) {
  return R"({"choices":[{"index":0,"delta":{},"finish_reason":")" + reason + R"("}]})";
}

std::string calls(const std::string& pieces) {
  return delta(R"("tool_calls":[)" + pieces + "]");
}

/// The reply to deltas that end as they should.
ModelReply reply(std::vector<std::string> events, const std::string& reason = "stop",
                 std::size_t calls_before = 0) {
  events.push_back(end_for(reason));
  events.emplace_back("[DONE]");
  const Outcome came = outcome(events, calls_before);
  EXPECT_TRUE(came.taken) << came.taken.error().message;
  EXPECT_TRUE(came.reply) << came.reply.error().message;
  return *came.reply;
}

Error failure(const std::string& event) {
  const Outcome came = outcome({event});
  EXPECT_FALSE(came.taken);
  return came.taken ? Error{} : came.taken.error();
}

TEST(OpenAiChatStream, JoinsTheTextAndShowsItsPieces) {
  const Outcome came =
      outcome({delta(R"("role":"assistant","content":"")"), delta(R"("content":"Hel")"),
               delta(R"("content":"lo")"), end_for("stop"), "[DONE]"});
  ASSERT_TRUE(came.reply);
  EXPECT_EQ(came.reply->text, "Hello");
  EXPECT_EQ(came.shown, "Hello");
  EXPECT_EQ(came.reply->finish, FinishReason::stop);
  EXPECT_EQ(came.reply->model, "m");
}

TEST(OpenAiChatStream, TellsParallelCallsApartByTheirIndex) {
  const ModelReply got = reply(
      {calls(R"({"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}})"),
       calls(R"({"index":1,"id":"b","function":{"name":"g","arguments":"{\"y\""}})"),
       calls(R"({"index":0,"function":{"arguments":"{}"}})"),
       calls(R"({"index":1,"function":{"arguments":":1}"}})")},
      "tool_calls");
  EXPECT_THAT(got.tool_calls,
              ElementsAre(ToolCall{"a", "f", "{}"}, ToolCall{"b", "g", R"({"y":1})"}));
  EXPECT_EQ(got.finish, FinishReason::tool_calls);
}

TEST(OpenAiChatStream, TakesAMissingIndexAsOneCallPerPiece) {
  const ModelReply got = reply({calls(R"({"id":"a","function":{"name":"f","arguments":"{}"}})"),
                                calls(R"({"id":"b","function":{"name":"f","arguments":"{}"}})"),
                                calls(R"({"function":{"name":"g","arguments":"{}"}})")});
  EXPECT_THAT(got.tool_calls, ElementsAre(ToolCall{"a", "f", "{}"}, ToolCall{"b", "f", "{}"},
                                          ToolCall{"call_3", "g", "{}"}));
}

TEST(OpenAiChatStream, GoesOnWithACallThatIsNamedByItsIdOnly) {
  const ModelReply got =
      reply({calls(R"({"id":"a","function":{"name":"f","arguments":"{\"x\":"}})"),
             calls(R"({"id":"a","function":{"arguments":"1"}})"),
             calls(R"({"function":{"arguments":"}"}})")});
  EXPECT_THAT(got.tool_calls, ElementsAre(ToolCall{"a", "f", R"({"x":1})"}));
}

TEST(OpenAiChatStream, KeepsTheNameThatAServerRepeats) {
  const ModelReply got =
      reply({calls(R"({"index":0,"id":"a","function":{"name":"f","arguments":"{"}})"),
             calls(R"({"index":0,"id":"a","function":{"name":"f","arguments":"}"}})")});
  EXPECT_THAT(got.tool_calls, ElementsAre(ToolCall{"a", "f", "{}"}));
}

TEST(OpenAiChatStream, TakesArgumentsThatAreAnObject) {
  const ModelReply got =
      reply({calls(R"({"index":0,"id":"a","function":{"name":"f","arguments":{"x":[1]}}})")});
  EXPECT_THAT(got.tool_calls, ElementsAre(ToolCall{"a", "f", R"({"x":[1]})"}));
}

TEST(OpenAiChatStream, S69_MintsIdsThatAreMissingOrRepeated) {
  const ModelReply got = reply({calls(R"({"index":0,"id":"","function":{"name":"f"}})"),
                                calls(R"({"index":1,"id":"x","function":{"name":"f"}})"),
                                calls(R"({"index":2,"id":"x","function":{"name":"f"}})"),
                                calls(R"({"index":3,"id":"call_8","function":{"name":"f"}})"),
                                calls(R"({"index":4,"id":"earlier2","function":{"name":"f"}})")},
                               "stop", 5);
  EXPECT_THAT(got.tool_calls, ElementsAre(ToolCall{"call_6", "f", ""}, ToolCall{"x", "f", ""},
                                          ToolCall{"call_9", "f", ""}, ToolCall{"call_8", "f", ""},
                                          ToolCall{"call_10", "f", ""}));
}

TEST(OpenAiChatStream, TrustsTheCallsWhereTheReasonIsStop) {
  EXPECT_EQ(reply({calls(R"({"index":0,"id":"a","function":{"name":"f"}})")}, "stop").finish,
            FinishReason::tool_calls);
  EXPECT_EQ(reply({delta(R"("content":"x")")}, "tool_calls").finish, FinishReason::stop);
}

TEST(OpenAiChatStream, F49_DropsTheCallsOfAnAnswerThatWasCutShort) {
  const std::string call =
      calls(R"({"index":0,"id":"a","function":{"name":"rm","arguments":"{"}})");
  for (const auto& [reason, finish] : {std::pair{"length", FinishReason::length},
                                       std::pair{"content_filter", FinishReason::refusal},
                                       std::pair{"abort", FinishReason::other}}) {
    const ModelReply got = reply({call}, reason);
    EXPECT_THAT(got.tool_calls, IsEmpty()) << reason;
    EXPECT_EQ(got.finish, finish) << reason;
  }
}

TEST(OpenAiChatStream, ReadsTheUsageOfTheExtraChunk) {
  const ModelReply got = reply({delta(R"("content":"x")"), R"({"choices":[],"usage":null})",
                                R"({"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":3,
                 "prompt_tokens_details":{"cached_tokens":4}}})"});
  EXPECT_TRUE(got.usage.known);
  EXPECT_EQ(got.usage.input, 10U);
  EXPECT_EQ(got.usage.input_cached, 4U);
  EXPECT_EQ(got.usage.output, 3U);
}

TEST(OpenAiChatStream, S68_UsageThatMakesNoSenseIsUnknown) {
  for (const char* figure : {"-5", "1e99", "\"12\"", "null", "9223372036854775808", "1.5", "0"}) {
    const ModelReply got = reply({std::string(R"({"choices":[],"usage":{"completion_tokens":3,
        "prompt_tokens":)") + figure +
                                  "}}"});
    EXPECT_FALSE(got.usage.known) << figure;
    EXPECT_EQ(got.usage.output, 0U) << figure;
  }
  EXPECT_FALSE(reply({}).usage.known);
}

TEST(OpenAiChatStream, IgnoresReasoningAndWhatItDoesNotKnow) {
  const ModelReply got =
      reply({delta(R"("reasoning_content":"hmm","content":null)"),
             delta(R"("reasoning":"hmm","audio":{"id":1})"), R"({"object":"ping"})",
             R"({"choices":null})", R"({"choices":[{"index":0}]})", R"({"choices":[7]})",
             delta(R"("content":[{"type":"text","text":"yes"},{"type":"x"}])")});
  EXPECT_EQ(got.text, "yes");
}

TEST(OpenAiChatStream, GivesARefusalAsARefusal) {
  const ModelReply got = reply({delta(R"("refusal":"I can")"), delta(R"("refusal":"not.")")});
  EXPECT_EQ(got.text, "I cannot.");
  EXPECT_EQ(got.finish, FinishReason::refusal);
}

TEST(OpenAiChatStream, F48_ReplacesInvalidUtf8AndNul) {
  EXPECT_EQ(reply({delta("\"content\":\"a\xFF\"")}).text, "a\uFFFD");
  EXPECT_EQ(reply({delta(R"("content":"a\u0000b")")}).text, "a\u2400b");
  EXPECT_EQ(reply({calls("{\"index\":0,\"id\":\"i\",\"function\":{\"name\":\"f\xFE\"}}")})
                .tool_calls.at(0)
                .name,
            "f\uFFFD");
}

TEST(OpenAiChatStream, AnErrorObjectInsideTheStreamEndsIt) {
  const Error limited = failure(R"({"error":{"message":"slow down","type":"rate_limit_error"}})");
  EXPECT_EQ(limited.code, Errc::rate_limited);
  EXPECT_EQ(limited.message, "the server broke off: slow down");
  EXPECT_EQ(failure(R"({"error":{"message":"loading","code":503}})").code, Errc::unavailable);
  EXPECT_EQ(failure(R"({"error":{"message":"long","code":"context_length_exceeded"}})").code,
            Errc::too_large);
  EXPECT_EQ(failure(R"({"error":"gone"})").message, "the server broke off: gone");
}

TEST(OpenAiChatStream, AnEventNamedErrorEndsItToo) {
  OpenAiChatStream stream({}, {});
  const auto taken = stream.take({.name = "error", .data = R"({"message":"overloaded"})"});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error(), (Error{Errc::unavailable, "the server broke off: overloaded"}));
}

TEST(OpenAiChatStream, F46_AMalformedChunkIsAProtocolError) {
  for (const char* data : {"{", "[1]", "null", "{\"choices\":[]", "hello"}) {
    EXPECT_EQ(failure(data).code, Errc::protocol) << data;
  }
}

TEST(OpenAiChatStream, S66_ADeepChunkIsRefused) {
  EXPECT_EQ(failure(std::string(1'000'000, '[')).code, Errc::protocol);
}

TEST(OpenAiChatStream, S69_MoreThan256CallsAreAProtocolError) {
  std::string pieces;
  for (int i = 0; i < 256; ++i)
    pieces += (i == 0 ? "" : ",") + (R"({"index":)" + std::to_string(i) + "}");
  EXPECT_THAT(reply({calls(pieces)}).tool_calls, SizeIs(256));
  EXPECT_THAT(failure(calls(pieces + R"(,{"index":256})")).message,
              HasSubstr("more than 256 tool calls"));
}

TEST(OpenAiChatStream, F50_AnAnswerHasABound) {
  const std::string megabyte = delta(R"("content":")" + std::string(1 << 20, 'x') + '"');
  const Outcome came = outcome(std::vector<std::string>(9, megabyte));
  ASSERT_FALSE(came.taken);
  EXPECT_EQ(came.taken.error().code, Errc::too_large);
}

TEST(OpenAiChatStream, F41_WithoutTheEndMarkThereIsNoReply) {
  EXPECT_EQ(outcome({delta(R"("content":"x")"), end_for("stop")}).reply.error().code,
            Errc::protocol);
  EXPECT_EQ(outcome({delta(R"("content":"x")"), "[DONE]"}).reply.error().code, Errc::protocol);
}

TEST(OpenAiChatStream, TakesAWholeCompletionFromAServerThatDoesNotStream) {
  OpenAiChatStream stream({}, {});
  ASSERT_TRUE(stream.take_whole(R"({"model":"m","choices":[{"index":0,"finish_reason":"stop",
      "message":{"role":"assistant","content":"hi","tool_calls":[
        {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}}],
      "usage":{"prompt_tokens":1,"completion_tokens":2}})"));
  const auto got = stream.finish();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->text, "hi");
  EXPECT_THAT(got->tool_calls, ElementsAre(ToolCall{"a", "f", "{}"}));
  EXPECT_TRUE(got->usage.known);
}

}  // namespace
}  // namespace tinkerbell
