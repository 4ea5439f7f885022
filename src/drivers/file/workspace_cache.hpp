#pragma once

#include "tinkerbell/workspace/drafts.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace tinkerbell {

/// Keeps workspaces open between two commands. Any thread.
class WorkspaceCache {
 public:
  explicit WorkspaceCache(Drafts drafts) : drafts_(std::move(drafts)) {}

  /// The workspace at `path`, or the draft of it; opened anew if another directory stands there
  /// now. Errors: those of Drafts::open.
  [[nodiscard]] Result<std::shared_ptr<Workspace>> at(const std::string& path, TaskId draft);

 private:
  Drafts drafts_;
  std::mutex mutex_;
  std::map<std::pair<std::string, TaskId>, std::shared_ptr<Workspace>> open_;
};

}  // namespace tinkerbell
