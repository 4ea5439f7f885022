#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/completion.hpp"
#include "tinkerbell/journal/store.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

namespace tinkerbell {

/// Group commit: the loop appends, a writer makes it durable. Batches grow by themselves while the
/// previous sync runs; there is no delay. Reads go the same way, since the store has one
/// connection.
///
/// Who the writer is, is left to whoever builds the journal: in the daemon a thread of its own
/// (WriterThread), in a simulation the loop itself, whenever it likes. Everything but the writer's
/// side and counters() belongs to the loop thread. Callbacks are handed to `post`, which must run
/// them on the loop thread.
class Journal {
 public:
  struct Callbacks {
    /// Runs a function on the loop thread, from any thread.
    std::function<void(std::move_only_function<void()>)> post;
    /// These records are durable now, and all before them; at least one, in order. Loop thread.
    std::function<void(const std::vector<Record>&)> durable;
    /// The store failed; nothing more will become durable. Loop thread. The process must end.
    std::function<void(Error)> failed;
    /// The disk is full: what is appended waits (or goes on with the last of the space); nothing:
    /// there is room again. Loop thread.
    std::function<void(const std::optional<Error>&)> storage = {};
    /// What is written down outside of the store has moved on. Loop thread.
    std::function<void(const Anchor&)> anchored = {};
    /// The changes of this family of tasks were accepted, now or once more; so many questions it
    /// has asked. Loop thread.
    std::function<void(TaskId root, std::uint64_t questions)> work_accepted = {};
  };

  Journal(std::unique_ptr<Store> store, Callbacks callbacks);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// The writer must have ended; what it left in the queue is dropped. Answers to reads still
  /// arrive through `post`; `durable` and `failed` are not called any more.
  ~Journal() = default;

  /// Takes up the chain of a task that an earlier run wrote: its next record follows `head.head`.
  /// Before its first append; without it that append is taken for a bug.
  void adopt(const TaskHead& head);

  /// Forgets the chain of a task that has not ended, until it is adopted again. False: its newest
  /// record is not durable, and nothing is forgotten.
  bool release(TaskId task);

  /// Queues records that belong into one transaction (in order; they may be of several tasks: a
  /// parent and its new child) and the heads of those tasks after them. Fills in lsn, previous,
  /// epoch and head. Returns the lsn of the last; theirs are consecutive. A new task begins with
  /// RecordKind::task; a head that has ended is the task's last. `last_approval`: the highest id
  /// given so far. `charges`: what these records say was spent; it is in the ledger exactly when
  /// they are there, and so are `rules`. The writer is not woken for them before announce().
  Lsn append(std::vector<Record> records, std::vector<TaskHead> heads, ApprovalId last_approval,
             std::vector<Charge> charges = {}, std::vector<KeptRule> rules = {});

  /// The loop is at the end of a round: the writer may take what was appended in it. So the result
  /// of one command and the intent of the next come into one commit.
  void announce();

  /// The newest appended, and the newest durable record.
  [[nodiscard]] Lsn last_lsn() const { return last_lsn_; }

  [[nodiscard]] Lsn durable_lsn() const { return durable_lsn_; }

  /// Why nothing new should be begun, if the disk is full. Since when, the callback said.
  [[nodiscard]] const std::optional<Error>& storage_full() const { return storage_full_; }

  /// Somebody may have made room: tries again now what waits for it.
  void try_again();

  /// As try_again(), with the space that was kept back: for what ends work, and for the last
  /// records.
  void use_reserve();

  /// How many families of tasks were accepted, as far as that is durable.
  [[nodiscard]] const AcceptedWork& accepted_work() const { return accepted_work_; }

  /// The standing rules as they were when the store was opened.
  [[nodiscard]] const std::vector<KeptRule>& kept_rules() const { return kept_rules_; }

  /// Removes a standing rule, after everything appended so far (but for what a full disk does not
  /// take). Answered on the loop thread once that is durable. Errors: as the store's; io once it
  /// has failed.
  void remove_rule(std::uint64_t number, Completion<void> done);

  /// As the store stood when it was opened.
  [[nodiscard]] const StoreState& store_state() const { return opened_; }

  /// Read by the writer, after everything appended so far (but for what a full disk does not take).
  /// Answered on the loop thread.
  /// Errors: as the store's; io once it has failed.
  void read_records(TaskId task, Completion<std::vector<Record>> done);
  void read_tasks(Store::Which which, TaskId before, std::uint32_t limit,
                  Completion<std::vector<TaskHead>> done);
  void read_ledger(const LedgerRange& range, Completion<std::vector<LedgerLine>> done);

  /// What is stored of a task that it can be brought back from.
  struct StoredTask {
    TaskHead head;
    std::vector<Record> records;        ///< From its newest SNAPSHOT on.
    std::optional<Error> unreadable{};  ///< Why there are none: damaged.
  };

  void read_task(TaskId task, Completion<StoredTask> done);

  /// Makes a copy of the store by and by, between commits. Errors: those of Store::begin_copy and
  /// StoreCopy; unavailable (the writer ends).
  void back_up(std::filesystem::path directory, Completion<void> done);

  /// Removes what need not be kept any more, by and by, between commits. Errors: those of
  /// Store::begin_collection and StoreCollection; unavailable (the writer ends).
  void collect(Retention retention, Completion<Collected> done);

  /// Compares all records up to now with their seals, by and by, between commits. Errors: those of
  /// Store::begin_verification and StoreVerification; unavailable (the writer ends).
  void verify(const Verification& wanted, Completion<Verified> done);

  // ---- the writer's side: one thread, the loop's or another ----

  static constexpr std::size_t kAllOfThem = std::numeric_limits<std::size_t>::max();

  /// Commits what the first so many calls of append() have queued, in one transaction; then, unless
  /// others are left, answers the reads. False: nothing was queued.
  bool write(std::size_t appends_max = kAllOfThem);

  /// Waits until what is queued was announced, or it is `until`; while the disk is full, until
  /// something can be done about it, ten seconds at most. False: nothing is to be done, and
  /// end_writing() was called.
  [[nodiscard]] bool wait_for_work(SteadyTime until);

  /// Tells the store that its owner lives, hears whether it still is the owner, and has its newest
  /// record written down outside of it. Returns after how long that is to be done again: every four
  /// seconds, or more often where the lease is short.
  [[nodiscard]] Milliseconds renew();

  /// From any thread.
  void end_writing();

  /// Commits that happened, and the records in them, for the bench and the status.
  struct Counters {
    std::uint64_t commits = 0;
    std::uint64_t records = 0;
  };

  /// From any thread.
  [[nodiscard]] Counters counters() const;

 private:
  /// Answers from the store or, once it has failed, with that error. Writer.
  using Read = std::move_only_function<void(Store& store, const Error* failure)>;

  struct Queue {
    std::deque<Batch> appends;  ///< Each is one transaction, or a part of one.
    std::vector<Read> reads;

    [[nodiscard]] bool empty() const { return appends.empty() && reads.empty(); }
  };

  void chain(Record& record);
  void complete(TaskHead& head);
  void enqueue(Read read);
  template <class T, class Ask>
  void ask(Ask ask_store, Completion<T> done);

  [[nodiscard]] Queue take(std::size_t appends_max);
  void commit_all(std::deque<Batch> appends);
  void commit(Batch batch);
  void tell_durable(std::vector<Record> records);
  void tell_accepted(const std::vector<Charge>& charges);
  void tell_anchor();
  void tell_failed();

  // full_disk.cpp
  void wait_for_room(Batch batch, const Error& error);
  bool write_while_full();
  void try_for_room();
  [[nodiscard]] bool wait_while_full(std::unique_lock<std::mutex>& lock);
  void tell_storage(std::optional<Error> error);

  // back_up.cpp
  void copy_more(std::unique_ptr<StoreCopy> copy, Completion<void> done);
  template <class T>
  void answer(Completion<T> done, Result<T> result);

  // verify.cpp
  void verify_more(std::unique_ptr<StoreVerification> verification, Completion<Verified> done);

  // collect.cpp
  void collect_more(std::unique_ptr<StoreCollection> collection, Completion<Collected> done);
  [[nodiscard]] bool is_ending() const;

  // Loop thread.
  Callbacks callbacks_;
  StoreState opened_;
  Lsn last_lsn_;
  Lsn durable_lsn_;
  std::unordered_map<TaskId, Lsn> heads_;  ///< Of the tasks that have not ended.
  std::shared_ptr<Journal*> self_;         ///< Posted functions hold it weakly.
  bool unannounced_ = false;               ///< Something was appended since announce().
  std::optional<Error> storage_full_;
  AcceptedWork accepted_work_;
  std::vector<KeptRule> kept_rules_;

  // Both threads.
  mutable std::mutex mutex_;
  std::condition_variable work_;
  Queue queue_;                  ///< Guarded by mutex_, as are the next five.
  bool announced_ = false;       ///< The writer is to take what is queued.
  bool ending_ = false;          ///< Nothing more will come.
  bool try_now_ = false;         ///< Whether there is room again.
  bool reserve_wanted_ = false;  ///< The reserve is to be given up.
  Counters counters_;

  // Writer.
  /// The disk is full.
  struct FullDisk {
    std::optional<Batch> waiting;  ///< Not stored yet; later appends wait behind it.
    std::chrono::milliseconds pause{0};
    bool last_try = false;  ///< Nothing more will come.
  };

  std::unique_ptr<Store> store_;
  Anchor anchor_;  ///< The newest that `anchored` was told.
  std::optional<Error> failure_;
  std::optional<FullDisk> full_;
};

template <class T>
void Journal::answer(Completion<T> done, Result<T> result) {
  callbacks_.post(
      [done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
}

}  // namespace tinkerbell
