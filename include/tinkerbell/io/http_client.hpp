#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/completion.hpp"
#include "tinkerbell/io/http_message.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tinkerbell {

class BlockingPool;

/// Four deadlines, not one. All lengths count from the start of what they name.
struct HttpTimeouts {
  Milliseconds connect{10'000};      ///< Name, TCP and TLS together.
  Milliseconds first_byte{120'000};  ///< From the request's end to the answer's first byte: local
                                     ///< models load for minutes.
  Milliseconds idle{60'000};         ///< Between two pieces of the body.
  Milliseconds total{1'200'000};
};

struct HttpCall {
  std::string method = "GET";
  std::string url;  ///< http:// or https://, no user name in it.
  HttpHeaders headers;
  std::string body;
  HttpTimeouts timeouts;
  std::uint64_t body_bytes_max = 64 << 20;  ///< Of the answer.
  std::uint32_t header_bytes_max = 64 << 10;
};

/// What arrives. Loop thread.
struct HttpEvents {
  std::move_only_function<void(const HttpHead&)> head;   ///< Once, before any body.
  std::move_only_function<void(std::string_view)> body;  ///< Each piece, as it comes.
};

/// HTTP/1.1 and TLS ≥ 1.2 over a keep-alive pool. Loop thread only. Follows no redirects, uses no
/// proxy, sends `Accept-Encoding: identity` and refuses other encodings. Names are resolved on the
/// pool. Certificates and host names are verified against the system's trust store (loaded at first
/// use); there is no switch to turn that off.
class HttpClient {
 public:
  HttpClient(boost::asio::any_io_executor loop, BlockingPool& pool);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  using CallId = std::uint64_t;

  /// Starts a call. `done` gives the head once the whole body has arrived and the connection is
  /// back in the pool. A body that ends before its length or its last chunk is Errc::protocol,
  /// never an answer; so is a TLS stream without close_notify where the end is marked by the close.
  /// Errors: invalid (url, header), unavailable, timed_out, too_large, protocol, cancelled. `done`
  /// is never called before start() has returned.
  CallId start(HttpCall call, HttpEvents events, Completion<HttpHead> done);

  /// Closes the connection of a call at once; its `done` answers Errc::cancelled. Unknown ids are
  /// ignored.
  void cancel(CallId id);

  /// Adds a private certificate authority (PEM file) to the trust store. Errors: io, invalid.
  [[nodiscard]] Result<void> trust(const std::string& pem_file);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tinkerbell
