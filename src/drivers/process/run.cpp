#include "drivers/process/run.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/shim/output_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <system_error>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeyBytesMax = 64;
/// What a shim gets to be gone after SIGKILL.
constexpr std::chrono::milliseconds kKilledWithin{5'000};
constexpr std::size_t kShimLogBytesMax = 64 << 10;
constexpr std::size_t kShimLogShownMax = 400;

/// How a shim begins: its own session, no input, its log as output, no other descriptor, default
/// signals. Those that it reads from a descriptor are blocked from the start, so that a cancel in
/// its first moment is not lost.
class ShimAttributes {
 public:
  explicit ShimAttributes(const fs::path& log) {
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    set_signals();
    ::posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files_, STDOUT_FILENO, log.c_str(),
                                       O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
    ::posix_spawn_file_actions_adddup2(&files_, STDOUT_FILENO, STDERR_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1);
  }

  ShimAttributes(const ShimAttributes&) = delete;
  ShimAttributes& operator=(const ShimAttributes&) = delete;

  ~ShimAttributes() {
    ::posix_spawn_file_actions_destroy(&files_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

  [[nodiscard]] const posix_spawn_file_actions_t* files() const { return &files_; }

 private:
  void set_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    ::sigaddset(&set, SIGCHLD);
    ::posix_spawnattr_setsigmask(&attributes_, &set);
    ::sigfillset(&set);
    ::posix_spawnattr_setsigdefault(&attributes_, &set);
  }

  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t files_{};
};

Result<UniqueFd> spawn_shim(const fs::path& shim, const fs::path& directory) {
  const ShimAttributes how(directory / kShimLogFile);
  std::string program = shim.string();
  std::string argument = directory.string();
  const std::array<char*, 3> argv{program.data(), argument.data(), nullptr};
  const std::array<char*, 1> env{nullptr};
  pid_t pid = -1;
  const int error =
      ::posix_spawn(&pid, program.c_str(), how.files(), how.attributes(), argv.data(), env.data());
  if (error != 0) return os_error("start " + program, error);
  UniqueFd pidfd = open_pidfd(pid);
  if (!pidfd) return os_error("open pidfd", errno);
  return pidfd;
}

Result<void> make_private_directory(const fs::path& directory) {
  if (::mkdir(directory.c_str(), 0700) == 0) return {};
  if (errno == EEXIST) return Error{Errc::conflict, directory.string() + " exists already"};
  return os_error("make " + directory.string(), errno);
}

/// Not durable: whoever finds a run that has not started starts another.
Result<void> write_spec(const fs::path& directory, const RunSpec& spec) {
  const fs::path file = directory / kSpecFile;
  const UniqueFd fd(
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return os_error("open " + file.string(), errno);
  return write_all(fd.get(), dump_json(to_json_value(spec)), file.string());
}

Result<void> prepare_run(const fs::path& directory, const RunSpec& spec, std::string_view tree) {
  if (!spec.sandboxed) {
    if (Result<void> made = make_private_directory(directory / kHomeDirectory); !made) return made;
  }
  if (!tree.empty()) {
    // The shim syncs the directory before the program begins; nobody asks for the tree of another.
    if (Result<void> kept = write_whole(directory, kTreeFile, tree); !kept) return kept;
  }
  if (Result<void> written = write_spec(directory, spec); !written) return written;
  return sync_directory(directory.parent_path());
}

Result<AwaitProcess::Reply> reply_of(const fs::path& directory, const RunStatus& status) {
  if (!status.failure.empty()) return Error{Errc::unavailable, status.failure};
  if (status.cancelled) return Error{Errc::cancelled, "the program was ended on request"};
  AwaitProcess::Reply reply{.exit_code = status.exit_code,
                            .timed_out = status.timed_out,
                            .duration = status.duration,
                            .note = status.complaints};
  // That it ended, and how, is known even where its words are lost.
  if (const Result<OutputReader> output = OutputReader::open(directory); output) {
    reply.output = output->text();
    reply.output_bytes = output->total();
  } else {
    reply.output = "(its output cannot be read: " + output.error().message + ")\n";
  }
  return reply;
}

Error lost_track(const RunStarted& started) {
  const std::string when = rfc3339(wall_from_unix_nanoseconds(started.unix_ns));
  const bool rebooted = started.boot_id != current_boot_id();
  return {Errc::unknown_outcome, "the program was started at " + when + ", and then " +
                                     (rebooted ? "the machine went down"
                                               : "its shim was killed, and the program with it")};
}

/// That something is there and cannot be read says that the program was started, and no more.
Error unreadable(const Error& error) {
  return {Errc::unknown_outcome, "what its shim left cannot be read: " + error.message};
}

Error not_started(const fs::path& directory) {
  const Result<std::string> log = read_whole_file(directory / kShimLogFile, kShimLogBytesMax);
  std::string message = "the program was not started";
  if (log && !log->empty()) message += ": " + shortened(visible_line(*log), kShimLogShownMax);
  return {Errc::not_started, std::move(message)};
}

/// With the lock held: takes away what a late shim would run.
Result<void> revoke(const fs::path& directory) {
  std::error_code error;
  fs::remove(directory / kSpecFile, error);
  if (error) return os_error("revoke " + directory.string(), error.value());
  return {};
}

}  // namespace

fs::path run_directory(const fs::path& runs_directory, const std::string& key,
                       std::uint32_t attempt) {
  return runs_directory / (key + "-" + std::to_string(attempt));
}

fs::path probe_directory(const fs::path& run_directory) {
  fs::path directory = run_directory;
  return directory += "-probe";
}

std::string key_of_run(const fs::path& run_directory) {
  const std::string name = run_directory.filename().string();
  return name.substr(0, name.find('-'));
}

bool is_run_key(const std::string& key) {
  return !key.empty() && key.size() <= kKeyBytesMax && std::ranges::all_of(key, [](char c) {
    return std::isxdigit(static_cast<unsigned char>(c)) != 0;
  });
}

Result<void> make_runs_directory(const fs::path& directory) {
  Result<void> made = make_private_directory(directory);
  if (!made && made.error().code == Errc::conflict) return {};
  if (!made) return made;
  return sync_directory(directory.parent_path());
}

Result<UniqueFd> start_run(const fs::path& shim, const fs::path& directory, const RunSpec& spec,
                           std::string_view tree) {
  if (Result<void> made = make_private_directory(directory); !made) return made.error();
  Result<UniqueFd> started = [&]() -> Result<UniqueFd> {
    if (Result<void> prepared = prepare_run(directory, spec, tree); !prepared)
      return prepared.error();
    return spawn_shim(shim, directory);
  }();
  std::error_code ignored;
  if (!started) fs::remove_all(directory, ignored);
  return started;
}

Result<UniqueFd> find_shim(const fs::path& directory) {
  while (const std::optional<pid_t> holder = run_lock_holder(directory)) {
    UniqueFd pidfd = open_pidfd(*holder);
    if (!pidfd && errno != ESRCH) return os_error("open pidfd", errno);
    // Held still: then the id was the shim's when it was opened, and of nobody who came after.
    if (pidfd && run_lock_holder(directory) == holder) return pidfd;
  }
  return UniqueFd();
}

Result<AwaitProcess::Reply> outcome_of(const fs::path& directory) {
  // Under the lock, so that no shim begins between one look and the next.
  const Result<UniqueFd> lock = take_run_lock(directory);
  if (!lock && lock.error().code == Errc::not_found) return not_started(directory);
  if (!lock && lock.error().code == Errc::conflict) return lock.error();
  if (!lock) return unreadable(lock.error());
  const Result<RunStatus> status = read_record<RunStatus>(directory, kStatusFile);
  if (status) return reply_of(directory, *status);
  if (status.error().code != Errc::not_found) return unreadable(status.error());
  const Result<RunStarted> started = read_record<RunStarted>(directory, kStartedFile);
  if (started) return lost_track(*started);
  if (started.error().code != Errc::not_found) return unreadable(started.error());
  if (Result<void> revoked = revoke(directory); !revoked) return unreadable(revoked.error());
  return not_started(directory);
}

Result<void> remove_run(const fs::path& directory) {
  const Result<UniqueFd> lock = take_run_lock(directory);
  if (!lock) return lock.error();
  return remove_tree(directory);
}

Result<void> discard_run(const fs::path& directory) {
  Result<UniqueFd> shim = find_shim(directory);
  if (!shim) return shim.error();
  if (*shim) {
    send_signal(shim->get(), SIGKILL);
    if (!wait_for_end({&*shim, 1}, kKilledWithin)) {
      return Error{Errc::timed_out, "the shim of " + directory.string() + " does not end"};
    }
  }
  std::error_code error;
  return fs::exists(directory, error) ? remove_run(directory) : Result<void>();
}

UniqueFd open_pidfd(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));  // close-on-exec by itself
}

bool has_ended(int shim) {
  pollfd event{shim, POLLIN, 0};
  return ::poll(&event, 1, 0) == 1;
}

void reap(int shim) {
  siginfo_t ended{};
  ::waitid(P_PIDFD, static_cast<id_t>(shim), &ended, WEXITED | WNOHANG);
}

void send_signal(int shim, int signal_number) {
  ::syscall(SYS_pidfd_send_signal, shim, signal_number, nullptr, 0);
}

bool wait_for_end(std::span<const UniqueFd> shims, std::chrono::milliseconds most) {
  const auto deadline = std::chrono::steady_clock::now() + most;
  for (const UniqueFd& shim : shims) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd event{shim.get(), POLLIN, 0};
    if (::poll(&event, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) != 1) {
      return false;
    }
    reap(shim.get());
  }
  return true;
}

}  // namespace tinkerbell
