#include "drivers/llm/http_exchange.hpp"

#include "tinkerbell/base/fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

using testing::HasSubstr;

using std::chrono::seconds;

constexpr SteadyTime kStart{seconds{1'000}};

/// An answer as a server sent it: text in two scripts, two parallel calls, usage, the end mark;
/// with a comment, CRLF and lone LF.
const std::string kRecorded =
    ": OPENROUTER PROCESSING\n\n"
    "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
    "\"content\":\"Gr\u00fc\u00dfe \U0001F44B\"},\"finish_reason\":null}],\"usage\":null}\r\n\r\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\","
    "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
    "\"function\":{\"arguments\":\"{\\\"x\\\":1}\"}},{\"index\":1,\"id\":\"b\","
    "\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}}\n\n"
    "data: [DONE]\n\n";

HttpHead head(int status, std::string content_type) {
  return {.status = status, .headers = {{"Content-Type", std::move(content_type)}}};
}

HttpExchange fresh() {
  const WireFormat& format = wire_format(ProviderType::openai_chat);
  return {format.stream({}, {}), format.framing, HttpTimeouts{}, kStart};
}

/// An attempt whose body comes in these pieces and then ends as it should.
Attempt attempt(const HttpHead& head, const std::vector<std::string_view>& pieces) {
  HttpExchange exchange = fresh();
  exchange.take_head(head);
  for (const std::string_view piece : pieces)
    exchange.take_body(piece, kStart);
  return exchange.finish(head, kStart);
}

Attempt streamed(const std::vector<std::string_view>& pieces) {
  return attempt(head(200, "text/event-stream; charset=utf-8"), pieces);
}

/// The error of an answer with a status.
Error refused(int status, std::string_view body) {
  return attempt(head(status, "application/json"), {body}).reply.error();
}

TEST(HttpExchange, F48_EverySplitOfAStreamGivesTheSameReply) {
  const Attempt whole = streamed({kRecorded});
  ASSERT_TRUE(whole.reply) << whole.reply.error().message;
  EXPECT_EQ(whole.reply->text, "Gr\u00fc\u00dfe \U0001F44B");
  EXPECT_EQ(whole.reply->tool_calls.size(), 2U);
  EXPECT_EQ(whole.reply->usage.input, 7U);
  const std::string expected = canonical_bytes(*whole.reply);
  const std::string_view all = kRecorded;
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    const Attempt split = streamed({all.substr(0, cut), all.substr(cut)});
    ASSERT_TRUE(split.reply) << cut;
    EXPECT_EQ(canonical_bytes(*split.reply), expected) << cut;
  }
}

TEST(HttpExchange, F41_EveryTruncationOfAStreamIsAnError) {
  const std::string_view all = kRecorded;
  for (std::size_t cut = 0; cut < all.size(); ++cut) {
    const Attempt truncated = streamed({all.substr(0, cut)});
    ASSERT_FALSE(truncated.reply) << cut;
    EXPECT_EQ(truncated.reply.error().code, Errc::protocol) << cut;
  }
}

TEST(HttpExchange, F41_AStreamThatIsCutOffIsRepeatedAFewTimes) {
  const std::string_view all = kRecorded;
  for (const std::size_t cut : {std::size_t{0}, all.size() / 2, all.size() - 1})
    EXPECT_EQ(streamed({all.substr(0, cut)}).repeat, Repeat::at_most) << cut;
}

TEST(HttpExchange, WhatComesAfterTheEndMarkDoesNotMatter) {
  HttpExchange done = fresh();
  done.take_head(head(200, "text/event-stream"));
  done.take_body(kRecorded + "data: nonsense\n\n", kStart);
  EXPECT_TRUE(done.finish(Error{Errc::protocol, "no last chunk"}, kStart).reply);
}

TEST(HttpExchange, F47_AnotherContentTypeIsAnError) {
  const Attempt html = attempt(head(200, "text/html"), {"<html>"});
  EXPECT_EQ(html.reply.error(), (Error{Errc::protocol, "unexpected content type text/html"}));
  EXPECT_EQ(html.repeat, Repeat::never);
  EXPECT_EQ(attempt({.status = 200}, {}).reply.error().message, "unexpected content type (none)");
}

TEST(HttpExchange, F47_AnEmptyBodyIsAnError) {
  EXPECT_EQ(streamed({}).reply.error().code, Errc::protocol);
  EXPECT_EQ(attempt(head(200, "application/json"), {}).reply.error().code, Errc::protocol);
}

TEST(HttpExchange, F47_TakesOneWholeObjectInsteadOfAStream) {
  const Attempt whole =
      attempt(head(200, "application/json"),
              {R"({"choices":[{"message":{"content":"hi")", R"(},"finish_reason":"stop"}]})"});
  ASSERT_TRUE(whole.reply) << whole.reply.error().message;
  EXPECT_EQ(whole.reply->text, "hi");
}

TEST(HttpExchange, F45_AStatusHasAMeaning) {
  EXPECT_EQ(refused(400, "").code, Errc::invalid);
  EXPECT_EQ(refused(401, "").code, Errc::unauthorized);
  EXPECT_EQ(refused(403, "").code, Errc::unauthorized);
  EXPECT_EQ(refused(404, "").code, Errc::not_found);
  EXPECT_EQ(refused(408, "").code, Errc::unavailable);
  EXPECT_EQ(refused(409, "").code, Errc::unavailable);
  EXPECT_EQ(refused(413, "").code, Errc::too_large);
  EXPECT_EQ(refused(429, "").code, Errc::rate_limited);
  EXPECT_EQ(refused(500, "").code, Errc::unavailable);
  EXPECT_EQ(refused(529, "").code, Errc::unavailable);
  EXPECT_EQ(refused(307, "").code, Errc::invalid);
  EXPECT_EQ(refused(204, "").message, "HTTP 204: no reason given");
}

TEST(HttpExchange, F43_AQuotaThatIsUsedUpIsNoRateLimit) {
  EXPECT_EQ(refused(429, R"({"error":{"message":"m","code":"insufficient_quota"}})").code,
            Errc::exhausted);
  EXPECT_EQ(
      refused(429, R"({"error":{"message":"m","type":"insufficient_quota","code":null}})").code,
      Errc::exhausted);
}

TEST(HttpExchange, F45_AConversationThatIsTooLongIsToldApart) {
  EXPECT_EQ(refused(400, R"({"error":{"message":"m","type":"invalid_request_error",
                             "code":"context_length_exceeded"}})")
                .code,
            Errc::too_large);
  EXPECT_EQ(refused(400, R"({"error":{"code":400,"type":"exceed_context_size_error"}})").code,
            Errc::too_large);
  EXPECT_EQ(refused(400, R"({"type":"error","error":{"type":"invalid_request_error",
                             "message":"prompt is too long: 208310 tokens > 200000 maximum"}})")
                .code,
            Errc::too_large);
  EXPECT_EQ(refused(400, R"({"object":"error","type":"BadRequestError","code":400,
                             "message":"This model's maximum context length is 8192 tokens."})")
                .code,
            Errc::too_large);
  EXPECT_EQ(refused(401, R"({"error":{"message":"prompt is too long"}})").code, Errc::unauthorized);
}

TEST(HttpExchange, FindsTheReasonInEveryShape) {
  for (const char* body :
       {R"({"error":{"message":"no such model"}})", R"({"error":"no such model"})",
        R"({"detail":"no such model"})", R"({"message":"no such model"})", "no such model"}) {
    EXPECT_EQ(refused(404, body).message, "HTTP 404: no such model") << body;
  }
}

TEST(HttpExchange, ShortensTheReason) {
  const std::string text = refused(500, std::string(1'000'000, '\xFF')).message;
  EXPECT_LT(text.size(), 400U);
  EXPECT_THAT(text, HasSubstr("more bytes)"));
}

Repeat repeat_after(const HttpHead& head) {
  return attempt(head, {}).repeat;
}

TEST(HttpExchange, F44_OnlyWhatMayPassIsRepeated) {
  for (const int status : {408, 429, 502, 503, 504, 529})
    EXPECT_EQ(repeat_after(head(status, "text/plain")), Repeat::until_it_passes) << status;
  for (const int status : {409, 500, 501, 599})
    EXPECT_EQ(repeat_after(head(status, "text/plain")), Repeat::at_most) << status;
  for (const int status : {307, 400, 401, 403, 404, 413, 422})
    EXPECT_EQ(repeat_after(head(status, "text/plain")), Repeat::never) << status;
}

TEST(HttpExchange, F44_TheServerHasTheLastWord) {
  EXPECT_EQ(repeat_after({.status = 503, .headers = {{"X-Should-Retry", "false"}}}), Repeat::never);
  EXPECT_EQ(repeat_after({.status = 400, .headers = {{"X-Should-Retry", "true"}}}),
            Repeat::at_most);
}

Repeat repeat_after(const Error& error, SteadyTime now = kStart) {
  return fresh().finish(error, now).repeat;
}

TEST(HttpExchange, F37_F39_AServerThatIsNotThereIsWaitedFor) {
  EXPECT_EQ(repeat_after({Errc::unavailable, "refused"}), Repeat::until_it_passes);
  EXPECT_EQ(repeat_after({Errc::timed_out, "no answer"}), Repeat::until_it_passes);
  EXPECT_EQ(repeat_after({Errc::protocol, "lost"}), Repeat::at_most);
  EXPECT_EQ(repeat_after({Errc::cancelled, "cancelled"}), Repeat::never);
  EXPECT_EQ(repeat_after({Errc::invalid, "url"}), Repeat::never);
}

TEST(HttpExchange, F40_AStreamThatHangsIsRepeatedAndOneThatTookAllItsTimeIsNot) {
  const auto repeat_of = [](seconds after) {
    HttpExchange hanging = fresh();
    hanging.take_head(head(200, "text/event-stream"));
    hanging.take_body(kRecorded.substr(0, kRecorded.size() / 2), kStart);
    return hanging.finish(Error{Errc::timed_out, "no byte"}, kStart + after).repeat;
  };
  EXPECT_EQ(repeat_of(seconds{60}), Repeat::at_most);
  EXPECT_EQ(repeat_of(seconds{1'200}), Repeat::never);
}

TEST(HttpExchange, F43_ReadsRetryAfterWhereItIsANumber) {
  const auto asked = [](std::string value) { return retry_after({{"Retry-After", value}}); };
  EXPECT_EQ(asked("7"), Milliseconds{7'000});
  EXPECT_EQ(asked("0.5"), Milliseconds{500});
  EXPECT_EQ(asked("0"), Milliseconds{0});
  EXPECT_EQ(asked("1000000000000"), Milliseconds{1'000'000'000});
  for (const char* nothing : {"-1", "Wed, 21 Oct 2026 07:28:00 GMT", "soon", "", "nan", "7s"})
    EXPECT_EQ(asked(nothing), std::nullopt) << nothing;
  EXPECT_EQ(retry_after({{"retry-after-ms", "12.5"}, {"retry-after", "9"}}), Milliseconds{12});
}

TEST(HttpExchange, F43_HoldsADateAgainstTheClockOfTheServer) {
  const auto asked = [](std::string until) {
    return retry_after({{"Date", "Wed, 21 Oct 2026 07:28:00 GMT"}, {"Retry-After", until}});
  };
  EXPECT_EQ(asked("Wed, 21 Oct 2026 07:29:30 GMT"), Milliseconds{90'000});
  EXPECT_EQ(asked("Wed, 21 Oct 2026 07:00:00 GMT"), Milliseconds{0});
  EXPECT_EQ(asked("Wed, 21 Oct 2026 07:29:30 GMT or so"), std::nullopt);
  EXPECT_EQ(asked("2026-10-21T07:29:30Z"), std::nullopt);
}

TEST(HttpExchange, S63_ALineWithoutEndIsRefused) {
  HttpExchange endless = fresh();
  endless.take_head(head(200, "text/event-stream"));
  const std::string piece(256 << 10, 'a');
  endless.take_body("data: ", kStart);
  for (int i = 0; i < 5; ++i)
    endless.take_body(piece, kStart);
  EXPECT_TRUE(endless.hopeless());
  EXPECT_EQ(endless.finish(Error{Errc::cancelled, "cancelled"}, kStart).reply.error().code,
            Errc::too_large);
}

TEST(HttpExchange, S64_CommentsDoNotKeepAnAnswerAlive) {
  HttpExchange slow = fresh();
  slow.take_head(head(200, "text/event-stream"));
  slow.take_body(":\n\n", kStart + seconds{119});
  EXPECT_FALSE(slow.hopeless());  // a model may load for minutes
  slow.take_body("data: {\"choices\":[]}\n\n", kStart + seconds{120});
  slow.take_body(":\n\n", kStart + seconds{180});
  EXPECT_FALSE(slow.hopeless());
  slow.take_body(":\n\n", kStart + seconds{181});
  EXPECT_TRUE(slow.hopeless());
  const Attempt late = slow.finish(Error{Errc::cancelled, "cancelled"}, kStart + seconds{181});
  EXPECT_EQ(late.reply.error(), (Error{Errc::timed_out, "no event for 60000 ms, only comments"}));
  EXPECT_EQ(late.repeat, Repeat::never) << "it had begun, and would take as long again";
}

}  // namespace
}  // namespace tinkerbell
