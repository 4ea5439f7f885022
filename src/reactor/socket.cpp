#include "tinkerbell/reactor/socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tinkerbell {

namespace {

using Direction = Readiness::Direction;

Result<UniqueFd> stream_socket(const SocketAddress& address) {
  UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return os_error("socket", errno);
  return fd;
}

const sockaddr* generic(const SocketAddress& address) {
  return reinterpret_cast<const sockaddr*>(&address.storage);
}

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

/// Perhaps after it was ready, before the task had its turn.
Error closed(std::string_view operation) {
  return {Errc::abandoned, std::string(operation) + ": the socket was closed"};
}

/// Of a connection that one call could not finish. Source: connect(2), EINPROGRESS.
int pending_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

}  // namespace

Result<SocketAddress> SocketAddress::unix_path(const std::string& path) {
  sockaddr_un local{};
  if (path.size() >= sizeof local.sun_path) {
    return Error{Errc::invalid, "socket path " + path + ": too long"};
  }
  local.sun_family = AF_UNIX;
  path.copy(local.sun_path, path.size());
  SocketAddress address{.length = sizeof local};
  std::memcpy(&address.storage, &local, sizeof local);
  return address;
}

SocketAddress SocketAddress::loopback(std::uint16_t port) {
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_port = htons(port);
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  SocketAddress address{.length = sizeof local};
  std::memcpy(&address.storage, &local, sizeof local);
  return address;
}

Socket::Socket(Readiness& readiness, UniqueFd fd) : readiness_(&readiness), fd_(std::move(fd)) {
  readiness_->adopt(fd_.get());
  const int flags = ::fcntl(fd_.get(), F_GETFL);
  ::fcntl(fd_.get(), F_SETFL, flags | O_NONBLOCK);
}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    readiness_ = other.readiness_;
    fd_ = std::move(other.fd_);
  }
  return *this;
}

void Socket::close() {
  if (fd_.valid()) readiness_->close(std::move(fd_));
}

Result<Socket> Socket::listen(Readiness& readiness, const SocketAddress& address, int backlog) {
  Result<UniqueFd> fd = stream_socket(address);
  if (!fd) return fd.error();
  if (::bind(fd->get(), generic(address), address.length) != 0) return os_error("bind", errno);
  if (::listen(fd->get(), backlog) != 0) return os_error("listen", errno);
  return Socket(readiness, *std::move(fd));
}

Task<Result<Socket>> Socket::connect(Readiness* readiness, SocketAddress address) {
  Result<UniqueFd> fd = stream_socket(address);
  if (!fd) co_return fd.error();
  Socket socket(*readiness, *std::move(fd));
  int error = ::connect(socket.fd(), generic(address), address.length) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    readiness->nothing_left(socket.fd(), Direction::write);
    const Result<void> ready = co_await readiness->wait_for_edge(socket.fd(), Direction::write);
    if (!ready) co_return ready.error().with("connect");
    error = pending_error(socket.fd());
  }
  if (error != 0) co_return os_error("connect", error);
  co_return std::move(socket);
}

// In each of these: try, unless it is known that it would block; then wait until it is worth while
// once more. What is told to Readiness saves a try that would find nothing.

Task<Result<Socket>> Socket::accept() {
  while (true) {
    if (!fd_.valid()) co_return closed("accept");
    if (readiness_->may_try(fd_.get(), Direction::read)) {
      UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd.valid()) co_return Socket(*readiness_, std::move(fd));
      if (errno == EINTR || errno == ECONNABORTED) continue;  // accept(2): "retry"
      if (!would_block(errno)) co_return os_error("accept", errno);
      readiness_->nothing_left(fd_.get(), Direction::read);
    }
    const Result<void> ready = co_await readiness_->wait_for_edge(fd_.get(), Direction::read);
    if (!ready) co_return ready.error().with("accept");
  }
}

Task<Result<std::size_t>> Socket::receive(std::span<std::byte> into) {
  while (true) {
    if (!fd_.valid()) co_return closed("receive");
    if (readiness_->may_try(fd_.get(), Direction::read)) {
      const ssize_t count = ::recv(fd_.get(), into.data(), into.size(), 0);
      if (count >= 0) {
        const auto bytes = static_cast<std::size_t>(count);
        const bool ended = bytes == 0;  // as often as it is asked
        if (!ended && bytes < into.size()) {
          readiness_->less_than_asked(fd_.get(), Direction::read);
        }
        co_return bytes;
      }
      if (errno == EINTR) continue;
      if (!would_block(errno)) co_return os_error("receive", errno);
      readiness_->nothing_left(fd_.get(), Direction::read);
    }
    const Result<void> ready = co_await readiness_->wait_for_edge(fd_.get(), Direction::read);
    if (!ready) co_return ready.error().with("receive");
  }
}

Task<Result<void>> Socket::send(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (!fd_.valid()) co_return closed("send");
    if (readiness_->may_try(fd_.get(), Direction::write)) {
      const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count >= 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(count));
        if (!bytes.empty()) readiness_->less_than_asked(fd_.get(), Direction::write);
        continue;
      }
      if (errno == EINTR) continue;
      if (!would_block(errno)) co_return os_error("send", errno);
      readiness_->nothing_left(fd_.get(), Direction::write);
    }
    const Result<void> ready = co_await readiness_->wait_for_edge(fd_.get(), Direction::write);
    if (!ready) co_return ready.error().with("send");
  }
  co_return Result<void>();
}

}  // namespace tinkerbell
