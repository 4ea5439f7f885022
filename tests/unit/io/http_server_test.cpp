#include "tinkerbell/io/http_server.hpp"

#include "support/temp_dir.hpp"
#include "unit/io/loop.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

UniqueFd unix_socket(const std::string& path, decltype(&::connect) call) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const void* generic = &address;
  const int done = call(socket.get(), static_cast<const sockaddr*>(generic), sizeof address);
  return done == 0 ? std::move(socket) : UniqueFd();
}

/// A client that looks at every byte.
class RawClient {
 public:
  explicit RawClient(const std::string& path) : socket_(unix_socket(path, &::connect)) {}

  [[nodiscard]] bool connected() const { return socket_.valid(); }

  void send(std::string_view bytes) {
    EXPECT_EQ(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT),
              static_cast<ssize_t>(bytes.size()));
  }

  /// What has come so far.
  const std::string& received() {
    char bytes[65'536];
    ssize_t count = 0;
    while ((count = ::recv(socket_.get(), bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
      received_.append(bytes, static_cast<std::size_t>(count));
    }
    const bool waiting = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    ended_ = ended_ || !waiting;
    return received_;
  }

  /// Whether the server has closed.
  bool ended() {
    received();
    return ended_;
  }

  void shut_down_writing() { ::shutdown(socket_.get(), SHUT_WR); }

  void close() { socket_.reset(); }

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  UniqueFd socket_;
  std::string received_;
  bool ended_ = false;
};

class HttpServerTest : public ::testing::Test {
 protected:
  void serve(HttpServerLimits limits = {}) {
    server_.emplace(loop_.get_executor(), limits,
                    [this](HttpRequest request, std::shared_ptr<HttpResponder> responder) {
                      requests_.push_back(request);
                      handle_(std::move(request), std::move(responder));
                    });
    ASSERT_TRUE(server_->listen(path_, 0660).ok());
  }

  /// Sends a request on a new connection and waits for the server to end it.
  std::string last_words(std::string_view bytes) {
    RawClient client(path_);
    client.send(bytes);
    client.shut_down_writing();
    EXPECT_TRUE(run_until(loop_, [&] { return client.ended(); }));
    return client.received();
  }

  bool wait_for(RawClient& client, std::string_view text) {
    return run_until(loop_, [&] { return client.received().contains(text); });
  }

  TempDir dir_;
  std::string path_ = dir_ / "control.sock";
  boost::asio::io_context loop_;
  std::vector<HttpRequest> requests_;
  HttpServer::Handler handle_ = [](HttpRequest request, std::shared_ptr<HttpResponder> responder) {
    responder->respond({.body = "\"" + request.path + "\""});
  };
  std::optional<HttpServer> server_;
};

TEST_F(HttpServerTest, GivesTheHandlerTheRequestAndItsPeer) {
  serve();
  const std::string answer = last_words(
      "POST /v1/a%20b?x=1 HTTP/1.1\r\nHost: x\r\nX-Key: v\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n\"/v1/a b\""));
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_EQ(requests_[0].method, "POST");
  EXPECT_EQ(requests_[0].query.at("x"), "1");
  EXPECT_EQ(header_value(requests_[0].headers, "x-key"), "v");
  EXPECT_EQ(requests_[0].body, "hello");
  EXPECT_EQ(requests_[0].peer.uid, ::getuid());
  EXPECT_EQ(requests_[0].peer.gid, ::getgid());
  EXPECT_EQ(requests_[0].peer.pid, ::getpid());
}

TEST_F(HttpServerTest, ReadsChunkedBodies) {
  serve();
  last_words(
      "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_EQ(requests_[0].body, "hello");
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  serve();
  std::string bytes;
  for (int i = 0; i < 50; ++i)
    bytes += "GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n";
  const std::string answer = last_words(bytes);
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = answer.find("\"/" + std::to_string(i) + "\"", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST_F(HttpServerTest, KeepsTheConnectionUnlessAskedNotTo) {
  serve();
  RawClient client(path_);
  client.send("GET /1 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(client, "/1"));
  client.send("GET /2 HTTP/1.1\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(run_until(loop_, [&] { return client.ended(); }));
  EXPECT_THAT(client.received(), HasSubstr("Connection: close"));
  EXPECT_TRUE(run_until(loop_, [&] { return server_->connections() == 0; }));
}

TEST_F(HttpServerTest, LeavesTheBodyOutForHead) {
  serve();
  const std::string answer = last_words("HEAD /abc HTTP/1.1\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 6\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, SaysContinueOnlyForABodyItWillTake) {
  serve({.body_bytes_max = 10});
  RawClient client(path_);
  client.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  ASSERT_TRUE(wait_for(client, "HTTP/1.1 100 Continue\r\n\r\n"));
  EXPECT_TRUE(requests_.empty());
  client.send("hello");
  ASSERT_TRUE(wait_for(client, "200 OK"));

  const std::string refused =
      last_words("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(last_words("GET / HTTP/1.1\r\nExpect: miracles\r\n\r\n"),
              StartsWith("HTTP/1.1 417 "));
}

TEST_F(HttpServerTest, F55_RefusesWhatIsMalformedOrTooLarge) {
  serve({.header_bytes_max = 1'000, .body_bytes_max = 1'000});
  const std::string chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n";
  const std::vector<std::pair<std::string, std::string>> requests = {
      {"400", "hello\r\n\r\n"},
      {"400", std::string("\0\1\2\3\r\n\r\n", 8)},
      {"400", "GET / HTTP/1.1\r\nA b\r\n\r\n"},
      {"400", "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n"},
      {"400", "GET /%zz HTTP/1.1\r\n\r\n"},
      {"400", "GET /?a=1&a=2 HTTP/1.1\r\n\r\n"},
      {"400", "GET http://x/ HTTP/1.1\r\n\r\n"},
      {"400", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"},
      {"400", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"},
      {"400", chunked + "Content-Length: 1\r\n\r\n"},
      {"400", "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"400", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\na"},
      {"400", chunked + "\r\nzz\r\n"},
      {"505", "GET / HTTP/1.0\r\n\r\n"},
      {"505", "GET / HTTP/3.0\r\n\r\n"},
      {"413", "POST / HTTP/1.1\r\nContent-Length: 4294967295\r\n\r\n"},
      {"413", "POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n"},
      {"413", chunked + "\r\n3e9\r\n" + std::string(1'001, 'x')},
      {"431", "GET / HTTP/1.1\r\nA: " + std::string(1'000, 'x') + "\r\n\r\n"},
      {"431", "GET /" + std::string(100'000, 'x')},
  };
  for (const auto& [status, bytes] : requests) {
    const std::string answer = last_words(bytes);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + status + " ")) << bytes.substr(0, 100);
    EXPECT_THAT(answer, HasSubstr(R"({"error":{"code":")")) << bytes.substr(0, 100);
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  }
  EXPECT_TRUE(requests_.empty());
}

TEST_F(HttpServerTest, F54_EndsARequestThatDoesNotArriveInTimeAndServesTheOthers) {
  serve({.read_timeout = Milliseconds(20)});
  RawClient slow(path_);
  slow.send("GET / HT");
  RawClient other(path_);
  other.send("GET /other HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(wait_for(other, "/other"));
  ASSERT_TRUE(wait_for(slow, "HTTP/1.1 408 "));
  RawClient slow_body(path_);
  slow_body.send("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell");
  ASSERT_TRUE(wait_for(slow_body, "HTTP/1.1 408 "));
  slow.close();
  slow_body.close();
  EXPECT_TRUE(run_until(loop_, [&] { return server_->connections() == 1; }));
}

TEST_F(HttpServerTest, F56_ClosesIdleConnectionsWithoutAWord) {
  serve({.idle_timeout = Milliseconds(20)});
  RawClient client(path_);
  ASSERT_TRUE(run_until(loop_, [&] { return client.ended(); }));
  EXPECT_EQ(client.received(), "");
}

TEST_F(HttpServerTest, F56_TurnsAwayConnectionsOverTheLimitOfAUser) {
  serve({.connections_max = 10, .connections_per_uid_max = 2});
  RawClient first(path_);
  RawClient second(path_);
  ASSERT_TRUE(run_until(loop_, [&] { return server_->connections() == 2; }));
  RawClient third(path_);
  ASSERT_TRUE(run_until(loop_, [&] { return third.ended(); }));
  EXPECT_THAT(third.received(), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(third.received(), HasSubstr(R"("code":"exhausted")"));
  first.close();
  ASSERT_TRUE(run_until(loop_, [&] { return server_->connections() == 1; }));
  EXPECT_THAT(last_words("GET /again HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, F56_TurnsAwayConnectionsOverTheTotal) {
  serve({.connections_max = 1});
  RawClient first(path_);
  ASSERT_TRUE(run_until(loop_, [&] { return server_->connections() == 1; }));
  EXPECT_THAT(last_words(""), StartsWith("HTTP/1.1 503 "));
}

TEST_F(HttpServerTest, AnswersLaterAndAnswers500WhenTheResponderIsDropped) {
  std::vector<std::shared_ptr<HttpResponder>> held;
  handle_ = [&](HttpRequest, std::shared_ptr<HttpResponder> responder) {
    held.push_back(std::move(responder));
  };
  serve();
  RawClient client(path_);
  client.send("GET /1 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(run_until(loop_, [&] { return held.size() == 1; }));
  held[0]->respond({.status = 202, .body = "{}"});
  ASSERT_TRUE(wait_for(client, "202 Accepted"));
  client.send("GET /2 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(run_until(loop_, [&] { return held.size() == 2; }));
  held.clear();
  ASSERT_TRUE(wait_for(client, "500 Internal"));
}

TEST_F(HttpServerTest, F57_FreesTheConnectionOfAClientThatLeavesBeforeItsAnswer) {
  std::shared_ptr<HttpResponder> held;
  handle_ = [&](HttpRequest, std::shared_ptr<HttpResponder> responder) { held = responder; };
  serve();
  RawClient client(path_);
  client.send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(run_until(loop_, [&] { return held != nullptr; }));
  client.close();
  ASSERT_TRUE(run_until(loop_, [&] { return server_->connections() == 0; }));
  held->respond({});  // nobody minds
}

/// The loop is woken for urgent data (EPOLLPRI) as for a hang-up, and for as long as it is there.
TEST_F(HttpServerTest, F55_EndsAConnectionThatSendsUrgentData) {
  std::shared_ptr<HttpResponder> held;
  handle_ = [&](HttpRequest, std::shared_ptr<HttpResponder> responder) { held = responder; };
  serve();
  RawClient client(path_);
  client.send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(run_until(loop_, [&] { return held != nullptr; }));
  if (::send(client.fd(), "!", 1, MSG_OOB) != 1) GTEST_SKIP() << "no urgent data on Unix sockets";
  EXPECT_TRUE(run_until(loop_, [&] { return server_->connections() == 0; }));
}

class EventStreamTest : public HttpServerTest {
 protected:
  void open(RawClient& client, HttpServerLimits limits = {}) {
    handle_ = [&](HttpRequest, std::shared_ptr<HttpResponder> responder) {
      stream_ = responder->stream();
      stream_->on_closed([&] { ++closed_; });
    };
    if (!server_) serve(limits);
    client = RawClient(path_);
    client.send("GET /events HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(wait_for(client, "\r\n\r\n"));
  }

  std::shared_ptr<EventStream> stream_;
  int closed_ = 0;
  RawClient client_{path_};
};

TEST_F(EventStreamTest, SendsEventsAsChunksAndEndsInOrder) {
  open(client_);
  EXPECT_THAT(client_.received(), HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_TRUE(stream_->send(7, "task.state", "{\"a\":1}"));
  ASSERT_TRUE(wait_for(client_, "id: 7\nevent: task.state\ndata: {\"a\":1}\n\n"));
  EXPECT_TRUE(stream_->send(8, "x", "last"));
  stream_->close();
  EXPECT_FALSE(stream_->send(9, "x", "too late"));
  ASSERT_TRUE(run_until(loop_, [&] { return client_.ended(); }));
  EXPECT_THAT(client_.received(), EndsWith("data: last\n\n\r\n0\r\n\r\n"));
  EXPECT_EQ(closed_, 0);
}

TEST_F(EventStreamTest, F57_NoticesAClientThatGoesAway) {
  open(client_);
  client_.close();
  ASSERT_TRUE(run_until(loop_, [&] { return closed_ == 1 && server_->connections() == 0; }));
  EXPECT_FALSE(stream_->send(1, "x", "y"));
  EXPECT_EQ(closed_, 1);
}

TEST_F(EventStreamTest, ServesAClientThatOnlyShutDownItsWritingSide) {
  open(client_);
  client_.shut_down_writing();
  EXPECT_TRUE(stream_->send(1, "x", "still here"));
  EXPECT_TRUE(wait_for(client_, "still here"));
}

TEST_F(EventStreamTest, ClosesAReaderThatFallsBehind) {
  open(client_, {.stream_backlog_bytes_max = 100'000});
  const std::string data(10'000, 'x');
  std::uint64_t sent = 0;
  while (stream_->send(sent, "x", data)) {
    ++sent;
    ASSERT_LT(sent, 1'000U);
    loop_.restart();
    loop_.poll();  // what the socket takes, leaves the backlog
  }
  ASSERT_TRUE(run_until(loop_, [&] { return closed_ == 1; }));
  EXPECT_FALSE(stream_->send(sent, "x", data));
  ASSERT_TRUE(run_until(loop_, [&] { return client_.ended(); }));
  EXPECT_THAT(client_.received(), EndsWith("event: lagged\ndata: {}\n\n\r\n0\r\n\r\n"));
  EXPECT_THAT(client_.received(), HasSubstr("id: " + std::to_string(sent - 1) + "\n"))
      << "what was taken is thrown away: a reader would never get on";
}

TEST_F(EventStreamTest, TakesAnEventThatIsLargerThanTheBacklog) {
  open(client_, {.stream_backlog_bytes_max = 1'000});
  EXPECT_TRUE(stream_->send(1, "x", std::string(100'000, 'x')));
  EXPECT_FALSE(stream_->send(2, "x", "behind it"));
  ASSERT_TRUE(run_until(loop_, [&] { return client_.ended(); }));
  EXPECT_THAT(client_.received(), HasSubstr(std::string(1'000, 'x') + "\n\n"));
}

TEST_F(EventStreamTest, AWriterWhoWaitsForTheReaderMaySendAnyAmount) {
  open(client_, {.stream_backlog_bytes_max = 20'000});
  const std::string data(10'000, 'x');
  std::uint64_t sent = 0;
  std::function<void()> send_next = [&] {
    if (sent == 500) return stream_->close();
    ASSERT_TRUE(stream_->send(++sent, "x", data));
    stream_->when_drained(send_next);
  };
  send_next();
  ASSERT_TRUE(run_until(loop_, [&] { return client_.ended(); }));
  EXPECT_EQ(sent, 500U);
  EXPECT_THAT(client_.received(), HasSubstr("id: 500\n"));
}

TEST_F(EventStreamTest, EndsWhenItsOwnerDropsIt) {
  open(client_);
  stream_ = nullptr;
  EXPECT_TRUE(wait_for(client_, "0\r\n\r\n"));
}

TEST_F(EventStreamTest, EndsAfterWhatWasSentWhenTheServerStops) {
  open(client_);
  stream_->send(1, "x", "the last");
  server_->stop();
  ASSERT_TRUE(run_until(loop_, [&] { return client_.ended(); }));
  EXPECT_THAT(client_.received(), HasSubstr("the last"));
  EXPECT_TRUE(run_until(loop_, [&] { return server_->connections() == 0; }));
}

TEST_F(EventStreamTest, OutlivesItsServer) {
  open(client_);
  server_.reset();
  EXPECT_FALSE(stream_->send(1, "x", "y"));
  ASSERT_TRUE(run_until(loop_, [&] { return client_.ended(); }));
  EXPECT_EQ(closed_, 0);
}

TEST_F(HttpServerTest, StopLetsAnswersOutAndClosesTheRest) {
  std::shared_ptr<HttpResponder> held;
  handle_ = [&](HttpRequest, std::shared_ptr<HttpResponder> responder) { held = responder; };
  serve();
  RawClient idle(path_);
  RawClient waiting(path_);
  waiting.send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(run_until(loop_, [&] { return held && server_->connections() == 2; }));
  server_->stop();
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_FALSE(RawClient(path_).connected());
  ASSERT_TRUE(run_until(loop_, [&] { return idle.ended(); }));
  EXPECT_FALSE(waiting.ended());
  held->respond({.body = "\"done\""});
  ASSERT_TRUE(run_until(loop_, [&] { return waiting.ended(); }));
  EXPECT_THAT(waiting.received(), EndsWith("\"done\""));
  EXPECT_THAT(waiting.received(), HasSubstr("Connection: close\r\n"));
}

TEST_F(HttpServerTest, DestroyedItClosesEverythingAndCallsNobody) {
  std::shared_ptr<HttpResponder> held;
  handle_ = [&](HttpRequest, std::shared_ptr<HttpResponder> responder) { held = responder; };
  serve();
  RawClient waiting(path_);
  waiting.send("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(run_until(loop_, [&] { return held != nullptr; }));
  server_.reset();
  held->respond({});
  ASSERT_TRUE(run_until(loop_, [&] { return waiting.ended(); }));
  EXPECT_EQ(requests_.size(), 1U);
}

// ---- the socket file ----

class SocketFile : public ::testing::Test {
 protected:
  Result<void> listen(const std::string& path) {
    server_ = std::make_unique<HttpServer>(loop_.get_executor(), HttpServerLimits{},
                                           [](HttpRequest, std::shared_ptr<HttpResponder>) {});
    return server_->listen(path, 0660);
  }

  Errc refusal(const std::string& path) {
    const Result<void> listening = listen(path);
    return listening.ok() ? Errc::internal : listening.error().code;
  }

  TempDir dir_;
  std::string path_ = dir_ / "control.sock";
  boost::asio::io_context loop_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(SocketFile, S3_HasItsModeFromTheStartWhateverTheUmask) {
  const mode_t before = ::umask(0);
  EXPECT_TRUE(listen(path_).ok());
  EXPECT_EQ(::umask(before), 0U);
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0660U);
}

TEST_F(SocketFile, S3_IsNotMadeWhereOthersCanReplaceIt) {
  namespace fs = std::filesystem;
  fs::permissions(dir_.path(), fs::perms::all);
  EXPECT_EQ(refusal(path_), Errc::denied);
  EXPECT_FALSE(fs::exists(path_));
  fs::permissions(dir_.path(), fs::perms::all | fs::perms::sticky_bit);
  EXPECT_TRUE(listen(path_).ok());
}

TEST_F(SocketFile, F58_ReplacesAStaleSocketOnly) {
  {
    const UniqueFd stale = unix_socket(path_, &::bind);
    ASSERT_TRUE(stale.valid());
  }
  EXPECT_TRUE(listen(path_).ok());
  HttpServer second(loop_.get_executor(), {}, [](HttpRequest, std::shared_ptr<HttpResponder>) {});
  const Result<void> refused = second.listen(path_, 0660);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_TRUE(RawClient(path_).connected());
}

TEST_F(SocketFile, F58_RefusesWhateverElseIsInTheWay) {
  dir_.write("file", "precious");
  EXPECT_EQ(refusal(dir_ / "file"), Errc::conflict);
  EXPECT_EQ(dir_.read("file"), "precious");
  std::filesystem::create_symlink(dir_ / "elsewhere", dir_ / "link");
  EXPECT_EQ(refusal(dir_ / "link"), Errc::conflict);
  EXPECT_EQ(refusal(dir_ / std::string(120, 'x')), Errc::too_large);
  EXPECT_EQ(refusal(dir_ / "no/such/directory.sock"), Errc::not_found);
  EXPECT_EQ(refusal(""), Errc::invalid);
}

TEST_F(SocketFile, IsLeftAloneAtTheEndIfSomebodyElseMadeIt) {
  ASSERT_TRUE(listen(path_).ok());
  std::filesystem::rename(path_, dir_ / "ours");
  dir_.write("control.sock", "theirs");
  server_->stop();
  EXPECT_EQ(dir_.read("control.sock"), "theirs");
}

TEST_F(SocketFile, CanBeMadeBySomebodyElse) {
  UniqueFd listening = unix_socket(path_, &::bind);
  ASSERT_EQ(::listen(listening.get(), 1), 0);
  server_ = std::make_unique<HttpServer>(
      loop_.get_executor(), HttpServerLimits{},
      [](HttpRequest, std::shared_ptr<HttpResponder> responder) { responder->respond({}); });
  ASSERT_TRUE(server_->adopt(listening.release()).ok());
  RawClient client(path_);
  client.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(run_until(loop_, [&] { return client.received().contains("200 OK"); }));
  server_->stop();
  EXPECT_TRUE(std::filesystem::exists(path_));

  HttpServer other(loop_.get_executor(), {}, [](HttpRequest, std::shared_ptr<HttpResponder>) {});
  EXPECT_FALSE(other.adopt(::socket(AF_UNIX, SOCK_STREAM, 0)).ok());
}

}  // namespace
}  // namespace tinkerbell
