#include "unit/drivers/llm/recordings.hpp"

#include "tinkerbell/base/fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A sanitizer makes each of them ten times as long.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::size_t kCutStep = 5;
#else
constexpr std::size_t kCutStep = 1;
#endif

class RecordingTest : public testing::TestWithParam<ProviderType> {
 protected:
  static ModelReply reply_to(std::string_view name, const ModelQuestion& question = {}) {
    const Attempt whole = streamed(GetParam(), {recorded(GetParam(), name)}, question);
    EXPECT_TRUE(whole.reply) << name << ": " << whole.reply.error().message;
    return whole.reply ? *whole.reply : ModelReply{};
  }

  static bool is(ProviderType type) { return GetParam() == type; }
};

INSTANTIATE_TEST_SUITE_P(Services, RecordingTest, testing::ValuesIn(kServices),
                         [](const auto& service) { return std::string(name_of(service.param)); });

/// One recording with one kind of line ends.
struct Recording {
  ProviderType service;
  std::string_view name;
  std::string_view line_end;
};

class WholeRecordingTest : public testing::TestWithParam<Recording> {
 protected:
  static Attempt attempt(const std::vector<std::string_view>& pieces) {
    return streamed(GetParam().service, pieces);
  }

  std::string recording_ = recorded(GetParam().service, GetParam().name);
  std::string bytes_ = with_line_ends(recording_, GetParam().line_end);
  std::string_view all_ = bytes_;
};

std::vector<Recording> all_whole_recordings() {
  std::vector<Recording> all;
  for (const ProviderType service : kServices) {
    for (const std::string_view name : whole_recordings(service)) {
      for (const std::string_view end : {"\n", "\r\n", "\r"})
        all.push_back({service, name, end});
    }
  }
  return all;
}

std::string name_of_recording(const testing::TestParamInfo<Recording>& info) {
  const std::string_view end = info.param.line_end;
  return std::string(name_of(info.param.service)) + "_" + std::string(info.param.name) +
         (end == "\n"     ? "_LF"
          : end == "\r\n" ? "_CRLF"
                          : "_CR");
}

INSTANTIATE_TEST_SUITE_P(Services, WholeRecordingTest, testing::ValuesIn(all_whole_recordings()),
                         name_of_recording);

TEST_P(WholeRecordingTest, F48_S65_EverySplitWithEveryLineEndGivesTheSameReply) {
  const Attempt whole = attempt({recording_});
  ASSERT_TRUE(whole.reply) << whole.reply.error().message;
  const std::string expected = canonical_bytes(*whole.reply);
  for (std::size_t cut = 0; cut <= all_.size(); cut += kCutStep) {
    const Attempt split = attempt({all_.substr(0, cut), all_.substr(cut)});
    ASSERT_TRUE(split.reply) << cut << ": " << split.reply.error().message;
    ASSERT_EQ(canonical_bytes(*split.reply), expected) << cut;
  }
}

TEST_P(WholeRecordingTest, F41_EveryBeginningIsAnErrorAndNoAnswer) {
  const std::size_t whole =
      all_.size() - GetParam().line_end.size() + 1;  // a line ends with its CR
  for (std::size_t cut = 0; cut < whole; cut += kCutStep) {
    const Attempt beginning = attempt({all_.substr(0, cut)});
    ASSERT_FALSE(beginning.reply) << cut;
    ASSERT_EQ(beginning.reply.error().code, Errc::protocol) << cut;
  }
  EXPECT_TRUE(attempt({all_.substr(0, whole)}).reply);
}

TEST_P(RecordingTest, F41_AStreamThatIsCutOffIsRepeatedAFewTimes) {
  EXPECT_EQ(streamed(GetParam(), {}).repeat, Repeat::at_most);
  const std::string stream = recorded(GetParam(), "error");
  EXPECT_EQ(streamed(GetParam(), {stream.substr(0, stream.find("Half") + 4)}).repeat,
            Repeat::at_most);
}

/// An exchange that has seen the head of a good answer.
HttpExchange begun(ProviderType service) {
  const WireFormat& format = wire_format(service);
  HttpExchange exchange(format.stream({}, {}), format.framing, HttpTimeouts{}, kStart);
  exchange.take_head(
      {.status = 200, .headers = {{"Content-Type", std::string(stream_type(format.framing))}}});
  return exchange;
}

/// The stream up to each of its blank lines or line ends, whichever ends an event.
std::vector<std::string> beginnings(ProviderType service, const std::string& stream) {
  const std::string_view end = wire_format(service).framing == Framing::events ? "\n\n" : "\n";
  std::vector<std::string> found{""};
  for (std::size_t at = 0; (at = stream.find(end, at)) != std::string::npos; at += end.size())
    found.push_back(stream.substr(0, at + end.size()));
  return found;
}

TEST_P(RecordingTest, F40_AStreamThatHangsAfterAnyEventIsNoAnswerAndIsRepeatedAFewTimes) {
  std::vector<std::string> hanging = beginnings(GetParam(), recorded(GetParam(), "calls"));
  ASSERT_TRUE(streamed(GetParam(), {hanging.back()}).reply);
  while (!hanging.empty() && streamed(GetParam(), {hanging.back()}).reply)
    hanging.pop_back();  // those at whose end there is the end mark
  ASSERT_GT(hanging.size(), 3U);
  for (const std::string& beginning : hanging) {
    HttpExchange exchange = begun(GetParam());
    exchange.take_body(beginning, kStart);
    const Attempt hung = exchange.finish(Error{Errc::timed_out, "the answer stopped"},
                                         kStart + std::chrono::seconds{60});
    ASSERT_FALSE(hung.reply) << beginning;
    EXPECT_EQ(hung.reply.error().code, Errc::timed_out);
    EXPECT_EQ(hung.repeat, Repeat::at_most);
    EXPECT_TRUE(hung.may_have_cost);
  }
}

/// A text with letters of one to four bytes, and its end.
std::string short_stream(ProviderType service) {
  switch (service) {
    case ProviderType::openai_responses:
      return "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\","
             "\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\","
             "\"text\":\"a\u00fc\u2026\U0001F44B\"}]}]}}\r\n\r\n";
    case ProviderType::anthropic:
      return "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{"
             "\"type\":\"text\",\"text\":\"a\u00fc\u2026\U0001F44B\"}}\n\n"
             "data: {\"type\":\"content_block_stop\",\"index\":0}\r\r"
             "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n"
             "data: {\"type\":\"message_stop\"}\r\n\r\n";
    case ProviderType::ollama:
      return "{\"message\":{\"content\":\"a\u00fc\u2026\U0001F44B\"}}\r\n"
             "{\"done\":true,\"done_reason\":\"stop\"}\r\n";
    default:
      return "data: {\"choices\":[{\"delta\":{\"content\":\"a\u00fc\u2026\U0001F44B\"},"
             "\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\r\r";
  }
}

TEST_P(RecordingTest, F48_EverySplitInThreeGivesTheSameText) {
  const std::string stream = short_stream(GetParam());
  const std::string_view all = stream;
  for (std::size_t first = 0; first <= all.size(); first += kCutStep) {
    for (std::size_t second = first; second <= all.size(); second += kCutStep) {
      const Attempt split =
          streamed(GetParam(),
                   {all.substr(0, first), all.substr(first, second - first), all.substr(second)});
      ASSERT_TRUE(split.reply) << first << ", " << second << ": " << split.reply.error().message;
      ASSERT_EQ(split.reply->text, "a\u00fc\u2026\U0001F44B") << first << ", " << second;
    }
  }
}

TEST_P(RecordingTest, StreamsTheTextInItsPieces) {
  std::vector<std::string> pieces;
  const Attempt whole = streamed(GetParam(), {recorded(GetParam(), "calls")}, {},
                                 [&](std::string_view piece) { pieces.emplace_back(piece); });
  EXPECT_THAT(pieces, ElementsAre("Gr\u00fc\u00dfe", " \U0001F44B"));
  EXPECT_EQ(whole.reply->text, "Gr\u00fc\u00dfe \U0001F44B");
  EXPECT_EQ(whole.reply->model, "m-1");
}

TEST_P(RecordingTest, CollectsParallelCalls) {
  const ModelReply reply = reply_to("calls");
  const bool has_ids = !is(ProviderType::ollama);
  EXPECT_THAT(reply.tool_calls,
              ElementsAre(ToolCall{has_ids ? "a" : "call_1", "f", "{\"x\":\"\u00fc\"}"},
                          ToolCall{has_ids ? "b" : "call_2", "g", "{}"}));
  EXPECT_EQ(reply.finish, FinishReason::tool_calls);
}

TEST_P(RecordingTest, GivesUsageInOneForm) {
  const TokenUsage usage = reply_to("calls").usage;
  EXPECT_TRUE(usage.known);
  EXPECT_EQ(usage.input, 107U);
  EXPECT_EQ(usage.output, 25U);
}

TEST_P(RecordingTest, GivesTheFiguresOfTheCacheAndOfReasoning) {
  const TokenUsage usage = reply_to("calls").usage;
  const bool has_them = !is(ProviderType::ollama);
  EXPECT_EQ(usage.input_cached, has_them ? 40U : 0U);
  EXPECT_EQ(usage.input_cache_write, has_them ? 7U : 0U);
  EXPECT_EQ(usage.output_reasoning, has_them ? 9U : 0U);
}

TEST_P(RecordingTest, F49_ACallThatWasCutAtTheTokenLimitIsNotThere) {
  const ModelReply reply = reply_to("length");
  EXPECT_EQ(reply.finish, FinishReason::length);
  EXPECT_THAT(reply.tool_calls, IsEmpty());
  EXPECT_THAT(reply.kept, IsEmpty()) << "thinking without what it led to is refused";
  EXPECT_EQ(reply.text, "I remove it.");
}

TEST_P(RecordingTest, F46_PassesOverWhatItDoesNotKnowAndWrongTypes) {
  const ModelReply reply = reply_to("odd");
  EXPECT_EQ(reply.text, "yes");
  EXPECT_EQ(reply.finish, FinishReason::stop);
  EXPECT_EQ(reply.model, "m-1");
  EXPECT_THAT(reply.tool_calls, IsEmpty());
  EXPECT_FALSE(reply.usage.known);
}

TEST_P(RecordingTest, F46_CountsWhatItDoesNotKnow) {
  const std::map<ProviderType, std::uint32_t> odd = {{ProviderType::openai_chat, 3},
                                                     {ProviderType::openai_responses, 5},
                                                     {ProviderType::anthropic, 3},
                                                     {ProviderType::ollama, 2}};
  EXPECT_EQ(streamed(GetParam(), {recorded(GetParam(), "odd")}).passed_over, odd.at(GetParam()));
  for (const char* const known : {"calls", "length"})
    EXPECT_EQ(streamed(GetParam(), {recorded(GetParam(), known)}).passed_over, 0U) << known;
}

TEST_P(RecordingTest, ARefusalIsARefusal) {
  if (is(ProviderType::ollama)) GTEST_SKIP() << "has none";
  const ModelReply reply = reply_to("refusal");
  EXPECT_EQ(reply.finish, FinishReason::refusal);
  EXPECT_EQ(reply.text, "I cannot.");
}

TEST_P(RecordingTest, AnErrorInTheMiddleIsAnError) {
  const Attempt failed = streamed(GetParam(), {recorded(GetParam(), "error")});
  ASSERT_FALSE(failed.reply);
  const bool has_code = !is(ProviderType::ollama);
  EXPECT_EQ(failed.reply.error().code, has_code ? Errc::rate_limited : Errc::unavailable);
  EXPECT_THAT(failed.reply.error().message,
              HasSubstr(has_code ? "the server broke off: slow down"
                                 : "the server broke off: an error was encountered"));
  EXPECT_EQ(failed.repeat, has_code ? Repeat::until_it_passes : Repeat::at_most);
}

/// A failure in the words of the service.
std::string failure_body(ProviderType service, const std::string& type) {
  switch (service) {
    case ProviderType::anthropic:
      return R"({"type":"error","error":{"type":")" + type + R"(","message":"m"}})";
    case ProviderType::ollama:
      return R"({"error":"m"})";
    default:
      return R"({"error":{"message":"m","type":")" + type + R"(","param":null,"code":null}})";
  }
}

TEST_P(RecordingTest, F44_F45_AStatusHasItsMeaningAndOnlyWhatMayPassIsRepeated) {
  struct Row {
    int status;
    const char* type;  ///< As Anthropic has it; OpenAI's are fewer.
    Errc code;
    Repeat repeat;
  };

  for (const Row& row :
       {Row{400, "invalid_request_error", Errc::invalid, Repeat::never},
        Row{401, "authentication_error", Errc::unauthorized, Repeat::never},
        Row{402, "billing_error", Errc::exhausted, Repeat::never},
        Row{403, "permission_error", Errc::unauthorized, Repeat::never},
        Row{404, "not_found_error", Errc::not_found, Repeat::never},
        Row{409, "conflict_error", Errc::unavailable, Repeat::at_most},
        Row{413, "request_too_large", Errc::too_large, Repeat::never},
        Row{429, "rate_limit_error", Errc::rate_limited, Repeat::until_it_passes},
        Row{500, "api_error", Errc::unavailable, Repeat::at_most},
        Row{503, "unavailable", Errc::unavailable, Repeat::until_it_passes},
        Row{504, "timeout_error", Errc::unavailable, Repeat::until_it_passes},
        Row{529, "overloaded_error", Errc::unavailable, Repeat::until_it_passes}}) {
    const HttpHead head{.status = row.status,
                        .headers = {{"Content-Type", "application/json"}, {"Retry-After", "2"}}};
    const Attempt failed = attempt(GetParam(), head, {failure_body(GetParam(), row.type)});
    ASSERT_FALSE(failed.reply) << row.status;
    EXPECT_EQ(failed.reply.error(),
              (Error{row.code, "HTTP " + std::to_string(row.status) + ": m"}));
    EXPECT_EQ(failed.repeat, row.repeat) << row.status;
    EXPECT_EQ(failed.retry_after, Milliseconds{2'000});
  }
}

TEST_P(RecordingTest, F45_AConversationThatIsTooLongIsToldApartWhereTheServiceSaysSo) {
  if (is(ProviderType::anthropic) || is(ProviderType::ollama)) GTEST_SKIP() << "says so in words";
  const Attempt failed = attempt(GetParam(), {.status = 400},
                                 {R"({"error":{"message":"m","code":"context_length_exceeded"}})"});
  EXPECT_EQ(failed.reply.error().code, Errc::too_large);
}

TEST_P(RecordingTest, WhatComesAfterTheEndMarkDoesNotMatter) {
  const std::string more = recorded(GetParam(), "calls") + recorded(GetParam(), "error");
  const Attempt whole = streamed(GetParam(), {more});
  ASSERT_TRUE(whole.reply) << whole.reply.error().message;
  EXPECT_EQ(canonical_bytes(*whole.reply), canonical_bytes(reply_to("calls")));
}

TEST_P(RecordingTest, F46_AMalformedEventIsAProtocolError) {
  for (const std::string data : {"{", "[1]", "null", "hello", "{\"type\":\"x\",\"type\":\"x\"}"}) {
    const bool events = wire_format(GetParam()).framing == Framing::events;
    const Attempt failed = streamed(GetParam(), {events ? "data: " + data + "\n\n" : data + "\n"});
    ASSERT_FALSE(failed.reply) << data;
    EXPECT_EQ(failed.reply.error().code, Errc::protocol) << data;
    EXPECT_THAT(failed.reply.error().message, HasSubstr("a chunk of the answer")) << data;
  }
}

TEST_P(RecordingTest, S63_ALineWithoutEndIsRefused) {
  HttpExchange endless = begun(GetParam());
  endless.take_body("data: ", kStart);
  const std::string piece(256 << 10, 'a');
  for (int i = 0; i < 4; ++i)
    endless.take_body(piece, kStart);
  EXPECT_TRUE(endless.hopeless());
  const Attempt refused = endless.finish(Error{Errc::cancelled, "cancelled"}, kStart);
  EXPECT_EQ(refused.reply.error().code, Errc::too_large);
}

TEST_P(RecordingTest, S64_WhatIsNoEventDoesNotKeepAnAnswerAlive) {
  HttpExchange silent = begun(GetParam());
  const char* const nothing = is(ProviderType::ollama) ? "\n\n" : ":\n\n";
  silent.take_body(nothing, kStart + std::chrono::seconds{120});
  EXPECT_FALSE(silent.hopeless());
  silent.take_body(nothing, kStart + std::chrono::seconds{121});
  EXPECT_TRUE(silent.hopeless());
  EXPECT_EQ(silent.finish(Error{Errc::cancelled, "cancelled"}, kStart).reply.error().code,
            Errc::timed_out);
}

TEST_P(RecordingTest, F47_TheStreamOfAnotherServiceIsNoAnswer) {
  const char* const other = is(ProviderType::ollama) ? "text/event-stream" : "application/x-ndjson";
  const Attempt wrong = attempt(GetParam(), {.status = 200, .headers = {{"Content-Type", other}}},
                                {recorded(GetParam(), "calls")});
  EXPECT_EQ(wrong.reply.error(),
            (Error{Errc::protocol, "unexpected content type " + std::string(other)}));
}

/// A question that the reply to another belongs to.
ModelQuestion question_after(const ModelReply& reply) {
  ModelQuestion question{.model = "m", .tokens_max = 100, .context_tokens = 1'000};
  question.messages.add({.role = Role::user, .text = "Go on"});
  question.messages.add({.role = Role::assistant,
                         .text = reply.text,
                         .tool_calls = reply.tool_calls,
                         .kept = reply.kept});
  for (const ToolCall& call : reply.tool_calls)
    question.messages.add({.role = Role::tool, .text = "done", .tool_call_id = call.id});
  return question;
}

TEST_P(RecordingTest, WhatMustGoBackGoesBackByteForByteAndToItsOwnServiceOnly) {
  const ModelReply reply = reply_to("calls");
  const std::size_t expected = is(ProviderType::anthropic)     ? 2
                               : is(ProviderType::openai_chat) ? 0
                                                               : 1;
  ASSERT_EQ(reply.kept.size(), expected);
  const ModelQuestion next = question_after(reply);
  for (const KeptPiece& piece : reply.kept) {
    for (const ProviderType type : kServices) {
      const std::string body = wire_format(type).body(next, {.type = type});
      if (type == GetParam()) {
        EXPECT_THAT(body, HasSubstr(piece.json));
      } else {
        EXPECT_THAT(body, Not(HasSubstr(piece.json))) << name_of(type);
      }
    }
  }
}

// ---- structured output ----

const Json kSchema = {{"type", "object"},
                      {"properties", {{"n", {{"type", "integer"}}}}},
                      {"required", {"n"}},
                      {"additionalProperties", false}};

/// The body of a question to this service.
Json body_of(ProviderType service, const ModelQuestion& question) {
  return *parse_json(wire_format(service).body(question, {.type = service}));
}

TEST_P(RecordingTest, AsksForJsonOfASchema) {
  ModelQuestion question{.model = "m", .tokens_max = 100, .context_tokens = 1'000};
  question.messages.add({.role = Role::user, .text = "How many?"});
  Json expected = body_of(GetParam(), question);
  question.output_schema = kSchema;
  switch (GetParam()) {
    case ProviderType::openai_chat:
      expected["response_format"] = {
          {"type", "json_schema"},
          {"json_schema", {{"name", "answer"}, {"schema", kSchema}, {"strict", true}}}};
      break;
    case ProviderType::openai_responses:
      expected["text"] = {
          {"format",
           {{"type", "json_schema"}, {"name", "answer"}, {"schema", kSchema}, {"strict", true}}}};
      break;
    case ProviderType::anthropic:
      expected["output_config"] = {{"format", {{"type", "json_schema"}, {"schema", kSchema}}}};
      break;
    case ProviderType::ollama:
      expected["format"] = kSchema;
      break;
    case ProviderType::offline:
      break;
  }
  EXPECT_EQ(body_of(GetParam(), question), expected);
}

// ---- thinking ----

/// What a question says of thinking, byte for byte: what its body has and one without does not.
std::string said_of(ProviderType service, Thinking thinking) {
  const ModelQuestion plain{.model = "m", .tokens_max = 100, .context_tokens = 1'000};
  ModelQuestion question = plain;
  question.thinking = thinking;
  const Json without = body_of(service, plain);
  Json said = body_of(service, question);
  for (const auto& [key, value] : without.items()) {
    EXPECT_EQ(said.at(key), value) << "nothing else changes";
    said.erase(key);
  }
  return dump_json(said);
}

TEST_P(RecordingTest, AsksForAsMuchThinkingAsIsWanted) {
  using enum Thinking;
  std::map<Thinking, std::string> said;
  for (const Thinking thinking : {off, on, low, medium, high})
    said[thinking] = said_of(GetParam(), thinking);
  switch (GetParam()) {
    case ProviderType::openai_chat:
      EXPECT_EQ(said[off], R"({"reasoning_effort":"none"})");
      EXPECT_EQ(said[low], R"({"reasoning_effort":"low"})");
      EXPECT_EQ(said[medium], R"({"reasoning_effort":"medium"})");
      EXPECT_EQ(said[high], R"({"reasoning_effort":"high"})");
      break;
    case ProviderType::openai_responses:
      EXPECT_EQ(said[off], R"({"reasoning":{"effort":"none"}})");
      EXPECT_EQ(said[low], R"({"reasoning":{"effort":"low"}})");
      EXPECT_EQ(said[medium], R"({"reasoning":{"effort":"medium"}})");
      EXPECT_EQ(said[high], R"({"reasoning":{"effort":"high"}})");
      break;
    case ProviderType::anthropic:
      EXPECT_EQ(said[off], R"({"thinking":{"type":"disabled"}})");
      EXPECT_EQ(said[on], R"({"thinking":{"type":"adaptive"}})");
      EXPECT_EQ(said[low], R"({"output_config":{"effort":"low"},"thinking":{"type":"adaptive"}})");
      EXPECT_EQ(said[medium],
                R"({"output_config":{"effort":"medium"},"thinking":{"type":"adaptive"}})");
      EXPECT_EQ(said[high],
                R"({"output_config":{"effort":"high"},"thinking":{"type":"adaptive"}})");
      break;
    case ProviderType::ollama:
      EXPECT_EQ(said[off], R"({"think":false})");
      EXPECT_EQ(said[on], R"({"think":true})");
      EXPECT_EQ(said[low], R"({"think":"low"})");
      EXPECT_EQ(said[medium], R"({"think":"medium"})");
      EXPECT_EQ(said[high], R"({"think":"high"})");
      break;
    case ProviderType::offline:
      break;
  }
}

TEST(AnthropicThinking, GoesBesideTheSchemaOfTheAnswer) {
  ModelQuestion question{.model = "m", .tokens_max = 100};
  question.output_schema = {{"type", "object"}};
  question.thinking = Thinking::high;
  EXPECT_EQ(dump_json(body_of(ProviderType::anthropic, question).at("output_config")),
            R"({"effort":"high","format":{"schema":{"type":"object"},"type":"json_schema"}})");
}

}  // namespace
}  // namespace tinkerbell
