#include "cli/interrupt.hpp"

#include "tinkerbell/base/assert.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

namespace tinkerbell::cli {

namespace {

std::string note;  // a signal handler sees nothing but globals

/// Only what signal-safety(7) allows. SA_RESETHAND has restored the default action: the second
/// signal ends the process.
void say_and_end(int signal) {
  const ssize_t ignored = write(STDERR_FILENO, note.data(), note.size());
  static_cast<void>(ignored);
  raise(signal);
}

void on_interrupt(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
}

sigset_t only_interrupt() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

InterruptNote::InterruptNote(std::string text) {
  note = std::move(text);
  on_interrupt(say_and_end);
}

InterruptNote::~InterruptNote() {
  on_interrupt(SIG_DFL);
}

InterruptWork::InterruptWork(std::function<void()> last) : last_(std::move(last)) {
  const sigset_t interrupt = only_interrupt();
  pthread_sigmask(SIG_BLOCK, &interrupt, &mask_before_);
  signals_ = UniqueFd(signalfd(-1, &interrupt, SFD_CLOEXEC));
  wake_ = UniqueFd(eventfd(0, EFD_CLOEXEC));
  TINKERBELL_ASSERT(signals_.valid() && wake_.valid());
  thread_ = std::thread([this] { run(); });
}

InterruptWork::~InterruptWork() {
  const std::uint64_t one = 1;
  const ssize_t written = write(wake_.get(), &one, sizeof one);
  TINKERBELL_ASSERT(written == sizeof one);
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void InterruptWork::run() {
  std::array<pollfd, 2> waits = {pollfd{wake_.get(), POLLIN, 0}, pollfd{signals_.get(), POLLIN, 0}};
  while (poll(waits.data(), waits.size(), -1) < 0 && errno == EINTR) {
  }
  if (waits[1].revents == 0) return;
  signalfd_siginfo first{};
  const ssize_t ignored = read(signals_.get(), &first, sizeof first);
  static_cast<void>(ignored);
  const sigset_t interrupt = only_interrupt();
  pthread_sigmask(SIG_UNBLOCK, &interrupt, nullptr);  // a second one ends all, here
  last_();
  raise(SIGINT);
}

}  // namespace tinkerbell::cli
