#include "io/http_wire.hpp"

#include "io/control_bytes.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/write.hpp>

#include <array>
#include <optional>
#include <sstream>
#include <utility>

namespace tinkerbell {

namespace http = boost::beast::http;
namespace beast = boost::beast;

namespace {

using boost::system::error_code;

/// More are no patience but an attack (HAZARDS S61).
constexpr std::size_t kInterimAnswersMax = 16;

bool is_token(std::string_view text) {
  constexpr std::string_view kTokenBytes =
      "!#$%&'*+-.^_`|~0123456789"
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return !text.empty() && text.find_first_not_of(kTokenBytes) == std::string_view::npos;
}

/// Whether a header frames the message or names its receiver, which is ours to say.
bool is_reserved(std::string_view name) {
  constexpr std::array<std::string_view, 8> kReserved = {
      "Host", "Content-Length", "Transfer-Encoding", "Connection",
      "TE",   "Upgrade",        "Trailer",           "Accept-Encoding"};
  return std::ranges::any_of(
      kReserved, [name](std::string_view reserved) { return beast::iequals(reserved, name); });
}

Result<void> check_header(const std::string& name, const std::string& value) {
  if (!is_token(name)) return Error{Errc::invalid, "a header name is malformed"};
  if (is_reserved(name)) return Error{Errc::invalid, "header " + name + " cannot be set"};
  if (has_control_bytes(value)) {
    return Error{Errc::invalid, "header " + name + " holds control bytes"};
  }
  return {};
}

Error protocol_error(std::string_view why) {
  return {Errc::protocol, "answer: " + std::string(why)};
}

Error body_too_large() {
  return {Errc::too_large, "answer: the body is too large"};
}

Error reading_error(const error_code& failed) {
  if (failed == http::error::header_limit) return {Errc::too_large, "answer: header too large"};
  if (failed == http::error::body_limit) return body_too_large();
  return protocol_error(failed.message());
}

}  // namespace

Result<std::string> http_request_head(const HttpCall& call, const HttpUrl& url) {
  if (!is_token(call.method)) return Error{Errc::invalid, "the method is malformed"};
  http::request<http::empty_body> message;
  message.version(11);
  message.method_string(call.method);
  message.target(url.target);
  message.set(http::field::host, url.authority);
  message.set(http::field::user_agent, "tinkerbell");
  message.set(http::field::accept_encoding, "identity");
  for (const auto& [name, value] : call.headers) {
    if (Result<void> checked = check_header(name, value); !checked) return checked.error();
    if (beast::iequals(name, "User-Agent")) message.erase(http::field::user_agent);
  }
  for (const auto& [name, value] : call.headers)
    message.insert(name, value);
  const bool has_body =
      !call.body.empty() || call.method == "POST" || call.method == "PUT" || call.method == "PATCH";
  if (has_body) message.content_length(call.body.size());

  std::ostringstream text;
  text << message.base();
  return std::move(text).str();
}

/// Beast's incremental parser with our own rules hung into it. Every "refuse" stops the parser; the
/// reason is kept beside its error code.
class HttpResponseReader::Parser final : public http::basic_parser<false> {
 public:
  Parser(const Limits& limits, HttpResponseSink& sink) : limits_(limits), sink_(sink) {
    header_limit(limits.header_bytes_max);
    body_limit(limits.body_bytes_max);  // refuses a Content-Length at once; the rest is counted
    eager(true);
  }

  [[nodiscard]] bool interim() const { return head_.status / 100 == 1; }

  [[nodiscard]] const HttpHead& head() const { return head_; }

  [[nodiscard]] const std::optional<Error>& refused() const { return refused_; }

 private:
  using string_view = beast::string_view;

  void refuse(Error why, error_code& failed) {
    refused_ = std::move(why);
    failed = http::error::bad_value;
  }

  void on_request_impl(http::verb /*method*/, string_view /*text*/, string_view /*target*/,
                       int /*version*/, error_code& /*failed*/) override {}

  void on_response_impl(int status, string_view /*reason*/, int /*version*/,
                        error_code& failed) override {
    head_.status = status;
    if (status == 101) refuse(protocol_error("another protocol was not asked for"), failed);
  }

  void on_field_impl(http::field /*known*/, string_view name, string_view value,
                     error_code& /*failed*/) override {
    if (!head_done_) head_.headers.emplace_back(name, value);  // trailers say nothing we use
  }

  void on_header_impl(error_code& failed) override {
    head_done_ = true;
    if (interim()) return;
    const std::string_view coding = header_value(head_.headers, "Transfer-Encoding");
    const std::string_view content = header_value(head_.headers, "Content-Encoding");
    if (!coding.empty() && !beast::iequals(coding, "chunked")) {
      refuse(protocol_error("unknown transfer encoding"), failed);
    } else if (!coding.empty() && !header_value(head_.headers, "Content-Length").empty()) {
      refuse(protocol_error("both a length and a transfer encoding"), failed);
    } else if (!content.empty() && !beast::iequals(content, "identity")) {
      refuse(protocol_error("unsupported content encoding"), failed);
    } else if (!sink_.take_head(head_)) {
      refuse({Errc::cancelled, "no more is wanted"}, failed);
    }
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/,
                         error_code& /*failed*/) override {}

  std::size_t on_body_impl(string_view piece, error_code& failed) override {
    body_bytes_ += piece.size();
    if (body_bytes_ > limits_.body_bytes_max) {
      refuse(body_too_large(), failed);
    } else if (!sink_.take_body({piece.data(), piece.size()})) {
      refuse({Errc::cancelled, "no more is wanted"}, failed);
    }
    return piece.size();
  }

  void on_chunk_header_impl(std::uint64_t /*size*/, string_view /*extensions*/,
                            error_code& /*failed*/) override {}

  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, string_view piece,
                                 error_code& failed) override {
    return piece.empty() ? 0 : on_body_impl(piece, failed);
  }

  void on_finish_impl(error_code& /*failed*/) override {}

  const Limits& limits_;
  HttpResponseSink& sink_;
  HttpHead head_;
  bool head_done_ = false;
  std::uint64_t body_bytes_ = 0;
  std::optional<Error> refused_;
};

HttpResponseReader::HttpResponseReader(Limits limits, bool head_only, HttpResponseSink& sink)
    : limits_(limits), head_only_(head_only), sink_(sink) {
  restart();
}

HttpResponseReader::~HttpResponseReader() = default;

void HttpResponseReader::restart() {
  parser_ = std::make_unique<Parser>(limits_, sink_);
  parser_->skip(head_only_);
}

Result<void> HttpResponseReader::feed(std::string_view bytes) {
  held_.append(bytes);
  std::size_t taken = 0;
  while (taken < held_.size() && !complete()) {
    error_code failed;
    taken += parser_->put(boost::asio::buffer(held_) + taken, failed);
    if (parser_->refused()) return *parser_->refused();
    if (failed == http::error::need_more) break;
    if (failed) return reading_error(failed);
    if (parser_->is_done() && parser_->interim()) {
      if (++interim_answers_ > kInterimAnswersMax)
        return protocol_error("too many interim answers");
      restart();
    }
  }
  held_.erase(0, taken);
  if (held_.size() > limits_.header_bytes_max) {
    return Error{Errc::too_large, "answer: a chunk header or trailer is too large"};
  }
  return {};
}

Result<void> HttpResponseReader::end() {
  if (complete()) return {};
  error_code failed = http::error::partial_message;
  if (parser_->got_some()) parser_->put_eof(failed);
  if (failed) return protocol_error("it ended early");
  return {};
}

bool HttpResponseReader::complete() const {
  return parser_->is_done() && !parser_->interim();
}

bool HttpResponseReader::reusable() const {
  return parser_->keep_alive() && held_.empty();
}

const HttpHead& HttpResponseReader::head() const {
  return parser_->head();
}

}  // namespace tinkerbell
