#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/io/http_message.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace tinkerbell {

/// Who is at the other end of a Unix socket, as the kernel says (SO_PEERCRED, unix(7)).
struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

struct HttpRequest {
  std::string method;
  std::string path;                          ///< Decoded, without the query: "/v1/tasks/12".
  std::map<std::string, std::string> query;  ///< Decoded.
  HttpHeaders headers;
  std::string body;
  Peer peer;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

/// An open stream of server-sent events. Loop thread. Bounded: a reader that does not keep up gets
/// what waits for it, then an event "lagged", and is closed, so that it can come again from its
/// last id. An event that is larger than the backlog by itself is taken when none waits. Whoever
/// drops the stream closes it.
class EventStream {
 public:
  EventStream() = default;
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;
  virtual ~EventStream() = default;

  /// `id: …`, `event: …`, `data: …` and a blank line. Line ends in `data` are kept, `event` has
  /// none. False: the stream has ended, and this event is lost.
  virtual bool send(std::uint64_t id, std::string_view event, std::string_view data) = 0;

  /// Ends the stream after what was sent.
  virtual void close() = 0;

  /// Calls `handler` once, later on the loop, when no event waits behind those being written; not
  /// if the stream ends before. For who has more to send than the backlog holds. The handler must
  /// not own the stream.
  virtual void when_drained(std::move_only_function<void()> handler) = 0;

  /// Called once, later on the loop, when the client has gone away or fallen behind; also if that
  /// happened before. Not called after close() or once the server is destroyed. The handler must
  /// not own the stream: neither would ever be freed.
  virtual void on_closed(std::move_only_function<void()> handler) = 0;
};

/// How a handler answers: exactly one of the two, now or later; a second answer is a bug. A
/// responder that is dropped answers 500. The client may have gone meanwhile: nobody needs to mind.
class HttpResponder {
 public:
  HttpResponder() = default;
  HttpResponder(const HttpResponder&) = delete;
  HttpResponder& operator=(const HttpResponder&) = delete;
  virtual ~HttpResponder() = default;

  virtual void respond(HttpResponse response) = 0;

  /// Answers 200 text/event-stream. The connection ends with the stream.
  virtual std::shared_ptr<EventStream> stream() = 0;
};

struct HttpServerLimits {
  std::uint32_t header_bytes_max = 16 << 10;
  std::uint32_t body_bytes_max = 1 << 20;
  std::uint32_t connections_max = 256;
  std::uint32_t connections_per_uid_max = 64;
  Milliseconds read_timeout{10'000};   ///< For one whole request, from its first byte.
  Milliseconds idle_timeout{300'000};  ///< Between requests, and for a reader of answers to move.
  std::size_t stream_backlog_bytes_max = 4 << 20;  ///< Events that wait behind those being written.
};

/// HTTP/1.1 on a Unix socket. Loop thread only. The requests of one connection are served one after
/// the other, pipelined or not. Whatever is malformed, too large or too slow is
/// answered 4xx with a JSON reason {"error":{"code","message"}} where that is still possible, and
/// the connection is closed; a connection over a limit gets 503. Others notice nothing.
/// Source: RFC 9110, RFC 9112.
class HttpServer {
 public:
  using Handler = std::move_only_function<void(HttpRequest, std::shared_ptr<HttpResponder>)>;

  HttpServer(boost::asio::any_io_executor loop, HttpServerLimits limits, Handler handler);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Closes every connection at once; the handler is not called any more.
  ~HttpServer();

  /// Makes the socket file (mode `mode`, never looser on the way: umask around bind) and listens. A
  /// stale socket that nobody listens on is replaced; anything else in the way is refused. Errors:
  /// conflict (somebody listens, or the path is no socket of ours), denied (the directory belongs
  /// to another user, or is writable for others without the sticky bit), not_found (no directory),
  /// too_large (path over 107 bytes), io. A server listens once, by this or by adopt().
  [[nodiscard]] Result<void> listen(const std::string& path, mode_t mode);

  /// Takes over a listening socket (systemd socket activation); its file stays. Errors: invalid.
  [[nodiscard]] Result<void> adopt(int listening_fd);

  /// Stops accepting and closes every connection once its answer is out; streams end after what was
  /// sent. Removes the socket file that listen() made, unless somebody has replaced it.
  void stop();

  [[nodiscard]] std::size_t connections() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tinkerbell
