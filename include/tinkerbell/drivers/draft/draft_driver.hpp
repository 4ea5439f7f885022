#pragma once

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/syscall/driver.hpp"
#include "tinkerbell/workspace/drafts.hpp"
#include "tinkerbell/workspace/fork_drafts.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tinkerbell {

class BlockingPool;
class ContentStore;

/// What stands against taking a path over from a draft.
struct Objection {
  bool final = false;  ///< Else a person may name the path, and then it is taken.
  std::string why;     ///< For people: "the rule \"keep out\" forbids it".
};

/// What drafts are made of. All paths absolute and free of links.
struct DraftSettings {
  Drafts drafts{{}};
  /// The daemon's own files and directories: in no draft.
  std::vector<std::filesystem::path> own;
  /// What the rules say of writing a path; any thread.
  std::function<std::optional<Objection>(const std::string& path)> objection_to;
};

/// Performs draft.open, draft.accept and draft.drop, and makes the drafts of forks, on pool
/// threads. Loop thread only; borrows the pool and the contents, which must outlive it.
///
/// What a person is asked about a draft are the facts of its accept: each path that would change,
/// what stands there now and what would stand there, by hash, and what is left and why. perform()
/// looks again and takes over exactly that, or nothing. Errors: as the commands say.
class DraftDriver final : public Driver, public ForkDrafts {
 public:
  DraftDriver(BlockingPool& pool, ContentStore& contents, const DraftSettings& settings);
  ~DraftDriver() override;

  void prepare(Call call, Completion<Prepared> prepared) override;

  void perform(Call call, Completion<Reply> done) override;

  /// A draft that is not whole was never made. A change that was begun is finished; where it cannot
  /// be, the outcome is unknown.
  void recover(Call call, Completion<Reply> done) override;

  /// Adds the contents that the drafts there are will be compared with. Any thread. Errors: io,
  /// invalid (one is damaged).
  [[nodiscard]] Result<void> add_contents(std::set<Sha256>& contents) const;

  /// Stops a copy and a look; a change under way is finished.
  void cancel(CommandId id) override;

  void make(ForkDraft draft, Completion<void> done) override;
  void claim(TaskId task) override;

 private:
  struct State;

  BlockingPool& pool_;
  std::shared_ptr<State> state_;  ///< Also held by what is under way.
};

/// Removes what earlier runs of the daemon made for forks that never were, and finishes what they
/// left undone of the others. Before the first task. Errors: those of `is_task`; io.
[[nodiscard]] Result<void> settle_fork_drafts(
    const Drafts& drafts, const std::function<Result<bool>(TaskId task)>& is_task);

}  // namespace tinkerbell
