#pragma once

#include "tinkerbell/syscall/driver.hpp"

#include <functional>
#include <memory>
#include <string>

namespace tinkerbell {

class BlockingPool;

/// Whether a search, judged with these facts, may show lines of a file: rules can forbid a file
/// that lies below a directory which they let be searched. Any thread; says the same each time.
using SearchFilter =
    std::function<bool(const AwaitFileSearch& search, const Facts& facts, const std::string& file)>;

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
  FileDriver(BlockingPool& pool, SearchFilter may_show);
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
  SearchFilter may_show_;
  std::shared_ptr<State> state_;  ///< Also held by what is under way.
};

}  // namespace tinkerbell
