#pragma once

#include <string>
#include <string_view>

namespace tinkerbell {

/// What others wrote, as a model is given data: between two lines with the first digits of
/// `sha256`, the hash of all that they wrote, which no text can hold of itself (HAZARDS S82).
/// `label` stands behind them in the first line.
[[nodiscard]] std::string fenced(std::string_view sha256, std::string_view label,
                                 std::string_view text);

}  // namespace tinkerbell
