#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"

#include <string_view>

namespace tinkerbell {

/// A unified diff of one or several files, as `diff -u`, git and models write it, as a command.
///
/// A section begins with `--- a/PATH` and `+++ b/PATH` (either may be /dev/null), or with git's
/// `diff --git` and what may follow that: new, deleted, renamed, executable. Lines before the first
/// section are passed over. What a hunk says of line numbers is a hint, and how many lines it says
/// it has counts only where two of them look like the begin of another file that has no hunk:
/// models cannot count. Errors: invalid (the message names the line of the patch), too_large (more
/// than kPatchFilesMax files).
[[nodiscard]] Result<AwaitFilePatch> parse_patch(std::string_view text);

}  // namespace tinkerbell
