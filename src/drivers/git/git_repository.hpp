#pragma once

#include "drivers/git/git_config.hpp"

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/facts.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace tinkerbell {

/// What stands at the top of a workspace, as far as it says what git would do there.
struct GitRepository {
  std::vector<GitSetting> settings;
  std::vector<FileFact> files;  ///< That say so, each with its hash.
};

/// Blocks for as long as a disk does. Errors: not_found (there is none), unsupported (its parts are
/// elsewhere), invalid (its settings).
[[nodiscard]] Result<GitRepository> look_at_repository(const Workspace& workspace);

/// What else says what `command` would do, so that a yes is bound to it: of a commit what is staged
/// and what it comes after, of a push where the branch leads.
[[nodiscard]] std::vector<FileFact> state_for(const TaskCommand& command,
                                              const Workspace& workspace);

/// Whether `command` may change this repository: where its settings name programs for what is
/// written or taken up, or other settings, that is not ours to run, and the outcome would be
/// another without. Errors: unsupported.
[[nodiscard]] Result<void> check_settings(const TaskCommand& command,
                                          const GitRepository& repository);

/// Where a push would go: a directory of this machine, absolute and free of links. Errors:
/// not_found (no such remote, or nothing there), unsupported (it is elsewhere, or the settings say
/// that git must go there in another way).
[[nodiscard]] Result<std::filesystem::path> place_of_remote(const GitRepository& repository,
                                                            const std::string& remote,
                                                            const std::string& workspace);

}  // namespace tinkerbell
