#pragma once

#include "tinkerbell/workspace/workspace.hpp"

namespace tinkerbell {

/// What the rest of this room needs of a Workspace, and nobody else gets.
struct WorkspaceAccess {
  /// O_PATH.
  [[nodiscard]] static int root(const Workspace& workspace) { return workspace.root_.get(); }

  [[nodiscard]] static uid_t owner(const Workspace& workspace) { return workspace.owner_; }
};

}  // namespace tinkerbell
