#pragma once

#include <string>

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

}  // namespace tinkerbell::cli
