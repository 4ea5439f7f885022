#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include "support/llm_world.hpp"
#include "support/temp_dir.hpp"
#include "unit/drivers/llm/recordings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace tinkerbell {
namespace {

using Server = ScriptedHttpServer;
using ModelReply = AwaitLLMResponse::Reply;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr CommandId kId{TaskId{7}, Seq{3}};
const std::string kKey(32, 'a');

Server::Script good_answer() {
  return Server::answer(kEventsHead + text_event("Hel") + text_event("lo") + kStopEvent +
                        kEndEvent);
}

class LlmDriverTest : public testing::Test, protected LlmWorld {
 protected:
  void serve(std::vector<Server::Script> scripts) {
    server_.emplace(std::move(scripts));
    settings_.providers = {
        {.name = "local", .base_url = server_->url("/v1"), .api_key = "secret-key-0123"}};
    settings_.models = {{.alias = "default", .provider = "local", .model = "m1"}};
  }

  void play(const std::string& playbook) {
    dir_.write("p.json", playbook);
    settings_.providers = {
        {.name = "offline", .type = ProviderType::offline, .playbook = dir_ / "p.json"}};
    settings_.models = {{.alias = "default", .provider = "offline", .model = "demo"}};
  }

  Call call(std::string alias = "default") {
    AwaitLLMResponse command{
        .model = std::move(alias), .tokens_max = 100, .output_schema = output_schema_};
    command.messages.add({.role = Role::user, .text = "Say hello"});
    return {.id = kId,
            .attempt = attempt_,
            .command = std::move(command),
            .key = kKey,
            .asked = asked_,
            .worked = worked_};
  }

  void start() { begin(call()); }

  Result<ModelReply> wait() { return outcome(kId); }

  /// One attempt.
  Result<ModelReply> perform() {
    start();
    return wait();
  }

  /// Attempts as long as there is to be another one, each as soon as it may be made.
  Result<ModelReply> perform_with_patience() {
    while (true) {
      Result<ModelReply> reply = perform();
      if (reply || !reply.error().retry_at) return reply;
      EXPECT_GE(*reply.error().retry_at, clock_.wall());
      clock_.pass(*reply.error().retry_at - clock_.wall());
      worked_ += reply.error().took;
      ++attempt_;
    }
  }

  TempDir dir_;
  std::optional<Server> server_;
  std::uint32_t attempt_ = 1;
  Milliseconds worked_{0};
  WallTime asked_ = clock_.wall();
  Json output_schema_;
};

TEST_F(LlmDriverTest, PrepareSaysWhoWillReadTheConversation) {
  settings_.providers = {{.name = "openai", .base_url = "https://api.openai.com/v1"}};
  settings_.models = {{.alias = "default", .provider = "openai", .model = "gpt-5"}};
  const auto prepared = prepare(call());
  ASSERT_TRUE(prepared);
  EXPECT_EQ(prepared->facts.object, "openai/gpt-5 @ https://api.openai.com");
}

TEST_F(LlmDriverTest, PrepareNamesTheHostAsRulesDo) {
  for (const auto& [url, host] : {std::pair("https://API.OpenAI.com:8443/v1", "api.openai.com"),
                                  {"http://[::1]:8080", "::1"},
                                  {"http://10.0.0.1/v1/", "10.0.0.1"}}) {
    settings_.providers = {{.name = "p", .base_url = url}};
    settings_.models = {{.alias = "default", .provider = "p", .model = "m"}};
    driver_.reset();
    EXPECT_EQ(prepare(call())->facts.host, host) << url;
  }
}

TEST_F(LlmDriverTest, AnUnknownAliasIsAnErrorThatNamesTheKnownOnes) {
  settings_.models = {{.alias = "fast", .provider = "x", .model = "m"},
                      {.alias = "deep", .provider = "x", .model = "m"}};
  const auto unknown = prepare(call("slow"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error(),
            (Error{Errc::not_found, "no model \"slow\" is configured; there are: deep, fast"}));
  EXPECT_EQ(prepare(call("fast")).error().code, Errc::invalid);
}

TEST_F(LlmDriverTest, StreamsTheAnswerAndGivesItWhole) {
  serve({good_answer()});
  const auto reply = perform();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->text, "Hello");
  EXPECT_EQ(reply->model, "m");
  EXPECT_THAT(shown_.pieces, ElementsAre("Hel", "lo"));
  EXPECT_EQ(shown_.last, kId);
}

TEST_F(LlmDriverTest, SaysWhatTheAttemptThatBroughtTheAnswerTook) {
  serve({status_answer("503 Unavailable"), good_answer()});
  shown_.on_piece = [this] { clock_.pass(std::chrono::milliseconds{1'500}); };
  EXPECT_EQ(perform_with_patience()->took, Milliseconds{3'000});
}

TEST_F(LlmDriverTest, WhatAttemptsThatBrokeOffWorkedIsPartOfWhatItTook) {
  serve({Server::answer(kEventsHead + text_event("Hel")), good_answer()});
  shown_.on_piece = [this] { clock_.pass(std::chrono::milliseconds{1'500}); };
  EXPECT_EQ(perform_with_patience()->took, Milliseconds{4'500})
      << "and the wait between them is none";
}

TEST_F(LlmDriverTest, TheWaitInLineIsNoPartOfWhatItTook) {
  serve({{Server::receive(), Server::hold()}, good_answer()});
  settings_.providers[0].at_once = 1;
  Call before = call();
  before.id = {TaskId{8}, Seq{1}};
  before.facts = prepare(call())->facts;
  driver().perform(std::move(before), Completion<Reply>([](const Result<Reply>&) {}));
  start();
  ASSERT_NE(driver().waits_for(kId), "");
  ASSERT_TRUE(run_until(loop_, [&] { return server_->requests().size() == 1; }));
  clock_.pass(std::chrono::hours{1});
  driver().cancel({TaskId{8}, Seq{1}});
  const auto reply = wait();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->took, Milliseconds{0});
}

TEST_F(LlmDriverTest, SendsTheQuestionWithItsKeys) {
  serve({good_answer()});
  ASSERT_TRUE(perform());
  const std::string request = server_->requests().at(0);
  EXPECT_THAT(request, testing::StartsWith("POST /v1/chat/completions HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nAuthorization: Bearer secret-key-0123\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nIdempotency-Key: " + kKey + "\r\n"));
  EXPECT_THAT(request, HasSubstr(R"("max_tokens":100)"));
}

TEST_F(LlmDriverTest, SendsNoAuthorizationWithoutAKey) {
  serve({good_answer()});
  settings_.providers[0].api_key.clear();
  ASSERT_TRUE(perform());
  EXPECT_THAT(server_->requests().at(0), Not(HasSubstr("Authorization")));
}

TEST_F(LlmDriverTest, CutsTheTokensOfAnAnswerToTheModelsBound) {
  serve({good_answer()});
  settings_.models[0].tokens_max = 50;
  ASSERT_TRUE(perform());
  EXPECT_THAT(server_->requests().at(0), HasSubstr(R"("max_tokens":50)"));
}

// ---- what it costs ----

/// Of a million tokens.
Money per_million(std::string_view amount) {
  return Money::of_trillionths(Money::parse(amount)->trillionths() / 1'000'000);
}

const Price kPrice{.input = per_million("2.50"),
                   .input_cached = per_million("0.25"),
                   .input_cache_write = per_million("3.125"),
                   .output = per_million("10")};

const std::string kUsage =
    R"(data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":200,)"
    R"("prompt_tokens_details":{"cached_tokens":400}}})"
    "\n\n";

TEST_F(LlmDriverTest, TheAnswerSaysWhatItCost) {
  const std::string answer = kEventsHead + text_event("Hello") +
                             "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
                             "\"stop\"}]}\n\n" +
                             kUsage + "data: [DONE]\n\n";
  serve({Server::answer(answer)});
  settings_.models[0].price = kPrice;
  const auto reply = perform();
  ASSERT_TRUE(reply) << reply.error().message;
  ASSERT_TRUE(reply->usage.known);
  EXPECT_EQ(reply->cost->text(), "0.0036") << "600 · 2.50 + 400 · 0.25 + 200 · 10, per million";
}

TEST_F(LlmDriverTest, WithoutUsageOrPriceNothingIsSaidOfTheCost) {
  serve({good_answer()});
  settings_.models[0].price = kPrice;
  EXPECT_FALSE(perform()->cost);
}

TEST_F(LlmDriverTest, PrepareSaysWhatACallMayCost) {
  serve({});
  settings_.models[0].price = kPrice;
  const auto prepared = prepare(call());
  ASSERT_TRUE(prepared);
  ASSERT_TRUE(prepared->reserved);
  EXPECT_EQ(prepared->reserved->model, "default");
  EXPECT_EQ(prepared->reserved->tokens_out, 100U);
  EXPECT_EQ(prepared->reserved->tokens_in, 67U) << "nine bytes, and the frame";
  EXPECT_EQ(prepared->reserved->cost, kPrice.input_cache_write * 67 + kPrice.output * 100);

  settings_.models[0].price.reset();
  driver_.reset();
  EXPECT_FALSE(prepare(call())->reserved->cost);
}

TEST_F(LlmDriverTest, AnAttemptMayHaveCostSomethingOnceTheServiceWasAtWork) {
  serve({Server::answer(kEventsHead + text_event("Hel")), status_answer("500 No"),
         status_answer("429 Later"), Server::answer("")});
  const auto next_error = [this] {
    clock_.pass(settings_.retry.pause_max);
    const Error error = perform().error();
    EXPECT_NE(error.code, Errc::internal) << error.message;
    return error;
  };
  EXPECT_TRUE(next_error().may_have_cost) << "cut off";
  EXPECT_FALSE(next_error().may_have_cost) << "refused";
  EXPECT_FALSE(next_error().may_have_cost) << "too busy";
  EXPECT_FALSE(next_error().may_have_cost) << "not a byte came";
}

TEST_F(LlmDriverTest, AnAttemptThatWasCancelledInTheMiddleMayHaveCostSomething) {
  serve({{Server::receive(), Server::send(kEventsHead + text_event("Hel")), Server::hold()}});
  shown_.on_piece = [this] { driver().cancel(kId); };
  const auto reply = perform();
  EXPECT_EQ(reply.error().code, Errc::cancelled);
  EXPECT_TRUE(reply.error().may_have_cost);
}

TEST_F(LlmDriverTest, S52_TheConversationGoesNowhereElseThanWasJudged) {
  serve({good_answer()});
  Call judged = call();
  judged.facts.object = "local/m1 @ https://elsewhere.example";
  perform_as_judged(std::move(judged));
  EXPECT_EQ(wait().error().code, Errc::conflict);
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(LlmDriverTest, S53_ARedirectIsAnErrorAndTheKeyStaysHome) {
  Server elsewhere({good_answer()});
  serve(
      {status_answer("307 Temporary Redirect", "", "Location: " + elsewhere.url("/v1") + "\r\n")});
  EXPECT_EQ(perform().error().code, Errc::invalid);
  EXPECT_EQ(elsewhere.connections(), 0U);
}

TEST_F(LlmDriverTest, F44_TriesAgainWithTheSameKeyUntilItWorks) {
  serve({status_answer("503 Loading"),
         status_answer("500 Oops"),
         {Server::receive(), Server::reset()},
         good_answer()});
  const auto reply = perform_with_patience();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_THAT(shown_.pieces, ElementsAre("Hel", "lo"));
  ASSERT_THAT(server_->requests(), SizeIs(4));
  for (const std::string& request : server_->requests())
    EXPECT_THAT(request, HasSubstr("Idempotency-Key: " + kKey));
}

TEST_F(LlmDriverTest, F44_GivesUpAfterItsAttemptsWhereTheServiceFailsAtTheRequest) {
  serve(std::vector<Server::Script>(9, status_answer("500 Oops", R"({"error":"no idea"})")));
  const auto reply = perform_with_patience();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error(),
            (Error{Errc::unavailable, "local/m1: HTTP 500: no idea (after 5 attempts)"}));
  EXPECT_THAT(server_->requests(), SizeIs(5));
}

TEST_F(LlmDriverTest, F44_IsPatientWithAServiceThatIsBusy) {
  serve(std::vector<Server::Script>(20, status_answer("503 Busy", R"({"error":"loading"})")));
  settings_.retry.patience = std::chrono::minutes{5};
  const auto reply = perform_with_patience();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::unavailable);
  EXPECT_GT(server_->requests().size(), settings_.retry.attempts_max);
  EXPECT_LT(clock_.wall() - asked_, settings_.retry.patience);
  EXPECT_GT(clock_.wall() - asked_, settings_.retry.patience - settings_.retry.pause_max);
}

TEST_F(LlmDriverTest, F43_SaysWhenTheServerWantsToBeAskedAgain) {
  serve({status_answer("429 Slow down", "{}", "Retry-After: 40\r\n")});
  const Error error = perform().error();
  EXPECT_EQ(error.code, Errc::rate_limited);
  EXPECT_EQ(error.retry_at, clock_.wall() + std::chrono::seconds{40});
}

TEST_F(LlmDriverTest, F45_DoesNotTryAgainWhereThatWouldNotHelpAndHidesTheKey) {
  serve({status_answer("401 Unauthorized",
                       R"({"error":{"message":"Incorrect API key: secret-key-0123"}})")});
  const auto reply = perform();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error(),
            (Error{Errc::unauthorized, "local/m1: HTTP 401: Incorrect API key: [secret]"}));
  EXPECT_EQ(server_->connections(), 1U);
}

TEST_F(LlmDriverTest, F41_TheTextOfAnAttemptThatWasCutOffIsNoPartOfTheAnswer) {
  serve({Server::answer(kEventsHead + text_event("Hel")), good_answer()});
  const auto reply = perform_with_patience();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->text, "Hello");
  EXPECT_THAT(shown_.pieces, ElementsAre("Hel", "Hel", "lo"));
  EXPECT_EQ(server_->connections(), 2U);
}

TEST_F(LlmDriverTest, F47_HtmlIsNoAnswerAndNotReadToItsEnd) {
  serve(
      {{Server::receive(), Server::send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"),
        Server::hold()}});
  EXPECT_EQ(perform().error().message, "local/m1: unexpected content type text/html");
}

TEST_F(LlmDriverTest, ACallIsCancelledInTheMiddleOfItsAnswer) {
  serve({{Server::receive(), Server::send(kEventsHead + text_event("Hel")), Server::hold()}});
  shown_.on_piece = [this] { driver().cancel(kId); };
  EXPECT_EQ(perform().error().code, Errc::cancelled);
}

TEST_F(LlmDriverTest, MoreCallsThanAtOnceWaitInLineAndCanBeCancelledThere) {
  serve({{Server::receive(), Server::hold()}, {Server::receive(), Server::hold()}});
  settings_.providers[0].at_once = 1;
  start();
  EXPECT_EQ(driver().waits_for(kId), "");
  std::vector<Result<Reply>> others;
  for (std::uint32_t task = 8; task <= 9; ++task) {
    Call other = call();
    other.id = {TaskId{task}, Seq{1}};
    other.facts = prepare(call())->facts;
    driver().perform(std::move(other), Completion<Reply>([&others](Result<Reply> result) {
                       others.push_back(std::move(result));
                     }));
  }
  EXPECT_EQ(driver().waits_for({TaskId{8}, Seq{1}}), "its turn at local (0 before it in line)");
  EXPECT_EQ(driver().waits_for({TaskId{9}, Seq{1}}), "its turn at local (1 before it in line)");
  driver().cancel({TaskId{8}, Seq{1}});
  ASSERT_THAT(others, SizeIs(1));
  EXPECT_EQ(others[0].error().code, Errc::cancelled);
  EXPECT_EQ(driver().waits_for({TaskId{9}, Seq{1}}), "its turn at local (0 before it in line)");

  ASSERT_TRUE(run_until(loop_, [&] { return server_->requests().size() == 1; }));
  driver().cancel(kId);
  EXPECT_EQ(wait().error().code, Errc::cancelled);
  EXPECT_TRUE(run_until(loop_, [&] { return server_->connections() == 2; }))
      << "the next one's turn";
  driver_.reset();  // while those whom it answers are there
  ASSERT_THAT(others, SizeIs(2));
  EXPECT_EQ(others[1].error().code, Errc::abandoned);
}

TEST_F(LlmDriverTest, WhoWaitsBehindOneThatIsCancelledNeedNotWaitForIt) {
  serve({{Server::receive(), Server::hold()}});
  settings_.providers[0].per_minute.tokens = 300;
  std::vector<Result<Reply>> others;
  const auto begin = [&](std::uint32_t task, std::uint32_t tokens_max) {
    Call other = call();
    other.id = {TaskId{task}, Seq{1}};
    std::get<AwaitLLMResponse>(other.command).tokens_max = tokens_max;
    other.facts = prepare(call())->facts;
    driver().perform(std::move(other), Completion<Reply>([&others](Result<Reply> result) {
                       others.push_back(std::move(result));
                     }));
  };
  begin(1, 100);
  begin(2, 200);
  begin(3, 10);
  EXPECT_THAT(driver().waits_for({TaskId{2}, Seq{1}}), HasSubstr("(0 before it in line, no call "));
  EXPECT_THAT(driver().waits_for({TaskId{3}, Seq{1}}), HasSubstr("(1 before it in line"));
  driver().cancel({TaskId{2}, Seq{1}});
  EXPECT_TRUE(run_until(loop_, [&] { return driver().waits_for({TaskId{3}, Seq{1}}).empty(); }))
      << "there is room";
  driver_.reset();  // while those whom it answers are there
}

TEST_F(LlmDriverTest, CancellingWhatIsNotRunningDoesNothing) {
  serve({});
  driver().cancel(kId);
}

TEST_F(LlmDriverTest, DestroyedItAnswersWhatIsUnderWay) {
  serve({{Server::receive(), Server::send(kEventsHead + text_event("Hel")), Server::hold()}});
  start();
  ASSERT_TRUE(run_until(loop_, [&] { return !shown_.pieces.empty(); }));
  driver_.reset();
  EXPECT_EQ(wait().error().code, Errc::abandoned);
  EXPECT_TRUE(run_until(loop_, [&] { return server_->connections_ended() == 1; }));
}

TEST_F(LlmDriverTest, ThePlaybookAnswersInPiecesWithCallsAndUsage) {
  play(R"({"rules":[{"when":{"turn":0},"reply":{"text":"Grüße: ${last}","stream_chunk_bytes":4,
          "calls":[{"name":"read_file","arguments":{"path":"${goal}"}}]}}]})");
  const auto reply = perform();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->text, "Grüße: Say hello");
  EXPECT_THAT(shown_.pieces, ElementsAre("Grü", "ße:", " Say", " hel", "lo"));
  EXPECT_THAT(reply->tool_calls,
              ElementsAre(ToolCall{"call_1", "read_file", R"({"path":"Say hello"})"}));
  EXPECT_EQ(reply->finish, FinishReason::tool_calls);
  EXPECT_TRUE(reply->usage.known);
  EXPECT_EQ(reply->usage.input, 2U);    // 9 bytes
  EXPECT_EQ(reply->usage.output, 11U);  // 18 + 9 + 20 bytes
  EXPECT_EQ(reply->model, "demo");
}

TEST_F(LlmDriverTest, WithoutAPlaybookTheOfflineModelSaysThatItHasNone) {
  play("{}");
  settings_.providers[0].playbook.clear();
  start();
  EXPECT_FALSE(has_ended(kId)) << "never before perform has returned";
  const auto reply = wait();
  EXPECT_EQ(reply.error().code, Errc::not_found);
  EXPECT_THAT(reply.error().message, HasSubstr("no playbook"));
}

TEST_F(LlmDriverTest, ThePlaybookIsReadOnce) {
  play(R"({"rules":[{"reply":{"text":"first"}}]})");
  ASSERT_TRUE(perform());
  dir_.write("p.json", "{");
  EXPECT_EQ(perform()->text, "first");
}

TEST_F(LlmDriverTest, AMistakeInThePlaybookIsTheAnswerAndCanBeMended) {
  play(R"({"rulez":[]})");
  const auto wrong = perform();
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Errc::invalid);
  EXPECT_THAT(wrong.error().message, HasSubstr("p.json\": unknown key \"rulez\""));
  dir_.write("p.json", "{}");
  EXPECT_EQ(perform()->text, "offline: no rule matches");
}

TEST_F(LlmDriverTest, ThePlaybookIsCancelledInTheMiddleOfItsAnswer) {
  play(R"({"rules":[{"reply":{"text":"abcdef","stream_chunk_bytes":1,"delay_ms":1}}]})");
  shown_.on_piece = [this] { driver().cancel(kId); };
  EXPECT_EQ(perform().error().code, Errc::cancelled);
  EXPECT_THAT(shown_.pieces, ElementsAre("a"));
}

TEST_F(LlmDriverTest, ThePlaybookIsCancelledBeforeALongDelay) {
  play(R"({"rules":[{"reply":{"text":"late","delay_ms":60000}}]})");
  start();
  driver().cancel(kId);
  EXPECT_EQ(wait().error().code, Errc::cancelled);
}

TEST_F(LlmDriverTest, F46_WhatItDoesNotKnowIsCountedByModel) {
  serve({Server::answer(kEventsHead + "data: {\"object\":\"surprise\"}\n\n" + text_event("Hel") +
                        kStopEvent + kEndEvent),
         good_answer(), Server::answer(kEventsHead + "data: {}\n\ndata: {}\n\n")});
  ASSERT_TRUE(perform());
  ASSERT_TRUE(perform());
  ASSERT_FALSE(perform()) << "counted in what fails as well";
  const auto line = [](std::uint64_t count, std::uint64_t total) {
    return Json{{"event", "model.passed_over"}, {"task", 7},      {"command", 3},
                {"model", "local/m1"},          {"count", count}, {"total", total}};
  };
  EXPECT_EQ(log_.lines, (std::vector<Json>{line(1, 1), line(2, 3)}));
}

// ---- each service over HTTP ----

class LlmServiceTest : public LlmDriverTest, public testing::WithParamInterface<ProviderType> {
 protected:
  void serve_as(std::vector<Server::Script> scripts) {
    serve(std::move(scripts));
    settings_.providers[0].type = GetParam();
    settings_.providers[0].base_url = server_->url("/base");
  }

  /// The beginning of an answer.
  static std::string head() {
    return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: " +
           std::string(stream_type(wire_format(GetParam()).framing)) + "\r\n\r\n";
  }
};

INSTANTIATE_TEST_SUITE_P(Services, LlmServiceTest, testing::ValuesIn(kServices),
                         [](const auto& service) { return std::string(name_of(service.param)); });

TEST_P(LlmServiceTest, IsAskedAtItsPathWithItsKeyAndAnswers) {
  serve_as({Server::answer(head() + recorded(GetParam(), "calls"))});
  const auto reply = perform();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->text, "Gr\u00fc\u00dfe \U0001F44B");
  EXPECT_THAT(reply->tool_calls, SizeIs(2));
  EXPECT_THAT(shown_.pieces, ElementsAre("Gr\u00fc\u00dfe", " \U0001F44B"));
  const std::string request = server_->requests().at(0);
  EXPECT_THAT(request, testing::StartsWith("POST /base/" +
                                           std::string(wire_format(GetParam()).path) + " HTTP"));
  EXPECT_THAT(request, HasSubstr(GetParam() == ProviderType::anthropic
                                     ? "\r\nx-api-key: secret-key-0123\r\n"
                                     : "\r\nAuthorization: Bearer secret-key-0123\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nIdempotency-Key: " + kKey + "\r\n"));
}

TEST_P(LlmServiceTest, IsCancelledInTheMiddleOfItsAnswer) {
  const std::string stream = recorded(GetParam(), "calls");
  const std::string half = stream.substr(0, stream.find("\n", stream.find("\u00dfe")) + 2);
  serve_as({{Server::receive(), Server::send(head() + half), Server::hold()}});
  shown_.on_piece = [this] { driver().cancel(kId); };
  EXPECT_EQ(perform().error().code, Errc::cancelled);
  EXPECT_TRUE(run_until(loop_, [&] { return server_->connections_ended() == 1; }));
}

TEST_P(LlmServiceTest, F45_HidesTheKeyThatAServerQuotes) {
  serve_as({status_answer("401 Unauthorized", R"({"error":"not secret-key-0123"})")});
  EXPECT_EQ(perform().error(), (Error{Errc::unauthorized, "local/m1: HTTP 401: not [secret]"}));
}

TEST_P(LlmServiceTest, F44_IsAskedAgainWhileItIsOverloaded) {
  serve_as({status_answer("529 Overloaded", R"({"error":{"type":"overloaded_error"}})"),
            status_answer("503 Loading", R"({"error":"loading"})"),
            Server::answer(head() + recorded(GetParam(), "calls"))});
  const auto reply = perform_with_patience();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_THAT(server_->requests(), SizeIs(3));
}

void replace_all(std::string& text, std::string_view what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
}

/// The recording "odd", which ends as it should, with another text than "yes".
std::string answer_of(ProviderType service, const std::string& text) {
  std::string stream = recorded(service, "odd");
  replace_all(stream, R"("text":"ye")", R"("text":"")");  // Anthropic's comes in two pieces
  replace_all(stream, R"("text":"s")", R"("text":"yes")");
  replace_all(stream, R"("yes")", dump_json(text));
  return stream;
}

TEST_P(LlmServiceTest, AnAnswerThatIsToBeJsonIsJsonOrIsAskedForAgain) {
  output_schema_ = {{"type", "object"}};
  serve_as({Server::answer(head() + answer_of(GetParam(), "It is {\"n\":1}")),
            Server::answer(head() + answer_of(GetParam(), "{\"n\":1,\"n\":2}")),
            Server::answer(head() + answer_of(GetParam(), " {\"n\":1}\n"))});
  const auto first = perform();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, Errc::protocol);
  EXPECT_THAT(first.error().message,
              testing::StartsWith("local/m1: the answer is not the JSON that was asked for: "));
  EXPECT_TRUE(first.error().retry_at);
  ASSERT_TRUE(first.error().rejected);
  EXPECT_EQ(std::get<ModelReply>(*first.error().rejected).text, "It is {\"n\":1}");
  const auto reply = perform_with_patience();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->text, " {\"n\":1}\n");
  EXPECT_THAT(server_->requests(), SizeIs(3));
}

TEST_P(LlmServiceTest, WhatIsCutOrRefusedOrCallsAToolNeedNotBeJson) {
  output_schema_ = {{"type", "object"}};
  for (const std::string_view name : {"length", "calls", "refusal"}) {
    if (name == "refusal" && GetParam() == ProviderType::ollama) continue;  // has none
    driver_.reset();
    serve_as({Server::answer(head() + recorded(GetParam(), name))});
    const auto reply = perform();
    ASSERT_TRUE(reply) << name << ": " << reply.error().message;
    EXPECT_EQ(reply->finish, name == "length"  ? FinishReason::length
                             : name == "calls" ? FinishReason::tool_calls
                                               : FinishReason::refusal);
  }
}

TEST_F(LlmDriverTest, AnAnswerThatIsNeverTheJsonThatWasAskedForIsAFewTimesAskedForAgain) {
  output_schema_ = {{"type", "object"}};
  play(R"({"rules": [{"reply": {"text": "no"}}]})");
  const auto reply = perform_with_patience();
  EXPECT_EQ(reply.error().code, Errc::protocol);
  EXPECT_THAT(reply.error().message, HasSubstr("(after 5 attempts)"));
  driver_.reset();
  attempt_ = 1;
  play(R"({"rules": [{"reply": {"text": "{\"n\":1}"}}]})");
  EXPECT_EQ(perform()->text, "{\"n\":1}");
}

TEST_F(LlmDriverTest, WhereNoSchemaIsGivenAnAnswerIsAnyText) {
  serve({good_answer()});
  EXPECT_EQ(perform()->text, "Hello");
  EXPECT_THAT(server_->requests().at(0), Not(HasSubstr("response_format")));
}

TEST_F(LlmDriverTest, ThinksAsItsModelIsSetTo) {
  serve({good_answer(), good_answer()});
  ASSERT_TRUE(perform());
  driver_.reset();
  settings_.models[0].thinking = Thinking::low;
  ASSERT_TRUE(perform());
  EXPECT_THAT(server_->requests().at(0), Not(HasSubstr("reasoning_effort")));
  EXPECT_THAT(server_->requests().at(1), HasSubstr(R"("reasoning_effort":"low")"));
}

TEST_F(LlmDriverTest, TellsOllamaHowMuchRoomToMake) {
  serve(
      {Server::answer("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: "
                      "close\r\n\r\n" +
                      recorded(ProviderType::ollama, "odd"))});
  settings_.providers[0].type = ProviderType::ollama;
  settings_.models[0].context_tokens = 4'321;
  ASSERT_TRUE(perform());
  EXPECT_THAT(server_->requests().at(0), HasSubstr(R"("num_ctx":4321)"));
}

}  // namespace
}  // namespace tinkerbell
