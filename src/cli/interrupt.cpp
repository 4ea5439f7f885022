#include "cli/interrupt.hpp"

#include <unistd.h>

#include <csignal>

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

}  // namespace

InterruptNote::InterruptNote(std::string text) {
  note = std::move(text);
  on_interrupt(say_and_end);
}

InterruptNote::~InterruptNote() {
  on_interrupt(SIG_DFL);
}

}  // namespace tinkerbell::cli
