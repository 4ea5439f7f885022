#pragma once

#include <string_view>

namespace tinkerbell {

/// Where git keeps what is to be in the next commit.
inline constexpr std::string_view kGitIndex = ".git/index";

/// Whether a path holds what names commits: branches and tags, HEAD.
[[nodiscard]] bool is_git_reference(std::string_view path);

/// Whether a path holds what git notes down besides, logs and messages; nothing depends on it.
[[nodiscard]] bool is_git_note(std::string_view path);

/// Whether a path holds what a commit changes: references, the index, notes. All else below `.git`
/// is settings, and no work of a task.
[[nodiscard]] bool is_git_state(std::string_view path);

}  // namespace tinkerbell
