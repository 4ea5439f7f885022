#include "tinkerbell/io/unix_http_client.hpp"

#include "io/socket_path.hpp"

#include "tinkerbell/io/sse_parser.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <sstream>
#include <utility>

namespace tinkerbell {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

using boost::system::error_code;
using Protocol = asio::local::stream_protocol;
using Parser = http::response_parser<http::string_body>;

/// The daemon is ours, but a broken one must not fill the memory of a shell.
constexpr std::uint64_t kAnswerBytesMax = 1 << 30;  // event streams have no end

/// An event carries a whole command or question; the daemon bounds those.
constexpr SseParser::Limits kEventLimits{.line_bytes_max = 64 << 20, .event_bytes_max = 64 << 20};

std::string request_text(std::string_view method, std::string_view target, std::string_view body) {
  http::request<http::empty_body> head;
  head.version(11);
  head.method_string(method);
  head.target(target);
  head.set(http::field::host, "localhost");
  head.set(http::field::user_agent, "tinkerbell");  // the daemon tells the CLI from others by it
  if (!body.empty()) head.set(http::field::content_type, "application/json");
  if (!body.empty() || method != "GET") head.content_length(body.size());
  std::ostringstream text;
  text << head.base();
  return std::move(text).str() + std::string(body);
}

std::uint64_t event_id(const std::string& text) {
  std::uint64_t id = 0;
  std::from_chars(text.data(), text.data() + text.size(), id);
  return id;
}

Error connect_error(const std::string& path, const error_code& failed) {
  Error error = os_error("connect " + path, failed.value());
  const bool nobody_listens = failed.value() == ENOENT || failed.value() == ECONNREFUSED;
  if (nobody_listens) error.code = Errc::unavailable;
  return error;
}

Error answer_error(const error_code& failed) {
  return {Errc::protocol, "answer of the daemon: " + failed.message()};
}

}  // namespace

/// A socket, and what was read from it beyond the last answer.
struct UnixHttpClient::Connection {
  /// Whether an idle connection can carry a request: the server has neither closed it nor spoken
  /// out of turn.
  [[nodiscard]] bool quiet() {
    char byte = 0;
    const ssize_t seen = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return seen < 0 && errno == EAGAIN && input.size() == 0;
  }

  /// Sends a request and reads the head of its answer.
  [[nodiscard]] Result<void> ask(const std::string& request) {
    parser.emplace();
    parser->body_limit(kAnswerBytesMax);
    error_code unsent;
    asio::write(socket, asio::buffer(request), unsent);
    // A server that refuses without reading on closes while we write: its answer counts.
    error_code failed;
    http::read_header(socket, input, *parser, failed);
    if (failed) return answer_error(unsent ? unsent : failed);
    return {};
  }

  [[nodiscard]] Result<Answer> rest_of_answer() {
    error_code failed;
    if (!parser->is_done()) http::read(socket, input, *parser, failed);
    if (failed) return answer_error(failed);
    return Answer{.status = static_cast<int>(parser->get().result_int()),
                  .body = std::move(parser->get().body())};
  }

  [[nodiscard]] bool answers_with_events() const {
    return parser->get().result_int() == 200 &&
           parser->get()[http::field::content_type].starts_with("text/event-stream");
  }

  /// The next bytes of the body; empty: the server has ended it.
  [[nodiscard]] Result<std::string> next_piece() {
    std::string& body = parser->get().body();
    while (body.empty() && !parser->is_done()) {
      error_code failed;
      http::read_some(socket, input, *parser, failed);
      if (failed) return answer_error(failed);
    }
    return std::exchange(body, {});
  }

  asio::io_context loop;
  Protocol::socket socket{loop};
  beast::flat_buffer input;
  std::optional<Parser> parser;
};

UnixHttpClient::UnixHttpClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}

UnixHttpClient::~UnixHttpClient() = default;

Result<void> UnixHttpClient::connect() {
  if (connection_ && connection_->quiet()) return {};
  connection_ = nullptr;
  if (socket_path_.size() > kSocketPathBytesMax) {
    return Error{Errc::unavailable, "connect " + socket_path_ + ": the path is too long"};
  }
  auto fresh = std::make_unique<Connection>();
  error_code failed;
  fresh->socket.connect(Protocol::endpoint(socket_path_), failed);
  if (failed) return connect_error(socket_path_, failed);
  connection_ = std::move(fresh);
  return {};
}

/// Takes the connection out: only a whole exchange puts it back.
Result<std::unique_ptr<UnixHttpClient::Connection>> UnixHttpClient::ask(std::string_view method,
                                                                        std::string_view target,
                                                                        std::string_view body) {
  if (Result<void> connected = connect(); !connected) return connected.error();
  std::unique_ptr<Connection> connection = std::move(connection_);
  if (Result<void> asked = connection->ask(request_text(method, target, body)); !asked) {
    return asked.error();
  }
  return connection;
}

Result<UnixHttpClient::Answer> UnixHttpClient::finish(std::unique_ptr<Connection> connection) {
  Result<Answer> answer = connection->rest_of_answer();
  if (answer && connection->parser->keep_alive()) connection_ = std::move(connection);
  return answer;
}

Result<UnixHttpClient::Answer> UnixHttpClient::request(std::string_view method,
                                                       std::string_view target,
                                                       std::string_view body) {
  Result<std::unique_ptr<Connection>> connection = ask(method, target, body);
  if (!connection) return connection.error();
  return finish(*std::move(connection));
}

Result<UnixHttpClient::Answer> UnixHttpClient::events(std::string_view target,
                                                      std::function<bool(const Event&)> take) {
  Result<std::unique_ptr<Connection>> asked = ask("GET", target, {});
  if (!asked) return asked.error();
  Connection& connection = **asked;
  if (!connection.answers_with_events()) return finish(*std::move(asked));

  connection.parser->body_limit(boost::none);
  SseParser events(kEventLimits);
  bool wanted = true;
  const auto pass_on = [&](const SseParser::Event& event) {
    wanted = wanted && take({.id = event_id(event.id), .name = event.name, .data = event.data});
  };
  while (wanted) {
    Result<std::string> piece = connection.next_piece();
    if (!piece) return piece.error();
    if (piece->empty()) break;
    if (Result<void> fed = events.feed(*piece, pass_on); !fed) return fed.error();
  }
  return Answer{.status = 200, .body = {}};
}

}  // namespace tinkerbell
