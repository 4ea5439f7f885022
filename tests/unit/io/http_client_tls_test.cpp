#include "support/scripted_http_server.hpp"
#include "support/temp_dir.hpp"
#include "unit/io/certificate.hpp"
#include "unit/io/loop.hpp"

#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/io/http_client.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

namespace tinkerbell {
namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using ::testing::HasSubstr;

const std::string kOk = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

/// Takes one TLS connection on loopback, reads a request, sends an answer and ends the connection,
/// with close_notify or without; or, before the answer, wants the keys to be agreed upon anew.
class TlsServer {
 public:
  enum class Ending : std::uint8_t { close_notify, bare_close, renegotiation };

  TlsServer(const Certificate& certificate, std::string answer,
            Ending ending = Ending::close_notify, int newest_version = 0)
      : answer_(std::move(answer)), ending_(ending) {
    SSL_CTX_set_security_level(context_.native_handle(), 0);
    context_.use_certificate(asio::buffer(certificate.certificate_pem), ssl::context::pem);
    context_.use_private_key(asio::buffer(certificate.key_pem), ssl::context::pem);
    SSL_CTX_set_min_proto_version(context_.native_handle(), 0);
    SSL_CTX_set_max_proto_version(context_.native_handle(), newest_version);
    thread_ = std::thread([this] { serve(); });
  }

  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  ~TlsServer() {
    tcp::socket knock(loop_);  // in case that nobody came
    boost::system::error_code ignored;
    knock.connect(acceptor_.local_endpoint(), ignored);
    knock.close(ignored);
    thread_.join();
  }

  [[nodiscard]] std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(acceptor_.local_endpoint().port()) + "/";
  }

  /// Bytes of a request that a client trusted the server with.
  [[nodiscard]] std::size_t request_bytes() const { return request_bytes_; }

  /// Whether the client said that it will not renegotiate.
  [[nodiscard]] bool was_refused() const { return was_refused_; }

 private:
  void serve() {
    ssl::stream<tcp::socket> stream(loop_, context_);
    boost::system::error_code failed;
    acceptor_.accept(stream.next_layer(), failed);
    stream.handshake(ssl::stream_base::server, failed);
    std::array<char, 4096> request;
    if (!failed) request_bytes_ = stream.read_some(asio::buffer(request), failed);
    if (failed) return;
    if (ending_ == Ending::renegotiation) {
      SSL_renegotiate(stream.native_handle());
      SSL_do_handshake(stream.native_handle());  // only asks for it
    }
    asio::write(stream, asio::buffer(answer_), failed);
    if (ending_ == Ending::renegotiation) {
      stream.read_some(asio::buffer(request), failed);
      was_refused_ =
          failed.category() == asio::error::get_ssl_category() &&
          ERR_GET_REASON(static_cast<unsigned long>(failed.value())) == SSL_R_NO_RENEGOTIATION;
    }
    if (ending_ == Ending::close_notify) stream.shutdown(failed);
  }

  asio::io_context loop_;
  ssl::context context_{ssl::context::tls_server};
  tcp::acceptor acceptor_{loop_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::string answer_;
  Ending ending_;
  std::atomic<std::size_t> request_bytes_ = 0;
  std::atomic<bool> was_refused_ = false;
  std::thread thread_;
};

class HttpsTest : public ::testing::Test {
 protected:
  void trust(const Certificate& certificate) {
    dir_.write("ca.pem", certificate.certificate_pem);
    ASSERT_TRUE(client_.trust(dir_ / "ca.pem").ok());
  }

  Result<HttpHead> fetch(const std::string& url, HttpTimeouts timeouts = {}) {
    std::optional<Result<HttpHead>> outcome;
    client_.start({.url = url, .timeouts = timeouts}, {},
                  Completion<HttpHead>([&](Result<HttpHead> result) { outcome = result; }));
    EXPECT_TRUE(run_until(loop_, [&] { return outcome.has_value(); }));
    return outcome.value_or(Error{});
  }

  void expect_refused(const TlsServer& server, const std::string& host, const char* why) {
    const Result<HttpHead> head = fetch(server.url(host));
    ASSERT_FALSE(head.ok());
    EXPECT_EQ(head.error().code, Errc::protocol);
    EXPECT_THAT(head.error().message, HasSubstr(why));
    EXPECT_EQ(server.request_bytes(), 0U);
  }

  TempDir dir_;
  asio::io_context loop_;
  BlockingPool pool_{loop_.get_executor(), 1};
  HttpClient client_{loop_.get_executor(), pool_};
};

TEST_F(HttpsTest, SpeaksToAServerWhoseAuthorityIsTrusted) {
  const Certificate certificate = self_signed({.name = "DNS:localhost"});
  trust(certificate);
  const TlsServer server(certificate, kOk);
  const Result<HttpHead> head = fetch(server.url("localhost"));
  ASSERT_TRUE(head.ok()) << head.error().message;
  EXPECT_EQ(head->status, 200);
}

TEST_F(HttpsTest, VerifiesAddressesAsWellAsNames) {
  const Certificate certificate = self_signed({.name = "IP:127.0.0.1"});
  trust(certificate);
  const TlsServer server(certificate, kOk);
  EXPECT_TRUE(fetch(server.url("127.0.0.1")).ok());
}

TEST_F(HttpsTest, S59_RefusesACertificateThatNobodyTrusted) {
  const Certificate certificate = self_signed({.name = "DNS:localhost"});
  const TlsServer server(certificate, kOk);
  expect_refused(server, "localhost", "self-signed certificate");
}

TEST_F(HttpsTest, S59_RefusesAnotherName) {
  const Certificate certificate = self_signed({.name = "DNS:elsewhere.example"});
  trust(certificate);
  const TlsServer server(certificate, kOk);
  expect_refused(server, "localhost", "hostname mismatch");
}

TEST_F(HttpsTest, S59_RefusesAnotherAddress) {
  const Certificate certificate = self_signed({.name = "DNS:localhost"});
  trust(certificate);
  const TlsServer server(certificate, kOk);
  expect_refused(server, "127.0.0.1", "IP address mismatch");
}

TEST_F(HttpsTest, S59_RefusesAnExpiredCertificate) {
  const Certificate certificate =
      self_signed({.name = "DNS:localhost", .valid_for = std::chrono::hours(-1)});
  trust(certificate);
  const TlsServer server(certificate, kOk);
  expect_refused(server, "localhost", "expired");
}

TEST_F(HttpsTest, S59_RefusesAnAuthorityThatNobodyTrusted) {
  const Certificate authority =
      self_signed({.name = "DNS:authority.example", .is_authority = true});
  const Certificate certificate = signed_by(authority, {.name = "DNS:localhost"});
  const TlsServer server(certificate, kOk);
  expect_refused(server, "localhost", "unable to get local issuer certificate");
}

TEST_F(HttpsTest, S59_RefusesSha1) {
  const Certificate authority =
      self_signed({.name = "DNS:authority.example", .is_authority = true});
  trust(authority);
  {
    const TlsServer server(signed_by(authority, {.name = "DNS:localhost"}), kOk);
    EXPECT_TRUE(fetch(server.url("localhost")).ok());
  }
  const TlsServer server(signed_by(authority, {.name = "DNS:localhost", .sha1 = true}), kOk);
  expect_refused(server, "localhost", "too weak");
}

TEST_F(HttpsTest, S59_RefusesShortKeys) {
  const Certificate certificate = self_signed({.name = "DNS:localhost", .rsa_bits = 1024});
  trust(certificate);
  const TlsServer server(certificate, kOk);
  expect_refused(server, "localhost", "too weak");
}

TEST_F(HttpsTest, S59_RefusesOldVersions) {
  const Certificate certificate = self_signed({.name = "DNS:localhost"});
  trust(certificate);
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    const TlsServer server(certificate, kOk, TlsServer::Ending::close_notify, version);
    expect_refused(server, "localhost", "version");
  }
}

TEST_F(HttpsTest, F51_TakesNoCloseWithoutNotifyForTheEndOfABody) {
  const Certificate certificate = self_signed({.name = "DNS:localhost"});
  trust(certificate);
  {
    const TlsServer server(certificate, "HTTP/1.1 200 OK\r\n\r\nwhole");
    EXPECT_TRUE(fetch(server.url("localhost")).ok());
  }
  const TlsServer server(certificate, "HTTP/1.1 200 OK\r\n\r\nperhaps",
                         TlsServer::Ending::bare_close);
  const Result<HttpHead> head = fetch(server.url("localhost"));
  ASSERT_FALSE(head.ok());
  EXPECT_EQ(head.error().code, Errc::protocol);
}

TEST_F(HttpsTest, F51_DoesNotRenegotiate) {
  const Certificate certificate = self_signed({.name = "DNS:localhost"});
  trust(certificate);
  const TlsServer server(certificate, kOk, TlsServer::Ending::renegotiation, TLS1_2_VERSION);
  EXPECT_TRUE(fetch(server.url("localhost")).ok());
  EXPECT_TRUE(run_until(loop_, [&] { return server.was_refused(); }));
}

TEST_F(HttpsTest, F51_GivesUpOnAHandshakeThatStalls) {
  const ScriptedHttpServer silent({{ScriptedHttpServer::hold()}});
  const std::string url = "https://127.0.0.1:" + std::to_string(silent.port()) + "/";
  const Result<HttpHead> head = fetch(url, {.connect = Milliseconds(30)});
  ASSERT_FALSE(head.ok());
  EXPECT_EQ(head.error().code, Errc::unavailable);
  EXPECT_THAT(head.error().message, HasSubstr("no connection within 30 ms"));
}

TEST_F(HttpsTest, F51_ReportsAServerThatSpeaksNoTls) {
  const ScriptedHttpServer plain({{ScriptedHttpServer::send(kOk), ScriptedHttpServer::hold()}});
  const Result<HttpHead> head = fetch("https://127.0.0.1:" + std::to_string(plain.port()) + "/");
  ASSERT_FALSE(head.ok());
  EXPECT_EQ(head.error().code, Errc::protocol);
}

TEST_F(HttpsTest, TrustsOnlyWhatIsACertificate) {
  dir_.write("empty.pem", "nothing in here");
  EXPECT_EQ(client_.trust(dir_ / "empty.pem").error().code, Errc::invalid);
  EXPECT_EQ(client_.trust(dir_ / "missing.pem").error().code, Errc::io);
}

}  // namespace
}  // namespace tinkerbell
