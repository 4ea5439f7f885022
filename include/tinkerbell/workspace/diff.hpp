#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tinkerbell {

/// Whether people would not read it as text: a NUL among the first 8 KiB, as git decides it.
[[nodiscard]] bool looks_binary(std::string_view content);

/// What turns `before` into `after`, with three lines of context, as `git apply` and patch(1) take
/// it. An absent side is a file that is not there: `/dev/null`. Nothing is cut, except that binary
/// files give one line with their sizes. Empty if both sides are the same.
///
/// Shortest for up to 500 changed lines (Myers' algorithm); beyond that one hunk replaces all
/// between the first and the last difference, so that time and memory stay bounded.
/// Source: GNU diffutils manual, "Detailed Description of Unified Format"; E. Myers, "An O(ND)
/// Difference Algorithm and Its Variations" (1986).
[[nodiscard]] std::string unified_diff(std::string_view path,
                                       std::optional<std::string_view> before,
                                       std::optional<std::string_view> after);

}  // namespace tinkerbell
