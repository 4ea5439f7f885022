#include "tinkerbell/workspace/drafts.hpp"

#include <system_error>

namespace tinkerbell {

std::filesystem::path Drafts::directory_of(TaskId draft) const {
  return directory_ / std::to_string(number(draft));
}

std::filesystem::path Drafts::tree_of(TaskId draft) const {
  return directory_of(draft) / "tree";
}

std::filesystem::path Drafts::base_of(TaskId draft) const {
  return directory_of(draft) / "base";
}

Result<std::shared_ptr<Workspace>> Drafts::open(const std::string& workspace, TaskId draft) const {
  if (draft == kNoTask) return Workspace::open(workspace);
  std::error_code error;
  if (!std::filesystem::exists(base_of(draft), error)) {
    return Error{Errc::not_found, "task " + std::to_string(number(draft)) + " has no draft"};
  }
  return Workspace::open(tree_of(draft), workspace);
}

}  // namespace tinkerbell
