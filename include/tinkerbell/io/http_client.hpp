#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/completion.hpp"
#include "tinkerbell/io/http_message.hpp"
#include "tinkerbell/io/ip_address.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
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
  std::string url;  ///< http:// or https://, no user name in it, no control bytes in any spelling.
  HttpHeaders headers;  ///< Not those that frame the message (Host, Content-Length …): invalid.
  std::string body;
  HttpTimeouts timeouts;
  std::uint64_t body_bytes_max = 64 << 20;  ///< Of the answer.
  std::uint32_t header_bytes_max = 64 << 10;
  /// Whether one may connect to a server with these addresses, all that its name has. Where it is
  /// given, the call has a connection of its own to one of them, and the request goes out once.
  std::function<Result<void>(std::span<const IpAddress> addresses)> may_connect = {};
};

/// Whether such a call could be made, as far as its text tells. Errors: invalid (url, method,
/// header).
[[nodiscard]] Result<void> check_http_call(const HttpCall& call);

/// What happens on the way. Loop thread. Each may be empty.
struct HttpEvents {
  std::move_only_function<void()> sending = {};          ///< Bytes of the request go out now.
  std::move_only_function<void(const HttpHead&)> head;   ///< Once, before any body.
  std::move_only_function<void(std::string_view)> body;  ///< Each piece, as it comes.
};

/// HTTP/1.1 and TLS ≥ 1.2 over a keep-alive pool. Loop thread only. Follows no redirects, uses no
/// proxy, sends `Accept-Encoding: identity` and refuses other encodings. Names are resolved on the
/// pool. Certificates and host names are verified against the system's trust store (loaded at first
/// use); there is no switch to turn that off.
///
/// Connections stay open for 30 s, at most 8 per server. A server may close one just when a request
/// goes out on it: a call that fails there before a single byte came back is repeated once on a new
/// connection. One with `may_connect` has no part in that.
/// Source: RFC 9110, RFC 9112.
class HttpClient {
 public:
  HttpClient(boost::asio::any_io_executor loop, BlockingPool& pool);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Closes all connections; calls under way answer Errc::abandoned before it returns.
  ~HttpClient();

  using CallId = std::uint64_t;

  /// Starts a call. `done` gives the head once the whole body has arrived and the connection is
  /// back in the pool. A body that ends before its length or its last chunk is Errc::protocol,
  /// never an answer; so is a TLS stream without close_notify where the end is marked by the close.
  /// Errors: invalid (url, method, header), those of may_connect, unavailable (also: no connection
  /// within its deadline, or it ended before the first byte), timed_out, too_large, protocol (also:
  /// a certificate that is not accepted, a content encoding), cancelled. `done` is never called
  /// before start() has returned.
  CallId start(HttpCall call, HttpEvents events, Completion<HttpHead> done);

  /// Closes the connection of a call at once; its `done` answers Errc::cancelled, later on the
  /// loop. No event comes after cancel(). Unknown ids are ignored.
  void cancel(CallId id);

  /// Adds a private certificate authority (PEM file) to the trust store. Errors: io, invalid.
  [[nodiscard]] Result<void> trust(const std::string& pem_file);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tinkerbell
