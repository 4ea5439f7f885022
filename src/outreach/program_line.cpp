#include "outreach/program_line.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <utility>

namespace tinkerbell {

namespace asio = boost::asio;

namespace {

/// What it gets of the daemon's environment. Keys of model services are there, too.
constexpr auto kVariables = std::to_array<const char*>(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "XDG_RUNTIME_DIR",
     "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"});

std::vector<std::string> environment_for(const std::string& occasion) {
  std::vector<std::string> variables;
  for (const char* name : kVariables) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
    if (value != nullptr) variables.push_back(std::string(name) + "=" + value);
  }
  variables.push_back("TINKERBELL_EVENT=" + occasion);
  return variables;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words)
    pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// A file in memory: a pipe would have to be filled while the program reads.
Result<UniqueFd> input_file(std::string_view input) {
  UniqueFd file(::memfd_create("tinkerbell-input", MFD_CLOEXEC));
  if (!file) return os_error("make an input", errno);
  while (!input.empty()) {
    const ssize_t written = ::write(file.get(), input.data(), input.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return os_error("write an input", errno);
    input.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return os_error("rewind an input", errno);
  return file;
}

/// How it begins: a session of its own, default signals, no other descriptors.
class SpawnAttributes {
 public:
  SpawnAttributes(int input, int output) {
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    sigset_t set;
    ::sigemptyset(&set);
    ::posix_spawnattr_setsigmask(&attributes_, &set);
    ::sigfillset(&set);
    ::posix_spawnattr_setsigdefault(&attributes_, &set);
    ::posix_spawn_file_actions_adddup2(&files_, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&files_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1);
    ::posix_spawn_file_actions_addchdir_np(&files_, "/");
  }

  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;

  ~SpawnAttributes() {
    ::posix_spawn_file_actions_destroy(&files_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

  [[nodiscard]] const posix_spawn_file_actions_t* files() const { return &files_; }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t files_{};
};

struct Started {
  pid_t pid = -1;
  UniqueFd process;  ///< pidfd.
  UniqueFd output;   ///< What it writes.
};

Result<Started> start(std::vector<std::string> argv, const std::string& occasion,
                      std::string_view input) {
  Result<UniqueFd> in = input_file(input);
  if (!in) return in.error();
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return os_error("make a pipe", errno);
  Started started{.pid = -1, .process = {}, .output = UniqueFd(ends[0])};
  const UniqueFd write_end(ends[1]);
  const SpawnAttributes how(in->get(), write_end.get());
  std::vector<std::string> variables = environment_for(occasion);
  const int error = ::posix_spawn(&started.pid, argv.front().c_str(), how.files(), how.attributes(),
                                  pointers_to(argv).data(), pointers_to(variables).data());
  if (error != 0) return os_error("start " + argv.front(), error);
  started.process = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, started.pid, 0)));
  if (started.process) return started;
  const int failure = errno;
  ::kill(-started.pid, SIGKILL);
  ::waitpid(started.pid, nullptr, 0);
  return os_error("open pidfd", failure);
}

}  // namespace

/// One run. Kept alive by what it waits for, until it has ended.
class ProgramLine::Run : public std::enable_shared_from_this<Run> {
 public:
  Run(const asio::any_io_executor& loop, Started started, std::size_t output_bytes_max,
      Completion<std::string> done)
      : pid_(started.pid),
        process_(loop, started.process.release()),
        output_(loop, started.output.release()),
        timer_(loop),
        output_bytes_max_(output_bytes_max),
        done_(std::move(done)) {
    output_.non_blocking(true);
  }

  /// `ended` is called once, unless the run is closed before.
  void begin(Milliseconds timeout, std::function<void(Result<std::string>)> ended) {
    ended_ = std::move(ended);
    read();
    timer_.expires_after(timeout);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& stopped) {
      if (!stopped) self->kill(Error{Errc::timed_out, "it did not end in time and was killed"});
    });
    await_end();
  }

  /// Ends it, for this reason.
  void kill(Error why) {
    if (pid_ < 0) return;
    failure_ = std::move(why);
    ::kill(-pid_, SIGKILL);
  }

  /// The daemon ends: the system takes what is left.
  void close() {
    ended_ = nullptr;
    kill(Error{Errc::abandoned, "nobody waits for it any more"});
    if (pid_ >= 0) ::waitpid(std::exchange(pid_, -1), nullptr, WNOHANG);
    close_all();
    done_ = {};
  }

  Completion<std::string> take_done() { return std::move(done_); }

 private:
  /// The last event of a descriptor that was closed may be told of the one that has its place now:
  /// such a program has not ended.
  void await_end() {
    process_.async_wait(asio::posix::stream_descriptor::wait_read,
                        [self = shared_from_this()](const boost::system::error_code& failed) {
                          if (!failed) self->has_ended() ? self->reap() : self->await_end();
                        });
  }

  [[nodiscard]] bool has_ended() const {
    siginfo_t how{};
    return pid_ < 0 ||
           (::waitid(P_PID, static_cast<id_t>(pid_), &how, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            how.si_pid != 0);
  }

  void read() {
    output_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& failed) {
                         if (!failed && self->take_output()) self->read();
                       });
  }

  /// False: there is no more, or too much.
  bool take_output() {
    std::array<char, 4'096> piece{};
    for (;;) {
      boost::system::error_code failed;
      const std::size_t count = output_.read_some(asio::buffer(piece), failed);
      if (failed) return failed == asio::error::would_block;
      if (output_bytes_max_ == 0) continue;
      text_.append(piece.data(), count);
      if (text_.size() <= output_bytes_max_) continue;
      kill(Error{Errc::too_large,
                 "it wrote more than " + std::to_string(output_bytes_max_) + " bytes"});
      return false;
    }
  }

  /// It has ended: what it began and left behind ends, too. Before it is waited for, so that its id
  /// is nobody else's.
  void reap() {
    if (pid_ < 0) return;
    ::kill(-pid_, SIGKILL);
    siginfo_t how{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &how, WEXITED);
    pid_ = -1;
    if (!failure_) (void)take_output();
    close_all();
    if (auto ended = std::exchange(ended_, nullptr)) ended(outcome(how));
  }

  Result<std::string> outcome(const siginfo_t& how) {
    if (failure_) return *failure_;
    if (how.si_code == CLD_EXITED && how.si_status == 0) return std::move(text_);
    return Error{Errc::unavailable, (how.si_code == CLD_EXITED ? "it ended with " : "killed by ") +
                                        std::to_string(how.si_status)};
  }

  void close_all() {
    boost::system::error_code ignored;
    process_.close(ignored);
    output_.close(ignored);
    timer_.cancel();
  }

  pid_t pid_;  ///< Of it and of its process group; -1: it was waited for.
  asio::posix::stream_descriptor process_;
  asio::posix::stream_descriptor output_;
  asio::steady_timer timer_;
  std::size_t output_bytes_max_;
  Completion<std::string> done_;
  std::function<void(Result<std::string>)> ended_;
  std::string text_;
  std::optional<Error> failure_;
};

ProgramLine::ProgramLine(asio::any_io_executor loop, LineSettings settings)
    : loop_(std::move(loop)), settings_(std::move(settings)) {}

ProgramLine::~ProgramLine() {
  for (const auto& [key, run] : running_)
    run->close();
}

ProgramLine::Key ProgramLine::run(std::string occasion, std::string input,
                                  Completion<std::string> done) {
  const Key key = ++last_;
  if (waiting_.size() >= settings_.waiting_max) {
    done(Error{Errc::exhausted,
               std::to_string(waiting_.size()) + " runs of it wait for their turn"});
    return key;
  }
  waiting_.push_back({key, std::move(occasion), std::move(input), std::move(done)});
  begin_next();
  return key;
}

void ProgramLine::end(Key key) {
  std::erase_if(waiting_, [key](const Waiting& each) { return each.key == key; });
  const auto found = running_.find(key);
  if (found == running_.end()) return;
  found->second->kill(Error{Errc::abandoned, "nobody waits for it any more"});
}

void ProgramLine::begin_next() {
  while (!waiting_.empty() && running_.size() < settings_.at_once) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    begin(std::move(next));
  }
}

void ProgramLine::begin(Waiting next) {
  Result<Started> started = start(settings_.argv, next.occasion, next.input);
  if (!started) {
    next.done(started.error());
    return;
  }
  const auto run = std::make_shared<Run>(loop_, *std::move(started), settings_.output_bytes_max,
                                         std::move(next.done));
  running_.emplace(next.key, run);
  run->begin(settings_.timeout, [this, key = next.key](Result<std::string> outcome) {
    ended(key, std::move(outcome));
  });
}

void ProgramLine::ended(Key key, Result<std::string> outcome) {
  Completion<std::string> done = running_.extract(key).mapped()->take_done();
  begin_next();
  done(std::move(outcome));
}

}  // namespace tinkerbell
