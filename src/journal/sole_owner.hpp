#pragma once

#include "tinkerbell/journal/store.hpp"

#include <map>
#include <optional>
#include <vector>

namespace tinkerbell {

/// Whose the tasks of a store are that has one owner at a time: what earlier openings had is
/// nobody's until it is claimed. Nothing of this is stored.
class SoleOwner {
 public:
  SoleOwner() = default;

  /// `last_task`: the newest of earlier openings.
  SoleOwner(Epoch epoch, TaskId last_task) : epoch_(epoch), last_inherited_(last_task) {}

  /// Whether this owner may append it all. Errors: conflict.
  [[nodiscard]] Result<void> check(const Batch& batch) const;

  void release(TaskId task, std::optional<WallTime> due);

  /// Released ones that are due, by id.
  [[nodiscard]] std::vector<TaskId> due(WallTime now) const;

  /// Whether a task is of an earlier opening.
  [[nodiscard]] bool inherited(TaskId task) const { return task <= last_inherited_; }

  /// Inherited ones after this one were never claimed.
  [[nodiscard]] TaskId claimed_through() const { return claimed_through_; }

  [[nodiscard]] bool has_claimed_all_inherited() const {
    return claimed_through_ == last_inherited_;
  }

  /// In the order of their ids.
  void claimed(TaskId task);

  void claimed_all_inherited() { claimed_through_ = last_inherited_; }

  [[nodiscard]] bool has_hint(WallTime now) const;

 private:
  [[nodiscard]] bool is_unclaimed(TaskId task) const {
    return inherited(task) && task > claimed_through_;
  }

  Epoch epoch_{0};
  TaskId last_inherited_ = kNoTask;
  TaskId claimed_through_ = kNoTask;
  std::map<TaskId, WallTime> released_;  ///< And when they are due.
};

}  // namespace tinkerbell
