#pragma once

#include "tinkerbell/base/result.hpp"

#include <boost/asio/ssl/context.hpp>

#include <string>

namespace tinkerbell {

/// What every TLS connection of ours shares: version 1.2 or later, the peer's certificate always
/// verified, security level 2 (no SHA-1, no short keys), no renegotiation, the trusted authorities.
class TlsContext {
 public:
  TlsContext();

  /// Adds the authorities of a PEM file. Errors: as HttpClient::trust.
  [[nodiscard]] Result<void> trust(const std::string& pem_file);

  /// For a new connection. The first call loads the system's trust store, which takes milliseconds
  /// and memory that a daemon with local models never needs.
  [[nodiscard]] boost::asio::ssl::context& ready();

 private:
  boost::asio::ssl::context context_;
  bool system_store_loaded_ = false;
};

}  // namespace tinkerbell
