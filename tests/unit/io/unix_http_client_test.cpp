#include "tinkerbell/io/unix_http_client.hpp"

#include "support/temp_dir.hpp"

#include "tinkerbell/io/http_server.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace tinkerbell {
namespace {

using ::testing::HasSubstr;

void respond_with_request(const HttpRequest& request, HttpResponder& responder) {
  responder.respond({.status = 201, .body = request.method + " " + request.path + request.body});
}

/// A server with a loop on a thread of its own, as a daemon is for a command-line program.
class UnixHttpClientTest : public ::testing::Test {
 protected:
  UnixHttpClientTest() { start_server({}); }

  ~UnixHttpClientTest() override {
    on_loop([this] { server_.reset(); });
    work_.reset();
    thread_.join();
  }

  void on_loop(const std::function<void()>& work) {
    std::promise<void> done;
    boost::asio::post(loop_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  void start_server(HttpServerLimits limits) {
    on_loop([&] {
      server_.reset();
      server_.emplace(loop_.get_executor(), limits,
                      [this](HttpRequest request, std::shared_ptr<HttpResponder> responder) {
                        handle_(std::move(request), std::move(responder));
                      });
      ASSERT_TRUE(server_->listen(path_, 0660).ok());
    });
  }

  TempDir dir_;
  std::string path_ = dir_ / "control.sock";
  HttpServer::Handler handle_ = [](const HttpRequest& request,
                                   const std::shared_ptr<HttpResponder>& responder) {
    respond_with_request(request, *responder);
  };
  boost::asio::io_context loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      loop_.get_executor()};
  std::thread thread_{[this] { loop_.run(); }};
  std::optional<HttpServer> server_;
  UnixHttpClient client_{path_};
};

TEST_F(UnixHttpClientTest, GetsAnswersOverOneConnection) {
  for (int i = 0; i < 3; ++i) {
    const auto answer = client_.request("POST", "/v1/tasks", "{}");
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_EQ(answer->status, 201);
    EXPECT_EQ(answer->body, "POST /v1/tasks{}");
  }
  std::size_t connections = 0;
  on_loop([&] { connections = server_->connections(); });
  EXPECT_EQ(connections, 1U);
}

TEST_F(UnixHttpClientTest, SaysWhoAsks) {
  handle_ = [](const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) {
    responder->respond({.body = std::string(header_value(request.headers, "User-Agent"))});
  };
  EXPECT_EQ(client_.request("GET", "/v1/status")->body, "tinkerbell");
}

TEST_F(UnixHttpClientTest, ConnectsAgainWhenTheServerHasBeenRestarted) {
  ASSERT_TRUE(client_.request("GET", "/1").ok());
  start_server({});
  const auto answer = client_.request("GET", "/2");
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->body, "GET /2");
}

TEST_F(UnixHttpClientTest, NamesThePathWhenNobodyListens) {
  on_loop([this] { server_.reset(); });
  const auto answer = client_.request("GET", "/");
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, Errc::unavailable);
  EXPECT_THAT(answer.error().message, HasSubstr(path_));
  const auto too_long = UnixHttpClient(dir_ / std::string(200, 'x')).request("GET", "/");
  ASSERT_FALSE(too_long.ok());
  EXPECT_EQ(too_long.error().code, Errc::unavailable);
}

TEST_F(UnixHttpClientTest, GetsTheAnswerOfAServerThatRefusesALargeRequest) {
  start_server({.body_bytes_max = 100});
  const auto answer = client_.request("POST", "/", std::string(8 << 20, 'x'));
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->status, 413);
}

TEST_F(UnixHttpClientTest, ReadsEventsUntilTheServerEndsTheStream) {
  on_loop([this] {
    handle_ = [](HttpRequest, const std::shared_ptr<HttpResponder>& responder) {
      const std::shared_ptr<EventStream> stream = responder->stream();
      stream->send(1, "a", "x\ny");
      stream->send(2, "b", "z");
    };
  });
  std::vector<std::string> seen;
  const auto answer = client_.events("/v1/events", [&](const UnixHttpClient::Event& event) {
    seen.push_back(std::to_string(event.id) + event.name + event.data);
    return true;
  });
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(seen, (std::vector<std::string>{"1ax\ny", "2bz"}));
}

TEST_F(UnixHttpClientTest, ReadsEventsOfAnySizeThatADaemonSends) {
  const std::string data(6 << 20, 'x');
  on_loop([&] {
    handle_ = [&](HttpRequest, const std::shared_ptr<HttpResponder>& responder) {
      responder->stream()->send(1, "a", data);
    };
  });
  std::size_t bytes = 0;
  const auto answer = client_.events("/", [&](const UnixHttpClient::Event& event) {
    bytes = event.data.size();
    return true;
  });
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(bytes, data.size());
}

TEST_F(UnixHttpClientTest, LeavesAStreamWhenItHasSeenEnough) {
  std::shared_ptr<EventStream> stream;
  std::promise<void> closed;
  on_loop([&] {
    handle_ = [&](HttpRequest, const std::shared_ptr<HttpResponder>& responder) {
      stream = responder->stream();
      stream->on_closed([&] { closed.set_value(); });
      stream->send(1, "a", "x");
      stream->send(2, "a", "y");
    };
  });
  int seen = 0;
  const auto answer = client_.events("/", [&](const UnixHttpClient::Event&) {
    ++seen;
    return false;
  });
  EXPECT_TRUE(answer.ok());
  EXPECT_EQ(seen, 1);
  closed.get_future().wait();
  on_loop([&] { stream.reset(); });
}

TEST_F(UnixHttpClientTest, F41_ReportsAStreamThatBreaksOff) {
  std::shared_ptr<EventStream> stream;
  on_loop([&] {
    handle_ = [&](HttpRequest, const std::shared_ptr<HttpResponder>& responder) {
      stream = responder->stream();
      stream->send(1, "a", "x");
    };
  });
  const auto answer = client_.events("/", [&](const UnixHttpClient::Event&) {
    on_loop([this] { server_.reset(); });
    return true;
  });
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, Errc::protocol);
  on_loop([&] { stream.reset(); });
}

TEST_F(UnixHttpClientTest, GivesAnAnswerThatIsNoStream) {
  const auto answer = client_.events("/v1/x", [](const UnixHttpClient::Event&) { return true; });
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "GET /v1/x");
}

}  // namespace
}  // namespace tinkerbell
