#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <sys/types.h>

#include <string>
#include <utility>

namespace tinkerbell {

/// A socket file of ours and the socket that listens on it. Removes the file when destroyed, unless
/// somebody has put another one in its place.
class UnixListener {
 public:
  /// Makes the file and listens; as HttpServer::listen describes. Sets the umask of the process for
  /// the moment of bind(2), so no other thread may create files meanwhile.
  [[nodiscard]] static Result<UnixListener> open(const std::string& path, mode_t mode);

  /// A socket that somebody else bound; its file stays. Takes the descriptor over, also on failure.
  /// Errors: invalid (no listening Unix stream socket), io.
  [[nodiscard]] static Result<UnixListener> adopt(int listening_fd);

  UnixListener(UnixListener&& other) noexcept
      : socket_(std::move(other.socket_)),
        path_(std::exchange(other.path_, {})),
        device_(other.device_),
        inode_(other.inode_) {}

  UnixListener& operator=(UnixListener&&) = delete;
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;
  ~UnixListener();

  /// Hands out the socket, non-blocking and close-on-exec.
  [[nodiscard]] UniqueFd take_socket() { return std::move(socket_); }

 private:
  UnixListener(UniqueFd socket, std::string path)
      : socket_(std::move(socket)), path_(std::move(path)) {}

  UniqueFd socket_;
  std::string path_;  ///< Empty when adopted.
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace tinkerbell
