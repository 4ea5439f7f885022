#pragma once

#include <cstddef>
#include <string_view>

namespace tinkerbell {

/// As std::string_view::find, in linear time also for a text that nearly repeats itself: models
/// and people choose both sides. Source: memmem(3), the two-way algorithm of glibc.
[[nodiscard]] std::size_t find_text(std::string_view content, std::string_view text,
                                    std::size_t from = 0);

}  // namespace tinkerbell
