#pragma once

#include "tinkerbell/base/completion.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/workspace/changes.hpp"

#include <functional>
#include <string>
#include <vector>

namespace tinkerbell {

/// What the files of a fork were.
struct ForkFiles {
  /// What the other task ever touched, as it was after the step.
  PathStates states;

  /// A draft in which that was done: git's objects of then are there, unless it was taken over;
  /// then the workspace has them.
  struct Origin {
    TaskId draft = kNoTask;
    bool accepted = false;
  };

  std::vector<Origin> origins;
};

/// The draft in which a fork begins: a copy of the workspace as it is now, and in it those files as
/// they were then.
struct ForkDraft {
  TaskId task = kNoTask;
  std::string workspace;
  /// Asked once the copy is there: the other task may have been at work meanwhile.
  std::move_only_function<void(Completion<ForkFiles> told)> files;
};

/// Makes them. Loop thread.
class ForkDrafts {
 public:
  ForkDrafts() = default;
  ForkDrafts(const ForkDrafts&) = delete;
  ForkDrafts& operator=(const ForkDrafts&) = delete;
  virtual ~ForkDrafts() = default;

  /// All of it is on the disk then. If the daemon ends before claim(), the next start removes it,
  /// unless there is such a task. Errors: not_found (a content was not kept), storage_full, denied,
  /// io, those of `files`; and then there is no draft.
  virtual void make(ForkDraft draft, Completion<void> done) = 0;

  /// Its task is in the journal.
  virtual void claim(TaskId task) = 0;
};

}  // namespace tinkerbell
