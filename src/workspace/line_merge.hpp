#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tinkerbell {

/// What two people made of one text, together. Nothing if they changed the same lines, or lines
/// that touch, in different ways: then only a person can tell.
[[nodiscard]] std::optional<std::string> merged_lines(std::string_view base, std::string_view ours,
                                                      std::string_view theirs);

}  // namespace tinkerbell
