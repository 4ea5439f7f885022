#include "tinkerbell/io/http_client.hpp"

#include "support/scripted_http_server.hpp"
#include "unit/io/loop.hpp"

#include "tinkerbell/io/blocking_pool.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using Server = ScriptedHttpServer;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";

/// One call and what came of it.
struct Watched {
  std::optional<HttpHead> head;
  std::vector<std::string> pieces;
  std::optional<Result<HttpHead>> outcome;

  [[nodiscard]] std::string body() const {
    std::string all;
    for (const std::string& piece : pieces)
      all += piece;
    return all;
  }

  [[nodiscard]] Errc error() const {
    return outcome && !outcome->ok() ? outcome->error().code : Errc::internal;
  }

  [[nodiscard]] bool succeeded() const { return outcome && outcome->ok(); }
};

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClient::CallId start(HttpCall call, Watched& watched) {
    return client_->start(
        std::move(call),
        {.head = [&](const HttpHead& head) { watched.head = head; },
         .body = [&](std::string_view piece) { watched.pieces.emplace_back(piece); }},
        Completion<HttpHead>(
            [&](Result<HttpHead> result) { watched.outcome = std::move(result); }));
  }

  Watched& finish(Watched& watched) {
    EXPECT_TRUE(run_until(loop_, [&] { return watched.outcome.has_value(); }));
    return watched;
  }

  void fetch(HttpCall call, Watched& watched) {
    start(std::move(call), watched);
    finish(watched);
  }

  boost::asio::io_context loop_;
  BlockingPool pool_{loop_.get_executor(), 1};
  std::optional<HttpClient> client_{std::in_place, loop_.get_executor(), pool_};
};

TEST_F(HttpClientTest, GivesHeadBodyAndTheHeadAgainAtTheEnd) {
  Server server({Server::answer("HTTP/1.1 201 Made\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok")});
  Watched call;
  fetch({.method = "POST", .url = server.url("/x?y"), .headers = {{"X-Key", "k"}}, .body = "{}"},
        call);
  ASSERT_TRUE(call.succeeded());
  EXPECT_EQ((*call.outcome)->status, 201);
  ASSERT_TRUE(call.head);
  EXPECT_EQ(header_value(call.head->headers, "x-a"), "b");
  EXPECT_EQ(call.body(), "ok");
  EXPECT_THAT(server.requests().at(0), StartsWith("POST /x?y HTTP/1.1\r\nHost: 127.0.0.1:"));
  EXPECT_THAT(server.requests().at(0), HasSubstr("\r\nX-Key: k\r\n"));
  EXPECT_THAT(server.requests().at(0), ::testing::EndsWith("\r\nContent-Length: 2\r\n\r\n{}"));
}

TEST_F(HttpClientTest, NeverAnswersBeforeStartReturns) {
  Watched call;
  start({.url = "ftp://x/"}, call);
  EXPECT_FALSE(call.outcome);
  EXPECT_EQ(finish(call).error(), Errc::invalid);
}

TEST_F(HttpClientTest, PassesOnEachPieceAsItComes) {
  Server server(
      {{Server::receive(), Server::send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Server::await_gate(), Server::send("3\r\nhel\r\n"), Server::await_gate(),
        Server::send("2\r\nl"), Server::await_gate(), Server::send("o\r\n0\r\n\r\n")}});
  Watched call;
  start({.url = server.url("/")}, call);
  ASSERT_TRUE(run_until(loop_, [&] { return call.head.has_value(); }));
  EXPECT_TRUE(call.pieces.empty());
  server.open_gate();
  ASSERT_TRUE(run_until(loop_, [&] { return call.body() == "hel"; }));
  server.open_gate();
  ASSERT_TRUE(run_until(loop_, [&] { return call.body() == "hell"; }));
  EXPECT_FALSE(call.outcome);
  server.open_gate();
  EXPECT_TRUE(finish(call).succeeded());
  EXPECT_EQ(call.body(), "hello");
}

TEST_F(HttpClientTest, TheScriptedServerEndsBeforeAnyGate) {
  Watched call;
  {
    Server server({{Server::receive(), Server::await_gate(), Server::await_gate()}});
    start({.url = server.url("/")}, call);
    ASSERT_TRUE(run_until(loop_, [&] { return !server.requests().empty(); }));
  }
  EXPECT_EQ(finish(call).error(), Errc::unavailable);
}

TEST_F(HttpClientTest, F41_TakesNoTruncatedAnswerForAWholeOneAtAnyByte) {
  for (const std::string& whole : {kOk, kChunked}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      Server server({Server::answer(whole.substr(0, size))});
      Watched call;
      fetch({.url = server.url("/")}, call);
      ASSERT_EQ(call.error(), size == 0 ? Errc::unavailable : Errc::protocol) << "after " << size;
    }
  }
}

TEST_F(HttpClientTest, F41_ReportsAResetInTheBody) {
  Server server({{Server::receive(), Server::send(kChunked.substr(0, 60)), Server::await_gate(),
                  Server::reset()}});
  Watched call;
  start({.url = server.url("/")}, call);
  ASSERT_TRUE(run_until(loop_, [&] { return !call.pieces.empty(); }));
  server.open_gate();
  EXPECT_EQ(finish(call).error(), Errc::protocol);
}

TEST_F(HttpClientTest, F41_AServerThatHalfClosesInTheBodyHasCutItOff) {
  Server server({{Server::receive(), Server::send(kChunked.substr(0, 60)), Server::half_close(),
                  Server::hold()}});
  Watched call;
  fetch({.url = server.url("/")}, call);
  EXPECT_EQ(call.error(), Errc::protocol);
  EXPECT_TRUE(run_until(loop_, [&] { return server.connections_ended() == 1; }));
}

TEST_F(HttpClientTest, S61_RefusesLengthBesideChunks) {
  Server server({Server::answer(
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")});
  Watched call;
  fetch({.url = server.url("/")}, call);
  EXPECT_EQ(call.error(), Errc::protocol);
  EXPECT_FALSE(call.head);
}

TEST_F(HttpClientTest, F50_StopsReadingAtTheBodyLimit) {
  Server server({{Server::receive(), Server::send("HTTP/1.1 200 OK\r\n\r\n"),
                  Server::send(std::string(1 << 20, 'x')), Server::hold()}});
  Watched call;
  fetch({.url = server.url("/"), .body_bytes_max = 1'000}, call);
  EXPECT_EQ(call.error(), Errc::too_large);
  EXPECT_LE(call.body().size(), 1'000U);
}

TEST_F(HttpClientTest, F39_GivesUpOnAServerThatNeverAnswers) {
  Server server({{Server::receive(), Server::hold()}});
  Watched call;
  fetch({.url = server.url("/"), .timeouts = {.first_byte = Milliseconds(20)}}, call);
  EXPECT_EQ(call.error(), Errc::timed_out);
  EXPECT_THAT(call.outcome->error().message, HasSubstr("no answer within 20 ms"));
}

TEST_F(HttpClientTest, F40_GivesUpOnABodyThatStops) {
  Server server({{Server::receive(), Server::send(kChunked.substr(0, 60)), Server::hold()}});
  Watched call;
  fetch({.url = server.url("/"), .timeouts = {.idle = Milliseconds(20)}}, call);
  EXPECT_EQ(call.error(), Errc::timed_out);
  EXPECT_THAT(call.outcome->error().message, HasSubstr("the answer stopped within 20 ms"));
  EXPECT_TRUE(run_until(loop_, [&] { return server.connections_ended() == 1; }));
}

TEST_F(HttpClientTest, F42_EndsATrickleAtTheTotalDeadline) {
  Server::Script script = {Server::receive(), Server::send("HTTP/1.1 200 OK\r\n\r\n")};
  for (int i = 0; i < 20'000; ++i) {
    script.push_back(Server::await_gate());
    script.push_back(Server::send("x"));
  }
  Server server({script});
  std::optional<Result<HttpHead>> outcome;
  client_->start(
      {.url = server.url("/"), .timeouts = {.total = Milliseconds(50)}},
      {.head = {}, .body = [&](std::string_view) { server.open_gate(); }},
      Completion<HttpHead>([&](Result<HttpHead> result) { outcome = std::move(result); }));
  server.open_gate();
  for (int i = 0; i < 900 && !outcome; ++i) {  // the next byte comes each time the loop is idle
    loop_.restart();
    loop_.run_one_for(Milliseconds(1));
  }
  ASSERT_TRUE(run_until(loop_, [&] { return outcome.has_value(); }));
  ASSERT_FALSE(outcome->ok());
  EXPECT_EQ(outcome->error().code, Errc::timed_out);
  EXPECT_THAT(outcome->error().message, HasSubstr("not finished within 50 ms"));
}

TEST_F(HttpClientTest, CancelEndsACallAtOnce) {
  Server server({{Server::receive(), Server::send(kChunked.substr(0, 60)), Server::hold()}});
  Watched call;
  const HttpClient::CallId id = start({.url = server.url("/")}, call);
  ASSERT_TRUE(run_until(loop_, [&] { return !call.pieces.empty(); }));
  client_->cancel(id);
  EXPECT_FALSE(call.outcome);
  EXPECT_EQ(finish(call).error(), Errc::cancelled);
  EXPECT_TRUE(run_until(loop_, [&] { return server.connections_ended() == 1; }));
  client_->cancel(id);  // long gone
}

TEST_F(HttpClientTest, CancelInsideAnEventIsTheLastEvent) {
  Server server({Server::answer(kChunked)});
  std::optional<Result<HttpHead>> outcome;
  std::string body;
  HttpClient::CallId id = 0;
  id = client_->start({.url = server.url("/")},
                      {.head = {},
                       .body =
                           [&](std::string_view piece) {
                             body += piece;
                             client_->cancel(id);
                           }},
                      Completion<HttpHead>([&](Result<HttpHead> result) { outcome = result; }));
  ASSERT_TRUE(run_until(loop_, [&] { return outcome.has_value(); }));
  EXPECT_EQ(outcome->error().code, Errc::cancelled);
  EXPECT_EQ(body, "hel");
}

TEST_F(HttpClientTest, CancelWorksBeforeTheNameIsResolved) {
  Watched call;
  const HttpClient::CallId id = start({.url = "http://localhost:1/"}, call);
  client_->cancel(id);
  EXPECT_EQ(finish(call).error(), Errc::cancelled);
}

TEST_F(HttpClientTest, F37_ReportsAServerThatIsNotThere) {
  std::string url;
  {
    const Server gone({});
    url = gone.url("/secret?key=secret");
  }
  Watched call;
  fetch({.url = url}, call);
  EXPECT_EQ(call.error(), Errc::unavailable);
  EXPECT_THAT(call.outcome->error().message, ::testing::Not(HasSubstr("secret")));
  Watched nobody;
  fetch({.url = "http://name.invalid/"}, nobody);
  EXPECT_EQ(nobody.error(), Errc::unavailable);
}

/// Once the queue of a listener is full, it answers no further wish for a connection: as where a
/// firewall swallows them.
TEST_F(HttpClientTest, F37_GivesUpWhereNobodyAnswersTheWishForAConnection) {
  boost::asio::io_context unused;
  using boost::asio::ip::tcp;
  tcp::acceptor silent(unused);
  silent.open(tcp::v4());
  silent.bind({boost::asio::ip::address_v4::loopback(), 0});
  silent.listen(0);
  std::vector<tcp::socket> waiting;
  for (int i = 0; i < 3; ++i) {
    tcp::socket& socket = waiting.emplace_back(unused, tcp::v4());
    socket.native_non_blocking(true);
    const tcp::endpoint there = silent.local_endpoint();
    (void)::connect(socket.native_handle(), there.data(), static_cast<socklen_t>(there.size()));
  }
  Watched call;
  fetch({.url = "http://127.0.0.1:" + std::to_string(silent.local_endpoint().port()) + "/",
         .timeouts = {.connect = Milliseconds(30)}},
        call);
  ASSERT_EQ(call.error(), Errc::unavailable);
  EXPECT_THAT(call.outcome->error().message, HasSubstr("no connection within 30 ms"));
}

TEST_F(HttpClientTest, UsesAConnectionAgain) {
  Server server({{Server::receive(), Server::send(kOk), Server::receive(), Server::send(kChunked),
                  Server::receive(), Server::send(kOk)}});
  for (int i = 0; i < 3; ++i) {
    Watched call;
    fetch({.url = server.url("/")}, call);
    ASSERT_TRUE(call.succeeded());
  }
  EXPECT_EQ(server.connections(), 1U);
}

/// Of a server that keeps its connections: the first call, then the second.
const Server::Script kTwice = {Server::receive(), Server::send(kOk), Server::receive(),
                               Server::send(kOk)};

Result<void> nobody(std::span<const IpAddress> addresses) {
  return Error{Errc::denied, "not to " + to_text(addresses[0])};
}

TEST_F(HttpClientTest, S55_WhoMustLookAtTheAddressGetsNoConnectionThatSomebodyElseMade) {
  Server server({kTwice, kTwice});
  Watched first;
  fetch({.url = server.url("/1")}, first);
  ASSERT_TRUE(first.succeeded());
  Watched second;
  fetch({.url = server.url("/2"), .may_connect = nobody}, second);
  ASSERT_EQ(second.error(), Errc::denied);
  EXPECT_THAT(second.outcome->error().message, HasSubstr("not to 127.0.0.1"));
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(HttpClientTest, AConnectionThatWasLookedAtIsForOneCall) {
  Server server({kTwice, kTwice});
  Watched first;
  fetch({.url = server.url("/1"), .may_connect = [](auto) { return Result<void>(); }}, first);
  ASSERT_TRUE(first.succeeded());
  Watched second;
  fetch({.url = server.url("/2")}, second);
  EXPECT_TRUE(second.succeeded());
  EXPECT_EQ(server.connections(), 2U);
}

TEST_F(HttpClientTest, DoesNotUseAConnectionThatTheServerHasClosed) {
  Server server({Server::answer(kOk), Server::answer(kOk)});
  for (int i = 0; i < 2; ++i) {
    Watched call;
    fetch({.url = server.url("/")}, call);
    ASSERT_TRUE(call.succeeded());
    ASSERT_TRUE(run_until(loop_, [&] { return server.connections_ended() == std::size_t(i) + 1; }));
  }
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST_F(HttpClientTest, TakesNothingThatAServerSaidOutOfTurnForAnAnswer) {
  Server server({{Server::receive(), Server::send(kOk), Server::await_gate(),
                  Server::send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")},
                 Server::answer(kOk)});
  Watched first;
  fetch({.url = server.url("/")}, first);
  server.open_gate();
  ASSERT_TRUE(run_until(loop_, [&] { return server.connections_ended() == 1; }));
  Watched second;
  fetch({.url = server.url("/")}, second);
  EXPECT_EQ(second.body(), "ok");
}

TEST_F(HttpClientTest, RepeatsOnceWhenAUsedConnectionEndsBeforeTheFirstByte) {
  Server server({{Server::receive(), Server::send(kOk), Server::receive()}, Server::answer(kOk)});
  Watched first;
  fetch({.url = server.url("/1")}, first);
  Watched second;
  fetch({.url = server.url("/2")}, second);
  EXPECT_TRUE(second.succeeded());
  EXPECT_EQ(server.requests().size(), 3U);
  EXPECT_EQ(server.connections(), 2U);
}

TEST_F(HttpClientTest, DoesNotRepeatAfterTheFirstByte) {
  Server server({{Server::receive(), Server::send(kOk), Server::receive(), Server::send("H")},
                 Server::answer(kOk)});
  Watched first;
  fetch({.url = server.url("/1")}, first);
  Watched second;
  fetch({.url = server.url("/2")}, second);
  EXPECT_EQ(second.error(), Errc::protocol);
  EXPECT_EQ(server.connections(), 1U);
}

TEST_F(HttpClientTest, DoesNotKeepAConnectionThatSaysMoreThanItsAnswer) {
  Server server(
      {{Server::receive(), Server::send(kOk + "HTTP/1.1 200 Smuggled\r\n"), Server::hold()},
       Server::answer(kOk)});
  for (int i = 0; i < 2; ++i) {
    Watched call;
    fetch({.url = server.url("/")}, call);
    ASSERT_TRUE(call.succeeded());
  }
  EXPECT_EQ(server.connections(), 2U);
}

TEST_F(HttpClientTest, S53_FollowsNoRedirects) {
  Server elsewhere({Server::answer(kOk)});
  Server server({Server::answer("HTTP/1.1 307 Go\r\nLocation: " + elsewhere.url("/") +
                                "\r\nContent-Length: 0\r\n\r\n")});
  Watched call;
  fetch({.url = server.url("/"), .headers = {{"Authorization", "Bearer x"}}}, call);
  ASSERT_TRUE(call.succeeded());
  EXPECT_EQ((*call.outcome)->status, 307);
  EXPECT_EQ(elsewhere.connections(), 0U);
}

TEST_F(HttpClientTest, S58_IgnoresProxyVariables) {
  Server proxy({});
  ASSERT_EQ(::setenv("http_proxy", proxy.url("/").c_str(), 1), 0);
  Server server({Server::answer(kOk)});
  Watched call;
  fetch({.url = server.url("/")}, call);
  ::unsetenv("http_proxy");
  EXPECT_TRUE(call.succeeded());
  EXPECT_EQ(proxy.connections(), 0U);
}

TEST_F(HttpClientTest, ReadsTheAnswerOfAServerThatRefusesALargeRequest) {
  Server server({{Server::send("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n"), Server::hold()}});
  Watched call;
  fetch({.method = "POST", .url = server.url("/"), .body = std::string(4 << 20, 'x')}, call);
  ASSERT_TRUE(call.succeeded());
  EXPECT_EQ((*call.outcome)->status, 413);
}

TEST_F(HttpClientTest, DestroyedItAbandonsItsCallsAndTellsThemNothingMore) {
  Server server({{Server::receive(), Server::send(kChunked.substr(0, 60)), Server::hold()}});
  auto call = std::make_unique<Watched>();
  start({.url = server.url("/")}, *call);
  ASSERT_TRUE(run_until(loop_, [&] { return !call->pieces.empty(); }));
  client_.reset();
  EXPECT_EQ(call->error(), Errc::abandoned);
  call.reset();
  EXPECT_TRUE(run_until(loop_, [&] { return server.connections_ended() == 1; }));
}

TEST_F(HttpClientTest, LeavesNothingBehindWhenTheLoopGoesFirst) {
  Server server({{Server::receive(), Server::hold()}});
  Watched call;
  {
    boost::asio::io_context loop;
    BlockingPool pool(loop.get_executor(), 1);
    HttpClient client(loop.get_executor(), pool);
    client.start({.url = server.url("/")}, {},
                 Completion<HttpHead>([&](Result<HttpHead> result) { call.outcome = result; }));
    ASSERT_TRUE(run_until(loop, [&] { return server.requests().size() == 1; }));
  }
  EXPECT_EQ(call.error(), Errc::abandoned);
}

}  // namespace
}  // namespace tinkerbell
