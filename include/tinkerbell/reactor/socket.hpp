#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/kernel/task.hpp"
#include "tinkerbell/reactor/readiness.hpp"

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace tinkerbell {

/// Where a socket listens or connects to.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  /// Errors: invalid (longer than sun_path).
  [[nodiscard]] static Result<SocketAddress> unix_path(const std::string& path);

  /// IPv4 on this machine only.
  [[nodiscard]] static SocketAddress loopback(std::uint16_t port);
};

/// A stream socket for tasks: PyOS's Socket. Every operation waits without holding anybody else up,
/// ends when its task is asked to end (Errc::cancelled), and takes a deadline by within(). Errors
/// of the system are values. Each direction may be used by one task at a time. Outlives its
/// operations.
class Socket {
 public:
  /// Takes a connected or listening socket over and makes it non-blocking.
  Socket(Readiness& readiness, UniqueFd fd);
  Socket(Socket&& other) noexcept = default;
  Socket& operator=(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  ~Socket() { close(); }

  /// Errors: io, conflict (address in use).
  [[nodiscard]] static Result<Socket> listen(Readiness& readiness, const SocketAddress& address,
                                             int backlog = 128);

  /// Errors: io, unavailable (nobody listens), cancelled.
  [[nodiscard]] static Task<Result<Socket>> connect(Readiness* readiness, SocketAddress address);

  /// The next connection of a listening socket. Errors: io, cancelled, abandoned (closed).
  [[nodiscard]] Task<Result<Socket>> accept();

  /// What is there, at most as much as fits; 0 at the end of the stream. Errors: io, cancelled,
  /// abandoned (closed).
  [[nodiscard]] Task<Result<std::size_t>> receive(std::span<std::byte> into);

  /// All of it, however often that takes. Errors: io (also: the other side has closed), cancelled,
  /// abandoned (closed).
  [[nodiscard]] Task<Result<void>> send(std::span<const std::byte> bytes);

  /// Tasks that wait in an operation are told. Nothing if it is closed already.
  void close();

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Readiness* readiness_;
  UniqueFd fd_;
};

}  // namespace tinkerbell
