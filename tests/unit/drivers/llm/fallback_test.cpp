#include "support/llm_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>

// Models that answer in another's place.

namespace tinkerbell {
namespace {

using Server = ScriptedHttpServer;
using ModelReply = AwaitLLMResponse::Reply;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::SizeIs;

Server::Script answer_of(const std::string& text) {
  return Server::answer(
      kEventsHead + text_event(text) + kStopEvent +
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":100}}\n\n" +
      kEndEvent);
}

Server::Script status(const std::string& line, const std::string& headers = "") {
  return status_answer(line, "{}", headers);
}

class Fallback : public testing::Test, protected LlmWorld {
 protected:
  /// "best" falls back to "spare".
  void serve(std::vector<Server::Script> best, std::vector<Server::Script> spare) {
    best_.emplace(std::move(best));
    spare_.emplace(std::move(spare));
    settings_.providers = {{.name = "one", .base_url = best_->url("/v1")},
                           {.name = "two", .base_url = spare_->url("/v1")}};
    settings_.models = {{.alias = "best", .provider = "one", .model = "m1", .fallback = {"spare"}},
                        {.alias = "spare", .provider = "two", .model = "m2"}};
  }

  Call call(std::uint32_t task) {
    AwaitLLMResponse command{.model = "best", .tokens_max = 100};
    command.messages.add({.role = Role::user, .text = "Say hello"});
    return {.id = {TaskId{task}, Seq{1}},
            .attempt = ++attempts_[task],
            .command = std::move(command),
            .key = std::string(31, 'a') + std::to_string(task),
            .asked = clock_.wall()};
  }

  Prepared prepare() { return *LlmWorld::prepare(call(99)); }

  void start(std::uint32_t task = 1) { begin(call(task)); }

  Result<ModelReply> outcome(std::uint32_t task = 1) {
    return LlmWorld::outcome({TaskId{task}, Seq{1}});
  }

  /// One attempt.
  Result<ModelReply> perform(std::uint32_t task = 1) {
    start(task);
    return outcome(task);
  }

  bool is_to_be_asked_again_now(const Result<ModelReply>& reply) const {
    return !reply && reply.error().retry_at == clock_.wall();
  }

  std::optional<Server> best_;
  std::optional<Server> spare_;
  std::map<std::uint32_t, std::uint32_t> attempts_;
};

TEST_F(Fallback, ThoseWhoMayReadTheConversationAreJudgedTogether) {
  serve({}, {});
  const Facts facts = prepare().facts;
  EXPECT_EQ(facts.object, "one/m1 @ " + best_->url("") + ", else two/m2 @ " + spare_->url(""));
  EXPECT_EQ(facts.host, "127.0.0.1") << "once";
}

TEST_F(Fallback, WhatIsReservedIsEnoughForEach) {
  serve({}, {});
  const Money unit = *Money::parse("0.000001");
  settings_.models[0].price = Price{.input = unit, .output = unit};
  settings_.models[1].price = Price{.input = unit, .output = unit * 5};
  settings_.models[1].tokens_max = 10;
  const std::optional<Reservation> reserved = prepare().reserved;
  ASSERT_TRUE(reserved);
  EXPECT_EQ(reserved->model, "best");
  EXPECT_EQ(reserved->tokens_out, 100U);
  EXPECT_EQ(reserved->cost, unit * (reserved->tokens_in + 100));
  settings_.models[1].price.reset();
  driver_.reset();
  EXPECT_FALSE(prepare().reserved->cost) << "no bound of money can hold";
}

TEST_F(Fallback, TakesOverAtOnceAndGivesBackAfterThePause) {
  serve({status("429 Slow down", "Retry-After: 40\r\n"), answer_of("best"), answer_of("best")},
        {answer_of("spare"), answer_of("spare")});
  EXPECT_TRUE(is_to_be_asked_again_now(perform()));
  const auto spare = perform();
  ASSERT_TRUE(spare) << spare.error().message;
  EXPECT_EQ(spare->text, "spare");
  EXPECT_EQ(spare->fallback, "spare");
  clock_.pass(seconds{39});
  EXPECT_EQ(perform(2)->text, "spare") << "not asked before it said";
  clock_.pass(seconds{1});
  const auto best = perform(3);
  ASSERT_TRUE(best) << best.error().message;
  EXPECT_EQ(best->text, "best");
  EXPECT_EQ(best->fallback, "");
  EXPECT_EQ(perform(4)->text, "best");
}

TEST_F(Fallback, TheAnswerCostsWhatItDoesThere) {
  serve({status("503 Busy")}, {answer_of("spare")});
  const Money unit = *Money::parse("0.000001");
  settings_.models[0].price = Price{.input = unit * 9, .output = unit * 9};
  settings_.models[1].price = Price{.input = unit, .output = unit};
  (void)perform();
  EXPECT_EQ(perform()->cost, unit * 1'100);
}

TEST_F(Fallback, WhoStandsInLineForWhatFailsIsAnsweredByTheOther) {
  serve({{Server::receive(), Server::await_gate(),
          Server::send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")}},
        {answer_of("spare")});
  settings_.providers[0].at_once = 1;
  start(1);
  start(2);
  EXPECT_THAT(driver().waits_for({TaskId{2}, Seq{1}}), HasSubstr("its turn at one"));
  best_->open_gate();
  EXPECT_TRUE(is_to_be_asked_again_now(outcome(1)));
  const auto moved = outcome(2);
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_EQ(moved->fallback, "spare");
  EXPECT_THAT(best_->requests(), SizeIs(1)) << "it did not cost an attempt";
}

TEST_F(Fallback, WhenNobodyCanAnswerItWaitsForTheFirst) {
  serve({status("503 Busy"), answer_of("best")}, {status("503 Busy")});
  EXPECT_TRUE(is_to_be_asked_again_now(perform()));
  const auto none = perform();
  ASSERT_FALSE(none);
  ASSERT_TRUE(none.error().retry_at);
  EXPECT_GT(*none.error().retry_at, clock_.wall());
  start(2);
  EXPECT_THAT(driver().waits_for({TaskId{2}, Seq{1}}),
              HasSubstr("(0 before it in line, no call before "));
  driver().cancel({TaskId{2}, Seq{1}});
  EXPECT_EQ(outcome(2).error().code, Errc::cancelled);
  clock_.pass(*none.error().retry_at - clock_.wall());
  EXPECT_EQ(perform()->text, "best");
}

TEST_F(Fallback, F43_AnAccountThatIsUsedUpIsNoPauseButAnotherMayAnswer) {
  const std::string no_credit =
      R"({"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}})";
  serve({Server::answer("HTTP/1.1 429 No\r\nContent-Type: application/json\r\nContent-Length: " +
                        std::to_string(no_credit.size()) + "\r\n\r\n" + no_credit)},
        {answer_of("spare"), answer_of("spare")});
  const auto refused = perform();
  EXPECT_EQ(refused.error().code, Errc::exhausted);
  EXPECT_TRUE(is_to_be_asked_again_now(refused));
  EXPECT_EQ(perform()->fallback, "spare");
  EXPECT_EQ(perform(2)->fallback, "spare") << "it is not asked by each";
}

TEST_F(Fallback, WhereAServiceFailsAtTheQuestionItselfTheOtherIsAskedAfterAFewAttempts) {
  serve(std::vector<Server::Script>(9, status("500 Oops")), {answer_of("spare")});
  settings_.retry.attempts_max = 3;
  for (int i = 0; i < 3; ++i) {
    const auto failed = perform();
    ASSERT_FALSE(failed);
    ASSERT_TRUE(failed.error().retry_at);
    clock_.pass(*failed.error().retry_at - clock_.wall());
  }
  EXPECT_EQ(perform()->fallback, "spare");
  EXPECT_THAT(best_->requests(), SizeIs(3));
}

TEST_F(Fallback, WhatIsWrongWithTheQuestionIsSoWithTheOther) {
  serve({status("400 Bad Request")}, {answer_of("spare")});
  const auto wrong = perform();
  EXPECT_EQ(wrong.error().code, Errc::invalid);
  EXPECT_FALSE(wrong.error().retry_at);
}

}  // namespace
}  // namespace tinkerbell
