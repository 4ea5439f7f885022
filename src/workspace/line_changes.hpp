#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// Lines with their line feed; the last one may be without.
using Lines = std::vector<std::string_view>;

[[nodiscard]] Lines split_lines(std::string_view text);

/// Lines [before_begin, before_end) became lines [after_begin, after_end). Counted from 0.
struct LineChange {
  std::size_t before_begin = 0;
  std::size_t before_end = 0;
  std::size_t after_begin = 0;
  std::size_t after_end = 0;
};

/// The changes in order, with at least one common line between two of them.
[[nodiscard]] std::vector<LineChange> line_changes(const Lines& before, const Lines& after);

}  // namespace tinkerbell
