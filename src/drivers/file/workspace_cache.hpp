#pragma once

#include "tinkerbell/workspace/workspace.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace tinkerbell {

/// Keeps workspaces open between two commands. Any thread.
class WorkspaceCache {
 public:
  /// The workspace at `path`; opened anew if another directory stands there now. Errors: those of
  /// Workspace::open.
  [[nodiscard]] Result<std::shared_ptr<Workspace>> at(const std::string& path);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Workspace>> open_;
};

}  // namespace tinkerbell
