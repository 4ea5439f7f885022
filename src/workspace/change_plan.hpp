#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/workspace/changes.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// A change that can be made: what the path becomes has no set-user-id bits and their like.
struct PlannedPath {
  std::string path;
  std::optional<FileState> before;
  std::optional<FileState> after;

  [[nodiscard]] bool was(FileType type) const { return before && before->type == type; }

  [[nodiscard]] bool becomes(FileType type) const { return after && after->type == type; }

  /// A directory that is to go, or to become something else.
  [[nodiscard]] bool directory_goes() const {
    return was(FileType::directory) && !becomes(FileType::directory);
  }
};

/// Changes that make one tree of another one. In byte order of the paths.
class ChangePlan {
 public:
  /// Leaves out what changes nothing. Errors: invalid.
  [[nodiscard]] static Result<ChangePlan> of(const std::vector<FileChange>& changes);

  [[nodiscard]] const std::vector<PlannedPath>& paths() const { return paths_; }

  [[nodiscard]] const PlannedPath* find(std::string_view path) const;

 private:
  [[nodiscard]] Result<void> check_above(const PlannedPath& planned) const;

  std::vector<PlannedPath> paths_;
};

}  // namespace tinkerbell
