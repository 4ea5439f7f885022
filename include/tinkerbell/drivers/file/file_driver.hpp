#pragma once

#include "tinkerbell/syscall/driver.hpp"

#include <memory>

namespace tinkerbell {

class BlockingPool;

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
  explicit FileDriver(BlockingPool& pool);
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
  std::shared_ptr<State> state_;  ///< Also held by what is under way.
};

}  // namespace tinkerbell
