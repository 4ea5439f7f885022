#include "journal/sole_owner.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

Error fenced(TaskId task, std::string_view why) {
  return {Errc::conflict, "fenced: task " + std::to_string(number(task)) + " " + std::string(why)};
}

}  // namespace

Result<void> SoleOwner::check(const Batch& batch) const {
  for (const Record& record : batch.records) {
    if (record.epoch != epoch_) return fenced(record.task, "has a record of another owner");
  }
  for (const TaskHead& head : batch.heads) {
    if (is_unclaimed(head.task)) return fenced(head.task, "was not claimed");
    if (released_.contains(head.task)) return fenced(head.task, "was released");
  }
  return {};
}

void SoleOwner::release(TaskId task, std::optional<WallTime> due) {
  if (!is_unclaimed(task)) released_.try_emplace(task, due.value_or(WallTime::min()));
}

std::vector<TaskId> SoleOwner::due(WallTime now) const {
  std::vector<TaskId> tasks;
  for (const auto& [task, due] : released_) {
    if (due <= now) tasks.push_back(task);
  }
  return tasks;
}

void SoleOwner::claimed(TaskId task) {
  if (released_.erase(task) == 0) claimed_through_ = std::max(claimed_through_, task);
}

bool SoleOwner::has_hint(WallTime now) const {
  return !has_claimed_all_inherited() ||
         std::ranges::any_of(released_, [now](const auto& each) { return each.second <= now; });
}

}  // namespace tinkerbell
