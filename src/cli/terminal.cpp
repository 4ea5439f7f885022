#include "cli/terminal.hpp"

#include "tinkerbell/base/text.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace tinkerbell::cli {

namespace {

bool is_set(const char* value) {
  return value != nullptr && *value != '\0' && std::string_view(value) != "0";
}

bool wants_color(bool is_terminal, ColorWhen color, const GetEnv& get_env) {
  if (color != ColorWhen::automatic) return color == ColorWhen::always;
  const char* no_color = get_env("NO_COLOR");  // no-color.org: any text, even "0"
  if (no_color != nullptr && *no_color != '\0') return false;
  if (is_set(get_env("CLICOLOR_FORCE"))) return true;
  const char* kind = get_env("TERM");
  return is_terminal && kind != nullptr && std::string_view(kind) != "dumb";
}

/// Source: Unicode 15 EastAsianWidth (W and F), in coarse ranges.
bool is_wide(char32_t value) {
  struct Range {
    char32_t first;
    char32_t last;
  };

  constexpr std::array kWide = {
      Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},   Range{0x3041, 0xA4CF},
      Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},   Range{0xFE30, 0xFE6F},
      Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},   Range{0x1F300, 0x1F64F},
      Range{0x1F680, 0x1F6FF}, Range{0x1F900, 0x1F9FF}, Range{0x20000, 0x3FFFD},
  };
  return std::ranges::any_of(
      kWide, [value](Range range) { return value >= range.first && value <= range.last; });
}

std::size_t width_of(char32_t value) {
  constexpr std::size_t kTabColumns = 8;
  if (value == '\t') return kTabColumns;
  const bool combining = value >= 0x0300 && value <= 0x036F;
  return combining ? 0 : is_wide(value) ? 2 : 1;
}

}  // namespace

Terminal terminal_of(int fd, ColorWhen color, const GetEnv& get_env) {
  Terminal terminal;
  terminal.is_terminal = isatty(fd) == 1;
  terminal.color = wants_color(terminal.is_terminal, color, get_env);
  winsize size{};
  if (terminal.is_terminal && ioctl(fd, TIOCGWINSZ, &size) == 0) {
    terminal.columns = size.ws_col;
    if (size.ws_row > 0) terminal.rows = size.ws_row;
  }
  return terminal;
}

std::string styled(const Terminal& terminal, Style style, std::string_view text) {
  if (!terminal.color || style == Style::plain || text.empty()) return std::string(text);
  constexpr std::array<std::string_view, 5> kSequences = {"", "\x1b[2m", "\x1b[32m", "\x1b[31m",
                                                          "\x1b[1;33m"};
  return std::string(kSequences[static_cast<std::size_t>(style)]) + std::string(text) + "\x1b[0m";
}

std::size_t columns_of(std::string_view line) {
  std::size_t columns = 0;
  while (!line.empty()) {
    const CodePoint point = first_code_point(line);
    columns += width_of(point.value);
    line.remove_prefix(point.length);
  }
  return columns;
}

std::vector<std::string_view> wrapped(std::string_view line, std::size_t columns) {
  std::vector<std::string_view> pieces;
  std::size_t start = 0;
  std::size_t used = 0;
  for (std::size_t at = 0; at < line.size();) {
    const CodePoint point = first_code_point(line.substr(at));
    const std::size_t width = width_of(point.value);
    if (used + width > columns && at > start) {
      pieces.push_back(line.substr(start, at - start));
      start = at;
      used = 0;
    }
    used += width;
    at += point.length;
  }
  pieces.push_back(line.substr(start));
  return pieces;
}

std::string fitted(std::string_view line, std::size_t columns) {
  if (columns_of(line) <= columns) return std::string(line);
  std::size_t used = 1;  // the ellipsis
  std::size_t kept = 0;
  while (kept < line.size()) {
    const CodePoint point = first_code_point(line.substr(kept));
    used += width_of(point.value);
    if (used > columns) break;
    kept += point.length;
  }
  return std::string(line.substr(0, kept)) + "…";
}

}  // namespace tinkerbell::cli
