#pragma once

#include "tinkerbell/syscall/driver.hpp"
#include "tinkerbell/workspace/drafts.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tinkerbell {

class BlockingPool;
class ContentStore;

/// Whether a search or list, judged with these facts, may show an entry: rules can forbid what lies
/// below a directory which they let be looked at. Any thread; says the same each time.
using ShowFilter =
    std::function<bool(const TaskCommand& look, const Facts& facts, const std::string& entry)>;

/// Whether a task may read what a change of it did not fit, so that its error may quote that. Any
/// thread.
using ReadFilter = std::function<bool(const AwaitFileRead& read, const Facts& facts)>;

/// What is kept from file commands within a workspace.
struct FileLimits {
  ShowFilter may_show;
  /// The daemon's own files and directories, absolute and free of links: denied whatever the rules
  /// say, and never shown.
  std::vector<std::filesystem::path> own;
  ReadFilter may_read = {};  ///< None: nothing is quoted.
  /// Where skills are besides those of the workspace, absolute; they need not exist.
  std::filesystem::path user_skills = {};
  std::filesystem::path system_skills = {};
};

/// Performs the commands of the families `file`, `guidance` and `skill` on pool threads. Loop
/// thread only; borrows the pool and the contents, which must outlive it.
///
/// prepare() resolves the path: `facts.object` is the file behind all links, and perform() takes
/// that and follows none; where a command is about a link itself, it is that link. A path that
/// leads out is no error here: `facts.outside` lets policy deny it by name. For a change of one
/// file the facts bind the content before and after, by their hashes; perform() computes the change
/// again from the journalled pre-image and applies it only to that content. For a move, a removal
/// and a restoration they bind every path that changes, and prepare() keeps what stands there in
/// the store; perform() looks again and makes exactly these changes, or none.
///
/// Errors of prepare() tell where a change failed, and what stands there only if the rules would
/// let the task read it unasked: about this file none has been asked yet.
class FileDriver final : public Driver {
 public:
  FileDriver(BlockingPool& pool, ContentStore& contents, FileLimits limits, Drafts drafts);
  ~FileDriver() override;

  void prepare(Call call, Completion<Prepared> prepared) override;

  void perform(Call call, Completion<Reply> done) override;

  /// Done if the file is as it would be afterwards, not_started if it is as it was before,
  /// unknown_outcome if it is neither. Of several paths what was begun is finished first. Reads
  /// were never started.
  void recover(Call call, Completion<Reply> done) override;

  /// Stops what has not begun, and a look at many files. A change under way is finished.
  void cancel(CommandId id) override;

 private:
  struct State;

  BlockingPool& pool_;
  std::shared_ptr<State> state_;  ///< Also held by what is under way.
};

}  // namespace tinkerbell
