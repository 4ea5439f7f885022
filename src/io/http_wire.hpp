#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/io/http_client.hpp"
#include "tinkerbell/io/http_message.hpp"
#include "tinkerbell/io/http_url.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tinkerbell {

/// An HTTP/1.1 request as text, up to its body. Errors: invalid — a method or header name that is
/// no token, a header value with control bytes, a header that this function writes itself.
[[nodiscard]] Result<std::string> http_request_head(const HttpCall& call, const HttpUrl& url);

/// Takes what a reader finds. False from either: no more is wanted.
class HttpResponseSink {
 public:
  HttpResponseSink() = default;
  HttpResponseSink(const HttpResponseSink&) = delete;
  HttpResponseSink& operator=(const HttpResponseSink&) = delete;

  virtual bool take_head(const HttpHead& head) = 0;
  virtual bool take_body(std::string_view piece) = 0;

 protected:
  ~HttpResponseSink() = default;
};

/// Reads one answer from bytes that come in any pieces; interim answers (1xx) are skipped. Strict
/// where leniency lets two readers see two messages: no Content-Length beside a Transfer-Encoding,
/// no transfer coding but chunked, no content coding but identity.
class HttpResponseReader {
 public:
  struct Limits {
    std::uint32_t header_bytes_max = 64 << 10;  ///< Trailers and chunk extensions likewise.
    std::uint64_t body_bytes_max = 64 << 20;
  };

  /// `head_only`: the answer to a HEAD request, which states a length and has no body.
  HttpResponseReader(Limits limits, bool head_only, HttpResponseSink& sink);
  HttpResponseReader(const HttpResponseReader&) = delete;
  HttpResponseReader& operator=(const HttpResponseReader&) = delete;
  ~HttpResponseReader();

  /// Errors: protocol, too_large, cancelled (the sink wants no more).
  [[nodiscard]] Result<void> feed(std::string_view bytes);

  /// The connection was closed in order. Errors: protocol, if the answer is not complete by that.
  [[nodiscard]] Result<void> end();

  [[nodiscard]] bool complete() const;

  /// Once complete: whether the connection can carry another exchange.
  [[nodiscard]] bool reusable() const;

  [[nodiscard]] const HttpHead& head() const;

 private:
  class Parser;

  void restart();

  Limits limits_;
  bool head_only_;
  HttpResponseSink& sink_;
  std::unique_ptr<Parser> parser_;
  std::string held_;  ///< Bytes that are not a whole line or header yet.
  std::size_t interim_answers_ = 0;
};

}  // namespace tinkerbell
