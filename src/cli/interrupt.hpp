#pragma once

#include "tinkerbell/base/unique_fd.hpp"

#include <csignal>
#include <functional>
#include <string>
#include <thread>

namespace tinkerbell::cli {

/// While it lives, Ctrl-C ends the program (by the signal, as a shell expects) with a last line
/// that says what goes on without it. One at a time.
class InterruptNote {
 public:
  explicit InterruptNote(std::string text);
  InterruptNote(const InterruptNote&) = delete;
  InterruptNote& operator=(const InterruptNote&) = delete;
  ~InterruptNote();
};

/// While it lives, Ctrl-C first does `last`, on a thread of its own and so whatever the others do,
/// and then ends the program by the signal; a second Ctrl-C does not wait for that. Threads that
/// begin meanwhile leave the signal to it. One at a time, and no InterruptNote beside it.
class InterruptWork {
 public:
  explicit InterruptWork(std::function<void()> last);
  InterruptWork(const InterruptWork&) = delete;
  InterruptWork& operator=(const InterruptWork&) = delete;
  ~InterruptWork();

 private:
  void run();

  std::function<void()> last_;
  sigset_t mask_before_{};
  UniqueFd signals_;  ///< signalfd.
  UniqueFd wake_;     ///< eventfd: ends the thread.
  std::thread thread_;
};

}  // namespace tinkerbell::cli
