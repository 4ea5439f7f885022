#include "shim/guardian.hpp"

#include "shim/process_tree.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace tinkerbell {

Result<UniqueFd> signals_as_descriptor() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGCHLD);
  if (::sigprocmask(SIG_SETMASK, &set, nullptr) != 0) return os_error("sigprocmask", errno);
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return os_error("signalfd", errno);
  return fd;
}

bool end_is_asked(const UniqueFd& signals) {
  bool asked = false;
  signalfd_siginfo signal{};
  while (::read(signals.get(), &signal, sizeof(signal)) == sizeof(signal))
    asked |= signal.ssi_signo == SIGTERM;
  return asked;
}

Result<void> become_guardian() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return os_error("become subreaper", errno);
  const rlimit no_core{0, 0};
  if (::setrlimit(RLIMIT_CORE, &no_core) != 0) return os_error("forbid core files", errno);
  return {};
}

void ask_descendants_to_end(pid_t program) {
  for (const pid_t pid : descendants_of(program, process_table()))
    ::kill(pid, SIGTERM);
}

}  // namespace tinkerbell
