#include "io/tls_context.hpp"

#include <openssl/ssl.h>

#include <cerrno>
#include <fstream>
#include <utility>

namespace tinkerbell {

namespace ssl = boost::asio::ssl;

TlsContext::TlsContext() : context_(ssl::context::tls_client) {
  SSL_CTX* native = context_.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_security_level(native, 2);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  context_.set_verify_mode(ssl::verify_peer);
}

Result<void> TlsContext::trust(const std::string& pem_file) {
  if (!std::ifstream(pem_file)) {
    const int why = errno;
    return Error{Errc::io, os_error("open " + pem_file, why).message};
  }
  boost::system::error_code failed;
  context_.load_verify_file(pem_file, failed);
  if (failed)
    return Error{Errc::invalid, pem_file + " holds no PEM certificate: " + failed.message()};
  return {};
}

ssl::context& TlsContext::ready() {
  if (!std::exchange(system_store_loaded_, true)) {
    // A machine without a store has nobody to trust: each verification then fails and says so.
    boost::system::error_code ignored;
    context_.set_default_verify_paths(ignored);
  }
  return context_;
}

}  // namespace tinkerbell
