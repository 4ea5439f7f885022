#include "tinkerbell/journal/sqlite_store.hpp"

#include "sample_records.hpp"
#include "sqlite_files.hpp"
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

std::string message_of(const Result<void>& result) {
  return result ? std::string("ok") : result.error().message;
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

}  // namespace
}  // namespace tinkerbell
