#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace tinkerbell {

/// How a program ended: its exit status, or 128 and the number of the signal that ended it.
struct Finished {
  int exit = -1;
  std::string out;
  std::string err;
};

/// A program under way, with nothing on its standard input. Destroyed, it is killed.
class Child {
 public:
  /// `argv[0]` is looked for in PATH. The descriptors stay the caller's.
  Child(const std::vector<std::string>& argv, int out, int err);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }

  void signal(int number) const;

  /// Whether it has ended; `wait` still tells how.
  [[nodiscard]] bool has_ended() const;

  /// Waits for its end, once.
  int wait();

 private:
  pid_t pid_ = -1;
};

/// Runs a program and waits for its end.
[[nodiscard]] Finished run_to_end(const std::vector<std::string>& argv);

}  // namespace tinkerbell
