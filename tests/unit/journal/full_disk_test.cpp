#include "journal/reserve.hpp"
#include "sample_records.hpp"
#include "support/faulty_vfs.hpp"
#include "support/forwarding_store.hpp"
#include "support/memory_store.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/journal/journal.hpp"
#include "tinkerbell/journal/sqlite_store.hpp"
#include "tinkerbell/journal/writer_thread.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;

// ---- the store ----

std::unique_ptr<Store> open_store(const fs::path& directory, int log_pages_max = kLogPagesMax) {
  Result<std::unique_ptr<Store>> store =
      open_sqlite_store(directory, Durability::power, log_pages_max);
  EXPECT_TRUE(store) << store.error().message;
  return store ? *std::move(store) : nullptr;
}

Errc code_of(const Result<void>& result) {
  return result ? Errc::internal : result.error().code;
}

/// A new task with one record.
Batch one_record(std::uint64_t lsn, std::size_t bytes = 5, Epoch epoch = Epoch{1}) {
  Batch batch;
  batch.records.push_back(
      {.lsn = Lsn{lsn}, .task = TaskId{lsn}, .epoch = epoch, .payload = std::string(bytes, 'x')});
  batch.heads.push_back(
      {.task = TaskId{lsn}, .kind = "agent@1", .state = "ready", .head = Lsn{lsn}});
  return batch;
}

TEST(FullDisk, F7_TheStoreTakesTheSameBatchOnceThereIsRoom) {
  FaultyVfs disk;
  const TempDir dir;
  auto store = open_store(dir.path());
  ASSERT_TRUE(store->append(one_record(1)));
  // The second one is larger than SQLite's cache: it is full in the middle of the transaction.
  for (const Batch& batch : {one_record(2), long_batch(3, std::size_t{6} << 20)}) {
    const TaskId task = batch.heads.front().task;
    disk.fail_writes(FaultyVfs::File::log, SQLITE_FULL);
    for (int tries = 0; tries < 3; ++tries) {
      const Result<void> full = store->append(batch);
      ASSERT_EQ(code_of(full), Errc::storage_full);
      EXPECT_THAT(full.error().message, HasSubstr(dir.path().string()));
      EXPECT_EQ(store->records(task).error().code, Errc::not_found);
      EXPECT_EQ(store->records(TaskId{1})->size(), 1U);
    }
    disk.fail_writes(FaultyVfs::File::log, SQLITE_OK);
    ASSERT_TRUE(store->append(batch));
  }
  store.reset();
  store = open_store(dir.path());
  EXPECT_EQ(store->state().last_lsn, Lsn{2 + 1'536});
  EXPECT_EQ(store->records(TaskId{3})->size(), 1'536U);
}

TEST(FullDisk, F7_ADatabaseFileThatCannotGrowIsNoReasonToFailWhileTheLogCan) {
  FaultyVfs disk;
  const TempDir dir;
  auto store = open_store(dir.path(), /*log_pages_max=*/8);
  disk.fail_writes(FaultyVfs::File::database, SQLITE_FULL);
  for (std::uint64_t lsn = 1; lsn <= 50; ++lsn)
    ASSERT_TRUE(store->append(one_record(lsn, 4'000)));
  EXPECT_EQ(store->records(TaskId{1})->size(), 1U);
  disk.fail_writes(FaultyVfs::File::database, SQLITE_OK);
  for (std::uint64_t lsn = 51; lsn <= 80; ++lsn)
    ASSERT_TRUE(store->append(one_record(lsn, 4'000)));
  EXPECT_GT(fs::file_size(dir / "journal.db"), 200'000U) << "no checkpoint happened afterwards";
  store.reset();
  EXPECT_EQ(open_store(dir.path())->state().last_lsn, Lsn{80});
}

TEST(FullDisk, F11_AnErrorThatIsNotAFullDiskStaysFinal) {
  for (const int code : {SQLITE_IOERR_WRITE, SQLITE_IOERR}) {
    FaultyVfs disk;
    const TempDir dir;
    const auto store = open_store(dir.path());
    ASSERT_TRUE(store->append(one_record(1)));
    disk.fail_writes(FaultyVfs::File::log, code);
    EXPECT_EQ(code_of(store->append(one_record(2))), Errc::io);
    disk.fail_writes(FaultyVfs::File::log, SQLITE_OK);
    EXPECT_EQ(code_of(store->append(one_record(2))), Errc::io);
  }
}

TEST(FullDisk, F7_KeepsSpaceBackForTheLastRecords) {
  const TempDir dir;
  Reserve reserve(dir / "reserve");
  ASSERT_TRUE(reserve.take());
  EXPECT_EQ(fs::file_size(dir / "reserve"), Reserve::kBytes);
  reserve.give_up_half();
  EXPECT_EQ(fs::file_size(dir / "reserve"), Reserve::kBytes / 2);
  ASSERT_TRUE(reserve.take());
  EXPECT_EQ(fs::file_size(dir / "reserve"), Reserve::kBytes);
  reserve.give_up();
  EXPECT_FALSE(fs::exists(dir / "reserve"));
  ASSERT_TRUE(reserve.take());
  EXPECT_TRUE(Reserve(dir / "reserve").take()) << "of an earlier run";
}

// ---- the journal ----

/// A store in memory on a disk that is full when the test says so. It has a reserve of a few
/// appends.
class SmallStore final : public ForwardingStore {
 public:
  struct Disk {
    std::mutex mutex;
    bool full = false;
    int half_reserve = 0;  ///< Appends that half of the reserve is good for.
    int spare = 0;         ///< Appends that still find room.
    int reserve = 2;       ///< Halves.
    int tries = 0;
  };

  SmallStore(std::shared_ptr<StoreMemory> memory, Disk& disk)
      : ForwardingStore(std::make_unique<MemoryStore>(std::move(memory))), disk_(disk) {}

  [[nodiscard]] Result<void> append(const Batch& batch) override {
    const std::lock_guard lock(disk_.mutex);
    ++disk_.tries;
    if (disk_.full && --disk_.spare < 0) {
      disk_.spare = 0;
      return Error{Errc::storage_full, "the disk is full"};
    }
    return ForwardingStore::append(batch);
  }

  [[nodiscard]] Result<void> take_reserve() override {
    const std::lock_guard lock(disk_.mutex);
    if (disk_.reserve == 2) return {};
    if (disk_.full) return Error{Errc::storage_full, "the disk is full"};
    disk_.reserve = 2;
    return {};
  }

  void give_up_reserve(ReservePart part) override {
    const std::lock_guard lock(disk_.mutex);
    const int left = part == ReservePart::half ? 1 : 0;
    disk_.spare += (disk_.reserve - left) * disk_.half_reserve;
    disk_.reserve = left;
  }

 private:
  Disk& disk_;
};

class FullDiskJournal : public testing::Test {
 protected:
  void start() {
    journal = std::make_unique<Journal>(
        std::make_unique<SmallStore>(memory, disk),
        Journal::Callbacks{
            .post =
                [this](auto function) {
                  const std::lock_guard lock(mutex);
                  posted.push_back(std::move(function));
                  arrived.notify_one();
                },
            .durable =
                [this](const std::vector<Record>& records) {
                  durable.push_back(number(records.back().lsn));
                },
            .failed = [this](const Error& error) { failures.push_back(error); },
            .storage = [this](const auto& full) { told.push_back(full.has_value()); }});
  }

  /// On the loop's thread, which is the test's.
  void run_until(const std::function<bool()>& condition) {
    while (!condition()) {
      std::move_only_function<void()> next;
      {
        std::unique_lock lock(mutex);
        arrived.wait(lock, [this] { return !posted.empty(); });
        next = std::move(posted.front());
        posted.pop_front();
      }
      next();
    }
  }

  void run_posted() {
    run_until([this] {
      const std::lock_guard lock(mutex);
      return posted.empty();
    });
  }

  /// The writer is the test, too.
  void write() {
    (void)journal->write();
    run_posted();
  }

  Lsn append(std::uint64_t task) {
    std::vector<Record> records(1);
    records.front().task = TaskId{task};
    const Lsn lsn = journal->append(std::move(records), {{.task = TaskId{task}}}, kNoApproval);
    journal->announce();
    return lsn;
  }

  void set_full(bool full) {
    const std::lock_guard lock(disk.mutex);
    disk.full = full;
  }

  void block() {
    set_full(true);
    append(1);
    write();
    ASSERT_TRUE(journal->storage_full());
    ASSERT_THAT(durable, IsEmpty());
  }

  SmallStore::Disk disk;
  std::shared_ptr<StoreMemory> memory = std::make_shared<StoreMemory>();
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<std::move_only_function<void()>> posted;
  std::vector<std::uint64_t> durable;
  std::vector<Error> failures;
  std::vector<bool> told;
  std::unique_ptr<Journal> journal;
};

TEST_F(FullDiskJournal, F7_WhatDidNotFitIsChargedOnce) {
  start();
  set_full(true);
  std::vector<Record> records(1);
  records.front().task = TaskId{1};
  journal->append(std::move(records), {{.task = TaskId{1}}}, kNoApproval,
                  {{.root = TaskId{1}, .model = "small", .spent = {.calls = 1}}});
  journal->announce();
  write();
  EXPECT_TRUE(memory->charges.empty());
  set_full(false);
  journal->try_again();
  write();
  append(2);
  write();
  EXPECT_EQ(memory->charges.size(), 1U);
  EXPECT_THAT(durable, ElementsAre(1, 2));
}

TEST_F(FullDiskJournal, F7_WhatIsAppendedWaitsInItsOrderAndIsToldOnceItIsStored) {
  start();
  block();
  append(2);
  write();
  EXPECT_EQ(disk.tries, 2) << "it was tried in vain";  // before and after half of the reserve
  set_full(false);
  journal->try_again();
  write();  // what did not fit, alone
  write();
  append(3);
  write();
  EXPECT_THAT(durable, ElementsAre(1, 2, 3));
  EXPECT_EQ(memory->records.size(), 3U);
  EXPECT_THAT(told, ElementsAre(true, false));
  EXPECT_FALSE(journal->storage_full());
  EXPECT_THAT(failures, IsEmpty());
}

TEST_F(FullDiskJournal, F7_ReadsGoOnMeanwhile) {
  start();
  append(1);
  write();
  set_full(true);
  append(2);
  write();
  std::optional<std::size_t> found;
  journal->read_tasks(
      Store::Which::all, kNoTask, 10,
      Completion<std::vector<TaskHead>>([&](const auto& tasks) { found = tasks->size(); }));
  write();
  EXPECT_EQ(found, 1U);
}

TEST_F(FullDiskJournal, F7_HalfOfTheReserveIsForWhatWasUnderWay) {
  disk.half_reserve = 2;
  start();
  set_full(true);
  append(1);
  write();
  EXPECT_THAT(durable, ElementsAre(1));
  EXPECT_TRUE(journal->storage_full()) << "nothing new should be begun";
  append(2);
  write();
  append(3);
  write();
  EXPECT_THAT(durable, ElementsAre(1, 2));
  EXPECT_THAT(told, ElementsAre(true));
}

TEST_F(FullDiskJournal, F7_TheOtherHalfIsForWhatEndsWork) {
  disk.half_reserve = 1;
  start();
  set_full(true);
  append(1);
  write();
  append(2);
  write();
  EXPECT_THAT(durable, ElementsAre(1));
  journal->use_reserve();
  write();
  EXPECT_THAT(durable, ElementsAre(1, 2));
  set_full(false);
  journal->try_again();
  write();
  EXPECT_FALSE(journal->storage_full());
  EXPECT_EQ(disk.reserve, 2) << "it is kept back again";
}

TEST_F(FullDiskJournal, F7_BeginsFullWhereThereIsNoRoomForTheReserve) {
  disk.reserve = 0;
  set_full(true);
  disk.spare = 1;
  start();
  EXPECT_TRUE(journal->storage_full());
  append(1);
  write();
  EXPECT_THAT(durable, ElementsAre(1));
}

TEST_F(FullDiskJournal, F7_TheWriterTriesAgainByItself) {
  start();
  const WriterThread writer(*journal);
  set_full(true);
  append(1);
  run_until([this] { return journal->storage_full().has_value(); });
  append(2);
  set_full(false);
  run_until([this] { return !journal->storage_full().has_value(); });
  run_until([this] { return journal->durable_lsn() == Lsn{2}; });
  EXPECT_THAT(durable, ElementsAre(1, 2));
}

TEST_F(FullDiskJournal, F7_TheWriterEndsThoughItsLastRecordsFindNoRoom) {
  disk.half_reserve = 1;
  start();
  {
    const WriterThread writer(*journal);
    set_full(true);
    for (std::uint64_t task = 1; task <= 4; ++task) {
      append(task);
      if (task == 1) run_until([this] { return journal->storage_full().has_value(); });
    }
  }
  EXPECT_GE(memory->records.size(), 2U) << "the reserve was not used";
}

}  // namespace
}  // namespace tinkerbell
