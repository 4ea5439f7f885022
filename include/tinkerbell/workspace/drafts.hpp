#pragma once

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace tinkerbell {

/// Where drafts are: the copies of workspaces in which tasks work, each in a directory of its task.
///
///     TASK/tree   the copy
///     TASK/base   the workspace as it was copied; written last, so that a draft is whole or none
///     TASK/unclaimed   it is made for a task that is not in the journal yet: a fork
class Drafts {
 public:
  /// Absolute. Need not exist.
  explicit Drafts(std::filesystem::path directory) : directory_(std::move(directory)) {}

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }

  [[nodiscard]] std::filesystem::path directory_of(TaskId draft) const;
  [[nodiscard]] std::filesystem::path tree_of(TaskId draft) const;
  [[nodiscard]] std::filesystem::path base_of(TaskId draft) const;
  [[nodiscard]] std::filesystem::path unclaimed_of(TaskId draft) const;

  /// Of all that there are, and of what is left of some, by number. Errors: io, denied.
  [[nodiscard]] Result<std::vector<TaskId>> all() const;

  /// The directory in which a task works: its workspace, or the draft of it. Errors: those of
  /// Workspace::open; not_found (there is no such draft, or it is not whole).
  [[nodiscard]] Result<std::shared_ptr<Workspace>> open(const std::string& workspace,
                                                        TaskId draft) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace tinkerbell
