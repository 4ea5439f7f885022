#pragma once

#include "tinkerbell/base/completion.hpp"
#include "tinkerbell/journal/store.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace tinkerbell {

/// Group commit: the loop appends, one writer thread makes it durable. Batches grow by themselves
/// while the previous sync runs; there is no delay. Reads go through the same thread, since the
/// store has one connection.
///
/// append() and read() belong to the loop thread. Callbacks are handed to `post`, which must run
/// them on the loop thread.
class Journal {
 public:
  struct Callbacks {
    /// Runs a function on the loop thread, from any thread.
    std::function<void(std::move_only_function<void()>)> post;
    /// All records up to and including this one are durable. Loop thread.
    std::function<void(Lsn)> durable;
    /// The store failed; nothing more will become durable. Loop thread. The process must end.
    std::function<void(Error)> failed;
  };

  Journal(std::unique_ptr<Store> store, Callbacks callbacks);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Commits what is queued, then ends the thread.
  ~Journal();

  /// Queues records of one step of one task (in order, one transaction) and the task's head after
  /// them. Fills in lsn, previous, epoch. Returns the lsn of the last.
  Lsn append(std::vector<Record> records, TaskHead head, ApprovalId last_approval);

  /// The newest appended, and the newest durable record.
  [[nodiscard]] Lsn last_lsn() const { return last_lsn_; }

  [[nodiscard]] Lsn durable_lsn() const { return durable_lsn_; }

  [[nodiscard]] const StoreState& store_state() const;

  /// Reads on the writer thread, after everything appended so far. Answers on the loop thread.
  void read_records(TaskId task, Completion<std::vector<Record>> done);
  void read_task(TaskId task, Completion<TaskHead> done);
  void read_tasks(TaskId before, std::uint32_t limit, Completion<std::vector<TaskHead>> done);

  /// Commits and syncs that happened, for the bench and the status.
  struct Counters {
    std::uint64_t commits = 0;
    std::uint64_t records = 0;
  };

  [[nodiscard]] Counters counters() const;
};

}  // namespace tinkerbell
