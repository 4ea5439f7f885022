#include "io/unix_listener.hpp"

#include "io/socket_path.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

namespace tinkerbell {

namespace {

/// Sets the umask for a scope.
class ScopedUmask {
 public:
  explicit ScopedUmask(mode_t mask) : before_(::umask(mask)) {}

  ScopedUmask(const ScopedUmask&) = delete;
  ScopedUmask& operator=(const ScopedUmask&) = delete;

  ~ScopedUmask() { ::umask(before_); }

 private:
  mode_t before_;
};

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, kSocketPathBytesMax);
  return address;
}

/// bind(2) or connect(2) with a path; 0 or errno.
template <class Call>
int with_address(Call call, int socket, const std::string& path) {
  const sockaddr_un address = address_of(path);
  const void* generic = &address;
  return call(socket, static_cast<const sockaddr*>(generic), sizeof address) == 0 ? 0 : errno;
}

Result<UniqueFd> new_socket() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return os_error("socket", errno);
  return socket;
}

/// Refuses a directory in which somebody else could put another socket in the place of ours.
Result<void> check_directory(int directory, const std::string& name) {
  struct stat status{};
  if (::fstat(directory, &status) != 0) return os_error("stat " + name, errno);
  const bool ours = status.st_uid == ::geteuid() || status.st_uid == 0;
  const bool writable_for_others =
      (status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0;
  if (!ours || writable_for_others) {
    return Error{Errc::denied, "socket directory " + name + ": others may change it"};
  }
  return {};
}

/// Opens and locks the directory: two daemons that start at once must not both find the same stale
/// socket, for the slower one would then remove the quicker one's. The lock ends with the
/// descriptor.
Result<UniqueFd> lock_directory(const std::string& path) {
  std::string name = std::filesystem::path(path).parent_path();
  if (name.empty()) name = ".";
  UniqueFd directory(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return os_error("open " + name, errno);
  if (Result<void> checked = check_directory(directory.get(), name); !checked) {
    return checked.error();
  }
  if (::flock(directory.get(), LOCK_EX) != 0) return os_error("lock " + name, errno);
  return directory;
}

/// Removes what a dead daemon of ours left behind; refuses everything else.
Result<void> remove_stale_socket(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    return errno == ENOENT ? Result<void>{} : os_error("stat " + path, errno);
  }
  if (!S_ISSOCK(status.st_mode)) return Error{Errc::conflict, path + " is there and no socket"};
  if (status.st_uid != ::geteuid()) return Error{Errc::conflict, path + " belongs to another user"};

  Result<UniqueFd> probe = new_socket();
  if (!probe) return probe.error();
  if (with_address(::connect, probe->get(), path) != ECONNREFUSED) {
    return Error{Errc::conflict, "somebody listens on " + path};
  }
  if (::unlink(path.c_str()) != 0) return os_error("remove " + path, errno);
  return {};
}

Result<void> bind_and_listen(int socket, const std::string& path, mode_t mode) {
  const int bound = [&] {
    const ScopedUmask mask(static_cast<mode_t>(~mode & 0777U));
    return with_address(::bind, socket, path);
  }();
  if (bound == EADDRINUSE) return Error{Errc::conflict, path + " has just been taken"};
  if (bound != 0) return os_error("bind " + path, bound);
  if (::listen(socket, SOMAXCONN) != 0) return os_error("listen on " + path, errno);
  return {};
}

bool has_socket_option(int socket, int option, int value) {
  int actual = 0;
  socklen_t size = sizeof actual;
  return ::getsockopt(socket, SOL_SOCKET, option, &actual, &size) == 0 && actual == value;
}

bool is_listening_unix_socket(int socket) {
  return has_socket_option(socket, SO_DOMAIN, AF_UNIX) &&
         has_socket_option(socket, SO_TYPE, SOCK_STREAM) &&
         has_socket_option(socket, SO_ACCEPTCONN, 1);
}

}  // namespace

Result<UnixListener> UnixListener::open(const std::string& path, mode_t mode) {
  if (path.empty()) return Error{Errc::invalid, "the socket path is empty"};
  if (path.size() > kSocketPathBytesMax) {
    return Error{Errc::too_large,
                 "socket path over " + std::to_string(kSocketPathBytesMax) + " bytes: " + path};
  }
  const Result<UniqueFd> lock = lock_directory(path);
  if (!lock) return lock.error();
  if (Result<void> removed = remove_stale_socket(path); !removed) return removed.error();
  Result<UniqueFd> socket = new_socket();
  if (!socket) return socket.error();
  if (Result<void> ready = bind_and_listen(socket->get(), path, mode); !ready) {
    return ready.error();
  }
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return os_error("stat " + path, errno);
  UnixListener listener(*std::move(socket), path);
  listener.device_ = status.st_dev;
  listener.inode_ = status.st_ino;
  return listener;
}

Result<UnixListener> UnixListener::adopt(int listening_fd) {
  UniqueFd socket(listening_fd);
  if (!is_listening_unix_socket(socket.get())) {
    return Error{Errc::invalid, "descriptor " + std::to_string(listening_fd) +
                                    " is no listening Unix stream socket"};
  }
  if (::fcntl(socket.get(), F_SETFD, FD_CLOEXEC) != 0 ||
      ::fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) {
    return os_error("adopt the listening socket", errno);
  }
  return UnixListener(std::move(socket), "");
}

UnixListener::~UnixListener() {
  if (path_.empty()) return;
  struct stat status{};
  const bool still_ours =
      ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
  if (still_ours) ::unlink(path_.c_str());
}

}  // namespace tinkerbell
