#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/file_change.hpp"
#include "tinkerbell/drivers/draft/draft_driver.hpp"
#include "tinkerbell/workspace/merge.hpp"

#include <string>
#include <vector>

namespace tinkerbell {

/// What of a draft would come into the workspace.
struct Takeover {
  std::vector<FileChange> changes;  ///< In byte order of the paths.
  std::vector<LeftInDraft> left;
  std::vector<std::string> objects;  ///< Of git, that the changes need.
};

/// Chooses among what a merge would do: what `command` names, no rule forbids, and nothing else of
/// it needs to be taken along for. Errors: not_found (a path of the command at which nothing
/// changed).
[[nodiscard]] Result<Takeover> chosen_of(
    TreeMerge merge, const AwaitDraftAccept& command,
    const std::function<std::optional<Objection>(const std::string& path)>& objection_to);

/// Whether the draft is of no use any more: what is left nobody would take.
[[nodiscard]] bool is_used_up(const std::vector<LeftInDraft>& left);

}  // namespace tinkerbell
