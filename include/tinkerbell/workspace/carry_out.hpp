#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/facts.hpp"
#include "tinkerbell/workspace/apply.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

class ContentStore;
class Workspace;

/// apply_changes() and recover_changes(), with their ends as a driver answers them.

/// Either all is done, or the error says that nothing is: conflict (with all that is in the way),
/// those of apply_changes. Except for unknown_outcome: it may be done in part.
[[nodiscard]] Result<void> carry_out_changes(const Workspace& workspace,
                                             const std::vector<FileChange>& changes,
                                             const ContentStore& contents, std::string_view key);

/// What became of carry_out_changes() with the same changes and key: what was begun is finished.
/// Errors: not_started (all is as before), unknown_outcome (somebody else has changed it since),
/// those of recover_changes.
[[nodiscard]] Result<void> finish_changes(const Workspace& workspace,
                                          const std::vector<FileChange>& changes,
                                          const ContentStore& contents, std::string_view key);

/// What was judged, without what people were shown of it.
[[nodiscard]] std::vector<FileChange> changes_of(const Facts& facts);

/// The first of them, and how many more there are.
[[nodiscard]] std::string in_words(const std::vector<Obstacle>& obstacles);

}  // namespace tinkerbell
