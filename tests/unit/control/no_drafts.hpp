#pragma once

#include "tinkerbell/workspace/fork_drafts.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace tinkerbell::control {

/// Makes a draft without files, and keeps what it was asked for.
class NoDrafts final : public ForkDrafts {
 public:
  void make(ForkDraft draft, Completion<void> done) override {
    draft.files(
        Completion<ForkFiles>([this, done = std::move(done)](Result<ForkFiles> told) mutable {
          files = told;
          told ? done({}) : done(told.error());
        }));
  }

  void claim(TaskId task) override { claimed.push_back(task); }

  std::optional<Result<ForkFiles>> files;
  std::vector<TaskId> claimed;
};

}  // namespace tinkerbell::control
