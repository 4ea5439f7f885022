#include "shim/supervisor.hpp"

#include "shim/guardian.hpp"
#include "shim/launch.hpp"
#include "shim/process_tree.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/shim/output_file.hpp"
#include "tinkerbell/shim/run_directory.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <optional>
#include <utility>

namespace tinkerbell {

namespace {

/// How long to wait before the status is tried again on a disk that refuses it.
constexpr Milliseconds kStatusRetry{1'000};
/// No wait of poll(2) is longer; a later deadline is looked at again.
constexpr Milliseconds kPollMax{60'000};
constexpr std::size_t kSandboxReportBytesMax = 64 << 10;

enum class Stop : std::uint8_t { none, timed_out, cancelled };

int exit_code_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/// One program from its start to its status.
class Supervisor {
 public:
  Supervisor(std::filesystem::path directory, RunSpec spec, UniqueFd signals, OutputWriter output)
      : directory_(std::move(directory)),
        spec_(std::move(spec)),
        signals_(std::move(signals)),
        output_(std::move(output)) {}

  void run() {
    if (Result<void> started = start(); started) {
      keep_watch();
    } else {
      status_.failure = started.error().message;
    }
    end_all_children();
    take_output();
    take_complaints();
    conclude();
    sync_output();
    write_status();
  }

 private:
  Result<void> start();
  void keep_watch();
  void wait_for_event();
  [[nodiscard]] int milliseconds_to_deadline() const;
  void reap();
  void take_output();
  void take_complaints();
  void time_is_up();
  void stop(Stop reason);
  void conclude();
  [[nodiscard]] bool sandbox_failed() const;
  void sync_output();
  void write_status();

  std::filesystem::path directory_;
  RunSpec spec_;
  UniqueFd signals_;
  OutputWriter output_;
  UniqueFd program_output_;
  UniqueFd program_complaints_;
  std::string complaints_;
  UniqueFd sandbox_report_;

  SystemClock clock_;
  SteadyTime begun_ = clock_.steady();
  SteadyTime deadline_ = kNever;
  pid_t program_ = -1;
  std::optional<int> wait_status_;
  Stop stop_ = Stop::none;
  RunStatus status_;
};

/// Our end does not block.
Result<UniqueFd> open_pipe(UniqueFd& our_end) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return os_error("pipe", errno);
  our_end.reset(ends[0]);
  ::fcntl(our_end.get(), F_SETFL, O_NONBLOCK);
  return UniqueFd(ends[1]);
}

Result<void> Supervisor::start() {
  const Result<UniqueFd> output_of_program = open_pipe(program_output_);
  if (!output_of_program) return output_of_program.error();
  UniqueFd complaints_of_program;
  if (spec_.complaints_apart) {
    Result<UniqueFd> end = open_pipe(program_complaints_);
    if (!end) return end.error();
    complaints_of_program = *std::move(end);
  }
  if (spec_.sandboxed) {
    sandbox_report_.reset(::memfd_create(std::string(kSandboxReport).c_str(), MFD_CLOEXEC));
    if (!sandbox_report_) return os_error("make a file in memory", errno);
  }
  Result<pid_t> program = launch(spec_,
                                 {.output = output_of_program->get(),
                                  .complaints = spec_.complaints_apart ? complaints_of_program.get()
                                                                       : output_of_program->get()},
                                 sandbox_report_.get());
  if (!program) return program.error();
  program_ = *program;
  begun_ = clock_.steady();
  deadline_ = begun_ + spec_.timeout;
  return {};
}

void Supervisor::keep_watch() {
  while (!wait_status_) {
    wait_for_event();
    take_output();
    take_complaints();
    if (end_is_asked(signals_)) stop(Stop::cancelled);
    reap();
    if (!wait_status_ && clock_.steady() >= deadline_) time_is_up();
  }
}

void Supervisor::wait_for_event() {
  std::array<pollfd, 3> events{pollfd{signals_.get(), POLLIN, 0},
                               pollfd{program_output_.get(), POLLIN, 0},
                               pollfd{program_complaints_.get(), POLLIN, 0}};
  ::poll(events.data(), events.size(), milliseconds_to_deadline());
}

int Supervisor::milliseconds_to_deadline() const {
  if (deadline_ == kNever) return -1;
  const auto left = std::chrono::ceil<Milliseconds>(deadline_ - clock_.steady());
  return static_cast<int>(std::clamp(left, Milliseconds{0}, kPollMax).count());
}

/// SIGCHLDs merge: whoever has ended is looked for, not told.
void Supervisor::reap() {
  int wait_status = 0;
  while (true) {
    const pid_t pid = ::waitpid(-1, &wait_status, WNOHANG);
    if (pid <= 0) return;
    if (pid == program_) wait_status_ = wait_status;
  }
}

void Supervisor::take_output() {
  std::array<char, 64 << 10> buffer;
  // Bounded, so that a flood does not keep us from the clock.
  for (int round = 0; round < 64 && program_output_; ++round) {
    const ssize_t count = ::read(program_output_.get(), buffer.data(), buffer.size());
    if (count < 0) return;
    if (count == 0) return program_output_.reset();  // poll(2) passes over a negative descriptor
    output_.append({buffer.data(), static_cast<std::size_t>(count)});
  }
}

/// What is beyond the bound is read all the same, so that nobody waits for us.
void Supervisor::take_complaints() {
  std::array<char, kComplaintsBytesMax> buffer;
  for (int round = 0; round < 64 && program_complaints_; ++round) {
    const ssize_t count = ::read(program_complaints_.get(), buffer.data(), buffer.size());
    if (count < 0) return;
    if (count == 0) return program_complaints_.reset();
    const std::size_t room = kComplaintsBytesMax - complaints_.size();
    complaints_.append(buffer.data(), std::min(room, static_cast<std::size_t>(count)));
  }
}

void Supervisor::time_is_up() {
  if (stop_ == Stop::none) return stop(Stop::timed_out);
  ::kill(program_, SIGKILL);  // what descends from it comes to us, and end_all_children follows
  deadline_ = kNever;
}

void Supervisor::stop(Stop reason) {
  if (stop_ != Stop::none) return;
  stop_ = reason;
  deadline_ = clock_.steady() + kGrace;
  // Bubblewrap itself would die at once and take the program with it, without a grace.
  if (!spec_.sandboxed) ::kill(program_, SIGTERM);
  ask_descendants_to_end(program_);
}

void Supervisor::conclude() {
  status_.duration = std::chrono::duration_cast<Milliseconds>(clock_.steady() - begun_);
  status_.timed_out = stop_ == Stop::timed_out;
  status_.cancelled = stop_ == Stop::cancelled;
  status_.complaints = valid_utf8(complaints_);
  if (wait_status_) status_.exit_code = exit_code_of(*wait_status_);
  if (stop_ == Stop::none && wait_status_ && sandbox_failed()) {
    const Result<OutputReader> output = OutputReader::open(directory_);
    status_.failure = "the sandbox could not run it: " + (output ? output->text() : "") +
                      std::exchange(status_.complaints, {});
  }
}

/// Bubblewrap reports an exit code only for what it has executed: the last look before the program.
bool Supervisor::sandbox_failed() const {
  if (!spec_.sandboxed || status_.exit_code == 0 || WIFSIGNALED(*wait_status_)) return false;
  ::lseek(sandbox_report_.get(), 0, SEEK_SET);
  const Result<std::string> report =
      read_all(sandbox_report_.get(), kSandboxReportBytesMax, kSandboxReport);
  return report && (!report->contains("\"exit-code\"") || report->contains(kEntryRefused));
}

/// Before the status, which says that all is there.
void Supervisor::sync_output() {
  const Result<void> synced = output_.sync();
  if (!synced) std::fprintf(stderr, "%s\n", synced.error().message.c_str());
}

/// Without a status a person would have to say what happened, so a full disk is waited for; only
/// SIGTERM ends that.
void Supervisor::write_status() {
  while (true) {
    const Result<void> written = write_record(directory_, kStatusFile, status_);
    if (written) return;
    std::fprintf(stderr, "write status: %s\n", written.error().message.c_str());
    pollfd event{signals_.get(), POLLIN, 0};
    ::poll(&event, 1, static_cast<int>(kStatusRetry.count()));
    if (end_is_asked(signals_)) return;
  }
}

}  // namespace

Result<void> supervise(const std::filesystem::path& run_directory) {
  Result<UniqueFd> signals = signals_as_descriptor();
  if (!signals) return signals.error();
  const Result<UniqueFd> lock = take_run_lock(run_directory);
  if (!lock) return lock.error();
  Result<RunSpec> spec = read_record<RunSpec>(run_directory, kSpecFile);
  if (!spec) return spec.error();
  if (Result<void> guardian = become_guardian(); !guardian) return guardian;
  Result<OutputWriter> output = OutputWriter::create(run_directory, spec->output_bytes_max);
  if (!output) return output.error();

  if (end_is_asked(*signals)) return Error{Errc::cancelled, "cancelled before the start"};
  const RunStarted started{unix_nanoseconds(SystemClock().wall()), current_boot_id()};
  if (Result<void> marked = write_record(run_directory, kStartedFile, started); !marked) {
    return marked;
  }
  Supervisor(run_directory, *std::move(spec), *std::move(signals), *std::move(output)).run();
  return {};
}

}  // namespace tinkerbell
