#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"

#include <string>
#include <string_view>

namespace tinkerbell {

/// What the hunks of a patch make of a file. Pure. Errors: not_found (a hunk is not in it),
/// conflict (it is in several places), invalid (nothing says where it is), too_large. The messages
/// name file, hunk and lines, and have the text of the file only with `may_quote`.
[[nodiscard]] Result<std::string> patched(const PatchedFile& file, std::string_view content,
                                          bool may_quote);

}  // namespace tinkerbell
