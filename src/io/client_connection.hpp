#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/io/ip_address.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

/// Whether a host is an address already, and no name.
[[nodiscard]] bool is_address(const std::string& host);

/// The addresses of a host, in the order of preference (getaddrinfo(3)). Blocks where it is a name:
/// for a pool thread.
/// Errors: unavailable.
[[nodiscard]] Result<Endpoints> resolve_host(const std::string& host, const std::string& port);

[[nodiscard]] std::vector<IpAddress> addresses_of(const Endpoints& endpoints);

/// One TCP connection to a server, with TLS or without. Keeps no time: whoever waits too long calls
/// close(), and the operation under way ends with an error.
class ClientConnection {
 public:
  explicit ClientConnection(const boost::asio::any_io_executor& loop) : socket_(loop) {}

  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  /// Tries the addresses one after the other. Errors: unavailable, with the last reason.
  [[nodiscard]] boost::asio::awaitable<Result<void>> connect(Endpoints endpoints);

  /// Makes TLS of it: the certificate must be valid now, for this host, from a trusted authority.
  /// Errors: unavailable (the connection broke), protocol (with the verifier's reason).
  [[nodiscard]] boost::asio::awaitable<Result<void>> secure(boost::asio::ssl::context* context,
                                                            std::string host);

  struct Transfer {
    boost::system::error_code error;
    std::size_t bytes = 0;
  };

  /// At least one byte, or an error. The end is asio::error::eof; over TLS only after close_notify.
  [[nodiscard]] boost::asio::awaitable<Transfer> read_some(boost::asio::mutable_buffer into);

  [[nodiscard]] boost::asio::awaitable<Transfer> write(std::vector<boost::asio::const_buffer> data);

  /// Whether an idle connection can still be used: the server has neither closed it nor spoken out
  /// of turn.
  [[nodiscard]] bool quiet();

  /// For good: a connect() under way tries no further address.
  void close();

 private:
  boost::asio::ip::tcp::socket socket_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  bool closed_ = false;
};

}  // namespace tinkerbell
