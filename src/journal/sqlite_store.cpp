#include "tinkerbell/journal/sqlite_store.hpp"

#include "journal/blobs.hpp"
#include "journal/chain_scan.hpp"
#include "journal/commit_reader.hpp"
#include "journal/directory_lock.hpp"
#include "journal/journal_mark.hpp"
#include "journal/ledger_table.hpp"
#include "journal/reserve.hpp"
#include "journal/rule_table.hpp"
#include "journal/schema.hpp"
#include "journal/seal_chain.hpp"
#include "journal/sole_owner.hpp"
#include "journal/sqlite_collection.hpp"
#include "journal/sqlite_copy.hpp"
#include "journal/sqlite_verification.hpp"
#include "journal/task_table.hpp"
#include "journal/watched_file.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

/// Records go on in a new row behind this, so that reading one of them does not mean reading a
/// whole burst.
constexpr std::size_t kRowBytesTarget = 1 << 20;
constexpr std::chrono::seconds kLockPatience{5};

constexpr std::string_view kAdvice =
    " (the journal is damaged: stop, keep a copy of the directory, then restore a backup or start "
    "with an empty one)";

Error in_file(const fs::path& file, const Error& error) {
  Error named = error.with(file.string());
  if (error.code == Errc::invalid) named.message.append(kAdvice);
  return named;
}

Lsn next(Lsn lsn) {
  return Lsn{number(lsn) + 1};
}

/// Whoever else can write the journal says what was approved (HAZARDS S9).
Result<void> check_mode(const fs::path& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return os_error("stat " + path.string(), errno);
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  return Error{Errc::denied, path.string() + " can be written by others: chmod go-w"};
}

/// The directory, made for its owner alone if it is missing, without symbolic links in its path.
Result<fs::path> ready_directory(const fs::path& directory) {
  std::error_code failed;
  const fs::path absolute = fs::absolute(directory, failed).lexically_normal();
  const fs::path path = absolute.has_filename() ? absolute : absolute.parent_path();
  fs::create_directories(path.parent_path(), failed);
  if (failed) return os_error("create " + path.parent_path().string(), failed.value());
  if (::mkdir(path.c_str(), 0700) == 0) {
    if (Result<void> synced = sync_directory(path.parent_path()); !synced) return synced.error();
  } else if (errno != EEXIST) {
    return os_error("create " + path.string(), errno);
  }
  fs::path resolved = fs::canonical(path, failed);
  if (failed) return os_error("resolve " + path.string(), failed.value());
  if (Result<void> closed = check_mode(resolved); !closed) return closed.error();
  return resolved;
}

/// SQLite would make the file readable for everybody.
Result<void> ready_file(const fs::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return os_error("open " + file.string(), errno);
  if (Result<void> closed = check_mode(file); !closed) return closed;
  return sync_directory(file.parent_path());
}

class SqliteStore final : public Store {
 public:
  SqliteStore(fs::path file, int log_pages_max, DirectoryLock lock, JournalMark mark,
              SqliteConnection database, CommitReader commits, SealChain chain, TaskTable tasks,
              LedgerTable ledger, RuleTable rules, Blobs blobs)
      : file_(std::move(file)),
        reserve_(file_.parent_path() / "reserve"),
        log_pages_max_(log_pages_max),
        copy_log_at_(log_pages_max),
        lock_(std::move(lock)),
        mark_(std::move(mark)),
        database_(std::move(database)),
        commits_(std::move(commits)),
        chain_(std::move(chain)),
        tasks_(std::move(tasks)),
        ledger_(std::move(ledger)),
        rules_(std::move(rules)),
        blobs_(std::move(blobs)) {}

  ~SqliteStore() override;

  /// Reads the counters, checks the newest commit and that all is as it was, raises the epoch.
  [[nodiscard]] Result<void> begin(Durability durability, const Evidence& evidence,
                                   Acceptance& acceptance);

  [[nodiscard]] const StoreState& state() const override { return state_; }

  [[nodiscard]] Result<void> append(const Batch& batch) override;
  [[nodiscard]] Result<std::vector<TaskHead>> live_tasks() override;
  [[nodiscard]] Result<std::vector<TaskHead>> tasks(Which which, TaskId before,
                                                    std::uint32_t limit) override;
  [[nodiscard]] Result<TaskHead> task(TaskId id) override;
  [[nodiscard]] Result<std::vector<Record>> records(TaskId id) override;
  [[nodiscard]] Result<std::vector<Record>> records_from_snapshot(TaskId id) override;

  [[nodiscard]] Result<std::unique_ptr<StoredChains>> records_from_snapshots(
      std::span<const TaskHead> heads) override {
    return located(scan_chains(commits_, blobs_, heads,
                               [this](const Error& error) { return in_file(file_, error); }));
  }

  [[nodiscard]] Result<std::vector<LedgerLine>> ledger(const LedgerRange& range) override {
    return located(ledger_.lines(range));
  }

  [[nodiscard]] AcceptedWork accepted_work() const override { return accepted_work_; }

  [[nodiscard]] std::vector<KeptRule> kept_rules() const override { return kept_rules_; }

  [[nodiscard]] Result<void> remove_rule(std::uint64_t number) override;

  [[nodiscard]] Result<std::vector<TaskHead>> claim(std::uint32_t limit, WallTime now) override;
  [[nodiscard]] Result<void> release(TaskId task, std::optional<WallTime> due) override;
  [[nodiscard]] Result<std::optional<Milliseconds>> renew() override;

  [[nodiscard]] bool has_hint(WallTime now) override { return owner_.has_hint(now); }

  [[nodiscard]] Result<void> take_reserve() override { return reserve_.take(); }

  void give_up_reserve(ReservePart part) override {
    part == ReservePart::all ? reserve_.give_up() : reserve_.give_up_half();
  }

  [[nodiscard]] Result<std::unique_ptr<StoreCopy>> begin_copy(const fs::path& directory) override {
    return copy_to(directory, database_, blobs_.directory(), blobs_.in_use(),
                   [this] { return JournalMark::line_of(mark_at(newest_, false), chain_.key()); });
  }

  [[nodiscard]] Result<std::unique_ptr<StoreCollection>> begin_collection(
      const Retention& retention) override {
    return collect_from({.database = database_,
                         .commits = commits_,
                         .chain = chain_,
                         .tasks = tasks_,
                         .blobs = blobs_,
                         .failed = [this](const Error& error) { fail(error); }},
                        retention);
  }

  [[nodiscard]] Anchor anchor() const override {
    return mark_.content() ? mark_.content()->anchor.value_or(Anchor{}) : Anchor{};
  }

  [[nodiscard]] Result<std::unique_ptr<StoreVerification>> begin_verification(
      const Verification& wanted) override;

 private:
  [[nodiscard]] Result<void> prepare_statements();
  [[nodiscard]] Result<void> read_state();
  [[nodiscard]] Result<void> take_key(const Evidence& evidence, Acceptance& acceptance);
  [[nodiscard]] Result<void> check_chain(Acceptance& acceptance);
  [[nodiscard]] Result<void> compare_with_mark();
  [[nodiscard]] Result<void> raise_epoch(const std::string& accepted);
  [[nodiscard]] Result<Anchor> write_opening(Epoch epoch, const std::string& accepted);
  [[nodiscard]] Result<void> watch_files();
  [[nodiscard]] Result<void> move_anchor();
  [[nodiscard]] JournalMark::Content mark_at(const Anchor& anchor, bool open) const;
  Error fail(Error error);

  [[nodiscard]] Result<void> commit(const Batch& batch);
  [[nodiscard]] Result<Anchor> write(const Batch& batch);
  [[nodiscard]] Result<void> charge(const std::vector<Charge>& charges);
  [[nodiscard]] Result<Anchor> write_records(std::span<const Record> records);
  [[nodiscard]] Result<void> write_row(std::span<const Record> records, std::string_view body,
                                       Anchor& newest);
  void make_room_in_log();
  [[nodiscard]] Result<void> copy_log();
  [[nodiscard]] Result<void> check_files() const;
  [[nodiscard]] Result<void> pack(const Record& record, std::string& body);
  /// How far back a chain is read.
  enum class Back : std::uint8_t { to_the_first, to_a_snapshot };

  [[nodiscard]] Result<std::vector<Record>> read_chain(TaskId id, Back back);
  [[nodiscard]] Result<std::vector<Record>> chain_to(const TaskHead& head, Back back);
  [[nodiscard]] Result<Record> link_of(TaskId task, Lsn at);
  [[nodiscard]] Result<Record> unpacked(const PackedRecord& packed);

  /// An answer whose error names the file.
  template <class T>
  [[nodiscard]] Result<T> located(Result<T> answer) const {
    if (answer || answer.error().code == Errc::not_found) return answer;
    return in_file(file_, answer.error());
  }

  fs::path file_;
  Reserve reserve_;
  int log_pages_max_;
  int copy_log_at_;  ///< Pages; more than the maximum after a copy that found no room.
  std::int64_t log_file_bytes_ = 0;  ///< So long is the log's file at least.
  DirectoryLock lock_;               // outlives the connection
  JournalMark mark_;
  SqliteConnection database_;
  CommitReader commits_;
  SealChain chain_;
  TaskTable tasks_;
  LedgerTable ledger_;
  RuleTable rules_;
  Blobs blobs_;
  Durability durability_ = Durability::power;
  SqliteStatement begin_;
  SqliteStatement commit_;
  SqliteStatement insert_commit_;
  SqliteStatement set_meta_;
  SqliteStatement set_accepted_work_;
  std::vector<WatchedFile> watched_;
  StoreState state_;
  SoleOwner owner_;
  bool begun_ = false;
  bool new_chain_ = false;  ///< One is to begin.
  Anchor newest_;           ///< The newest record, and the newest seal of the chain.
  Anchor synced_;           ///< As it was when all was last certain to survive a loss of power.
  ApprovalId last_approval_ = kNoApproval;
  std::vector<KeptRule> kept_rules_;  ///< As they were at the opening.
  AcceptedWork accepted_work_;
  AcceptedWork next_accepted_work_;  ///< Once the batch that was written is committed.
  std::optional<Error> failure_;     ///< The first one; final.
};

/// The mark first: the log goes with the connection.
SqliteStore::~SqliteStore() {
  if (!begun_ || failure_) return;
  if (durability_ == Durability::process) {
    if (Result<void> copied = database_.checkpoint(); !copied) {
      (void)fail(copied.error());
      return;
    }
    synced_ = newest_;
  }
  (void)mark_.write(mark_at(synced_, false), chain_.key());
}

Result<void> SqliteStore::begin(Durability durability, const Evidence& evidence,
                                Acceptance& acceptance) {
  if (Result<void> done = prepare_statements(); !done) return located(done);
  if (Result<void> done = read_state(); !done) return located(done);
  if (Result<void> same = acceptance.check(mark_.check(state_.store_id, state_.epoch)); !same) {
    return same;
  }
  if (Result<void> done = take_key(evidence, acceptance); !done) return done;
  if (Result<void> done = check_chain(acceptance); !done) return done;
  Result<void> raised = raise_epoch(acceptance.reason());
  if (!raised && raised.error().code == Errc::storage_full) {
    reserve_.give_up();  // of an earlier run: on a full disk, too, one can look, and end tasks
    raised = raise_epoch(acceptance.reason());
  }
  if (!raised) return located(raised);
  if (Result<void> done = move_anchor(); !done) return done;
  if (Result<void> done = watch_files(); !done) return done;
  owner_ = SoleOwner(state_.epoch, state_.last_task);
  begun_ = true;
  database_.copy_log_on_close(true);
  durability_ = durability;
  if (durability == Durability::power) return {};  // so it was opened
  return located(database_.execute("PRAGMA synchronous = NORMAL"));
}

Result<void> SqliteStore::prepare_statements() {
  for (auto [statement, sql] :
       {std::pair{&begin_, "BEGIN IMMEDIATE"},
        {&commit_, "COMMIT"},
        {&insert_commit_,
         "INSERT INTO commits (first_lsn, last_lsn, body, seal) VALUES (?1, ?2, ?3, ?4)"},
        {&set_meta_, "UPDATE meta SET value = ?2 WHERE key = ?1"},
        {&set_accepted_work_,
         "INSERT INTO meta VALUES ('accepted_work', ?1) ON CONFLICT (key) DO UPDATE SET value = "
         "?1"}}) {
    Result<SqliteStatement> prepared = database_.prepare(sql);
    if (!prepared) return prepared.error();
    *statement = *std::move(prepared);
  }
  return {};
}

namespace {

/// A journal in which nothing was accepted yet has none.
Result<AcceptedWork> read_accepted_work(SqliteConnection& database) {
  const Result<SqliteStatement> statement =
      database.prepare("SELECT value FROM meta WHERE key = 'accepted_work'");
  if (!statement) return statement.error();
  SqliteQuery query(*statement);
  const Result<bool> row = query.next();
  if (!row) return row.error();
  return *row ? from_canonical<AcceptedWork>(query.blob(0)) : AcceptedWork{};
}

}  // namespace

Result<void> SqliteStore::read_state() {
  const auto epoch = database_.integer("SELECT value FROM meta WHERE key = 'epoch'");
  if (!epoch) return epoch.error();
  const auto approval = database_.integer("SELECT value FROM meta WHERE key = 'last_approval'");
  if (!approval) return approval.error();
  const auto store_id = database_.text("SELECT value FROM meta WHERE key = 'store_id'");
  if (!store_id) return store_id.error();
  const auto task = database_.integer("SELECT coalesce(max(id), 0) FROM tasks");
  if (!task) return task.error();
  const auto task_removed = database_.integer("SELECT value FROM meta WHERE key = 'last_task'");
  if (!task_removed) return task_removed.error();
  const auto lsn_removed = database_.integer("SELECT value FROM meta WHERE key = 'last_lsn'");
  if (!lsn_removed) return lsn_removed.error();
  const Result<AcceptedWork> accepted = read_accepted_work(database_);
  if (!accepted) return accepted.error();
  Result<std::vector<KeptRule>> rules = rules_.all();
  if (!rules) return rules.error();
  const auto newest = commits_.newest();
  if (!newest) return newest.error();

  kept_rules_ = *std::move(rules);
  accepted_work_ = *accepted;
  state_.epoch = Epoch{static_cast<std::uint32_t>(*epoch)};
  state_.last_approval = ApprovalId{static_cast<std::uint64_t>(*approval)};
  state_.last_task = TaskId{static_cast<std::uint64_t>(std::max(*task, *task_removed))};
  state_.last_lsn = Lsn{static_cast<std::uint64_t>(*lsn_removed)};
  state_.store_id = *store_id;
  if (*newest == nullptr) return {};
  state_.last_lsn = std::max(state_.last_lsn, (*newest)->last());
  if ((*newest)->records.back().record.epoch > state_.epoch) {
    return Error{Errc::invalid, "the epoch has gone back"};
  }
  return {};
}

/// A key that is missing where there are seals is never replaced unasked: a new one would cover up
/// whatever was done to the journal.
Result<void> SqliteStore::take_key(const Evidence& evidence, Acceptance& acceptance) {
  const Result<std::string> sealed_with =
      database_.text("SELECT value FROM meta WHERE key = 'seal_key'");
  if (!sealed_with) return located(Result<void>(sealed_with.error()));
  const fs::path key_file = file_.parent_path() / "journal.key";
  Result<SealKey> key =
      evidence.key.empty() ? SealKey::read(key_file) : SealKey::from_text(evidence.key);
  if (!key && key.error().code == Errc::not_found) {
    Result<void> may_be_new;
    if (!sealed_with->empty()) {
      may_be_new = acceptance.check(
          Error{Errc::invalid, key_file.string() + ", the key of the journal's seals, is gone: put "
                                                   "it back (a backup has none)"});
    }
    if (!may_be_new) return may_be_new;
    key = SealKey::make(key_file);
  }
  if (!key) return key.error();
  new_chain_ = key->id() != *sealed_with;
  if (new_chain_ && !sealed_with->empty()) {
    const Result<void> accepted = acceptance.check(
        Error{Errc::invalid,
              file_.string() + " is sealed with another key than the one that " +
                  (evidence.key.empty() ? "is in " + key_file.string() : "the config names")});
    if (!accepted) return accepted;
  }
  chain_.use(*std::move(key), state_.store_id);
  return {};
}

/// Whether the journal is the one that the mark tells of, and has all that it had then.
Result<void> SqliteStore::check_chain(Acceptance& acceptance) {
  const Result<std::optional<Link>> newest = chain_.newest();
  if (!newest) return located(Result<void>(newest.error()));
  newest_ = {.lsn = state_.last_lsn, .seal = {}};
  if (*newest) newest_.seal = (*newest)->seal_or_none();
  const bool anchored = mark_.content() && mark_.content()->anchor;
  const bool has_seals =
      *newest && chain_.covers((*newest)->at) && (*newest)->kind != LinkKind::begun;
  Result<void> same;
  if (new_chain_ ? anchored && acceptance.reason().empty() : !chain_.begun()) {
    same = Error{Errc::invalid, file_.string() + " had seals, and has none"};
  } else if (!new_chain_ && anchored) {
    same = compare_with_mark();
  } else if (!new_chain_ && has_seals) {
    same = Error{Errc::invalid, "journal.mark beside " + file_.string() +
                                    ", which says how far it went, is gone or of an earlier time"};
  }
  new_chain_ = new_chain_ || !chain_.begun();
  return acceptance.check(std::move(same));
}

Result<void> SqliteStore::compare_with_mark() {
  const Anchor anchor = *mark_.content()->anchor;
  if (!mark_.is_signed_with(chain_.key())) {
    return Error{Errc::invalid, "journal.mark beside " + file_.string() +
                                    ", which says how far it went, is not as it was written"};
  }
  const Result<bool> there = chain_.goes_through(anchor);
  if (!there) return there.error();
  if (*there) return {};
  const std::string newest = std::to_string(number(anchor.lsn));
  if (newest_.lsn >= anchor.lsn) {
    return Error{Errc::invalid,
                 file_.string() + " has another record " + newest + " than the one that it had"};
  }
  return Error{Errc::invalid, file_.string() + " ends at record " +
                                  std::to_string(number(newest_.lsn)) + " and had " + newest +
                                  ": what it has forgotten would be done again"};
}

JournalMark::Content SqliteStore::mark_at(const Anchor& anchor, bool open) const {
  return {.store_id = state_.store_id, .epoch = state_.epoch, .open = open, .anchor = anchor};
}

/// Says outside of the journal how far it goes; never more than is certain to be there.
Result<void> SqliteStore::move_anchor() {
  return mark_.write(mark_at(synced_, true), chain_.key());
}

/// With a sync, also where commits have none.
Result<void> SqliteStore::raise_epoch(const std::string& accepted) {
  last_approval_ = state_.last_approval;
  const std::uint32_t seen =
      mark_.content() ? std::to_underlying(mark_.content()->epoch) : std::uint32_t{0};
  const Epoch next{std::max(std::to_underlying(state_.epoch), seen) + 1};
  if (Result<void> begun = SqliteQuery(begin_).run(); !begun) return begun;
  Result<Anchor> written = write_opening(next, accepted);
  if (written) {
    if (Result<void> committed = SqliteQuery(commit_).run(); !committed) {
      written = committed.error();
    }
  }
  if (!written) {
    (void)database_.execute("ROLLBACK");  // the first error says more
    return written.error();
  }
  newest_ = synced_ = *written;
  new_chain_ = false;
  state_.epoch = next;
  state_.sealed_from = chain_.from();
  state_.anchor = synced_;
  state_.accepted = accepted;
  return {};
}

/// The first commit of a run: its epoch, and what is to be noted in the chain.
Result<Anchor> SqliteStore::write_opening(Epoch epoch, const std::string& accepted) {
  const Result<void> raised =
      SqliteQuery(set_meta_, std::string_view("epoch"), std::int64_t{std::to_underlying(epoch)})
          .run();
  if (!raised) return raised.error();
  const std::string now = rfc3339(SystemClock().wall());
  Result<Sha256> seal = newest_.seal;
  if (new_chain_) {
    const std::string key = chain_.key().id();
    const Result<void> set =
        SqliteQuery(set_meta_, std::string_view("seal_key"), std::string_view(key)).run();
    if (!set) return set.error();
    seal = chain_.begin(newest_.lsn, now + " " + accepted);
  } else if (!accepted.empty()) {
    seal = chain_.accept(newest_.seal, newest_.lsn, now + " " + accepted);
  }
  if (!seal) return seal.error();
  return Anchor{.lsn = newest_.lsn, .seal = *seal};
}

Result<void> SqliteStore::watch_files() {
  for (const fs::path& path : {file_, fs::path(file_.string() + "-wal")}) {
    Result<WatchedFile> watched = WatchedFile::at(path);
    if (!watched) return watched.error();
    watched_.push_back(*std::move(watched));
  }
  return {};
}

Result<void> SqliteStore::append(const Batch& batch) {
  if (failure_) return failure_->with("the store failed before");
  Result<void> done = owner_.check(batch);
  if (done) done = commit(batch);
  if (done) return done;
  if (done.error().code == Errc::storage_full) return located(done);
  return fail(located(done).error());
}

Error SqliteStore::fail(Error error) {
  failure_ = std::move(error);
  database_.copy_log_on_close(false);  // its sync would be one more try
  return *failure_;
}

Result<std::vector<TaskHead>> SqliteStore::claim(std::uint32_t limit, WallTime now) {
  if (failure_) return failure_->with("the store failed before");
  std::vector<TaskHead> found;
  for (const TaskId task : owner_.due(now)) {
    Result<TaskHead> head = located(tasks_.task(task));
    if (!head) return head.error();
    found.push_back(*std::move(head));
  }
  if (!owner_.has_claimed_all_inherited()) {
    Result<std::vector<TaskHead>> inherited = located(tasks_.live(owner_.claimed_through(), limit));
    if (!inherited) return inherited.error();
    std::erase_if(*inherited,
                  [this](const TaskHead& head) { return !owner_.inherited(head.task); });
    std::ranges::move(*inherited, std::back_inserter(found));
  }
  std::ranges::sort(found, {}, &TaskHead::task);
  if (found.size() < limit) owner_.claimed_all_inherited();
  found.resize(std::min<std::size_t>(found.size(), limit));
  for (const TaskHead& head : found)
    owner_.claimed(head.task);
  return found;
}

Result<void> SqliteStore::release(TaskId task, std::optional<WallTime> due) {
  if (failure_) return failure_->with("the store failed before");
  const Result<TaskHead> head = located(tasks_.task(task));
  if (!head) return head.error().code == Errc::not_found ? Result<void>{} : head.error();
  if (!head->ended) owner_.release(task, due);
  return {};
}

/// A full disk is no failure: the rule is there as before.
Result<void> SqliteStore::remove_rule(std::uint64_t number) {
  if (failure_) return failure_->with("the store failed before");
  make_room_in_log();
  Result<void> removed = rules_.remove(number);
  if (!removed && removed.error().code == Errc::storage_full) return removed;
  if (removed) removed = check_files();
  if (removed) removed = copy_log();
  return removed ? removed : fail(removed.error());
}

Result<std::optional<Milliseconds>> SqliteStore::renew() {
  if (failure_) return failure_->with("the store failed before");
  if (Result<void> same = check_files(); !same) return fail(same.error());
  if (synced_ != anchor()) {
    if (Result<void> moved = move_anchor(); !moved) return fail(moved.error());
  }
  return std::optional<Milliseconds>{};
}

/// The log's file grows ahead of the commits and keeps its length, so that most of them do not
/// change it.
void SqliteStore::make_room_in_log() {
  constexpr std::int64_t kFrameBytes = 4'096 + 24;  // https://sqlite.org/fileformat2.html#walformat
  constexpr int kFramesAhead = 32;
  constexpr std::int64_t kStep = 256 << 10;
  const std::int64_t needed = (database_.log_pages() + kFramesAhead) * kFrameBytes;
  if (needed > log_file_bytes_) log_file_bytes_ = database_.lengthen_log_to(needed + kStep);
}

Result<void> SqliteStore::commit(const Batch& batch) {
  make_room_in_log();
  if (Result<void> begun = SqliteQuery(begin_).run(); !begun) return begun;
  const Result<Anchor> written = write(batch);
  Result<void> done = written ? SqliteQuery(commit_).run() : Result<void>(written.error());
  if (!done) {
    (void)database_.execute("ROLLBACK");  // the first error says more; it may have rolled back
    return done;
  }
  newest_ = *written;
  accepted_work_ = next_accepted_work_;
  if (durability_ == Durability::power) synced_ = newest_;
  last_approval_ = std::max(last_approval_, batch.last_approval);
  if (Result<void> same = check_files(); !same) return same;
  return copy_log();
}

/// A full disk is no failure here: the batch is stored, and the log keeps what the file cannot
/// take.
Result<void> SqliteStore::copy_log() {
  if (database_.log_pages() < copy_log_at_) return {};
  Result<void> copied = database_.checkpoint();
  const bool full = !copied && copied.error().code == Errc::storage_full;
  copy_log_at_ = full ? database_.log_pages() + log_pages_max_ / 4 : log_pages_max_;
  if (copied) synced_ = newest_;
  return full ? Result<void>{} : copied;
}

/// Returns what is the newest once it is committed.
Result<Anchor> SqliteStore::write(const Batch& batch) {
  Result<Anchor> newest = write_records(batch.records);
  if (!newest) return newest;
  for (const TaskHead& head : batch.heads) {
    if (Result<void> put = tasks_.put(database_, head); !put) return put.error();
  }
  if (Result<void> charged = charge(batch.charges); !charged) return charged.error();
  for (const KeptRule& rule : batch.rules) {
    if (Result<void> put = rules_.put(rule); !put) return put.error();
  }
  if (batch.last_approval <= last_approval_) return newest;
  SqliteQuery query(set_meta_, std::string_view("last_approval"), stored(batch.last_approval));
  if (Result<void> set = query.run(); !set) return set.error();
  return newest;
}

Result<void> SqliteStore::charge(const std::vector<Charge>& charges) {
  next_accepted_work_ = accepted_work_;
  for (const Charge& charge : charges) {
    const bool for_people = counts_for_people(charge);
    const Result<Spending> before = for_people ? ledger_.total(charge.root) : Spending{};
    if (!before) return before.error();
    if (Result<void> added = ledger_.add(charge); !added) return added;
    Spending after = *before;
    if (for_people) next_accepted_work_.count(*before, after += charge.spent, charge.at);
  }
  if (next_accepted_work_ == accepted_work_) return {};
  const std::string form = canonical_bytes(next_accepted_work_);
  return SqliteQuery(set_accepted_work_, SqliteBlob{form}).run();
}

Result<Anchor> SqliteStore::write_records(std::span<const Record> records) {
  Anchor newest = newest_;
  std::string body;
  std::size_t first = 0;
  Lsn expected = newest.lsn;
  for (std::size_t i = 0; i < records.size(); ++i) {
    expected = next(expected);
    TINKERBELL_ASSERT(records[i].lsn == expected);
    if (Result<void> packed = pack(records[i], body); !packed) return packed.error();
    if (body.size() < kRowBytesTarget && i + 1 < records.size()) continue;
    Result<void> written = write_row(records.subspan(first, i + 1 - first), body, newest);
    if (!written) return written.error();
    first = i + 1;
    body.clear();
  }
  return newest;
}

Result<void> SqliteStore::pack(const Record& record, std::string& body) {
  std::optional<BlobRef> blob;
  if (record.payload.size() > kInlineBytesMax) {
    const Result<BlobRef> kept = blobs_.put(record.payload);
    if (!kept) return kept.error();
    blob = *kept;
  }
  append_encoded(record, body, blob);
  return {};
}

/// Behind `newest`, which it is then itself.
Result<void> SqliteStore::write_row(std::span<const Record> records, std::string_view body,
                                    Anchor& newest) {
  const Lsn first = records.front().lsn;
  const Lsn last = records.back().lsn;
  newest = {.lsn = last, .seal = chain_.seal_of_commit(newest.seal, first, last, body)};
  SqliteQuery query(insert_commit_, stored(first), stored(last), SqliteBlob{body},
                    stored(newest.seal));
  return query.run();
}

Result<std::unique_ptr<StoreVerification>> SqliteStore::begin_verification(
    const Verification& wanted) {
  if (wanted.task != kNoTask) {
    if (const Result<TaskHead> head = task(wanted.task); !head) return head.error();
  }
  return located(verify({.database = database_,
                         .chain = chain_,
                         .tasks = tasks_,
                         .blobs = blobs_,
                         .newest = newest_,
                         .anchor = anchor()},
                        wanted));
}

Result<void> SqliteStore::check_files() const {
  for (const WatchedFile& each : watched_) {
    if (Result<void> there = each.still_there(); !there) return there;
  }
  return {};
}

Result<std::vector<TaskHead>> SqliteStore::live_tasks() {
  return located(tasks_.live(kNoTask, kAll));
}

Result<std::vector<TaskHead>> SqliteStore::tasks(Which which, TaskId before, std::uint32_t limit) {
  return located(tasks_.newest(which, before, limit));
}

Result<TaskHead> SqliteStore::task(TaskId id) {
  return located(tasks_.task(id));
}

Result<std::vector<Record>> SqliteStore::records(TaskId id) {
  return read_chain(id, Back::to_the_first);
}

Result<std::vector<Record>> SqliteStore::records_from_snapshot(TaskId id) {
  return read_chain(id, Back::to_a_snapshot);
}

Result<std::vector<Record>> SqliteStore::read_chain(TaskId id, Back back) {
  const Result<TaskHead> head = task(id);
  if (!head) return head.error();
  return located(chain_to(*head, back));
}

Result<std::vector<Record>> SqliteStore::chain_to(const TaskHead& head, Back back) {
  std::vector<Record> chain;
  for (Lsn at = head.head; at != Lsn{0}; at = chain.back().previous) {
    Result<Record> record = link_of(head.task, at);
    if (!record) return record.error();
    chain.push_back(*std::move(record));
    if (back == Back::to_a_snapshot && chain.back().kind == RecordKind::snapshot) break;
  }
  std::ranges::reverse(chain);
  return chain;
}

/// A record of a task's chain.
Result<Record> SqliteStore::link_of(TaskId task, Lsn at) {
  const auto row = commits_.row_with(at);
  if (!row) return row.error();
  const PackedRecord* const packed = (*row)->find(at);
  if (packed == nullptr || packed->record.task != task || packed->record.previous >= at) {
    return Error{Errc::invalid, "the chain of task " + std::to_string(number(task)) +
                                    " breaks at record " + std::to_string(number(at))};
  }
  return unpacked(*packed);
}

Result<Record> SqliteStore::unpacked(const PackedRecord& packed) {
  Record record = packed.record;
  if (!packed.blob) return record;
  Result<std::string> payload = blobs_.get(*packed.blob);
  if (!payload) return payload.error().with("record " + std::to_string(number(record.lsn)));
  record.payload = *std::move(payload);
  return record;
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const fs::path& directory, Durability durability,
                                                 int log_pages_max, const Evidence& evidence) {
  const Result<fs::path> home = ready_directory(directory);
  if (!home) return home.error();
  Result<DirectoryLock> lock = DirectoryLock::take(*home, kLockPatience);
  if (!lock) return lock.error();

  Acceptance acceptance(evidence.accept_rollback);
  Result<JournalMark> mark = JournalMark::in(*home, acceptance);
  if (!mark) return mark.error();
  if (Result<void> there = mark->check_files(acceptance); !there) return there.error();
  const fs::path file = *home / "journal.db";
  if (Result<void> ready = ready_file(file); !ready) return ready.error();
  Result<SqliteConnection> database = open_journal_database(file, *mark, acceptance);
  if (!database) return database.error();
  Result<CommitReader> commits = CommitReader::on(*database);
  if (!commits) return in_file(file, commits.error());
  Result<SealChain> chain = SealChain::on(*database);
  if (!chain) return in_file(file, chain.error());
  Result<TaskTable> tasks = TaskTable::on(*database);
  if (!tasks) return in_file(file, tasks.error());
  Result<LedgerTable> ledger = LedgerTable::on(*database);
  if (!ledger) return in_file(file, ledger.error());
  Result<RuleTable> rules = RuleTable::on(*database);
  if (!rules) return in_file(file, rules.error());
  Result<Blobs> blobs = Blobs::on(*database, *home / "blobs");
  if (!blobs) return in_file(file, blobs.error());

  auto store = std::make_unique<SqliteStore>(
      file, log_pages_max, *std::move(lock), *std::move(mark), *std::move(database),
      *std::move(commits), *std::move(chain), *std::move(tasks), *std::move(ledger),
      *std::move(rules), *std::move(blobs));
  if (Result<void> begun = store->begin(durability, evidence, acceptance); !begun) {
    return begun.error();
  }
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace tinkerbell
