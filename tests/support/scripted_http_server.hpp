#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace tinkerbell {

/// A TCP server on a free loopback port that does what a script says, byte for byte: for clients
/// that must survive what real servers do. It serves one connection after the other on a thread of
/// its own, each by its script; further connections are refused by closing them.
///
///     using Server = ScriptedHttpServer;
///     Server server({
///         {Server::receive(), Server::send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
///          Server::await_gate(), Server::send("ok")},  // first connection
///         {Server::receive(), Server::reset()},        // second connection
///     });
///     … start a call to server.url("/v1/x"), see the head …
///     server.open_gate();
///
/// A script that has come to its end closes the connection. The destructor ends every wait.
class ScriptedHttpServer {
 public:
  struct Step {
    enum class Kind : std::uint8_t { receive, send, await_gate, hold, half_close, reset };
    Kind kind;
    std::string bytes;
  };

  using Script = std::vector<Step>;

  /// Reads one whole request, with the body that its Content-Length states.
  static Step receive() { return {Step::Kind::receive, {}}; }

  /// Sends bytes in a write of their own.
  static Step send(std::string bytes) { return {Step::Kind::send, std::move(bytes)}; }

  /// Waits for open_gate(): so a test can see what it has got so far.
  static Step await_gate() { return {Step::Kind::await_gate, {}}; }

  /// Keeps the connection open, and silent, until the client closes it.
  static Step hold() { return {Step::Kind::hold, {}}; }

  /// Says that it will send nothing more, and still listens.
  static Step half_close() { return {Step::Kind::half_close, {}}; }

  /// Ends the connection with RST instead of FIN.
  static Step reset() { return {Step::Kind::reset, {}}; }

  /// One request, one answer, then the connection closes.
  static Script answer(std::string bytes) { return {receive(), send(std::move(bytes))}; }

  /// Where it listens.
  enum class At : std::uint8_t { loopback, all_addresses };

  explicit ScriptedHttpServer(std::vector<Script> scripts, At at = At::loopback)
      : scripts_(std::move(scripts)),
        listener_(listen_on(at == At::loopback ? INADDR_LOOPBACK : INADDR_ANY)) {
    thread_ = std::thread([this] { serve(); });
  }

  ScriptedHttpServer(const ScriptedHttpServer&) = delete;
  ScriptedHttpServer& operator=(const ScriptedHttpServer&) = delete;

  ~ScriptedHttpServer() {
    stopping_ = true;
    gate_.release();
    thread_.join();
    ::close(listener_);
  }

  [[nodiscard]] std::uint16_t port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    void* generic = &address;
    if (::getsockname(listener_, static_cast<sockaddr*>(generic), &size) != 0) std::abort();
    return ntohs(address.sin_port);
  }

  [[nodiscard]] std::string url(std::string_view target) const {
    return "http://127.0.0.1:" + std::to_string(port()) + std::string(target);
  }

  /// Lets one await_gate() step go on.
  void open_gate() { gate_.release(); }

  /// The requests so far, as they came.
  [[nodiscard]] std::vector<std::string> requests() const {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }

  [[nodiscard]] std::size_t connections() const { return connections_; }

  /// How many connections have ended, by their script or by the client.
  [[nodiscard]] std::size_t connections_ended() const { return connections_ended_; }

 private:
  static constexpr int kPollMilliseconds = 5;  // between two looks at stopping_

  static int listen_on(in_addr_t where) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(where);
    const void* generic = &address;
    if (::bind(listener, static_cast<const sockaddr*>(generic), sizeof address) != 0 ||
        ::listen(listener, 64) != 0) {
      std::abort();
    }
    return listener;
  }

  /// False: the server is to stop.
  bool wait_readable(int fd) const {
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    while (!stopping_) {
      if (::poll(&waiting, 1, kPollMilliseconds) > 0) return true;
    }
    return false;
  }

  void serve() {
    while (wait_readable(listener_)) {
      const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const std::size_t index = connections_++;
      if (index < scripts_.size()) play(connection, scripts_[index]);
      ::close(connection);
      ++connections_ended_;
    }
  }

  void play(int connection, const Script& script) {
    std::string input;
    for (const Step& step : script) {
      switch (step.kind) {
        case Step::Kind::receive:
          if (!receive_request(connection, input)) return;
          break;
        case Step::Kind::send:
          if (!send_all(connection, step.bytes)) return;
          break;
        case Step::Kind::await_gate:
          gate_.acquire();
          if (stopping_) return;  // it was the destructor that opened it
          break;
        case Step::Kind::hold:
          while (read_more(connection, input)) {
          }
          return;
        case Step::Kind::half_close:
          ::shutdown(connection, SHUT_WR);
          break;
        case Step::Kind::reset: {
          const linger at_once{.l_onoff = 1, .l_linger = 0};
          ::setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
          return;
        }
      }
    }
  }

  bool read_more(int connection, std::string& input) const {
    if (!wait_readable(connection)) return false;
    char bytes[4096];
    const ssize_t count = ::recv(connection, bytes, sizeof bytes, 0);
    if (count > 0) input.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }

  static bool send_all(int connection, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  bool receive_request(int connection, std::string& input) {
    std::size_t end = 0;
    while ((end = request_size(input)) == 0) {
      if (!read_more(connection, input)) return false;
    }
    const std::scoped_lock lock(mutex_);
    requests_.push_back(input.substr(0, end));
    input.erase(0, end);
    return true;
  }

  /// 0 while the request is not complete.
  static std::size_t request_size(const std::string& input) {
    const std::size_t header_end = input.find("\r\n\r\n");
    if (header_end == std::string::npos) return 0;
    constexpr std::string_view kLength = "\r\nContent-Length: ";
    const std::size_t length_at = input.find(kLength);
    std::size_t size = header_end + 4;
    if (length_at < header_end) size += std::stoul(input.substr(length_at + kLength.size()));
    return input.size() < size ? 0 : size;
  }

  std::vector<Script> scripts_;
  int listener_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> connections_ = 0;
  std::atomic<std::size_t> connections_ended_ = 0;
  std::counting_semaphore<> gate_{0};
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace tinkerbell
