#include "support/real_daemon.hpp"
#include "support/scripted_http_server.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// Requests of a real daemon that is killed while they are under way.
namespace tinkerbell {
namespace {

using Server = ScriptedHttpServer;
using testing::HasSubstr;

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";

/// The line of a request that has its key; empty if it has none.
std::string key_line(const std::string& request) {
  const std::size_t begin = request.find("Idempotency-Key: ");
  return begin == request.npos ? "" : request.substr(begin, request.find('\r', begin) - begin);
}

/// An agent that makes one request of a server that answers only the second time.
class RequestTest : public testing::Test {
 protected:
  void cut_off(const Json& request) {
    Json arguments = request;
    arguments["url"] = server.url("/orders");
    model.emplace(ScriptedLlm::in_turn(
        {calls("http_request", arguments), calls("finish", {{"summary", "ordered"}})}));
    daemon.emplace(config_for(*model, "none") +
                   "[network]\nreach = [\"127.0.0.1:" + std::to_string(server.port()) + "\"]\n");
    daemon->start();
    task = daemon->run("order it", true);
    ASSERT_TRUE(wait_until([&] { return server.requests().size() == 1; })) << daemon->log();
    daemon->kill9();
    daemon->start();
  }

  Server server{{{Server::receive(), Server::hold()}, Server::answer(kOk)}};
  std::optional<ScriptedLlm> model;
  std::optional<RealDaemon> daemon;
  std::uint64_t task = 0;
};

TEST_F(RequestTest, WhatMayBeDoneOnceOnlyIsAskedAboutAndNotSentAgain) {
  cut_off({{"method", "POST"}, {"body", "one"}});
  const Json question = daemon->wait_for_question(task);
  EXPECT_EQ(question.at("kind"), "outcome");
  EXPECT_EQ(question.at("line"), "did this happen? POST " + server.url("/orders") + " (3 bytes)");
  EXPECT_EQ(server.connections(), 1U);
  ASSERT_EQ(daemon->cli({"resolve", "a" + question.at("id").dump(), "--happened"}).exit, 0);
  EXPECT_EQ(daemon->wait_for_end(task).at("state"), "completed");
  EXPECT_EQ(server.requests().size(), 1U);
  EXPECT_THAT(model->ledger().back().last(), HasSubstr("a person says that it happened"));
}

TEST_F(RequestTest, WithAKeyItIsSentAgainWithTheSameOne) {
  cut_off({{"method", "POST"}, {"body", "one"}, {"keyed", true}});
  EXPECT_EQ(daemon->wait_for_end(task).at("state"), "completed");
  const std::vector<std::string> requests = server.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0], requests[1]);
  EXPECT_EQ(key_line(requests[0]).size(), std::string("Idempotency-Key: ").size() + 32);
  EXPECT_THAT(model->ledger().back().last(), HasSubstr("status 200 from "));
}

TEST_F(RequestTest, AReadIsMadeAgain) {
  cut_off({{"method", "GET"}});
  EXPECT_EQ(daemon->wait_for_end(task).at("state"), "completed");
  EXPECT_EQ(server.requests().size(), 2U);
}

/// What a model was told of as an output.
std::string output_in(const std::string& told) {
  const std::string_view before = "as the output \"";
  const std::size_t begin = told.find(before) + before.size();
  return told.substr(begin, told.find('"', begin) - begin);
}

TEST(SaveTest, ABodyThatIsNoTextComesIntoAFileOverAKill) {
  std::string body;
  for (int i = 0; i < 300'000; ++i)
    body += static_cast<char>(i * 7 % 256);
  Server server({Server::answer(
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body)});
  ScriptedLlm model([&](const LlmRequest& request) -> LlmReply {
    if (request.turn() == 0) return calls("fetch_url", {{"url", server.url("/logo.bin")}});
    if (request.turn() > 1) return calls("finish", {{"summary", "saved"}});
    LlmReply save =
        calls("save_output", {{"output", output_in(request.last())}, {"path", "a/logo.bin"}});
    if (request.asked == 1) save.hold = 0;
    return save;
  });
  RealDaemon daemon(config_for(model, "none") +
                    "[network]\nreach = [\"127.0.0.1:" + std::to_string(server.port()) + "\"]\n");
  daemon.start();
  const std::uint64_t task = daemon.run("get the logo", true);
  ASSERT_TRUE(wait_until([&] { return model.held() > 0; })) << daemon.log();
  daemon.kill9();
  model.open_gate();
  daemon.start();
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed") << daemon.log();
  EXPECT_TRUE(daemon.file("a/logo.bin") == body);
  EXPECT_EQ(server.requests().size(), 1U);
  const Finished undo = daemon.cli({"undo", std::to_string(task), "--yes"});
  EXPECT_EQ(undo.exit, 0) << undo.err;
  EXPECT_EQ(daemon.file("a/logo.bin"), "");
}

TEST(RequestPolicyTest, ARequestIsAskedAboutBeforeAnybodyIsTalkedTo) {
  Server server({Server::answer(kOk)});
  ScriptedLlm model(ScriptedLlm::in_turn(
      {calls("fetch_url", {{"url", server.url("/a")}}), calls("finish", {{"summary", "read"}})}));
  const std::string reach =
      "[network]\nreach = [\"127.0.0.1:" + std::to_string(server.port()) + "\"]\n";
  RealDaemon daemon(config_for(model, "none") + reach);
  daemon.start();
  const std::uint64_t task = daemon.run("read it");
  const Json question = daemon.wait_for_question(task);
  EXPECT_EQ(question.at("kind"), "permission");
  EXPECT_EQ(question.at("line"), "GET " + server.url("/a"));
  EXPECT_EQ(server.connections(), 0U) << "nobody is talked to before that";
  EXPECT_EQ(daemon.approve_until_end(task).at("state"), "completed");
  EXPECT_EQ(server.requests().size(), 1U);
}

}  // namespace
}  // namespace tinkerbell
