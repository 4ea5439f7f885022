#include "tinkerbell/drivers/file/file_driver.hpp"

#include "drivers/file/file_operations.hpp"
#include "drivers/file/workspace_cache.hpp"

#include "tinkerbell/io/blocking_pool.hpp"

#include <algorithm>
#include <stop_token>
#include <unordered_map>
#include <utility>

namespace tinkerbell {

namespace {

/// Whatever keeps us from finding out (also a cancel) leaves the outcome unknown: the change may
/// have been made before the restart.
Result<Reply> as_recovered(Result<Reply> found) {
  if (found || found.error().code == Errc::not_started) return found;
  return Error{Errc::unknown_outcome, found.error().message}.with(
      "the daemon ended while the file was changed");
}

}  // namespace

struct FileDriver::State : std::enable_shared_from_this<FileDriver::State> {
  State(ContentStore& store, FileLimits file_limits, Drafts drafts)
      : contents(store), limits(std::move(file_limits)), workspaces(std::move(drafts)) {}

  ContentStore& contents;
  const FileLimits limits;
  WorkspaceCache workspaces;  ///< Pool threads.
  std::unordered_multimap<CommandId, std::stop_source>
      under_way;  ///< Loop thread. Of several parts
                  ///< of a command each has one.

  /// Runs one station on the pool; its answer comes back on the loop thread.
  template <class T>
  void run(BlockingPool& pool, Call call,
           Result<T> (*station)(const FileScene& scene, const Call& call), Completion<T> answer) {
    const CommandId id = call.id;
    const std::stop_token stop = under_way.emplace(id, std::stop_source())->second.get_token();
    auto work = [self = shared_from_this(), call = std::move(call), station, stop]() -> Result<T> {
      if (stop.stop_requested()) return Error{Errc::cancelled, "cancelled before it began"};
      Result<std::shared_ptr<Workspace>> workspace =
          self->workspaces.at(call.workspace, call.draft);
      if (!workspace) return workspace.error();
      return station({**workspace, self->contents, self->limits, stop}, call);
    };
    pool.run<T>(std::move(work),
                Completion<T>([self = shared_from_this(), id, stop,
                               answer = std::move(answer)](Result<T> result) mutable {
                  self->forget(id, stop);
                  answer(std::move(result));
                }));
  }

 private:
  /// A command may be prepared and performed in turn: an old answer leaves the newer one alone.
  void forget(CommandId id, const std::stop_token& stop) {
    const auto [first, last] = under_way.equal_range(id);
    const auto found = std::find_if(
        first, last, [&](const auto& each) { return each.second.get_token() == stop; });
    if (found != last) under_way.erase(found);
  }
};

FileDriver::FileDriver(BlockingPool& pool, ContentStore& contents, FileLimits limits, Drafts drafts)
    : pool_(pool),
      state_(std::make_shared<State>(contents, std::move(limits), std::move(drafts))) {}

FileDriver::~FileDriver() = default;

void FileDriver::prepare(Call call, Completion<Prepared> prepared) {
  state_->run<Prepared>(pool_, std::move(call), &prepare_file, std::move(prepared));
}

void FileDriver::perform(Call call, Completion<Reply> done) {
  state_->run<Reply>(pool_, std::move(call), &perform_file, std::move(done));
}

void FileDriver::recover(Call call, Completion<Reply> done) {
  Completion<Reply> answer([done = std::move(done)](Result<Reply> found) mutable {
    done(as_recovered(std::move(found)));
  });
  state_->run<Reply>(pool_, std::move(call), &recover_file, std::move(answer));
}

void FileDriver::cancel(CommandId id) {
  const auto [first, last] = state_->under_way.equal_range(id);
  std::for_each(first, last, [](auto& each) { each.second.request_stop(); });
}

}  // namespace tinkerbell
