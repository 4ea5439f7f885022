#include "journal/directory_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <thread>

namespace tinkerbell {

namespace {

constexpr Milliseconds kLook{5};

/// 0: it has not written its id yet.
pid_t holder_of(int file) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(file, text.data(), text.size(), 0);
  pid_t pid = 0;
  if (size > 0) std::from_chars(text.data(), text.data() + size, pid);
  return pid;
}

bool is_gone(pid_t process) {
  return process > 0 && ::kill(process, 0) != 0 && errno == ESRCH;
}

/// Errors: conflict, io.
Result<void> lock(int file, const std::filesystem::path& path, Milliseconds patience) {
  const SteadyTime end = later(steady_now(), patience);
  while (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return os_error("lock " + path.string(), errno);
    const pid_t holder = holder_of(file);
    if (!is_gone(holder) || steady_now() >= end) {
      return Error{Errc::conflict,
                   path.parent_path().string() + " is in use by " +
                       (holder > 0 ? "process " + std::to_string(holder) : "another process")};
    }
    std::this_thread::sleep_for(kLook);
  }
  return {};
}

Result<void> write_own_pid(int file, const std::filesystem::path& path) {
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file, 0) != 0 ||
      ::pwrite(file, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return os_error("write " + path.string(), errno);
  }
  return {};
}

}  // namespace

Result<DirectoryLock> DirectoryLock::take(const std::filesystem::path& directory,
                                          Milliseconds patience) {
  const std::filesystem::path path = directory / "lock";
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return os_error("open " + path.string(), errno);
  if (Result<void> held = lock(file.get(), path, patience); !held) return held.error();
  if (Result<void> written = write_own_pid(file.get(), path); !written) return written.error();
  return DirectoryLock(std::move(file));
}

}  // namespace tinkerbell
