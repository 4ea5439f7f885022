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

/// Whether a search or list, judged with these facts, may show an entry: rules can forbid what lies
/// below a directory which they let be looked at. Any thread; says the same each time.
using ShowFilter =
    std::function<bool(const TaskCommand& look, const Facts& facts, const std::string& entry)>;

/// What is kept from file commands within a workspace.
struct FileLimits {
  ShowFilter may_show;
  /// The daemon's own files and directories, absolute and free of links: denied whatever the rules
  /// say, and never shown.
  std::vector<std::filesystem::path> own;
};

/// Performs file.read, file.list, file.search, file.write and file.edit on pool threads.
/// Loop thread only; borrows the pool, which must outlive it.
///
/// prepare() resolves the path: `facts.object` is the file behind all links, and perform() takes
/// that and follows none. A path that leads out is no error here: `facts.outside` lets policy deny
/// it by name. For a change the facts bind the content before and after, by their hashes; perform()
/// computes the change again from the journalled pre-image and applies it only to that content.
///
/// Errors of prepare() tell where an edit failed, never what stands there: no rule has allowed the
/// reading yet.
class FileDriver final : public Driver {
 public:
  FileDriver(BlockingPool& pool, FileLimits limits, Drafts drafts);
  ~FileDriver() override;

  void prepare(Call call, Completion<Prepared> prepared) override;

  void perform(Call call, Completion<Reply> done) override;

  /// Done if the file is as it would be afterwards, not_started if it is as it was before,
  /// unknown_outcome if it is neither. Reads were never started.
  void recover(Call call, Completion<Reply> done) override;

  /// Stops what has not begun. An operation under way is short and finishes.
  void cancel(CommandId id) override;

 private:
  struct State;

  BlockingPool& pool_;
  FileLimits limits_;
  std::shared_ptr<State> state_;  ///< Also held by what is under way.
};

}  // namespace tinkerbell
