#pragma once

#include "drivers/file/file_operations.hpp"

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"

namespace tinkerbell {

/// What AwaitGuidance finds. Of the workspace only what the rules let be read. Above the workspace
/// AGENTS.md is read up to the root of its repository, as far as directories belong to the daemon's
/// user or to root: a directory that anybody can write to, with a `.git` of somebody else, is no
/// repository of ours.
[[nodiscard]] AwaitGuidance::Reply read_guidance(const FileScene& scene, const Call& call,
                                                 const AwaitGuidance& command);

/// A file of the nearest skill of that name. Errors: as AwaitSkill says.
[[nodiscard]] Result<AwaitSkill::Reply> read_skill(const FileScene& scene, const Call& call,
                                                   const AwaitSkill& command);

}  // namespace tinkerbell
