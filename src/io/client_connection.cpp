#include "io/client_connection.hpp"

#include "io/await.hpp"

#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <tuple>

namespace tinkerbell {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Tells OpenSSL which name the certificate must bear, and the server which name we want (SNI,
/// RFC 6066: names only).
bool expect_host(SSL* tls, const std::string& host) {
  if (is_address(host)) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host.c_str()) == 1;
  }
  SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(tls, host.c_str()) == 1 && SSL_set_tlsext_host_name(tls, host.c_str()) == 1;
}

Error handshake_error(SSL* tls, const std::string& host, const boost::system::error_code& failed) {
  if (const long verdict = SSL_get_verify_result(tls); verdict != X509_V_OK) {
    return {Errc::protocol,
            "certificate of " + host + ": " + X509_verify_cert_error_string(verdict)};
  }
  const bool broke_tls = failed.category() == asio::error::get_ssl_category();
  return {broke_tls ? Errc::protocol : Errc::unavailable,
          "TLS handshake with " + host + ": " + failed.message()};
}

}  // namespace

bool is_address(const std::string& host) {
  boost::system::error_code no_address;
  (void)asio::ip::make_address(host, no_address);
  return !no_address;
}

Result<Endpoints> resolve_host(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  if (failed != 0)
    return Error{Errc::unavailable, "resolve " + host + ": " + ::gai_strerror(failed)};

  Endpoints endpoints;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    tcp::endpoint endpoint;
    if (each->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), each->ai_addr, each->ai_addrlen);
    endpoint.resize(each->ai_addrlen);
    endpoints.push_back(endpoint);
  }
  return endpoints;
}

asio::awaitable<Result<void>> ClientConnection::connect(Endpoints endpoints) {
  boost::system::error_code failed = asio::error::host_not_found;
  for (const tcp::endpoint& endpoint : endpoints) {
    boost::system::error_code ignored;
    socket_.close(ignored);  // what an attempt before this one left
    std::tie(failed) = co_await socket_.async_connect(endpoint, kAwait);
    if (closed_) co_return Error{Errc::unavailable, "connect: closed meanwhile"};
    if (!failed) break;
  }
  if (failed) co_return Error{Errc::unavailable, "connect: " + failed.message()};
  // Requests go out in one write: waiting for more to send would only delay them.
  boost::system::error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  co_return Result<void>{};
}

asio::awaitable<Result<void>> ClientConnection::secure(asio::ssl::context* context,
                                                       std::string host) {
  tls_.emplace(socket_, *context);
  SSL* native = tls_->native_handle();
  if (!expect_host(native, host)) co_return Error{Errc::internal, "TLS set-up for " + host};
  const auto [failed] = co_await tls_->async_handshake(asio::ssl::stream_base::client, kAwait);
  if (failed) co_return handshake_error(native, host, failed);
  co_return Result<void>{};
}

asio::awaitable<ClientConnection::Transfer> ClientConnection::read_some(asio::mutable_buffer into) {
  const auto [error, bytes] = tls_ ? co_await tls_->async_read_some(into, kAwait)
                                   : co_await socket_.async_read_some(into, kAwait);
  co_return Transfer{error, bytes};
}

asio::awaitable<ClientConnection::Transfer> ClientConnection::write(
    std::vector<asio::const_buffer> data) {
  const auto [error, bytes] = tls_ ? co_await asio::async_write(*tls_, data, kAwait)
                                   : co_await asio::async_write(socket_, data, kAwait);
  co_return Transfer{error, bytes};
}

bool ClientConnection::quiet() {
  char byte = 0;
  const ssize_t seen = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void ClientConnection::close() {
  closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace tinkerbell
