#pragma once

#include "tinkerbell/journal/store.hpp"

#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace tinkerbell {

/// Tasks by the one that they all come from. A family stays together: a task that lives may ask how
/// any other of it ended, and whoever reads about one finds the others.
class Families {
 public:
  /// In the order of their ids, so that a parent comes before its children. One whose parent is not
  /// known begins a family.
  void add(const TaskHead& head);

  /// Its family stays. To be called before it is added.
  void keep(TaskId task) { kept_.insert(task); }

  /// The tasks of all families in which nobody lives and nobody ended at `time` or later.
  [[nodiscard]] std::vector<TaskHead> ended_before(WallTime time) const;

 private:
  struct Family {
    std::vector<TaskHead> ended;
    bool stays = false;  ///< One of it lives, or is to be kept.
    WallTime changed{};
  };

  std::unordered_map<TaskId, TaskId> roots_;
  std::unordered_map<TaskId, Family> families_;
  std::unordered_set<TaskId> kept_;
};

}  // namespace tinkerbell
