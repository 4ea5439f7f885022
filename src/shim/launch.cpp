#include "shim/launch.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace tinkerbell {

namespace {

enum class Step : int { prepare, enter_directory, execute };

/// What the child says on the close-on-exec pipe if it does not get as far as the program.
struct LaunchFailure {
  Step step = Step::prepare;
  int errno_value = 0;
};

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& each : strings)
    pointers.push_back(each.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> environment_strings(const RunSpec& spec) {
  std::vector<std::string> strings;
  for (const auto& [name, value] : spec.env)
    strings.push_back(name + "=" + value);
  return strings;
}

/// The child between fork and exec: system calls only.
class Child {
 public:
  Child(const ProgramDescriptors& descriptors, int sandbox_report, int failures)
      : descriptors_(descriptors), sandbox_report_(sandbox_report), failures_(failures) {}

  [[noreturn]] void become(const char* program, const char* cwd, char* const* argv,
                           char* const* env) {
    if (!leave_shim() || !take_descriptors()) fail(Step::prepare);
    if (::chdir(cwd) != 0) fail(Step::enter_directory);
    ::execve(program, argv, env);
    fail(Step::execute);
  }

 private:
  static bool leave_shim() {
    sigset_t none;
    ::sigemptyset(&none);
    return ::setpgid(0, 0) == 0 && ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
           ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0;
  }

  /// 0, 1, 2 and the sandbox's reports; everything else closes at exec (HAZARDS S78).
  bool take_descriptors() const {
    const int input =
        descriptors_.input >= 0 ? descriptors_.input : ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    return input >= 0 && ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0 &&
           ::dup2(input, STDIN_FILENO) >= 0 && ::dup2(descriptors_.output, STDOUT_FILENO) >= 0 &&
           ::dup2(descriptors_.complaints, STDERR_FILENO) >= 0 && take_sandbox_report();
  }

  bool take_sandbox_report() const {
    if (sandbox_report_ < 0) return true;
    const int report = ::fcntl(sandbox_report_, F_DUPFD_CLOEXEC, kEntryReportFd + 1);
    return report >= 0 && ::dup2(report, kSandboxReportFd) >= 0 &&
           ::dup2(report, kEntryReportFd) >= 0;
  }

  [[noreturn]] void fail(Step step) const {
    const LaunchFailure failure{step, errno};
    [[maybe_unused]] const ssize_t told = ::write(failures_, &failure, sizeof(failure));
    ::_exit(127);
  }

  ProgramDescriptors descriptors_;
  int sandbox_report_;
  int failures_;
};

Error launch_error(const RunSpec& spec, const LaunchFailure& failure) {
  switch (failure.step) {
    case Step::prepare:
      return os_error("prepare " + spec.program, failure.errno_value);
    case Step::enter_directory:
      return os_error("enter " + spec.cwd, failure.errno_value);
    case Step::execute:
      return os_error("execute " + spec.program, failure.errno_value);
  }
  std::abort();
}

}  // namespace

Result<pid_t> launch(const RunSpec& spec, const ProgramDescriptors& descriptors,
                     int sandbox_report) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return os_error("pipe", errno);
  const UniqueFd failures(ends[0]);
  // Above the reports' places, so that taking those does not close this.
  UniqueFd failures_of_child(::fcntl(ends[1], F_DUPFD_CLOEXEC, kEntryReportFd + 1));
  ::close(ends[1]);

  std::vector<std::string> arguments = spec.argv;
  std::vector<std::string> environment = environment_strings(spec);
  const std::vector<char*> argv = pointers_to(arguments);
  const std::vector<char*> env = pointers_to(environment);

  const pid_t pid = ::fork();
  if (pid < 0) return os_error("fork", errno);
  if (pid == 0) {
    Child(descriptors, sandbox_report, failures_of_child.get())
        .become(spec.program.c_str(), spec.cwd.c_str(), argv.data(), env.data());
  }
  failures_of_child.reset();
  LaunchFailure failure;
  if (::read(failures.get(), &failure, sizeof(failure)) != sizeof(failure)) return pid;
  ::waitpid(pid, nullptr, 0);
  return launch_error(spec, failure);
}

}  // namespace tinkerbell
