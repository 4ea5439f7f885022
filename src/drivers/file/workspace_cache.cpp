#include "drivers/file/workspace_cache.hpp"

namespace tinkerbell {

namespace {

/// Each holds one descriptor. Emptying all is rare and costs one open per workspace.
constexpr std::size_t kOpenMax = 64;

}  // namespace

Result<std::shared_ptr<Workspace>> WorkspaceCache::at(const std::string& path, TaskId draft) {
  const std::lock_guard lock(mutex_);
  const auto known = open_.find({path, draft});
  if (known != open_.end() && known->second->is_current()) return known->second;
  Result<std::shared_ptr<Workspace>> opened = drafts_.open(path, draft);
  if (!opened) return opened;
  if (open_.size() >= kOpenMax) open_.clear();
  open_[{path, draft}] = *opened;
  return opened;
}

}  // namespace tinkerbell
