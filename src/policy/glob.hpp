#pragma once

#include <string_view>

namespace tinkerbell {

/// Whether the whole of `text` matches `glob`, byte for byte.
///
///     ?     one byte other than '/'
///     *     any bytes other than '/'
///     **/   no, one or several whole directories
///     **    anything
///
/// Nothing else is special: there is no escape and no bracket. Time is at most the product of both
/// lengths, whatever they contain (no backtracking).
[[nodiscard]] bool glob_matches(std::string_view glob, std::string_view text);

}  // namespace tinkerbell
