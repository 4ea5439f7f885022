#include "tinkerbell/drivers/file/file_driver.hpp"

#include "drivers/file/file_operations.hpp"
#include "drivers/file/workspace_cache.hpp"

#include "tinkerbell/io/blocking_pool.hpp"

#include <atomic>
#include <unordered_map>
#include <utility>

namespace tinkerbell {

namespace {

using StopFlag = std::shared_ptr<std::atomic<bool>>;

/// Whatever keeps us from finding out (also a cancel) leaves the outcome unknown: the change may
/// have been made before the restart.
Result<Reply> as_recovered(Result<Reply> found) {
  if (found || found.error().code == Errc::not_started) return found;
  return Error{Errc::unknown_outcome, found.error().message}.with(
      "the daemon ended while the file was changed");
}

}  // namespace

struct FileDriver::State : std::enable_shared_from_this<FileDriver::State> {
  explicit State(Drafts drafts) : workspaces(std::move(drafts)) {}

  WorkspaceCache workspaces;                        ///< Pool threads.
  std::unordered_map<CommandId, StopFlag> waiting;  ///< Loop thread.

  /// Runs one station on the pool; its answer comes back on the loop thread.
  template <class T>
  void run(BlockingPool& pool, Call call,
           std::function<Result<T>(const Workspace& workspace, const Call& call)> station,
           Completion<T> answer) {
    const CommandId id = call.id;
    auto stop = std::make_shared<std::atomic<bool>>(false);
    waiting[id] = stop;
    auto work = [self = shared_from_this(), call = std::move(call), station = std::move(station),
                 stop]() -> Result<T> {
      if (*stop) return Error{Errc::cancelled, "cancelled before it began"};
      Result<std::shared_ptr<Workspace>> workspace =
          self->workspaces.at(call.workspace, call.draft);
      if (!workspace) return workspace.error();
      return station(**workspace, call);
    };
    pool.run<T>(std::move(work),
                Completion<T>([self = shared_from_this(), id, stop,
                               answer = std::move(answer)](Result<T> result) mutable {
                  self->forget(id, stop);
                  answer(std::move(result));
                }));
  }

 private:
  /// A command may be prepared and performed in turn: an old answer leaves the newer flag alone.
  void forget(CommandId id, const StopFlag& stop) {
    const auto found = waiting.find(id);
    if (found != waiting.end() && found->second == stop) waiting.erase(found);
  }
};

FileDriver::FileDriver(BlockingPool& pool, FileLimits limits, Drafts drafts)
    : pool_(pool), limits_(std::move(limits)), state_(std::make_shared<State>(std::move(drafts))) {}

FileDriver::~FileDriver() = default;

void FileDriver::prepare(Call call, Completion<Prepared> prepared) {
  state_->run<Prepared>(
      pool_, std::move(call),
      [limits = limits_](const Workspace& workspace, const Call& each) {
        return prepare_file(workspace, each, limits);
      },
      std::move(prepared));
}

void FileDriver::perform(Call call, Completion<Reply> done) {
  state_->run<Reply>(
      pool_, std::move(call),
      [limits = limits_](const Workspace& workspace, const Call& each) {
        return perform_file(workspace, each, limits);
      },
      std::move(done));
}

void FileDriver::recover(Call call, Completion<Reply> done) {
  Completion<Reply> answer([done = std::move(done)](Result<Reply> found) mutable {
    done(as_recovered(std::move(found)));
  });
  state_->run<Reply>(pool_, std::move(call), &recover_file, std::move(answer));
}

void FileDriver::cancel(CommandId id) {
  const auto found = state_->waiting.find(id);
  if (found != state_->waiting.end()) *found->second = true;
}

}  // namespace tinkerbell
