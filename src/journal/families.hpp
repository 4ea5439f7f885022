#pragma once

#include "tinkerbell/journal/store.hpp"

#include <unordered_map>
#include <vector>

namespace tinkerbell {

/// Tasks by the one that they all come from. A family stays together: a task that lives may ask how
/// any other of it ended, and whoever reads about one finds the others.
class Families {
 public:
  /// In the order of their ids, so that a parent comes before its children. One whose parent is not
  /// known begins a family.
  void add(const TaskHead& head);

  /// The tasks of all families in which nobody lives and nobody ended at `time` or later.
  [[nodiscard]] std::vector<TaskHead> ended_before(WallTime time) const;

 private:
  struct Family {
    std::vector<TaskHead> ended;
    bool lives = false;
    WallTime changed{};
  };

  std::unordered_map<TaskId, TaskId> roots_;
  std::unordered_map<TaskId, Family> families_;
};

}  // namespace tinkerbell
