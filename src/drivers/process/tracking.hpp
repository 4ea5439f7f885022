#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/drivers/process/process_settings.hpp"
#include "tinkerbell/syscall/driver.hpp"
#include "tinkerbell/workspace/tree_watch.hpp"

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

namespace tinkerbell {

/// What a program changes where it works, a workspace or a draft of one: its directory is looked at
/// before the program begins and when it has ended, by whichever daemon is there then. Whatever
/// somebody else changed between the two looks counts as the program's, too.
///
/// The daemon's own files are none of it. Pool threads; blocks for as long as a look takes.
class ProgramTracking {
 public:
  /// `trees` outlives it.
  ProgramTracking(TreeWatch& trees, const ProcessSettings& settings);

  /// Facts::left: what the program might change and nobody could bring back, for the approval. A
  /// path "." says that nothing there can, and why. Errors: cancelled, storage_full.
  [[nodiscard]] Result<std::vector<LeftInDraft>> look_ahead(const Call& call,
                                                            const std::stop_token& stop);

  /// From here on all that the program could change is kept, but for what `call.facts` name. The
  /// tree as bytes, for the run directory; none if nothing of it is to be compared. Errors: those
  /// of look_ahead; conflict (there is more to lose than the facts say), io.
  [[nodiscard]] Result<std::string> keep(const Call& call, const std::stop_token& stop);

  /// The outcome of a run, with what has changed since keep(): in the reply, or in the `rejected`
  /// of an error. What of that is not known, it says.
  [[nodiscard]] Result<Reply> with_changes(const Call& call, const std::filesystem::path& run,
                                           Result<Reply> outcome, const std::stop_token& stop);

 private:
  struct Found {
    std::vector<FileChange> changes;
    std::string unknown;  ///< In words; empty: nothing.
  };

  [[nodiscard]] Result<std::shared_ptr<Workspace>> place_of(const Call& call) const;
  [[nodiscard]] TreeWatch::Look look_for(const Call& call, const std::stop_token& stop) const;
  [[nodiscard]] std::vector<LeftInDraft> not_kept(const Tree& tree) const;
  [[nodiscard]] Found compare(const Call& call, const Tree& before, const std::stop_token& stop);

  TreeWatch& trees_;
  Drafts drafts_;
  std::vector<std::filesystem::path> own_;  ///< The daemon's files, free of links.
};

/// What the program of a run found where it works, as keep() had it. Errors: not_found (nobody kept
/// that), invalid, io.
[[nodiscard]] Result<Tree> tree_found_by(const std::filesystem::path& run);

}  // namespace tinkerbell
