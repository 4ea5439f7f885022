#include "shim/server.hpp"

#include "shim/guardian.hpp"
#include "shim/launch.hpp"
#include "shim/process_tree.hpp"

#include "tinkerbell/shim/server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

namespace tinkerbell {

namespace {

Result<ServeSpec> read_spec() {
  std::string text;
  std::array<char, 64 << 10> buffer;
  while (true) {
    const ssize_t count =
        ::pread(kServeSpecFd, buffer.data(), buffer.size(), static_cast<off_t>(text.size()));
    if (count < 0) return os_error("read the spec", errno);
    if (count == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  ::close(kServeSpecFd);
  const Result<Json> json = parse_json(text);
  if (!json) return json.error();
  return from_json_value<ServeSpec>(*json);
}

/// The signal comes only if the daemon dies after we asked for it.
Result<void> end_with(std::int64_t daemon) {
  if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return os_error("follow the daemon", errno);
  if (::getppid() != daemon) return Error{Errc::cancelled, "the daemon is gone"};
  return {};
}

/// Whether it has ended. Orphans that came to us are reaped as well.
bool has_ended(pid_t program) {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == program) return true;
  }
  return false;
}

int milliseconds_until(std::optional<SteadyTime> deadline, SteadyTime now) {
  if (!deadline) return -1;
  return std::max(0, static_cast<int>(std::chrono::ceil<Milliseconds>(*deadline - now).count()));
}

void ask_to_end(pid_t program, bool sandboxed) {
  if (!sandboxed) ::kill(program, SIGTERM);
  ask_descendants_to_end(program);
}

void keep_watch(pid_t program, bool sandboxed, const UniqueFd& signals) {
  const SystemClock clock;
  std::optional<SteadyTime> deadline;
  while (!has_ended(program)) {
    pollfd event{signals.get(), POLLIN, 0};
    ::poll(&event, 1, milliseconds_until(deadline, clock.steady()));
    if (end_is_asked(signals) && !deadline) {
      deadline = clock.steady() + kGrace;
      ask_to_end(program, sandboxed);
    }
    if (deadline && clock.steady() >= *deadline) return;
  }
}

}  // namespace

Result<void> serve() {
  const Result<UniqueFd> signals = signals_as_descriptor();
  if (!signals) return signals.error();
  const Result<ServeSpec> spec = read_spec();
  if (!spec) return spec.error();
  if (Result<void> followed = end_with(spec->daemon); !followed) return followed;
  if (Result<void> guardian = become_guardian(); !guardian) return guardian;
  // Whether the program was executed the daemon hears from the program.
  const UniqueFd report(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!report) return os_error("open /dev/null", errno);
  const Result<pid_t> program = launch(
      spec->run, {.input = STDIN_FILENO, .output = STDOUT_FILENO, .complaints = STDERR_FILENO},
      spec->run.sandboxed ? report.get() : -1);
  if (!program) return program.error();
  ::close(STDIN_FILENO);  // or the program's end of the pipes would never be the last one
  ::close(STDOUT_FILENO);
  keep_watch(*program, spec->run.sandboxed, *signals);
  end_all_children();
  return {};
}

}  // namespace tinkerbell
