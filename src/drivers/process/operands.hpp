#pragma once

#include "drivers/process/file_hashes.hpp"

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/facts.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <string>
#include <vector>

namespace tinkerbell {

/// The files of the workspace that the words of `argv` after the first one name (HAZARDS S32): a
/// word as it is, and what follows in "NAME=path", "@path" and "-fpath"; taken from `cwd`. A script
/// that is swapped while a person reads the question is then another command. What cannot be opened
/// or leaves the workspace is passed over. Each file once, in the order of the words.
[[nodiscard]] Result<std::vector<FileFact>> files_named_by(const std::vector<std::string>& argv,
                                                           const Workspace& workspace,
                                                           const WorkspacePath& cwd,
                                                           FileHashes& hashes);

}  // namespace tinkerbell
