#pragma once

#include "tinkerbell/base/completion.hpp"
#include "tinkerbell/journal/store.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

namespace tinkerbell {

/// Group commit: the loop appends, one writer thread makes it durable. Batches grow by themselves
/// while the previous sync runs; there is no delay. Reads go through the same thread, since the
/// store has one connection.
///
/// Everything but counters() belongs to the loop thread. Callbacks are handed to `post`, which must
/// run them on the loop thread.
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

  /// Commits what is queued, then ends the thread. Answers to reads still arrive through `post`;
  /// `durable` and `failed` are not called any more.
  ~Journal();

  /// Takes up the chain of a task that an earlier run wrote: its next record follows `head.head`.
  /// Before its first append; without it that append is taken for a bug.
  void adopt(const TaskHead& head);

  /// Queues records that belong into one transaction (in order; they may be of several tasks: a
  /// parent and its new child) and the heads of those tasks after them. Fills in lsn, previous,
  /// epoch and head. Returns the lsn of the last; theirs are consecutive. A new task begins with
  /// RecordKind::task; a head that has ended is the task's last. `last_approval`: the highest id
  /// given so far.
  Lsn append(std::vector<Record> records, std::vector<TaskHead> heads, ApprovalId last_approval);

  /// The newest appended, and the newest durable record.
  [[nodiscard]] Lsn last_lsn() const { return last_lsn_; }

  [[nodiscard]] Lsn durable_lsn() const { return durable_lsn_; }

  /// As the store stood when it was opened.
  [[nodiscard]] const StoreState& store_state() const { return opened_; }

  /// Reads on the writer thread, after everything appended so far. Answers on the loop thread.
  /// Errors: as the store's; io once it has failed.
  void read_records(TaskId task, Completion<std::vector<Record>> done);
  void read_tasks(TaskId before, std::uint32_t limit, Completion<std::vector<TaskHead>> done);

  /// Commits that happened, and the records in them, for the bench and the status.
  struct Counters {
    std::uint64_t commits = 0;
    std::uint64_t records = 0;
  };

  /// From any thread.
  [[nodiscard]] Counters counters() const;

 private:
  /// Answers from the store or, once it has failed, with that error. Writer thread.
  using Read = std::move_only_function<void(Store& store, const Error* failure)>;

  /// What the writer takes in one go.
  struct Queue {
    Batch batch;
    std::vector<Read> reads;

    [[nodiscard]] bool empty() const { return batch.records.empty() && reads.empty(); }
  };

  void chain(Record& record);
  void anchor(TaskHead& head);
  void enqueue(Read read);
  template <class T, class Ask>
  void ask(Ask ask_store, Completion<T> done);

  void write_until_stopped();
  [[nodiscard]] Queue wait_for_work();
  void commit(Batch batch);
  void tell_durable(Lsn lsn);
  void tell_failed();

  // Loop thread.
  Callbacks callbacks_;
  StoreState opened_;
  Lsn last_lsn_;
  Lsn durable_lsn_;
  std::unordered_map<TaskId, Lsn> heads_;  ///< Of the tasks that have not ended.
  std::shared_ptr<Journal*> self_;         ///< Posted functions hold it weakly.

  // Both threads.
  mutable std::mutex mutex_;
  std::condition_variable work_;
  Queue queue_;            ///< Guarded by mutex_, as are the next two.
  bool stopping_ = false;  ///< The destructor waits for the writer.
  Counters counters_;

  // Writer thread.
  std::unique_ptr<Store> store_;
  std::optional<Error> failure_;
  std::thread writer_;
};

}  // namespace tinkerbell
