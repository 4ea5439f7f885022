#include "cli/screen.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>

namespace tinkerbell::cli {

namespace {

constexpr std::string_view kIndent = "    ";

}  // namespace

void Screen::line(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  leave_prompt();
  finish_line();
  out_ << text << '\n';
  show_prompt();
}

void Screen::piece(std::string_view stream, std::string_view text) {
  const std::scoped_lock lock(mutex_);
  leave_prompt();
  if (stream != stream_) finish_line();
  stream_ = stream;
  const std::string shown = visible_text(text);
  for (std::string_view rest = shown; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (!in_line_ && end > 0) out_ << kIndent;
    out_ << styled(terminal_, Style::dim, rest.substr(0, end));
    in_line_ = in_line_ || end > 0;
    if (end < rest.size()) {
      out_ << '\n';
      in_line_ = false;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  show_prompt();
}

void Screen::prompt(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  leave_prompt();
  prompt_ = text;
  show_prompt();
}

void Screen::end_prompt(bool answered) {
  const std::scoped_lock lock(mutex_);
  if (!answered) leave_prompt();
  prompt_.clear();
  out_.flush();
}

void Screen::finish_line() {
  if (in_line_) out_ << '\n';
  in_line_ = false;
}

void Screen::leave_prompt() {
  if (!prompt_.empty()) out_ << "\r\x1b[K";
}

void Screen::show_prompt() {
  if (!prompt_.empty()) {
    finish_line();
    out_ << styled(terminal_, Style::asking, prompt_);
  }
  out_.flush();
}

}  // namespace tinkerbell::cli
