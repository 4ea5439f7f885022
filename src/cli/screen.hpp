#pragma once

#include "cli/terminal.hpp"

#include <cstdint>
#include <mutex>
#include <ostream>
#include <string>
#include <string_view>

namespace tinkerbell::cli {

/// An output to which a running task writes lines and streams of text while a question may stand at
/// its bottom. Safe from several threads.
class Screen {
 public:
  Screen(std::ostream& out, const Terminal& terminal) : out_(out), terminal_(terminal) {}

  /// One line, or several, that are visible text already.
  void line(std::string_view text);

  /// A piece of a stream: made visible, dimmed and indented. `stream` tells streams apart, each
  /// starts on a line of its own.
  void piece(std::string_view stream, std::string_view text);

  /// Shows a question at the bottom until end_prompt(); whatever is written meanwhile goes above
  /// it.
  void prompt(std::string_view text);

  /// The question was answered (the person's Enter moved the cursor) or is void.
  void end_prompt(bool answered);

  [[nodiscard]] const Terminal& terminal() const { return terminal_; }

 private:
  void finish_line();
  void leave_prompt();
  void show_prompt();

  std::ostream& out_;
  Terminal terminal_;
  std::mutex mutex_;
  std::string prompt_;
  std::string stream_;    ///< Whose piece was last.
  bool in_line_ = false;  ///< The cursor stands behind an unfinished line.
};

}  // namespace tinkerbell::cli
