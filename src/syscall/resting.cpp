#include "syscall/resting.hpp"

#include "tinkerbell/base/assert.hpp"

#include <algorithm>

namespace tinkerbell {

void RestingTasks::add(TaskId task, const Rest& rest) {
  const Entry entry{.question = rest.approval,
                    .until = wall_from_unix_nanoseconds(rest.until_unix_ns),
                    .unsure = rest.unsure};
  const bool added = entries_.emplace(task, entry).second;
  TINKERBELL_ASSERT(added);
  if (entry.question != kNoApproval) questions_.emplace(entry.question, task);
  if (entry.until != WallTime{}) by_time_.emplace(entry.until, task);
  if (entry.unsure) ++unsure_;
}

void RestingTasks::remove(TaskId task) {
  const auto found = entries_.find(task);
  TINKERBELL_ASSERT(found != entries_.end());
  const Entry entry = found->second;
  entries_.erase(found);
  questions_.erase(entry.question);
  if (entry.unsure) --unsure_;
  const auto [first, last] = by_time_.equal_range(entry.until);
  const auto timer =
      std::find_if(first, last, [&](const auto& each) { return each.second == task; });
  if (timer != last) by_time_.erase(timer);
}

const RestingTasks::Entry* RestingTasks::find(TaskId task) const {
  const auto found = entries_.find(task);
  return found == entries_.end() ? nullptr : &found->second;
}

TaskId RestingTasks::asker_of(ApprovalId question) const {
  const auto found = questions_.find(question);
  return found == questions_.end() ? kNoTask : found->second;
}

std::optional<WallTime> RestingTasks::next_due(WallTime after) const {
  const auto next = by_time_.upper_bound(after);
  if (next == by_time_.end()) return std::nullopt;
  return next->first;
}

std::vector<TaskId> RestingTasks::due(WallTime now) const {
  std::vector<TaskId> tasks;
  for (auto each = by_time_.begin(); each != by_time_.end() && each->first <= now; ++each)
    tasks.push_back(each->second);
  return tasks;
}

}  // namespace tinkerbell
