#include "journal/families.hpp"

#include <algorithm>

namespace tinkerbell {

void Families::add(const TaskHead& head) {
  const auto parents = roots_.find(head.parent);
  const TaskId root = parents == roots_.end() ? head.task : parents->second;
  roots_.emplace(head.task, root);
  Family& family = families_[root];
  family.changed = std::max(family.changed, head.changed);
  if (!head.ended || kept_.contains(head.task)) family.stays = true;
  if (family.stays) {
    family.ended.clear();  // nobody will ask for them
  } else {
    family.ended.push_back(
        {.task = head.task, .ended = true, .changed = head.changed, .head = head.head});
  }
}

std::vector<TaskHead> Families::ended_before(WallTime time) const {
  std::vector<TaskHead> tasks;
  for (const auto& [root, family] : families_) {
    if (family.stays || family.changed >= time) continue;
    tasks.insert(tasks.end(), family.ended.begin(), family.ended.end());
  }
  std::ranges::sort(tasks, {}, &TaskHead::task);
  return tasks;
}

}  // namespace tinkerbell
