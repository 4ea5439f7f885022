#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/journal/store.hpp"
#include "tinkerbell/kernel/state.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

namespace tinkerbell {

/// The tasks that rest: each waits for a person, a timer or a message, and is a row in the store
/// and an entry here until that comes.
class RestingTasks {
 public:
  /// What is known of one without a look into the store.
  struct Entry {
    ApprovalId question = kNoApproval;
    WallTime until{};  ///< The epoch: however long it takes.
    bool unsure = false;
  };

  void add(TaskId task, const Rest& rest);

  /// Which is here.
  void remove(TaskId task);

  /// Null: it does not rest.
  [[nodiscard]] const Entry* find(TaskId task) const;

  /// Who asks this; kNoTask: nobody here.
  [[nodiscard]] TaskId asker_of(ApprovalId question) const;

  /// Open questions, by id.
  [[nodiscard]] const std::map<ApprovalId, TaskId>& questions() const { return questions_; }

  /// The first time after this one that somebody waits for.
  [[nodiscard]] std::optional<WallTime> next_due(WallTime after) const;

  /// Whose time has come.
  [[nodiscard]] std::vector<TaskId> due(WallTime now) const;

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  /// How many of them wait to be told what became of an effect.
  [[nodiscard]] std::size_t unsure() const { return unsure_; }

 private:
  std::unordered_map<TaskId, Entry> entries_;
  std::map<ApprovalId, TaskId> questions_;
  std::multimap<WallTime, TaskId> by_time_;
  std::size_t unsure_ = 0;
};

}  // namespace tinkerbell
