#pragma once

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// The program that a command of git comes to, as git itself understands it: no operand of the
/// command is ever an option, a pattern or a place of another repository. `remote`: of a push, the
/// directory. Errors: invalid (an operand).
[[nodiscard]] Result<AwaitProcess> git_program(const TaskCommand& command, CommandId id,
                                               const std::string& remote);

/// What git is told besides, stronger than the settings of any repository: to run no program that
/// those name but filters where it only looks, to ask nobody, to read no settings of the machine or
/// a person (HAZARDS S20).
[[nodiscard]] std::map<std::string, std::string> git_environment(const std::string& workspace);

/// Of its output, in bytes.
inline constexpr std::uint64_t kGitOutputBytesMax = 16 << 20;

/// The branch that a command of git is about: the one that is named, or the task's own.
[[nodiscard]] std::string branch_of(const AwaitGitBranch& command, TaskId task);

}  // namespace tinkerbell
