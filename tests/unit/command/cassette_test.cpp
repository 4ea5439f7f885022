#include "tinkerbell/command/cassette.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tinkerbell {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

AwaitLLMResponse question(std::vector<Message> messages) {
  AwaitLLMResponse question{
      .model = "default", .messages = {}, .tools = {{.name = "run_program"}}, .tokens_max = 100};
  for (Message& message : messages)
    question.messages.add(std::move(message));
  return question;
}

/// What an agent asks at first, and after a program that printed `output`.
AwaitLLMResponse first_question(const std::string& goal = "count the words") {
  return question(
      {{.role = Role::system, .text = "You are an agent."}, {.role = Role::user, .text = goal}});
}

AwaitLLMResponse second_question(const std::string& output) {
  AwaitLLMResponse next = first_question();
  next.messages.add({.role = Role::assistant,
                     .tool_calls = {{.id = "c1", .name = "run_program", .arguments = "{}"}}});
  next.messages.add({.role = Role::tool, .text = output, .tool_call_id = "c1"});
  return next;
}

Exchange answered(std::uint32_t step, const AwaitLLMResponse& question, const std::string& text) {
  return {.step = Seq{step},
          .fingerprint = fingerprint_of(canonical_command(question)).hex(),
          .model = question.model,
          .tokens_max = question.tokens_max,
          .reply = AwaitLLMResponse::Reply{.text = text}};
}

Cassette recorded() {
  return {.kind = "agent@1",
          .title = "count the words",
          .exchanges = {answered(2, first_question(), "one"),
                        answered(4, second_question("exit 0"), "two")}};
}

std::string answer_in(const Cassette& cassette, std::uint32_t step,
                      const AwaitLLMResponse& question) {
  const Result<const Exchange*> found = exchange_for(cassette, Seq{step}, question);
  return found ? (*found)->reply->text : found.error().message;
}

TEST(Cassette, AnswersAQuestionByItsFingerprint) {
  EXPECT_EQ(answer_in(recorded(), 2, first_question()), "one");
  EXPECT_EQ(answer_in(recorded(), 4, second_question("exit 0")), "two");
  EXPECT_EQ(answer_in(recorded(), 9, first_question()), "one");  // the steps may have moved
}

TEST(Cassette, TellsEqualQuestionsApartByTheirSteps) {
  Cassette twice = recorded();
  twice.exchanges.push_back(answered(6, first_question(), "again"));
  EXPECT_EQ(answer_in(twice, 2, first_question()), "one");
  EXPECT_EQ(answer_in(twice, 6, first_question()), "again");
  const Result<const Exchange*> neither = exchange_for(twice, Seq{3}, first_question());
  ASSERT_FALSE(neither);
  EXPECT_EQ(neither.error().code, Errc::conflict);
  EXPECT_THAT(neither.error().message, HasSubstr("2 answers to this question, and none of step 3"));
}

TEST(Cassette, SaysHowFarAQuestionIsAsRecorded) {
  AwaitLLMResponse changed = second_question("exit 1");
  EXPECT_THAT(answer_in(recorded(), 4, changed),
              EndsWith("no answer to this question: its first 3 messages are as recorded, and then "
                       "comes message 4 (the outcome of run_program)"));
  changed.messages.add({.role = Role::user, .text = "secret words"});
  EXPECT_THAT(answer_in(recorded(), 4, changed),
              EndsWith("message 4 (the outcome of run_program), message 5 (user)"));
  EXPECT_THAT(answer_in(recorded(), 4, changed), Not(HasSubstr("secret words")));
}

TEST(Cassette, SaysOfWhichTaskItWasRecordedWhereNotEvenTheBeginningIsKnown) {
  const Result<const Exchange*> found =
      exchange_for(recorded(), Seq{2}, first_question("count the lines"));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::not_found);
  EXPECT_THAT(found.error().message,
              HasSubstr("system prompt, tools or first messages are others than those of agent@1 "
                        "\"count the words\""));
}

TEST(Cassette, SaysOfWhichModelTheSameWasAsked) {
  AwaitLLMResponse other = first_question();
  other.model = "fast";
  other.tokens_max = 7;
  EXPECT_THAT(answer_in(recorded(), 2, other),
              HasSubstr("it was recorded with model \"default\" (at most 100 tokens) and is asked "
                        "of model \"fast\" (at most 7 tokens)"));
}

TEST(Cassette, HasNothingForATaskThatWasNotRecorded) {
  EXPECT_THAT(answer_in({}, 2, first_question()), HasSubstr("it has none of this task"));
}

TEST(Cassette, IsReadBackFromItsJsonWithAllThatAReplyHas) {
  Cassette cassette = recorded();
  cassette.exchanges[0].reply = AwaitLLMResponse::Reply{
      .text = "grüß",
      .tool_calls = {{.id = "c", .name = "n", .arguments = "{\"a\": 1}"}},
      .finish = FinishReason::tool_calls,
      .usage = {.input = 9, .input_cached = 1, .output = 2, .known = true},
      .model = "gpt",
      .received_unix_ns = 12,
      .kept = {{.provider = "anthropic", .json = "{}", .text_before = 1, .calls_before = 1}},
      .cost = Money::of_trillionths(1'500'000)};
  cassette.exchanges[1].reply.reset();
  cassette.exchanges[1].error = RecordedError{Errc::unauthorized, "HTTP 401"};
  cassette.children = {recorded()};
  const Result<Cassette> read = cassette_from(*parse_json(dump_json(to_json_value(cassette))));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(canonical_bytes(*read), canonical_bytes(cassette));
  EXPECT_EQ(count_exchanges(*read), 4U);
}

TEST(Cassette, IsRefusedWithThePlaceWhereItIsWrong) {
  const auto refusal = [](const auto& spoil) {
    Cassette cassette = recorded();
    cassette.children = {recorded()};
    spoil(cassette.children[0].exchanges[1]);
    const Result<Cassette> read = cassette_from(to_json_value(cassette));
    return read ? std::string() : read.error().message;
  };
  const std::string place = "children: element 0: exchanges: element 1: ";
  EXPECT_EQ(refusal([](Exchange&) {}), "");
  EXPECT_EQ(refusal([](Exchange& each) { each.fingerprint = "12"; }),
            place + "fingerprint: must be 32 hexadecimal digits");
  EXPECT_EQ(refusal([](Exchange& each) { each.fingerprint[3] = 'G'; }),
            place + "fingerprint: must be 32 hexadecimal digits");
  EXPECT_EQ(refusal([](Exchange& each) { each.reply.reset(); }),
            place + "must have either a reply or an error");
  EXPECT_EQ(refusal([](Exchange& each) { each.error = RecordedError{}; }),
            place + "must have either a reply or an error");
  for (const char* text : {"null", "[]", R"({"exchanges": 1})", R"({"exchanges": [{"step": -1}]})",
                           R"({"exchanges": [{"reply": {"cost": 1}}]})",
                           R"({"exchanges": [{"reply": {"cost": "1e3"}}]})"})
    EXPECT_FALSE(cassette_from(*parse_json(text))) << text;
}

TEST(CassetteRef, AChildHasItsOwnPartAndOneThatWasNotRecordedAnEmptyOne) {
  Cassette family = recorded();
  family.children = {{.kind = "a"}, {.kind = "b"}};
  const CassetteRef root(std::move(family));
  EXPECT_EQ(root.of_child(1)->kind, "b");
  EXPECT_TRUE(root.of_child(2));
  EXPECT_TRUE(root.of_child(2)->exchanges.empty());
  EXPECT_FALSE(CassetteRef().of_child(0));
}

TEST(CassetteRef, IsReadBackFromCanonicalBytes) {
  const CassetteRef ref(recorded());
  const Result<CassetteRef> read = from_canonical<CassetteRef>(canonical_bytes(ref));
  ASSERT_TRUE(read);
  EXPECT_EQ(canonical_bytes(**read), canonical_bytes(recorded()));
  const Result<CassetteRef> none = from_canonical<CassetteRef>(canonical_bytes(CassetteRef()));
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

}  // namespace
}  // namespace tinkerbell
