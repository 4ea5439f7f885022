#pragma once

#include <string>
#include <string_view>

namespace tinkerbell {

/// Where a text that is not in a file nearly is: "; but for white space it stands at line 7".
/// Places by their lines; `quoted`: and what stands there. Empty: nowhere. For an error.
[[nodiscard]] std::string near_misses(std::string_view text, std::string_view content, bool quoted);

}  // namespace tinkerbell
