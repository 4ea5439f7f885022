// kill-at: runs a program and kills it with SIGKILL at the entry of its N-th system call that has
// an effect, counted over all of its threads together. Programs that it starts are left alone, and
// live on. (strace's inject=…:when=N counts in each thread for itself and follows children too.)

#include "tinkerbell/base/unique_fd.hpp"

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tinkerbell {
namespace {

struct Options {
  std::uint64_t at = 0;
  bool all = false;
  std::chrono::milliseconds linger{0};
  std::string report;
  std::vector<std::string> program;
};

/// A system call about to be made.
struct Entry {
  std::uint64_t number = 0;
  std::array<std::uint64_t, 6> arguments{};
};

/// What a call does outside of the process, and what its first argument is.
struct Effect {
  std::uint64_t number;
  std::string_view name;
  bool on_descriptor = false;
};

constexpr std::array kEffects = {
    Effect{SYS_write, "write", true},
    Effect{SYS_writev, "writev", true},
    Effect{SYS_pwrite64, "pwrite64", true},
    Effect{SYS_pwritev, "pwritev", true},
    Effect{SYS_sendto, "sendto", true},
    Effect{SYS_sendmsg, "sendmsg", true},
    Effect{SYS_fsync, "fsync", true},
    Effect{SYS_fdatasync, "fdatasync", true},
    Effect{SYS_ftruncate, "ftruncate", true},
    Effect{SYS_fallocate, "fallocate", true},
    Effect{SYS_fchmod, "fchmod", true},
    Effect{SYS_rename, "rename"},
    Effect{SYS_renameat, "renameat"},
    Effect{SYS_renameat2, "renameat2"},
    Effect{SYS_unlink, "unlink"},
    Effect{SYS_unlinkat, "unlinkat"},
    Effect{SYS_rmdir, "rmdir"},
    Effect{SYS_mkdir, "mkdir"},
    Effect{SYS_mkdirat, "mkdirat"},
    Effect{SYS_link, "link"},
    Effect{SYS_linkat, "linkat"},
    Effect{SYS_symlink, "symlink"},
    Effect{SYS_symlinkat, "symlinkat"},
    Effect{SYS_chmod, "chmod"},
    Effect{SYS_fchmodat, "fchmodat"},
    Effect{SYS_connect, "connect", true},
    Effect{SYS_kill, "kill"},
    Effect{SYS_pidfd_send_signal, "pidfd_send_signal"},
    Effect{SYS_vfork, "vfork"},
    Effect{SYS_fork, "fork"},
};

bool makes_file(int flags) {
  return (flags & (O_CREAT | O_TRUNC)) != 0;
}

/// Threads are ours; processes live on without us.
bool makes_process(std::uint64_t flags) {
  return (flags & CLONE_THREAD) == 0;
}

/// A word of the tracee's memory. glibc gives clone3 its flags there.
std::uint64_t word_at(pid_t thread, std::uint64_t address) {
  return static_cast<std::uint64_t>(
      ::ptrace(PTRACE_PEEKDATA, thread, reinterpret_cast<void*>(address), nullptr));
}

/// The file behind a descriptor of the tracee; nobody but root is shown it.
std::string file_behind(pid_t thread, std::uint64_t descriptor) {
  return "/proc/" + std::to_string(thread) + "/fd/" + std::to_string(descriptor);
}

/// Log and complaints go where ours go.
bool is_log(pid_t thread, std::uint64_t descriptor) {
  struct stat ours{};
  struct stat theirs{};
  return ::fstat(STDERR_FILENO, &ours) == 0 &&
         ::stat(file_behind(thread, descriptor).c_str(), &theirs) == 0 &&
         ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/// The name of a call with an effect outside of the process. Its log does not count.
std::optional<std::string_view> effect_of(pid_t thread, const Entry& entry) {
  const auto& [number, arguments] = entry;
  if (number == SYS_openat && makes_file(static_cast<int>(arguments[2]))) return "openat";
  if (number == SYS_open && makes_file(static_cast<int>(arguments[1]))) return "open";
  if (number == SYS_clone && makes_process(arguments[0])) return "clone";
  if (number == SYS_clone3 && makes_process(word_at(thread, arguments[0]))) return "clone3";
  for (const Effect& effect : kEffects) {
    if (effect.number != number) continue;
    return number == SYS_write && is_log(thread, arguments[0]) ? std::nullopt
                                                               : std::optional(effect.name);
  }
  return std::nullopt;
}

std::string described(pid_t thread, const Entry& entry) {
  const std::optional<std::string_view> effect = effect_of(thread, entry);
  if (!effect) return "system call " + std::to_string(entry.number);
  const auto* const row = std::ranges::find(kEffects, entry.number, &Effect::number);
  if (row == kEffects.end() || !row->on_descriptor) return std::string(*effect);
  std::error_code hidden;  // by /proc, from whoever is not root
  const std::filesystem::path file =
      std::filesystem::read_symlink(file_behind(thread, entry.arguments[0]), hidden);
  return std::string(*effect) + "(" + file.filename().string() + ")";
}

volatile std::sig_atomic_t traced = 0;

void kill_traced(int /*signal_number*/) {
  ::kill(traced, SIGKILL);
}

/// Traces one process with all of its threads.
class Tracer {
 public:
  Tracer(const Options& options, pid_t process) : options_(options), process_(process) {}

  /// Until the process has ended; its exit status, or 128 and the signal.
  int follow() {
    while (true) {
      int status = 0;
      const pid_t thread = ::waitpid(-1, &status, __WALL);
      if (thread < 0 && errno == EINTR) continue;
      if (thread < 0) return ended_;
      if (!WIFSTOPPED(status)) {
        if (thread == process_) {
          ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        continue;
      }
      stopped(thread, status);
    }
  }

  [[nodiscard]] std::uint64_t counted() const { return counted_; }

 private:
  void stopped(pid_t thread, int status) {
    const int signal_number = WSTOPSIG(status);
    if (signal_number == (SIGTRAP | 0x80)) {
      entered(thread);
      go_on(thread, 0);
    } else if (status >> 16 != 0 || signal_number == SIGSTOP || signal_number == SIGTRAP) {
      go_on(thread, 0);  // an event of ptrace, or a thread that begins
    } else {
      go_on(thread, signal_number);
    }
  }

  void entered(pid_t thread) {
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(info), &info) <= 0) return;
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return;
    Entry entry{.number = info.entry.nr};
    std::ranges::copy(info.entry.args, entry.arguments.begin());
    if (!options_.all && !effect_of(thread, entry)) return;
    if (++counted_ == options_.at) kill_before(thread, entry);
  }

  /// The thread stays before its call; the others may go on for a moment, so that what should have
  /// waited for this call, and does not, shows.
  void kill_before(pid_t thread, const Entry& entry) {
    std::ofstream(options_.report) << described(thread, entry);
    const auto deadline = std::chrono::steady_clock::now() + options_.linger;
    while (std::chrono::steady_clock::now() < deadline) {
      int status = 0;
      const pid_t other = ::waitpid(-1, &status, __WALL | WNOHANG);
      if (other <= 0) {
        std::this_thread::sleep_for(std::chrono::microseconds{50});
      } else if (WIFSTOPPED(status)) {
        const int signal_number = WSTOPSIG(status);
        const bool own = (signal_number & 0x80) != 0 || status >> 16 != 0 ||
                         signal_number == SIGSTOP || signal_number == SIGTRAP;
        go_on(other, own ? 0 : signal_number);
      }
    }
    ::kill(process_, SIGKILL);  // a call that has not begun is not made any more
  }

  static void go_on(pid_t thread, int signal_number) {
    ::ptrace(PTRACE_SYSCALL, thread, nullptr, static_cast<long>(signal_number));
  }

  const Options& options_;
  pid_t process_;
  std::uint64_t counted_ = 0;
  int ended_ = EX_SOFTWARE;
};

[[noreturn]] void become(std::vector<std::string> words) {
  std::vector<char*> pointers;
  for (std::string& word : words)
    pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  ::raise(SIGSTOP);
  ::execvp(pointers[0], pointers.data());
  ::_exit(127);
}

int run(const Options& options) {
  const pid_t process = ::fork();
  if (process < 0) return EX_OSERR;
  if (process == 0) become(options.program);
  traced = process;
  std::signal(SIGTERM, kill_traced);
  int status = 0;
  if (::waitpid(process, &status, WUNTRACED) != process || !WIFSTOPPED(status)) return EX_OSERR;
  constexpr long kHow =
      PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  if (::ptrace(PTRACE_SETOPTIONS, process, nullptr, kHow) != 0 ||
      ::ptrace(PTRACE_SYSCALL, process, nullptr, 0L) != 0) {
    std::perror("kill-at: ptrace");
    ::kill(process, SIGKILL);
    return EX_OSERR;
  }
  Tracer tracer(options, process);
  const int ended = tracer.follow();
  if (tracer.counted() < options.at || options.at == 0) {
    std::ofstream(options.report) << tracer.counted();
  }
  return ended;
}

}  // namespace
}  // namespace tinkerbell

int main(int argc, char** argv) {
  tinkerbell::Options options;
  CLI::App app{
      "Runs a program and kills it (SIGKILL) before its N-th system call with an effect, counted "
      "over all of its threads. SIGTERM kills it at once.",
      "kill-at"};
  std::uint64_t linger_ms = 0;
  app.add_option("--at", options.at, "The call (from 1); 0: only count")->required();
  app.add_flag("--all", options.all, "Count every system call, also those without an effect");
  app.add_option("--linger", linger_ms,
                 "Milliseconds for which the other threads go on, while that call waits");
  app.add_option("--report", options.report,
                 "Where to write the call that it was killed at, or else how many there were")
      ->required();
  app.add_option("program", options.program, "The program and its arguments, behind --")
      ->required();
  CLI11_PARSE(app, argc, argv);
  options.linger = std::chrono::milliseconds{linger_ms};
  return tinkerbell::run(options);
}
