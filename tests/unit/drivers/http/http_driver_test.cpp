#include "tinkerbell/drivers/http/http_driver.hpp"

#include "support/scripted_http_server.hpp"
#include "unit/drivers/http/requester.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {
namespace {

using Server = ScriptedHttpServer;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

std::string ok(const std::string& body, const std::string& headers = {}) {
  return "HTTP/1.1 200 OK\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

/// A server, and one who may reach it.
struct Pair {
  explicit Pair(std::vector<Server::Script> scripts)
      : server(std::move(scripts)), requester({"127.0.0.1:" + std::to_string(server.port())}) {}

  Server server;
  Requester requester;
};

TEST(HttpDriver, BindsWhomItTalksTo) {
  Requester requester;
  const auto facts = requester.prepare({.url = "https://API.example.com/v1?q"});
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(*facts, (Facts{.object = "https://api.example.com:443", .host = "api.example.com"}));
  Requester::Outcome outcome;
  requester.perform({.url = "https://other.example.com/"}, *facts, outcome);
  ASSERT_TRUE(outcome);
  ASSERT_FALSE(*outcome);
  EXPECT_EQ(outcome->error().code, Errc::conflict);
}

TEST(HttpDriver, SendsWhatIsAskedForAndGivesAllOfTheAnswer) {
  Pair pair(
      {Server::answer("HTTP/1.1 404 Not Found\r\nX-One: 1\r\nContent-Length: 4\r\n\r\nno\n\xff")});
  const auto reply = pair.requester.request({.method = "POST",
                                             .url = pair.server.url("/v1?q"),
                                             .headers = {{"X-Two", "2"}},
                                             .body = "hello"});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 404);
  EXPECT_THAT(reply->headers, Contains(HttpField{"X-One", "1"}));
  EXPECT_EQ(reply->body, "no\n\xff");
  EXPECT_TRUE(reply->complete);
  EXPECT_EQ(reply->url, pair.server.url("/v1?q"));
  const std::string request = pair.server.requests().at(0);
  EXPECT_THAT(request, testing::StartsWith("POST /v1?q HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nX-Two: 2\r\n"));
  EXPECT_THAT(request, testing::EndsWith("\r\n\r\nhello"));
  EXPECT_THAT(request, Not(HasSubstr("Idempotency-Key")));
}

TEST(HttpDriver, SendsTheKeyOfTheCallWhereItIsAskedFor) {
  Pair pair({Server::answer(ok(""))});
  ASSERT_TRUE(
      pair.requester.request({.method = "POST", .url = pair.server.url("/"), .keyed = true}));
  EXPECT_THAT(pair.server.requests().at(0),
              HasSubstr("\r\nIdempotency-Key: 0123456789abcdef0123456789abcdef\r\n"));
}

TEST(HttpDriver, KeepsTheBeginningOfALongBodyAndSaysSo) {
  for (const auto& [bytes_max, complete] : {std::pair(9U, false), {10U, true}, {11U, true}}) {
    Pair pair({Server::answer(ok("0123456789"))});
    const auto reply =
        pair.requester.request({.url = pair.server.url("/"), .bytes_max = bytes_max});
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->body, std::string("0123456789").substr(0, bytes_max));
    EXPECT_EQ(reply->complete, complete) << bytes_max;
  }
}

TEST(HttpDriver, ABodyWithoutEndIsCutAndNotReadOn) {
  Pair pair(
      {{Server::receive(), Server::send("HTTP/1.1 200 OK\r\n\r\n0123456789"), Server::hold()}});
  const auto reply = pair.requester.request({.url = pair.server.url("/"), .bytes_max = 4});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "0123");
  EXPECT_FALSE(reply->complete);
}

TEST(HttpDriver, KeepsAllOfALongBodyBesideItsEnds) {
  std::string body;
  for (int i = 0; i < 2'000; ++i)
    body += "line " + std::to_string(i) + "\n";
  Pair pair({Server::answer(ok(body))});
  const auto reply = pair.requester.request(
      {.url = pair.server.url("/"), .bytes_max = 600, .body_kept_max = 1 << 20});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(reply->complete);
  EXPECT_EQ(reply->body_bytes, body.size());
  EXPECT_EQ(*pair.requester.contents->read(Sha256::from_hex(reply->body_sha256), 1 << 20), body);
  EXPECT_LT(reply->body.size(), 700U);
  EXPECT_THAT(reply->body, testing::StartsWith("line 0\n"));
  EXPECT_THAT(reply->body, testing::EndsWith("line 1999\n"));
  EXPECT_THAT(reply->body, HasSubstr(" left out …]"));
}

TEST(HttpDriver, KeepsWhatIsNoTextAsItCame) {
  const std::string body("\x89PNG\0\xff", 6);
  Pair pair({Server::answer(ok(body))});
  const auto reply =
      pair.requester.request({.url = pair.server.url("/"), .body_kept_max = 1 << 20});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "");
  EXPECT_EQ(*pair.requester.contents->read(Sha256::from_hex(reply->body_sha256), 1 << 20), body);
}

TEST(HttpDriver, KeepsNothingOfAShortTextOrUnasked) {
  Pair pair({Server::answer(ok("short")), Server::answer(ok(std::string(9'000, 'x')))});
  const auto is_short =
      pair.requester.request({.url = pair.server.url("/"), .body_kept_max = 1 << 20});
  ASSERT_TRUE(is_short) << is_short.error().message;
  EXPECT_EQ(is_short->body, "short");
  EXPECT_EQ(is_short->body_sha256, "");
  const auto unasked = pair.requester.request({.url = pair.server.url("/")});
  ASSERT_TRUE(unasked) << unasked.error().message;
  EXPECT_EQ(unasked->body_sha256, "");
}

TEST(HttpDriver, KeepsAPageAsItIsReadAndNoSecretOfTheDaemon) {
  const std::string page =
      "<html><body><p>key-1234567890</p>" + std::string(5'000, 'w') + "</body>";
  Pair pair({Server::answer("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: " +
                            std::to_string(page.size()) + "\r\n\r\n" + page)});
  pair.requester.masker.add("key-1234567890");
  const auto reply = pair.requester.request(
      {.url = pair.server.url("/"), .readable = true, .body_kept_max = 1 << 20});
  ASSERT_TRUE(reply) << reply.error().message;
  const auto kept = pair.requester.contents->read(Sha256::from_hex(reply->body_sha256), 1 << 20);
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_THAT(*kept, Not(HasSubstr("<p>")));
  EXPECT_THAT(*kept, HasSubstr("www"));
  EXPECT_THAT(*kept, Not(HasSubstr("key-1234567890")));
}

TEST(HttpDriver, OfABodyThatIsLongerThanIsKeptItSaysSo) {
  Pair pair({Server::answer(ok(std::string(9'000, 'x')))});
  const auto reply = pair.requester.request(
      {.url = pair.server.url("/"), .bytes_max = 100, .body_kept_max = 8'000});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_FALSE(reply->complete);
  EXPECT_EQ(reply->body_bytes, 8'000U);
}

TEST(HttpDriver, RefusesBoundsThatItCannotKeep) {
  Requester requester;
  EXPECT_EQ(
      requester.prepare({.url = "http://a.example/", .body_kept_max = (64 << 20) + 1}).error().code,
      Errc::invalid);
  EXPECT_EQ(
      requester.prepare({.url = "http://a.example/", .bytes_max = (8 << 20) + 1}).error().code,
      Errc::invalid);
  EXPECT_EQ(
      requester.prepare({.url = "http://a.example/", .timeout = Milliseconds{0}}).error().code,
      Errc::invalid);
  EXPECT_EQ(
      requester.prepare({.url = "http://a.example/" + std::string(8 << 10, 'a')}).error().code,
      Errc::invalid);
}

TEST(HttpDriver, WhatWentOutWithoutAnAnswerAndMayBeDoneOnceOnlyIsUnknown) {
  for (const auto& [method, code] : {std::pair("POST", Errc::unknown_outcome),
                                     {"PATCH", Errc::unknown_outcome},
                                     {"PUT", Errc::unavailable},
                                     {"GET", Errc::unavailable}}) {
    Pair pair({{Server::receive(), Server::reset()}, Server::answer(ok(""))});
    const auto reply = pair.requester.request({.method = method, .url = pair.server.url("/")});
    ASSERT_FALSE(reply) << method;
    EXPECT_EQ(reply.error().code, code) << method << ": " << reply.error().message;
    EXPECT_EQ(pair.server.requests().size(), 1U) << method << ": it is not sent again by itself";
  }
}

TEST(HttpDriver, WhatNeverWentOutCertainlyDidNotHappen) {
  std::string gone;
  {
    const Server server({});
    gone = server.url("/");
  }
  Requester requester({gone.substr(7, gone.size() - 8)});
  const auto reply = requester.request({.method = "POST", .url = gone});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::unavailable) << reply.error().message;
}

TEST(HttpDriver, AnAnswerThatBreaksOffStillSaysWhatItSays) {
  const std::string broken = "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nhalf";
  Pair post({Server::answer(broken)});
  const auto reply = post.requester.request({.method = "POST", .url = post.server.url("/")});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 201);
  EXPECT_EQ(reply->body, "half");
  EXPECT_FALSE(reply->complete);
  Pair get({Server::answer(broken)});
  const auto read = get.requester.get(get.server.url("/"));
  ASSERT_FALSE(read) << "it can be had again, whole";
  EXPECT_EQ(read.error().code, Errc::protocol);
}

TEST(HttpDriver, AConnectionIsNeverUsedTwice) {
  const Server::Script twice{Server::receive(), Server::send(ok("")), Server::receive(),
                             Server::send(ok(""))};
  Pair pair({twice, twice});
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(pair.requester.request({.method = "POST", .url = pair.server.url("/")}));
  EXPECT_EQ(pair.server.connections(), 2U);
}

TEST(HttpDriver, ARedirectOfWhatIsNoReadIsItsAnswer) {
  Pair pair({Server::answer("HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n"
                            "Location: /other\r\n\r\n"),
             Server::answer(ok(""))});
  const auto reply = pair.requester.request({.method = "PUT", .url = pair.server.url("/")});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 307);
  EXPECT_EQ(pair.server.requests().size(), 1U);
}

TEST(HttpDriver, StopsWhenItIsTold) {
  for (const auto& [method, code] :
       {std::pair("GET", Errc::cancelled), {"POST", Errc::unknown_outcome}}) {
    Pair pair({{Server::receive(), Server::hold()}});
    const AwaitHttp command{.method = method, .url = pair.server.url("/")};
    const auto facts = pair.requester.prepare(command);
    ASSERT_TRUE(facts);
    Requester::Outcome outcome;
    pair.requester.perform(command, *facts, outcome);
    ASSERT_TRUE(pair.requester.wait([&] { return pair.server.requests().size() == 1; }));
    pair.requester.cancel();
    ASSERT_TRUE(pair.requester.wait([&] { return outcome.has_value(); }));
    ASSERT_FALSE(*outcome);
    EXPECT_EQ(outcome->error().code, code) << method;
  }
}

TEST(HttpDriver, GivesUpWhenItsTimeIsUp) {
  Pair pair({{Server::receive(), Server::hold()}});
  const auto reply =
      pair.requester.request({.url = pair.server.url("/"), .timeout = Milliseconds{50}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::timed_out);
}

TEST(HttpDriver, MakesAPageReadableWhereItIsAskedFor) {
  const std::string page = "<title>T</title><p>one <b>two</b><script>bad()</script>";
  for (const auto& [type, body] :
       {std::pair("Text/HTML ; charset=\"UTF-8\"", "T\n\none two"), {"text/plain", page.c_str()}}) {
    Pair pair({Server::answer(ok(page, "Content-Type: " + std::string(type) + "\r\n"))});
    const auto reply = pair.requester.request({.url = pair.server.url("/"), .readable = true});
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->body, body) << type;
  }
}

TEST(HttpDriver, S84_ASecretOfTheDaemonDoesNotGoOut) {
  const std::string secret = "sk-live/0123+secret";
  const std::vector<std::string> spellings = {
      secret,
      "sk-live%2F0123%2Bsecret",       // percent
      "%73%6b-live/0123%2Bsecret",     // more of it than must be
      "c2stbGl2ZS8wMTIzK3NlY3JldA==",  // base64
      "eHNrLWxpdmUvMDEyMytzZWNyZXQ=",  // with a byte before it
  };
  Requester requester;
  ASSERT_TRUE(requester.masker.add(secret));
  ASSERT_TRUE(requester.masker.add("?>>?>>?>>"));
  for (const std::string& spelling : spellings) {
    for (const AwaitHttp& command : std::vector<AwaitHttp>{
             {.url = "http://a.example/" + spelling},
             {.url = "http://a.example/?key=x" + spelling},
             {.url = "http://a.example/", .headers = {{"Authorization", "Bearer " + spelling}}},
             {.method = "POST",
              .url = "http://a.example/",
              .body = "{\"k\":\"" + spelling + "\"}"}}) {
      const auto facts = requester.prepare(command);
      ASSERT_FALSE(facts) << spelling;
      EXPECT_EQ(facts.error().code, Errc::denied) << spelling << ": " << facts.error().message;
      EXPECT_THAT(facts.error().message, Not(HasSubstr(spelling)));
    }
  }
  EXPECT_FALSE(
      requester.prepare({.method = "POST", .url = "http://a.example/", .body = "Pz4-Pz4-Pz4-"}))
      << "base64 for URLs";
  EXPECT_TRUE(requester.prepare({.url = "http://a.example/?key=sk-live"})) << "a part is none";
}

}  // namespace
}  // namespace tinkerbell
