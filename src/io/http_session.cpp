#include "io/http_session.hpp"

#include "io/await.hpp"
#include "io/http_answer.hpp"
#include "io/request_target.hpp"

#include "tinkerbell/base/names.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <sstream>
#include <utility>

namespace tinkerbell {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

using boost::system::error_code;

/// How long a refused client may go on sending: closing with its bytes unread would reset the
/// connection, and it might lose the refusal.
constexpr Milliseconds kLinger{1'000};

/// Above the header limit, room for a read to be taken in one piece.
constexpr std::size_t kReadBytes = 64 << 10;

/// A wait may end for nothing; the socket itself knows. Urgent data, for which the wait would end
/// again and again, is no HTTP: its sender counts as gone.
bool is_hung_up(int socket) {
  pollfd asked{.fd = socket, .events = POLLPRI, .revents = 0};
  return ::poll(&asked, 1, 0) > 0;
}

std::string head_text(const http::response<http::empty_body>& head) {
  std::ostringstream text;
  text << head.base();
  return std::move(text).str();
}

HttpHeaders headers_of(const http::fields& fields) {
  HttpHeaders headers;
  for (const auto& field : fields) {
    headers.emplace_back(field.name_string(), field.value());
  }
  return headers;
}

}  // namespace

/// Why a request is not answered by the handler.
struct HttpSession::Refusal {
  int status = 400;
  Errc code = Errc::invalid;
  std::string reason;

  static Refusal because_of(const error_code& failed, bool timed_out) {
    if (timed_out) return {408, Errc::timed_out, "the request did not arrive in time"};
    if (failed == http::error::header_limit || failed == http::error::buffer_overflow) {
      return {431, Errc::too_large, "the request's header is too large"};
    }
    if (failed == http::error::body_limit) {
      return {413, Errc::too_large, "the request's body is too large"};
    }
    if (failed == http::error::bad_version) return other_version();
    return {400, Errc::invalid, "malformed request: " + failed.message()};
  }

  /// What is wrong with a header that the parser accepts.
  static std::optional<Refusal> because_of(const http::request_header<>& head) {
    const auto coding = head[http::field::transfer_encoding];
    const auto expectation = head[http::field::expect];
    if (head.version() != 11) return other_version();
    if (!coding.empty() && !boost::beast::iequals(coding, "chunked")) {
      return Refusal{400, Errc::invalid, "unknown transfer encoding"};
    }
    if (!expectation.empty() && !boost::beast::iequals(expectation, "100-continue")) {
      return Refusal{417, Errc::unsupported, "unknown expectation"};
    }
    return std::nullopt;
  }

  static Refusal other_version() {
    return {505, Errc::unsupported, "only HTTP/1.1 is spoken here"};
  }
};

/// What one request needs to be answered.
struct HttpSession::Received {
  HttpRequest request;
  bool keep_alive = false;

  static std::expected<Received, Refusal> from(http::request<http::string_body> message,
                                               const Peer& peer) {
    Result<RequestTarget> target = parse_request_target(message.target());
    if (!target) return std::unexpected(Refusal{400, Errc::invalid, target.error().message});
    return Received{.request = {.method = message.method_string(),
                                .path = std::move(target->path),
                                .query = std::move(target->query),
                                .headers = headers_of(message),
                                .body = std::move(message.body()),
                                .peer = peer},
                    .keep_alive = message.keep_alive()};
  }
};

/// Bytes and parser of the request that is being read.
class HttpSession::Reader {
 public:
  using Parser = http::request_parser<http::string_body>;

  explicit Reader(const HttpServerLimits& limits)
      : limits_(limits), buffer_(limits.header_bytes_max + kReadBytes) {}

  /// Bytes of a request that came together with the one before.
  [[nodiscard]] bool holds_bytes() const { return buffer_.size() > 0; }

  [[nodiscard]] boost::beast::flat_buffer& buffer() { return buffer_; }

  [[nodiscard]] Parser& next() {
    parser_.emplace();
    parser_->header_limit(limits_.header_bytes_max);
    parser_->body_limit(limits_.body_bytes_max);
    return *parser_;
  }

 private:
  const HttpServerLimits& limits_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
};

HttpSession::HttpSession(Socket socket, Peer peer, const HttpServerLimits& limits,
                         std::weak_ptr<HttpServer::Handler> handler)
    : socket_(std::move(socket)),
      deadline_(socket_.get_executor()),
      peer_(peer),
      limits_(limits),
      handler_(std::move(handler)),
      reader_(std::make_unique<Reader>(limits_)) {}

HttpSession::~HttpSession() = default;

asio::awaitable<void> HttpSession::run(std::shared_ptr<HttpSession> self) {
  self->watch_hang_up();
  while (!self->ending_ && co_await self->request_comes()) {
    std::expected<Received, Refusal> received = co_await self->read_request();
    if (self->ending_) break;
    if (!received) {
      co_await self->refuse(std::move(received.error()));
      break;
    }
    if (!co_await self->answer_request(*std::move(received))) break;
  }
  self->end();
}

/// False: the client has gone or has been silent for too long.
asio::awaitable<bool> HttpSession::request_comes() {
  if (reader_->holds_bytes()) co_return true;
  within(limits_.idle_timeout);
  while (true) {
    const auto [failed] = co_await socket_.async_wait(Socket::wait_read, kAwait);
    if (failed || ending_) co_return false;
    char byte = 0;
    const ssize_t count = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    const bool woken_for_nothing = count < 0 && errno == EAGAIN;
    if (!woken_for_nothing) co_return count > 0;
  }
}

asio::awaitable<std::expected<HttpSession::Received, HttpSession::Refusal>>
HttpSession::read_request() {
  within(limits_.read_timeout);
  Reader::Parser& parser = reader_->next();
  auto [failed, bytes] =
      co_await http::async_read_header(socket_, reader_->buffer(), parser, kAwait);
  if (failed) co_return std::unexpected(Refusal::because_of(failed, timed_out_));
  if (std::optional<Refusal> objection = Refusal::because_of(parser.get())) {
    co_return std::unexpected(*std::move(objection));
  }
  if (parser.get().count(http::field::expect) > 0) {
    (void)co_await write("HTTP/1.1 100 Continue\r\n\r\n");  // if that fails, so does the reading
    within(limits_.read_timeout);
  }
  std::tie(failed, bytes) = co_await http::async_read(socket_, reader_->buffer(), parser, kAwait);
  if (failed) co_return std::unexpected(Refusal::because_of(failed, timed_out_));
  co_return Received::from(parser.release(), peer_);
}

/// Whether the connection can take another request.
asio::awaitable<bool> HttpSession::answer_request(Received received) {
  deadline_.cancel();  // the handler may take as long as it needs
  const bool head_only = received.request.method == "HEAD";
  answer_ = std::make_shared<HttpAnswer>(socket_.get_executor(), limits_.stream_backlog_bytes_max);
  if (const auto handler = handler_.lock()) {
    (*handler)(std::move(received.request), HttpAnswer::responder(answer_));
  } else {
    answer_->abandon();
  }
  if (hung_up_) answer_->abandon();
  co_await answer_->wait();

  if (answer_->abandoned()) co_return false;
  if (answer_->events()) {
    co_await send_events(head_only);
    co_return false;
  }
  const bool keep_alive = received.keep_alive && !ending_;
  std::string text = http_response_text(*answer_->response(), keep_alive, head_only);
  const bool written = co_await write(std::move(text));
  answer_ = nullptr;
  if (!written) co_return false;
  co_return keep_alive;
}

asio::awaitable<void> HttpSession::send_events(bool head_only) {
  http::response<http::empty_body> head;
  head.set(http::field::content_type, "text/event-stream");
  head.set(http::field::cache_control, "no-store");
  head.set(http::field::connection, "close");
  head.chunked(true);
  bool written = co_await write(head_text(head));
  while (written && !head_only) {
    const std::string events = co_await answer_->events()->next();
    if (events.empty()) break;
    within(limits_.idle_timeout);
    const auto [failed, bytes] =
        co_await asio::async_write(socket_, http::make_chunk(asio::buffer(events)), kAwait);
    written = !failed;
    deadline_.cancel();
  }
  if (written && !head_only && !answer_->abandoned()) co_await write("0\r\n\r\n");
  answer_->abandon();
}

asio::awaitable<void> HttpSession::refuse(Refusal refusal) {
  const HttpResponse response =
      error_response(refusal.status, name_of(refusal.code), refusal.reason);
  if (!co_await write(http_response_text(response, false))) co_return;
  error_code failed;
  socket_.shutdown(Socket::shutdown_send, failed);
  within(kLinger);
  std::array<char, 4096> discarded;
  while (!failed) {
    std::tie(failed, std::ignore) =
        co_await socket_.async_read_some(asio::buffer(discarded), kAwait);
  }
}

asio::awaitable<bool> HttpSession::write(std::string text) {
  within(limits_.idle_timeout);
  const auto [failed, bytes] = co_await asio::async_write(socket_, asio::buffer(text), kAwait);
  co_return !failed;
}

/// A client that has closed its socket (EPOLLHUP, not the half close of shutdown(2)) ends what
/// waits for an answer or for events: nothing else would notice.
void HttpSession::watch_hang_up() {
  socket_.async_wait(Socket::wait_error, [weak = weak_from_this()](error_code failed) {
    const auto self = weak.lock();
    if (failed || !self) return;
    if (!is_hung_up(self->socket_.native_handle())) return self->watch_hang_up();
    self->hung_up_ = true;
    if (self->answer_) self->answer_->abandon();
  });
}

/// Cancels what the socket is doing when `timeout` has passed; replaces the deadline before it.
void HttpSession::within(Milliseconds timeout) {
  timed_out_ = false;
  deadline_.expires_after(timeout);
  deadline_.async_wait([weak = weak_from_this()](error_code cancelled) {
    const auto self = weak.lock();
    const bool stale =
        cancelled || !self || self->deadline_.expiry() > asio::steady_timer::clock_type::now();
    if (stale) return;
    self->timed_out_ = true;
    error_code ignored;
    self->socket_.cancel(ignored);
  });
}

void HttpSession::finish() {
  ending_ = true;
  if (answer_) {
    answer_->finish();
    return;
  }
  error_code ignored;
  socket_.cancel(ignored);
}

void HttpSession::end() {
  ending_ = true;
  deadline_.cancel();
  if (answer_) answer_->abandon();
  error_code ignored;
  socket_.close(ignored);
}

void HttpSession::drop() {
  if (answer_) answer_->finish();
  end();
}

std::string http_response_text(const HttpResponse& response, bool keep_alive, bool head_only) {
  http::response<http::empty_body> head;
  head.result(static_cast<unsigned>(response.status));
  head.set(http::field::content_type, response.content_type);
  head.set(http::field::cache_control, "no-store");
  if (response.status != 204 && response.status != 304) head.content_length(response.body.size());
  head.keep_alive(keep_alive);
  std::string text = head_text(head);
  if (!head_only) text += response.body;
  return text;
}

}  // namespace tinkerbell
