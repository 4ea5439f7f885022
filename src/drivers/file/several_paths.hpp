#pragma once

#include "drivers/file/file_operations.hpp"

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"

#include <string>
#include <vector>

namespace tinkerbell {

/// What a command that changes several paths would do now.
struct SeveralChanges {
  std::string object;               ///< Facts::object.
  std::string to;                   ///< Of a move: where that goes.
  std::vector<FileChange> changes;  ///< In byte order of the paths.
  std::vector<LeftInDraft> left;    ///< What would stay as it is, although it was asked for.
};

/// Looks and changes nothing. All that would be changed is in the store afterwards. Errors: as the
/// commands say.
[[nodiscard]] Result<SeveralChanges> several_changes(const FileScene& scene,
                                                     const AwaitFileMove& move);
[[nodiscard]] Result<SeveralChanges> several_changes(const FileScene& scene,
                                                     const AwaitFileRemove& remove);
[[nodiscard]] Result<SeveralChanges> several_changes(const FileScene& scene,
                                                     const AwaitFileRestore& restore);
[[nodiscard]] Result<SeveralChanges> several_changes(const FileScene& scene,
                                                     const AwaitFilePatch& patch);
[[nodiscard]] Result<SeveralChanges> several_changes(const FileScene& scene,
                                                     const AwaitFileSave& save);

/// The changes as people are shown them: of what moves only where it goes. Errors: those of
/// ContentStore.
[[nodiscard]] Result<std::vector<DraftChange>> shown(const SeveralChanges& several,
                                                     const ContentStore& contents);

}  // namespace tinkerbell
