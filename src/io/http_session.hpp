#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/io/http_server.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <expected>
#include <memory>
#include <string>

namespace tinkerbell {

class HttpAnswer;

/// One connection to the server: reads a request, waits for its answer, writes it, reads the next.
/// Loop thread. The server owns it and runs it with run().
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;

  HttpSession(Socket socket, Peer peer, const HttpServerLimits& limits,
              std::weak_ptr<HttpServer::Handler> handler);
  ~HttpSession();
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  /// Ends when the connection has ended, whoever ended it.
  [[nodiscard]] static boost::asio::awaitable<void> run(std::shared_ptr<HttpSession> self);

  /// Ends the connection once its answer is out.
  void finish();

  /// Ends it at once. Its handler's answer is ignored.
  void end();

  /// The same for a server that is being destroyed: its stream's on_closed is not called.
  void drop();

  [[nodiscard]] const Peer& peer() const { return peer_; }

 private:
  struct Received;
  struct Refusal;
  class Reader;

  [[nodiscard]] boost::asio::awaitable<bool> request_comes();
  [[nodiscard]] boost::asio::awaitable<std::expected<Received, Refusal>> read_request();
  [[nodiscard]] boost::asio::awaitable<bool> answer_request(Received received);
  [[nodiscard]] boost::asio::awaitable<void> send_events(bool head_only);
  [[nodiscard]] boost::asio::awaitable<void> refuse(Refusal refusal);
  [[nodiscard]] boost::asio::awaitable<bool> write(std::string text);
  void watch_hang_up();
  void within(Milliseconds timeout);

  Socket socket_;
  boost::asio::steady_timer deadline_;
  Peer peer_;
  HttpServerLimits limits_;
  std::weak_ptr<HttpServer::Handler> handler_;
  std::unique_ptr<Reader> reader_;
  std::shared_ptr<HttpAnswer> answer_;  ///< Of the request being answered.
  bool timed_out_ = false;
  bool hung_up_ = false;  ///< The client has closed its socket: it reads nothing any more.
  bool ending_ = false;
};

/// A whole HTTP/1.1 answer as text. `head_only` leaves the body out but states its length.
[[nodiscard]] std::string http_response_text(const HttpResponse& response, bool keep_alive,
                                             bool head_only = false);

}  // namespace tinkerbell
