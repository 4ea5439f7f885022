#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/kernel/task.hpp"

#include <string>

namespace tinkerbell {

/// What an agent is told before its goal, of what is written down for it: data in its user's role.
/// Each text stands between two lines with the hash of the file: no text can hold the line that
/// ends it. Empty where there is nothing. Errors: cancelled.
[[nodiscard]] Task<Result<std::string>> guidance_for_model();

/// The same for an agent of the time when that was AGENTS.md of the workspace alone.
[[nodiscard]] Task<Result<std::string>> instructions_of_workspace();

/// The file that keeps a note for later tasks. When it was made and by whom stands in it: by a task
/// with this goal, for a fork of that has another id and must write the same. Errors: cancelled.
[[nodiscard]] Task<Result<TaskCommand>> note_file(std::string goal, std::string text);

}  // namespace tinkerbell
