#include "tinkerbell/journal/sqlite_store.hpp"

#include "sample_records.hpp"
#include "support/faulty_vfs.hpp"
#include "support/memory_store.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <set>
#include <sstream>

namespace tinkerbell {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::unique_ptr<Store> open_store(const fs::path& directory,
                                  Durability durability = Durability::process) {
  Result<std::unique_ptr<Store>> store = open_sqlite_store(directory, durability);
  if (!store) {
    ADD_FAILURE() << store.error().message;
    return nullptr;
  }
  return *std::move(store);
}

Error error_of_opening(const fs::path& directory) {
  const auto store = open_sqlite_store(directory, Durability::process);
  return store ? Error{Errc::internal, "it opened"} : store.error();
}

std::string message_of(const Result<void>& result) {
  return result ? std::string("ok") : result.error().message;
}

/// A task with one record that holds `payload`.
Batch one_record(std::uint64_t lsn, std::string payload = "hello", Epoch epoch = Epoch{1}) {
  Batch batch;
  batch.records.push_back(
      {.lsn = Lsn{lsn}, .task = TaskId{lsn}, .epoch = epoch, .payload = std::move(payload)});
  batch.heads.push_back(
      {.task = TaskId{lsn}, .kind = "agent@1", .state = "ready", .head = Lsn{lsn}});
  return batch;
}

/// What another program does to a journal that no daemon holds.
void run_sql(const fs::path& directory, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((directory / "journal.db").c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  sqlite3_close(database);
}

std::string file_content(const fs::path& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

void write_file(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// Runs `body` in a child process and waits for its end.
template <class Body>
int status_of_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

void expect_equal_answers(Store& store, Store& model, TaskId last_task) {
  EXPECT_EQ(*store.live_tasks(), *model.live_tasks());
  EXPECT_EQ(*store.tasks(Store::Which::all, kNoTask, 1'000'000),
            *model.tasks(Store::Which::all, kNoTask, 1'000'000));
  for (std::uint64_t id = 1; id <= number(last_task); ++id)
    EXPECT_EQ(*store.records(TaskId{id}), *model.records(TaskId{id})) << "task " << id;
}

TEST(SqliteStore, StartsEmptyInADirectoryForItsOwnerAlone) {
  const TempDir dir;
  const fs::path home = dir.path() / "state" / "tinkerbell";
  const std::unique_ptr<Store> store = open_store(home);
  EXPECT_EQ(store->state().epoch, Epoch{1});
  EXPECT_EQ(store->state().last_lsn, Lsn{0});
  EXPECT_EQ(store->state().last_task, kNoTask);
  EXPECT_EQ(store->state().store_id.size(), 32U);
  EXPECT_TRUE(store->live_tasks()->empty());
  EXPECT_EQ(store->records(TaskId{1}).error().code, Errc::not_found);
  EXPECT_EQ(fs::status(home).permissions(), fs::perms::owner_all);
  const auto owner_only = fs::perms::owner_read | fs::perms::owner_write;
  for (const char* name : {"journal.db", "journal.db-wal", "lock"})
    EXPECT_EQ(fs::status(home / name).permissions(), owner_only) << name;
}

TEST(SqliteStore, S9_IsNotOpenedWhereOthersCouldWriteIt) {
  const TempDir dir;
  (void)open_store(dir.path());
  fs::permissions(dir.path(), fs::perms::group_write, fs::perm_options::add);
  EXPECT_EQ(open_sqlite_store(dir.path(), Durability::process).error().code, Errc::denied);
  fs::permissions(dir.path(), fs::perms::group_write, fs::perm_options::remove);
  fs::permissions(dir / "journal.db", fs::perms::others_write, fs::perm_options::add);
  EXPECT_EQ(open_sqlite_store(dir.path(), Durability::process).error().code, Errc::denied);
}

TEST(SqliteStore, RaisesTheEpochAndGoesOnCountingWhenOpenedAgain) {
  const TempDir dir;
  Batch batch = one_record(1);
  batch.last_approval = ApprovalId{9};
  std::string store_id;
  {
    const auto store = open_store(dir.path());
    store_id = store->state().store_id;
    ASSERT_TRUE(store->append(batch));
  }
  const auto store = open_store(dir.path());
  EXPECT_EQ(store->state().epoch, Epoch{2});
  EXPECT_EQ(store->state().last_lsn, Lsn{1});
  EXPECT_EQ(store->state().last_task, TaskId{1});
  EXPECT_EQ(store->state().last_approval, ApprovalId{9});
  EXPECT_EQ(store->state().store_id, store_id);
  EXPECT_EQ(*store->records(TaskId{1}), batch.records);
}

TEST(SqliteStore, ReadsATaskAcrossRowsWhenACommitIsLong) {
  const TempDir dir;
  const Batch batch = long_batch(1, std::size_t{3} << 20);
  const auto store = open_store(dir.path());
  ASSERT_TRUE(store->append(batch));
  EXPECT_EQ(*store->records(TaskId{1}), batch.records);
}

TEST(SqliteStore, KeepsItsLogBoundedByCheckpoints) {
  const TempDir dir;
  const auto store = open_store(dir.path());
  std::uint64_t lsn = 0;
  for (int i = 0; i < 60; ++i) {
    const Batch batch = long_batch(lsn + 1, std::size_t{1} << 20);
    ASSERT_TRUE(store->append(batch));
    lsn = number(batch.records.back().lsn);
  }
  EXPECT_LT(fs::file_size(dir.path() / "journal.db-wal"), std::uintmax_t{20} << 20);
  EXPECT_EQ(store->records(TaskId{1})->size(), 256U);
}

TEST(SqliteStore, LengthensItsLogManyCommitsAtATime) {
  const TempDir dir;
  const auto store = open_store(dir.path());
  std::set<std::uintmax_t> lengths;
  for (std::uint64_t lsn = 1; lsn <= 500; ++lsn) {
    ASSERT_TRUE(store->append(one_record(lsn, std::string(4'000, 'x'))));
    lengths.insert(fs::file_size(dir.path() / "journal.db-wal"));
  }
  EXPECT_GT(*lengths.rbegin(), std::uintmax_t{4} << 20);
  EXPECT_LT(lengths.size(), 40U);
}

// ---- one process at a time ----

TEST(SqliteStore, F21_RefusesASecondOpenerAndNamesTheFirst) {
  const TempDir dir;
  const auto store = open_store(dir.path());
  const Error error = error_of_opening(dir.path());
  EXPECT_EQ(error.code, Errc::conflict);
  EXPECT_THAT(error.message, HasSubstr("process " + std::to_string(::getpid())));
}

TEST(SqliteStore, F21_RefusesAnotherProcess) {
  const TempDir dir;
  const auto store = open_store(dir.path());
  const std::string holder = "process " + std::to_string(::getpid());
  const int status = status_of_child([&] {
    const Error error = error_of_opening(dir.path());
    const bool named = error.message.find(holder) != std::string::npos;
    ::_exit(error.code == Errc::conflict && named ? 0 : 1);
  });
  EXPECT_EQ(status, 0);
}

TEST(SqliteStore, F21_IsFreeAgainOnceItsHolderWasKilled) {
  const TempDir dir;
  const int status = status_of_child([&] {
    const auto store = open_store(dir.path());
    (void)::raise(SIGKILL);
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(open_store(dir.path())->state().epoch, Epoch{2});
}

TEST(SqliteStore, F21_RefusesTheSameFileUnderAnotherDirectory) {
  const TempDir dir;
  const auto store = open_store(dir.path() / "a");
  fs::create_directory(dir.path() / "b");
  fs::create_hard_link(dir.path() / "a" / "journal.db", dir.path() / "b" / "journal.db");
  const int status = status_of_child(
      [&] { ::_exit(error_of_opening(dir.path() / "b").code == Errc::conflict ? 0 : 1); });
  EXPECT_EQ(status, 0);
}

TEST(SqliteStore, F22_LetsNoOtherConnectionReadOrCheckpoint) {
  const TempDir dir;
  const auto store = open_store(dir.path());
  ASSERT_TRUE(store->append(one_record(1)));
  const int status = status_of_child([&] {
    sqlite3* other = nullptr;
    sqlite3_open((dir.path() / "journal.db").c_str(), &other);
    const int read = sqlite3_exec(other, "SELECT * FROM meta", nullptr, nullptr, nullptr);
    const int copy =
        sqlite3_exec(other, "PRAGMA wal_checkpoint(TRUNCATE)", nullptr, nullptr, nullptr);
    ::_exit(read == SQLITE_BUSY && copy == SQLITE_BUSY ? 0 : 1);
  });
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(store->append(one_record(2)));
}

TEST(SqliteStore, F20_SaysWhenAnotherProgramHasTheFileOpen) {
  const TempDir dir;
  open_store(dir.path()).reset();
  std::array<int, 2> ready{};
  std::array<int, 2> done{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  ASSERT_EQ(::pipe(done.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(done[1]);
    sqlite3* other = nullptr;
    sqlite3_open((dir.path() / "journal.db").c_str(), &other);
    sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
    char byte = 0;
    (void)!::write(ready[1], &byte, 1);
    (void)!::read(done[0], &byte, 1);
    ::_exit(0);
  }
  ::close(done[0]);
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(error_of_opening(dir.path()).code, Errc::conflict);
  ::close(done[1]);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(open_store(dir.path())->state().epoch, Epoch{2});
}

// ---- sudden ends ----

TEST(SqliteStore, FindsEverythingAppendedByAProcessThatWasKilled) {
  for (const bool killed : {false, true}) {
    const TempDir dir;
    SampleRecords samples(7);
    MemoryStore model;
    std::vector<Batch> batches(40);
    std::ranges::generate(batches, [&] { return samples.next_batch(); });
    status_of_child([&] {
      const auto store = open_store(dir.path());
      for (const Batch& batch : batches) {
        if (!store->append(batch)) ::_exit(1);
      }
      if (killed) (void)::raise(SIGKILL);
      ::_exit(0);  // no destructor runs: nothing is closed
    });
    for (const Batch& batch : batches)
      ASSERT_TRUE(model.append(batch));
    EXPECT_GT(fs::file_size(dir.path() / "journal.db-wal"), 0U);
    const auto store = open_store(dir.path());
    EXPECT_EQ(store->state().last_lsn, batches.back().records.back().lsn);
    expect_equal_answers(*store, model, samples.last_task());
  }
}

TEST(SqliteStore, HasAllOrNothingOfTheCommitThatACrashTore) {
  const TempDir dir;
  status_of_child([&] {
    const auto store = open_store(dir.path());
    (void)store->append(one_record(1));
    (void)store->append(one_record(2, std::string(20'000, 'x')));
    ::_exit(0);
  });
  const fs::path log = dir.path() / "journal.db-wal";
  fs::resize_file(log, file_content(log).find_last_not_of('\0') - 100);
  const auto store = open_store(dir.path());
  EXPECT_EQ(store->state().last_lsn, Lsn{1});
  EXPECT_EQ(store->state().last_task, TaskId{1});
  EXPECT_TRUE(store->append(one_record(2, "again", Epoch{2})));
}

// ---- size ----

/// So many tasks with so many records each, fifty side by side; the newest ones still live.
void fill(Store& store, std::uint64_t tasks, std::uint64_t records_each, std::uint64_t live) {
  constexpr std::uint64_t kSideBySide = 50;
  std::uint64_t lsn = 0;
  for (std::uint64_t first = 1; first <= tasks; first += kSideBySide) {
    for (std::uint64_t round = 1; round <= records_each; ++round) {
      Batch batch;
      for (std::uint64_t task = first; task < first + kSideBySide; ++task) {
        ++lsn;
        batch.records.push_back({.lsn = Lsn{lsn},
                                 .previous = Lsn{round == 1 ? 0 : lsn - kSideBySide},
                                 .task = TaskId{task},
                                 .epoch = store.state().epoch,
                                 .payload = std::string(50, 'x')});
        if (round < records_each) continue;
        batch.heads.push_back({.task = TaskId{task},
                               .kind = "agent@1",
                               .state = "waiting",
                               .ended = task + live <= tasks,
                               .head = Lsn{lsn}});
      }
      if (!store.append(batch)) ::_exit(1);
    }
  }
}

TEST(SqliteStore, F23_OpensAMillionRecordsInTwoHundredMebibytes) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "it is about memory, of which the sanitizers take their own";
#endif
  constexpr std::uint64_t kTasks = 20'000;
  constexpr std::uint64_t kRecordsEach = 50;
  constexpr std::uint64_t kLive = 1'000;
  const TempDir dir;
  ASSERT_EQ(status_of_child([&] {
              fill(*open_store(dir.path()), kTasks, kRecordsEach, kLive);
              ::_exit(0);  // as if killed: all the log is still to be read
            }),
            0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto store = open_store(dir.path());
    const auto heads = store->claim(Store::kAll, WallTime{});
    bool all = heads && heads->size() == kLive && number(store->state().last_lsn) == 1'000'000;
    for (const TaskHead& head : *heads)
      all = all && store->records(head.task)->size() == kRecordsEach;
    ::_exit(all ? 0 : 1);
  }
  int status = 0;
  rusage used{};
  ASSERT_EQ(::wait4(child, &status, 0, &used), child);
  EXPECT_EQ(status, 0);
  EXPECT_LT(used.ru_maxrss, 200 << 10) << "KiB";
}

// ---- what the disk does ----

TEST(SqliteStore, SyncsEachCommitOnceWhenItMustSurviveALossOfPower) {
  FaultyVfs disk;
  const TempDir dir;
  const auto store = open_store(dir.path(), Durability::power);
  ASSERT_TRUE(store->append(one_record(1)));
  (void)disk.take_syncs(FaultyVfs::File::log);
  for (std::uint64_t lsn = 2; lsn <= 11; ++lsn)
    ASSERT_TRUE(store->append(one_record(lsn)));
  EXPECT_EQ(disk.take_syncs(FaultyVfs::File::log), 10);
}

TEST(SqliteStore, RaisesTheEpochWithASyncEvenWhereCommitsHaveNone) {
  FaultyVfs disk;
  const TempDir dir;
  open_store(dir.path()).reset();
  (void)disk.take_syncs(FaultyVfs::File::log);
  const auto store = open_store(dir.path(), Durability::process);
  EXPECT_GT(disk.take_syncs(FaultyVfs::File::log), 0);
  ASSERT_TRUE(store->append(one_record(1, "hello", Epoch{2})));
  EXPECT_EQ(disk.take_syncs(FaultyVfs::File::log), 0);
}

TEST(SqliteStore, F9_AcceptsNothingMoreAfterAFailedSync) {
  FaultyVfs disk;
  const TempDir dir;
  const auto store = open_store(dir.path(), Durability::power);
  ASSERT_TRUE(store->append(one_record(1)));
  disk.fail_next_sync(FaultyVfs::File::log);
  const Result<void> failed = store->append(one_record(2));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::io);
  EXPECT_THAT(failed.error().message, HasSubstr("journal.db"));
  (void)disk.take_syncs(FaultyVfs::File::log);
  EXPECT_THAT(message_of(store->append(one_record(2))), HasSubstr("failed before"));
  EXPECT_EQ(disk.take_syncs(FaultyVfs::File::log), 0);
}

TEST(SqliteStore, F10_DoesNotBelieveASyncThatSucceedsAfterOneThatFailed) {
  FaultyVfs disk;
  const TempDir dir;
  auto store = open_store(dir.path(), Durability::power);
  Result<void> appended;
  std::uint64_t lsn = 0;
  disk.fail_next_sync(FaultyVfs::File::database);  // in the first checkpoint
  for (int i = 0; appended && i < 40; ++i) {
    const Batch batch = long_batch(lsn + 1, std::size_t{1} << 20);
    appended = store->append(batch);
    lsn = number(batch.records.back().lsn);
  }
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Errc::io);
  (void)disk.take_syncs(FaultyVfs::File::database);
  store.reset();
  EXPECT_EQ(disk.take_syncs(FaultyVfs::File::database), 0);
  EXPECT_GT(fs::file_size(dir.path() / "journal.db-wal"), std::uintmax_t{15} << 20)
      << "closing dropped the log, the only good copy";
  EXPECT_EQ(open_store(dir.path())->state().last_lsn, Lsn{lsn});
}

TEST(SqliteStore, F7_SaysThatTheSpaceIsUsedUpAndKeepsWhatItHad) {
  const TempDir dir;
  {
    FaultyVfs disk;
    const auto store = open_store(dir.path());
    ASSERT_TRUE(store->append(one_record(1)));
    disk.fail_writes(FaultyVfs::File::log, SQLITE_FULL);
    const Result<void> full = store->append(one_record(2));
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, Errc::storage_full);
    EXPECT_EQ(store->records(TaskId{1})->size(), 1U);
  }
  EXPECT_EQ(open_store(dir.path())->state().last_lsn, Lsn{1});
}

TEST(SqliteStore, F11_SaysWhenTheDiskTakesNoMoreBytes) {
  const TempDir dir;
  const int status = status_of_child([&] {
    const auto store = open_store(dir.path());
    if (!store->append(one_record(1))) ::_exit(1);
    (void)::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 60'000, .rlim_max = 60'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(2);
    const Result<void> failed = store->append(long_batch(2, 200'000));
    ::_exit(!failed && failed.error().code == Errc::io ? 0 : 3);
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(open_store(dir.path())->state().last_lsn, Lsn{1});
}

TEST(SqliteStore, F12_SaysAtTheStartThatItsDirectoryCannotBeUsed) {
  const TempDir dir;
  write_file(dir.path() / "file", "");
  EXPECT_NE(error_of_opening(dir.path() / "file").code, Errc::internal);
  EXPECT_NE(error_of_opening("/proc/tinkerbell").code, Errc::internal);
}

TEST(SqliteStore, F17_NoticesThatItsFileWasMovedAway) {
  for (const char* name : {"journal.db", "journal.db-wal"}) {
    const TempDir dir;
    const auto store = open_store(dir.path());
    ASSERT_TRUE(store->append(one_record(1)));
    fs::rename(dir.path() / name, dir.path() / "elsewhere");
    const Result<void> failed = store->append(one_record(2));
    ASSERT_FALSE(failed) << name;
    EXPECT_EQ(failed.error().code, Errc::conflict);
    EXPECT_THAT(failed.error().message, HasSubstr("deleted or replaced"));
  }
}

/// Also when nothing is written for long: the writer asks every few seconds.
TEST(SqliteStore, F17_NoticesThatItsFileWasReplacedWhenAskedWhetherItIsStillItsOwn) {
  for (const char* name : {"journal.db", "journal.db-wal"}) {
    const TempDir dir;
    const auto store = open_store(dir.path());
    ASSERT_TRUE(store->append(one_record(1)));
    EXPECT_TRUE(store->renew());
    fs::copy_file(dir.path() / name, dir.path() / "copy");
    fs::rename(dir.path() / "copy", dir.path() / name);
    const auto renewed = store->renew();
    ASSERT_FALSE(renewed) << name;
    EXPECT_EQ(renewed.error().code, Errc::conflict);
    EXPECT_THAT(message_of(store->append(one_record(2))), HasSubstr("failed before"));
  }
}

// ---- files that are not as we left them ----

/// A journal of so many batches whose process was killed: they are in its log.
std::vector<Batch> killed_with_a_log(const fs::path& directory, std::size_t count) {
  SampleRecords samples(15);
  std::vector<Batch> batches(count);
  std::ranges::generate(batches, [&] { return samples.next_batch(); });
  status_of_child([&] {
    const auto store = open_store(directory);
    for (const Batch& batch : batches) {
      if (!store->append(batch)) ::_exit(1);
    }
    (void)::raise(SIGKILL);
  });
  return batches;
}

/// The log says nothing of its end. What is left is the journal as it was after some commit.
TEST(SqliteStore, F15_AfterItsLogWasCutItHasTheFirstOfItsCommitsAndNothingElse) {
  const TempDir whole;
  const std::vector<Batch> batches = killed_with_a_log(whole.path(), 40);
  const std::string log = file_content(whole / "journal.db-wal");
  const std::size_t end = log.find_last_not_of('\0') + 1;
  std::size_t shortest = batches.size();
  for (const std::size_t left : {end - 1, end - 100, end - 5'000, end / 2, std::size_t{0}}) {
    const TempDir dir;
    for (const char* name : {"journal.db", "journal.mark"})
      fs::copy_file(whole / name, dir / name);
    write_file(dir / "journal.db-wal", std::string_view(log).substr(0, left));
    const auto opened = open_sqlite_store(dir.path(), Durability::process);
    if (!opened) {  // of the first commits, which made the tables, nothing is left
      EXPECT_EQ(left, 0U);
      EXPECT_THAT(opened.error().message, HasSubstr("is empty or gone"));
      continue;
    }
    const Lsn last = (*opened)->state().last_lsn;
    MemoryStore model;
    std::size_t kept = 0;
    while (kept < batches.size() && batches[kept].records.back().lsn <= last)
      ASSERT_TRUE(model.append(batches[kept++]));
    EXPECT_LT(kept, batches.size()) << left;
    shortest = std::min(shortest, kept);
    EXPECT_EQ(MemoryStore(model.memory()).state().last_lsn, last) << "it ends within a commit";
    expect_equal_answers(**opened, model, (*opened)->state().last_task);
  }
  EXPECT_LT(shortest, batches.size() / 2 + 5);
}

/// What was there stays as it is, and the message says how to go on.
void expect_refused(const fs::path& directory, const char* why) {
  const Error error = error_of_opening(directory);
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_THAT(error.message, HasSubstr(why));
}

TEST(SqliteStore, F16_DoesNotBeginAnewWhereItsFileWasDeletedOrEmptied) {
  for (const bool killed : {false, true}) {
    const TempDir dir;
    if (killed) {
      (void)killed_with_a_log(dir.path(), 3);
    } else {
      ASSERT_TRUE(open_store(dir.path())->append(one_record(1)));
    }
    fs::remove(dir / "journal.db");
    expect_refused(dir.path(), "is empty or gone");
    EXPECT_FALSE(fs::exists(dir / "journal.db"));
    write_file(dir / "journal.db", "");
    expect_refused(dir.path(), "is empty or gone");
    EXPECT_EQ(fs::exists(dir / "journal.db-wal"), killed) << "the log is the only thing left";

    fs::remove(dir / "journal.db-wal");
    fs::remove(dir / "journal.mark");  // as the message says
    EXPECT_TRUE(open_store(dir.path()));
  }
}

TEST(SqliteStore, F16_KeepsALogWhoseJournalIsGoneEvenWithoutItsMark) {
  const TempDir dir;
  (void)killed_with_a_log(dir.path(), 3);
  fs::remove(dir / "journal.db");
  fs::remove(dir / "journal.mark");
  expect_refused(dir.path(), "its log is there");
  EXPECT_TRUE(fs::exists(dir / "journal.db-wal"));
}

TEST(SqliteStore, F16_RefusesToGoOnWithoutTheLogOfARunThatWasKilled) {
  const TempDir dir;
  (void)killed_with_a_log(dir.path(), 3);
  fs::rename(dir / "journal.db-wal", dir / "elsewhere");
  expect_refused(dir.path(), "the newest steps with it");
  fs::rename(dir / "elsewhere", dir / "journal.db-wal");
  EXPECT_TRUE(open_store(dir.path()));
  EXPECT_FALSE(fs::exists(dir / "journal.db-wal")) << "it was closed, and needs none";
  EXPECT_TRUE(open_store(dir.path()));
}

TEST(SqliteStore, F16_RefusesAnOlderCopyOfItself) {
  const TempDir dir;
  ASSERT_TRUE(open_store(dir.path())->append(one_record(1)));
  fs::copy_file(dir / "journal.db", dir / "older");
  ASSERT_TRUE(open_store(dir.path())->append(one_record(2, "newer", Epoch{2})));
  fs::rename(dir / "journal.db", dir / "newer");
  fs::rename(dir / "older", dir / "journal.db");
  expect_refused(dir.path(), "is older (epoch 1) than it was (epoch 2)");
  fs::rename(dir / "newer", dir / "journal.db");
  EXPECT_EQ(open_store(dir.path())->state().last_lsn, Lsn{2});
}

TEST(SqliteStore, F16_RefusesTheJournalOfAnotherDirectory) {
  const TempDir dir;
  open_store(dir / "a").reset();
  open_store(dir / "b").reset();
  fs::rename(dir / "b/journal.db", dir / "a/journal.db");
  expect_refused(dir / "a", "is another journal");
}

/// There is none: the log's index is in the memory of its one process.
TEST(SqliteStore, F16_NeedsNoSharedMemoryFile) {
  const TempDir dir;
  (void)killed_with_a_log(dir.path(), 3);
  EXPECT_FALSE(fs::exists(dir / "journal.db-shm"));
  write_file(dir / "journal.db-shm", std::string(32'768, '\xff'));
  EXPECT_GT(number(open_store(dir.path())->state().last_lsn), 0U);
}

TEST(SqliteStore, LeavesALogAsItIsWhereItRefusesToOpen) {
  const TempDir dir;
  (void)killed_with_a_log(dir.path(), 3);
  const std::string log = file_content(dir / "journal.db-wal");
  const std::string mark = file_content(dir / "journal.mark");
  std::string newer = mark;
  newer.replace(newer.find(" 1 "), 3, " 9 ");
  write_file(dir / "journal.mark", newer);
  expect_refused(dir.path(), "is older");
  EXPECT_EQ(file_content(dir / "journal.db-wal"), log);
  write_file(dir / "journal.mark", mark);
  EXPECT_GT(number(open_store(dir.path())->state().last_lsn), 0U);
}

TEST(SqliteStore, FindsAChainThatLeadsToAnotherTask) {
  const TempDir dir;
  Batch batch = one_record(2);
  batch.records.front().previous = Lsn{1};
  const auto store = open_store(dir.path());
  ASSERT_TRUE(store->append(one_record(1)));
  ASSERT_TRUE(store->append(batch));
  EXPECT_THAT(store->records(TaskId{2}).error().message, HasSubstr("the chain of task 2 breaks"));
}

TEST(SqliteStore, F18_RefusesANewerSchemaAndNamesBothVersions) {
  const TempDir dir;
  open_store(dir.path()).reset();
  run_sql(dir.path(), "PRAGMA user_version = 4");
  const std::string before = file_content(dir.path() / "journal.db");
  const Error error = error_of_opening(dir.path());
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_THAT(error.message, HasSubstr("schema version 4, this program reads versions 2 to 3"));
  EXPECT_EQ(file_content(dir.path() / "journal.db"), before);
}

TEST(SqliteStore, RefusesADatabaseOfAnotherProgramAndLeavesItAlone) {
  const TempDir dir;
  run_sql(dir.path(), "CREATE TABLE theirs (x)");
  const std::string before = file_content(dir.path() / "journal.db");
  EXPECT_EQ(error_of_opening(dir.path()).code, Errc::invalid);
  EXPECT_EQ(file_content(dir.path() / "journal.db"), before);
}

TEST(SqliteStore, RefusesADatabaseThatOnlyLooksLikeOurs) {
  const TempDir dir;
  open_store(dir.path()).reset();
  run_sql(dir.path(), "PRAGMA application_id = 5");
  EXPECT_THAT(error_of_opening(dir.path()).message, HasSubstr("application id 5"));
}

TEST(SqliteStore, RefusesAFileThatIsNoDatabase) {
  const TempDir dir;
  write_file(dir.path() / "journal.db", std::string(10'000, 'x'));
  EXPECT_EQ(error_of_opening(dir.path()).code, Errc::invalid);
}

TEST(SqliteStore, S71_RefusesADatabaseWithTriggersOrViews) {
  for (const char* hostile :
       {"CREATE TRIGGER t AFTER INSERT ON commits BEGIN DELETE FROM tasks; END",
        "CREATE VIEW v AS SELECT load_extension('x')", "CREATE TABLE zzz (x)",
        "DROP TABLE tasks; CREATE VIEW tasks AS SELECT 1 AS id",
        "DROP INDEX tasks_live; CREATE INDEX tasks_live ON tasks (title)"}) {
    const TempDir dir;
    open_store(dir.path()).reset();
    run_sql(dir.path(), hostile);
    const Error error = error_of_opening(dir.path());
    EXPECT_EQ(error.code, Errc::invalid) << hostile;
    EXPECT_THAT(error.message, HasSubstr("not a journal of ours")) << hostile;
  }
}

TEST(SqliteStore, S71_KeepsTextThatLooksLikeSqlAsText) {
  const TempDir dir;
  Batch batch = one_record(1);
  batch.heads.front().title = std::string("'); DROP TABLE tasks;--\0 \xff", 26);
  const auto store = open_store(dir.path());
  ASSERT_TRUE(store->append(batch));
  EXPECT_THAT(*store->live_tasks(), ElementsAre(batch.heads.front()));
}

TEST(SqliteStore, FindsNoSymbolicLinkInPlaceOfItsFiles) {
  for (const char* name : {"journal.db", "lock"}) {
    const TempDir dir;
    write_file(dir.path() / "victim", "theirs");
    fs::create_symlink(dir.path() / "victim", dir.path() / name);
    EXPECT_NE(error_of_opening(dir.path()).code, Errc::internal) << name;
    EXPECT_EQ(file_content(dir.path() / "victim"), "theirs");
  }
}

/// Changes one byte of `needle` in the database file, behind SQLite's back.
void flip_byte_of(const fs::path& directory, const std::string& needle) {
  const fs::path file = directory / "journal.db";
  std::string content = file_content(file);
  const std::size_t at = content.find(needle);
  ASSERT_NE(at, std::string::npos);
  content[at] = static_cast<char>(content[at] ^ 1);
  write_file(file, content);
}

TEST(SqliteStore, F14_FindsAFlippedByteInTheNewestCommitWhenOpened) {
  const TempDir dir;
  ASSERT_TRUE(open_store(dir.path())->append(one_record(1, "a payload to damage")));
  flip_byte_of(dir.path(), "a payload to damage");
  const Error error = error_of_opening(dir.path());
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_THAT(error.message, HasSubstr("journal.db: commit 1: journal record: wrong crc"));
  EXPECT_THAT(error.message, HasSubstr("restore a backup"));
}

TEST(SqliteStore, F14_FindsAFlippedByteInAnOlderCommitWhenRead) {
  const TempDir dir;
  {
    const auto store = open_store(dir.path());
    ASSERT_TRUE(store->append(one_record(1, "a payload to damage")));
    ASSERT_TRUE(store->append(one_record(2)));
  }
  flip_byte_of(dir.path(), "a payload to damage");
  const auto store = open_store(dir.path());
  EXPECT_EQ(store->records(TaskId{1}).error().code, Errc::invalid);
  EXPECT_TRUE(store->records(TaskId{2}));
}

TEST(SqliteStore, F14_ADamagedCommitKeepsNoOtherTaskFromItsRecords) {
  const TempDir dir;
  {
    const auto store = open_store(dir.path());
    ASSERT_TRUE(store->append(one_record(1)));
    ASSERT_TRUE(store->append(one_record(2, "a payload to damage")));
    ASSERT_TRUE(store->append(one_record(3)));
  }
  flip_byte_of(dir.path(), "a payload to damage");
  const auto store = open_store(dir.path());
  const auto chains = store->records_from_snapshots(*store->live_tasks());
  ASSERT_TRUE(chains) << chains.error().message;
  EXPECT_EQ((*chains)->next()->size(), 1U);
  const Error error = (*chains)->next().error();
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_THAT(error.message, HasSubstr("journal.db: commit 2: journal record: wrong crc"));
  EXPECT_EQ((*chains)->next()->size(), 1U);
}

TEST(SqliteStore, F14_AChainThatLeadsNowhereIsSaidOfItsTask) {
  const TempDir dir;
  const auto store = open_store(dir.path());
  ASSERT_TRUE(store->append(one_record(1)));
  ASSERT_TRUE(store->append(one_record(2)));
  std::vector<TaskHead> heads = *store->live_tasks();
  heads.front().head = Lsn{2};  // is the other's
  const auto chains = store->records_from_snapshots(heads);
  ASSERT_TRUE(chains) << chains.error().message;
  EXPECT_THAT((*chains)->next().error().message,
              HasSubstr("the chain of task 1 breaks at record 2"));
  EXPECT_EQ((*chains)->next()->size(), 1U);
}

TEST(SqliteStore, FindsARowThatHoldsRecordsOfAnotherCommit) {
  const TempDir dir;
  {
    const auto store = open_store(dir.path());
    for (std::uint64_t lsn = 1; lsn <= 4; ++lsn)
      ASSERT_TRUE(store->append(one_record(lsn)));
  }
  run_sql(dir.path(),
          "UPDATE commits SET body = CAST(body || "
          "(SELECT body FROM commits WHERE first_lsn = 3) AS BLOB) WHERE first_lsn = 1");
  const auto store = open_store(dir.path());
  EXPECT_THAT(store->records(TaskId{1}).error().message, HasSubstr("of another commit"));
  EXPECT_TRUE(store->records(TaskId{4}));
}

TEST(SqliteStore, FindsADamagedTaskRow) {
  const TempDir dir;
  {
    const auto store = open_store(dir.path());
    ASSERT_TRUE(store->append(one_record(1)));
    ASSERT_TRUE(store->append(one_record(2)));
  }
  run_sql(dir.path(), "UPDATE tasks SET head = 1 WHERE id = 2");
  const auto store = open_store(dir.path());
  EXPECT_EQ(store->task(TaskId{2}).error().code, Errc::invalid);
  EXPECT_EQ(store->live_tasks().error().code, Errc::invalid);
}

TEST(SqliteStore, RefusesWhenTheEpochHasGoneBack) {
  const TempDir dir;
  Batch batch = one_record(1);
  batch.records.front().epoch = Epoch{1};
  ASSERT_TRUE(open_store(dir.path())->append(batch));
  run_sql(dir.path(), "UPDATE meta SET value = 0 WHERE key = 'epoch'");
  fs::remove(dir / "journal.mark");  // which would know as well
  const Error error = error_of_opening(dir.path());
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_THAT(error.message, HasSubstr("the epoch has gone back"));
}

TEST(SqliteStore, F13_NeverAnswersWrongRecordsFromADamagedFile) {
  SampleRecords samples(13);
  MemoryStore model;
  const TempDir good;
  {
    const auto store = open_store(good.path());
    for (int i = 0; i < 60; ++i) {
      const Batch batch = samples.next_batch();
      ASSERT_TRUE(store->append(batch));
      ASSERT_TRUE(model.append(batch));
    }
  }
  const std::string content = file_content(good.path() / "journal.db");
  int refused = 0;
  for (int round = 0; round < 50; ++round) {
    const TempDir dir;
    std::string damaged = content;
    const std::size_t at = samples.below(damaged.size() - 8);
    std::ranges::generate(damaged.begin() + static_cast<std::ptrdiff_t>(at),
                          damaged.begin() + static_cast<std::ptrdiff_t>(at) + 8,
                          [&] { return static_cast<char>(samples.below(256)); });
    write_file(dir.path() / "journal.db", damaged);
    const auto store = open_sqlite_store(dir.path(), Durability::process);
    if (!store) {
      ++refused;
      continue;
    }
    for (std::uint64_t id = 1; id <= number(samples.last_task()); ++id) {
      const auto records = (*store)->records(TaskId{id});
      if (records) EXPECT_EQ(*records, *model.records(TaskId{id})) << "offset " << at;
      if (!records) ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace tinkerbell
