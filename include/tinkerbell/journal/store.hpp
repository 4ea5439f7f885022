#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/journal/record.hpp"
#include "tinkerbell/journal/spending.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {

/// What a task waits for that can be a row until that comes: it needs no coroutine.
struct Rest {
  ApprovalId approval = kNoApproval;  ///< An answer to this question.
  bool unsure = false;                ///< That asks what became of an effect.
  std::int64_t until_unix_ns = 0;     ///< Or this time; 0: however long it takes.
  std::string waiting_for;            ///< In words.

  bool operator==(const Rest&) const = default;

  static constexpr auto fields() {
    return described(field("approval", &Rest::approval), field("unsure", &Rest::unsure),
                     field("until_unix_ns", &Rest::until_unix_ns),
                     field("waiting_for", &Rest::waiting_for));
  }
};

/// A task as a list shows it, and where its records end. Kept beside the journal in the same
/// transaction.
struct TaskHead {
  TaskId task = kNoTask;
  TaskId parent = kNoTask;
  std::string kind;    ///< "agent@1".
  std::string title;   ///< What a person sees in a list: the first line of the goal.
  std::string state;   ///< name_of(TaskState).
  bool ended = false;  ///< Completed, failed or cancelled: not read at start.
  WallTime created{};
  WallTime changed{};
  Lsn head{0};               ///< Its newest record.
  std::uint32_t steps = 0;   ///< Commands so far.
  std::optional<Rest> rest;  ///< It does nothing before that comes.

  bool operator==(const TaskHead&) const = default;
};

/// The newest record and the seal of its commit, which stands for all that is before it. Written
/// down outside of the store, it shows later whether the store is still the same up to there.
struct Anchor {
  Lsn lsn{0};
  Sha256 seal;

  bool operator==(const Anchor&) const = default;
};

/// Where the counters of a store stood when it was opened. Ids are never given twice.
struct StoreState {
  Epoch epoch{0};  ///< Of this opening, and of no other; already durable. Names its owner.
  Lsn last_lsn{0};
  TaskId last_task = kNoTask;
  ApprovalId last_approval = kNoApproval;
  std::string store_id;    ///< 32 hexadecimal digits, drawn when the store was made: part of every
                           ///< idempotency key.
  Lsn sealed_from{0};      ///< The first record that the chain of seals covers, or will.
  Anchor anchor{};         ///< What is written down outside of the store.
  std::string accepted{};  ///< Why it would have been refused, if it was accepted as it is.
};

/// A standing rule, as the store keeps it: what it says is not the store's business.
struct KeptRule {
  std::uint64_t number = 0;
  std::string body;

  bool operator==(const KeptRule&) const = default;
};

/// What goes into one commit.
struct Batch {
  std::vector<Record> records;  ///< In lsn order, without a gap, on from the newest one stored.
  std::vector<TaskHead> heads;  ///< New or changed tasks, at most one each.
  ApprovalId last_approval = kNoApproval;  ///< The highest id given so far.
  std::vector<Charge> charges;             ///< What these records say was spent.
  std::vector<KeptRule> rules = {};        ///< New or changed ones; of one number the last counts.
};

/// Stands in a state directory that is a copy: what else the daemon kept (the runs of programs) is
/// not in it, and that it is not there says nothing.
inline constexpr std::string_view kCopiedFile = "copied";

/// A copy of a store under way. Its end, before all is copied, leaves nothing behind.
class StoreCopy {
 public:
  StoreCopy() = default;
  StoreCopy(const StoreCopy&) = delete;
  StoreCopy& operator=(const StoreCopy&) = delete;
  virtual ~StoreCopy() = default;

  /// Copies about a MiB, so that commits can come between. True: all is copied, synced and in its
  /// place; with all that was appended meanwhile. Errors: storage_full, conflict, io; final.
  [[nodiscard]] virtual Result<bool> copy_more() = 0;
};

/// The records of several tasks, one after the other: all of them at once would be much memory.
class StoredChains {
 public:
  StoredChains() = default;
  StoredChains(const StoredChains&) = delete;
  StoredChains& operator=(const StoredChains&) = delete;
  virtual ~StoredChains() = default;

  /// Those of the next task, oldest first. Errors: as Store::records().
  [[nodiscard]] virtual Result<std::vector<Record>> next() = 0;
};

/// Those of a store that reads them one by one.
class SeparateChains final : public StoredChains {
 public:
  void add(Result<std::vector<Record>> chain) { chains_.push_back(std::move(chain)); }

  [[nodiscard]] Result<std::vector<Record>> next() override {
    return std::exchange(chains_.at(next_++), std::vector<Record>{});
  }

 private:
  std::vector<Result<std::vector<Record>>> chains_;
  std::size_t next_ = 0;
};

/// What need not be kept any more.
struct Retention {
  WallTime ended_before{};  ///< Families of tasks that have all ended, the last one before this.
  bool dry_run = false;     ///< Nothing is removed: only what would be is counted.
  std::set<TaskId> keep{};  ///< Their families stay, however long ago they ended.
};

/// What was removed, or would be.
struct Collected {
  std::uint64_t tasks = 0;
  std::uint64_t records = 0;
  std::uint64_t blobs = 0;
  std::uint64_t bytes = 0;  ///< Of records, blobs and files, as they are stored.
  std::set<TaskId> gone;    ///< These tasks.
};

/// A collection under way. One that is broken off, by its end or by that of the daemon, leaves what
/// it has not done to the next one; of no task there is only a part to be seen.
class StoreCollection {
 public:
  StoreCollection() = default;
  StoreCollection(const StoreCollection&) = delete;
  StoreCollection& operator=(const StoreCollection&) = delete;
  virtual ~StoreCollection() = default;

  /// A few milliseconds of it, so that commits can come between. True: all is done. Errors:
  /// conflict (a copy is under way), storage_full, invalid, io; final.
  [[nodiscard]] virtual Result<bool> collect_more() = 0;

  [[nodiscard]] virtual const Collected& so_far() const = 0;
};

/// The first thing that is not as it was written.
struct Damage {
  Lsn lsn{0};             ///< The record; of a commit whose seal is wrong the first one.
  TaskId task = kNoTask;  ///< kNoTask: the record cannot be read, or is missing.
  Seq seq{0};
  std::string what;

  bool operator==(const Damage&) const = default;
};

/// What was looked at, and what was found.
struct Verified {
  std::uint64_t records = 0;
  std::uint64_t blobs = 0;
  Lsn sealed_from{0};              ///< Records before this one have no seal, only their crc.
  Anchor newest;                   ///< The newest that there is.
  Anchor anchor;                   ///< The newest that is written down outside of the store.
  std::vector<std::string> notes;  ///< When the chain of seals began, and what was accepted since.
  std::optional<Damage> damage;    ///< The rest was not looked at.
};

/// What to look at besides the chain of seals, the records and the tasks' rows.
struct Verification {
  TaskId task = kNoTask;  ///< Only this task's payloads; kNoTask: all.
  Anchor anchor{};        ///< One that was written down; without a seal: none.
};

/// A verification under way.
class StoreVerification {
 public:
  StoreVerification() = default;
  StoreVerification(const StoreVerification&) = delete;
  StoreVerification& operator=(const StoreVerification&) = delete;
  virtual ~StoreVerification() = default;

  /// A few milliseconds of it, so that commits can come between. True: all is done. Errors: io.
  [[nodiscard]] virtual Result<bool> verify_more() = 0;

  [[nodiscard]] virtual const Verified& so_far() const = 0;
};

/// The durable truth. One owner thread at a time; the writer thread once it runs. Blocks.
///
/// Several machines may have one store open. Each opening is an *owner*, named by its epoch, and
/// has a *lease*. A task belongs to one owner at most: to the one that began or claimed it, until
/// that one releases it or its lease runs out. Only its owner can append for it, whatever another
/// may believe to own: so append() is what keeps two machines from doing one step, and an effect
/// may begin only after it, and before the lease ends. Where the store can have one owner only, all
/// that is simple: who opens it has everything, for ever.
class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  /// As a limit.
  static constexpr std::uint32_t kAll = std::numeric_limits<std::uint32_t>::max();

  [[nodiscard]] virtual const StoreState& state() const = 0;

  /// All or nothing, and durable (or as durable as configured) when it returns. All records have
  /// the epoch of this opening. Errors: storage_full (it may be appended again, also with more
  /// behind it; if the process ends before that, all of it or nothing is there, as of a commit
  /// under way), io, conflict (somebody has changed the store; or *fenced*: a record is another
  /// owner's, or its task is). After any but the first one the store accepts nothing more: the
  /// process ends and reads anew.
  [[nodiscard]] virtual Result<void> append(const Batch& batch) = 0;

  /// Tasks that have not ended, whoever owns them, by id.
  [[nodiscard]] virtual Result<std::vector<TaskHead>> live_tasks() = 0;

  enum class Which : std::uint8_t { all, live };

  /// The newest `limit` tasks with an id below `before` (kNoTask: from the end), newest first.
  [[nodiscard]] virtual Result<std::vector<TaskHead>> tasks(Which which, TaskId before,
                                                            std::uint32_t limit) = 0;

  /// One task. Errors: not_found.
  [[nodiscard]] virtual Result<TaskHead> task(TaskId id) = 0;

  /// All records of a task, oldest first. Errors: not_found, invalid (crc).
  [[nodiscard]] virtual Result<std::vector<Record>> records(TaskId id) = 0;

  /// Lines of the ledger, by root, day and model. They stay when their tasks are removed. Errors:
  /// invalid (crc).
  [[nodiscard]] virtual Result<std::vector<LedgerLine>> ledger(const LedgerRange& range) = 0;

  /// How many families of tasks were accepted so far, as the charges say; without reading.
  [[nodiscard]] virtual AcceptedWork accepted_work() const { return {}; }

  /// The standing rules as they were when the store was opened, by number; without reading.
  [[nodiscard]] virtual std::vector<KeptRule> kept_rules() const { return {}; }

  /// Durable when it returns. One that is not there is no error. Errors: as append().
  [[nodiscard]] virtual Result<void> remove_rule(std::uint64_t number) = 0;

  // ---- whose a task is ----

  /// Makes tasks this owner's that have not ended, belong to nobody, and are due: the first so many
  /// by id. None: there are none now. Errors: conflict (the lease has run out), io, invalid.
  [[nodiscard]] virtual Result<std::vector<TaskHead>> claim(std::uint32_t limit, WallTime now) = 0;

  /// Lets a task go. Anybody may claim it, this owner too: at `due`, or at once. A task that is not
  /// this owner's, or has ended, stays as it is. Errors: conflict (the lease has run out), io.
  [[nodiscard]] virtual Result<void> release(TaskId task, std::optional<WallTime> due) = 0;

  /// Says that this owner still lives, and looks whether the store is still its own. Returns how
  /// long its lease is from now on; nothing: it has no end. To be called several times in that
  /// time, or where it has no end every few seconds. Errors: conflict (another one has taken the
  /// store, or moved it away), io. Final, as those of append() are.
  [[nodiscard]] virtual Result<std::optional<Milliseconds>> renew() = 0;

  /// Whether a claim would find something, without asking the disk. A hint: it may be wrong, for a
  /// second.
  [[nodiscard]] virtual bool has_hint(WallTime now) = 0;

  // ---- what not every store has ----

  /// The records of a task from its newest SNAPSHOT on, oldest first; all where it has none, or
  /// where the store cannot begin there. Errors: as records().
  [[nodiscard]] virtual Result<std::vector<Record>> records_from_snapshot(TaskId id) {
    return records(id);
  }

  /// The same of several tasks, in that order; what they share is read once. Errors: io.
  [[nodiscard]] virtual Result<std::unique_ptr<StoredChains>> records_from_snapshots(
      std::span<const TaskHead> heads) {
    auto chains = std::make_unique<SeparateChains>();
    for (const TaskHead& head : heads)
      chains->add(records_from_snapshot(head.task));
    return std::unique_ptr<StoredChains>(std::move(chains));
  }

  /// Takes the space that is kept back for the last commits on a full disk, if it is not taken.
  /// Errors: storage_full, io.
  [[nodiscard]] virtual Result<void> take_reserve() { return {}; }

  enum class ReservePart : std::uint8_t { half, all };

  /// Lets commits have it: one half for what was under way when the disk became full, the other for
  /// what ends work.
  virtual void give_up_reserve(ReservePart /*part*/) {}

  /// Begins a copy of all that is stored: the state directory `directory` of another daemon. It
  /// must not exist; those above it are made. Errors: conflict (it exists), invalid (no absolute
  /// path), unsupported, io, denied.
  [[nodiscard]] virtual Result<std::unique_ptr<StoreCopy>> begin_copy(
      const std::filesystem::path& directory) {
    return Error{Errc::unsupported, "this store cannot be copied to " + directory.string()};
  }

  /// Begins to remove tasks that have ended, with their records and with the blobs that nobody else
  /// uses. A task that has not ended, whatever its state, keeps its whole family: those from whom
  /// it comes, and all that came from them. Ids are not given again, and the ledger stays. Errors:
  /// unsupported, io.
  [[nodiscard]] virtual Result<std::unique_ptr<StoreCollection>> begin_collection(
      const Retention& /*retention*/) {
    return Error{Errc::unsupported, "this store keeps everything"};
  }

  /// The newest that is written down outside of the store: an earlier state of it than this will be
  /// noticed. renew() moves it on.
  [[nodiscard]] virtual Anchor anchor() const { return {}; }

  /// Begins to compare all records up to now with their seals and with what refers to them. While
  /// it lives nothing is removed. Errors: not_found (the task), unsupported, io.
  [[nodiscard]] virtual Result<std::unique_ptr<StoreVerification>> begin_verification(
      const Verification& /*wanted*/) {
    return Error{Errc::unsupported, "this store has no seals"};
  }
};

}  // namespace tinkerbell
