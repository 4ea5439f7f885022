#include "tinkerbell/workspace/drafts.hpp"

#include "tinkerbell/base/file.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
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

std::filesystem::path Drafts::unclaimed_of(TaskId draft) const {
  return directory_of(draft) / "unclaimed";
}

Result<std::vector<TaskId>> Drafts::all() const {
  std::vector<TaskId> drafts;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory_, error);
  if (error == std::errc::no_such_file_or_directory) return drafts;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename();
    std::uint64_t id = 0;
    const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (problem == std::errc() && end == name.data() + name.size()) drafts.push_back(TaskId{id});
  }
  if (error) return os_error("list " + directory_.string(), error.value());
  std::ranges::sort(drafts);
  return drafts;
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
