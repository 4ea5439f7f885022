#pragma once

#include "drivers/draft/takeover.hpp"

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/drivers/draft/draft_driver.hpp"
#include "tinkerbell/syscall/driver.hpp"
#include "tinkerbell/workspace/content_store.hpp"
#include "tinkerbell/workspace/copy_tree.hpp"
#include "tinkerbell/workspace/draft_base.hpp"
#include "tinkerbell/workspace/fork_drafts.hpp"

#include <stop_token>

namespace tinkerbell {

/// The stations of draft commands as plain blocking functions. Any thread. Errors as DraftDriver
/// says.
class DraftStations {
 public:
  DraftStations(ContentStore& contents, DraftSettings settings)
      : contents_(contents), settings_(std::move(settings)) {}

  [[nodiscard]] Result<Prepared> prepare(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<Reply> perform(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<Reply> recover(const Call& call);

  [[nodiscard]] Result<void> add_contents(std::set<Sha256>& contents) const;

  /// What a draft of a workspace would cost.
  [[nodiscard]] Result<CopyEstimate> estimate(const std::string& workspace,
                                              const std::stop_token& stop);

  /// The first half of ForkDrafts::make(): the copy.
  [[nodiscard]] Result<DraftBase> begin_fork(TaskId fork, const std::string& workspace,
                                             const std::stop_token& stop);

  /// And the other one: the files as they were then, or why nobody can tell.
  [[nodiscard]] Result<void> end_fork(TaskId fork, const DraftBase& base,
                                      const Result<ForkFiles>& files);

 private:
  [[nodiscard]] std::function<bool(std::string_view path)> own_files_in(
      const std::string& workspace) const;

  [[nodiscard]] std::function<std::optional<Objection>(const std::string& path)> objections() const;

  [[nodiscard]] Result<Prepared> prepare_open(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<Prepared> prepare_accept(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<Prepared> prepare_drop(const Call& call);
  [[nodiscard]] Result<Reply> open(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<CopyEstimate> check_room(const std::string& workspace,
                                                const std::stop_token& stop);
  [[nodiscard]] Result<DraftBase> copy(TaskId draft, const std::string& workspace,
                                       const std::stop_token& stop);
  [[nodiscard]] Result<Reply> make_draft(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<DraftBase> copy_for_fork(TaskId fork, const std::string& workspace,
                                                const std::stop_token& stop);
  [[nodiscard]] Result<bool> bring_objects(const ForkFiles& files, const std::string& workspace,
                                           const Workspace& into);
  [[nodiscard]] Result<void> bring_files(TaskId fork, const DraftBase& base,
                                         const ForkFiles& files);
  [[nodiscard]] Result<Reply> accept(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<Reply> drop(const Call& call);
  [[nodiscard]] Result<Reply> recover_open(const Call& call);
  [[nodiscard]] Result<Reply> recover_accept(const Call& call);

  [[nodiscard]] Result<Takeover> takeover(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<Reply> taken_over(const Call& call) const;

  ContentStore& contents_;
  DraftSettings settings_;
};

}  // namespace tinkerbell
