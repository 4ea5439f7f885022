#pragma once

#include "cli/arguments.hpp"

#include "tinkerbell/base/paths.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell::cli {

/// What stands at the other end of an output.
struct Terminal {
  bool is_terminal = false;
  bool color = false;
  std::size_t columns = 0;  ///< 0: unbounded, nothing is shortened.
  std::size_t rows = 24;
};

/// `--color` comes before NO_COLOR, that before CLICOLOR_FORCE, that before what the file is.
[[nodiscard]] Terminal terminal_of(int fd, ColorWhen color, const GetEnv& get_env);

enum class Style : unsigned char { plain, dim, good, bad, asking };

/// `text` in a style; as it is where there are no colours. Adds nothing else.
[[nodiscard]] std::string styled(const Terminal& terminal, Style style, std::string_view text);

/// Columns that a line of visible text takes at most: wide East Asian characters and emoji take
/// two, a tab eight.
[[nodiscard]] std::size_t columns_of(std::string_view line);

/// `line` cut into pieces of at most `columns` columns, nothing left out; at least one piece.
[[nodiscard]] std::vector<std::string_view> wrapped(std::string_view line, std::size_t columns);

/// The longest beginning of `line` that fits, with "…" at its end if something is missing.
[[nodiscard]] std::string fitted(std::string_view line, std::size_t columns);

}  // namespace tinkerbell::cli
