#include "journal/blobs.hpp"

#include "sample_records.hpp"
#include "support/faulty_vfs.hpp"
#include "support/memory_store.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/journal/sqlite_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

class BlobsTest : public testing::Test {
 protected:
  BlobsTest() { open(); }

  void open() {
    store.reset();
    Result<std::unique_ptr<Store>> opened = open_sqlite_store(home, Durability::process);
    ASSERT_TRUE(opened) << opened.error().message;
    store = *std::move(opened);
  }

  /// A new task with one record that holds `payload`.
  TaskId append(std::string payload) {
    const TaskId task{++last};
    Batch batch;
    batch.records.push_back({.lsn = Lsn{last},
                             .task = task,
                             .epoch = store->state().epoch,
                             .payload = std::move(payload)});
    batch.heads.push_back({.task = task, .head = Lsn{last}});
    const Result<void> appended = store->append(batch);
    EXPECT_TRUE(appended) << appended.error().message;
    return task;
  }

  [[nodiscard]] std::string payload_of(TaskId task) const {
    const auto records = store->records(task);
    return records ? records->front().payload : "error: " + records.error().message;
  }

  [[nodiscard]] std::vector<fs::path> files() const {
    std::vector<fs::path> names;
    std::error_code none;
    for (const auto& each : fs::directory_iterator(home / "blobs", none))
      names.push_back(each.path());
    return names;
  }

  /// While no store is open.
  std::int64_t number_of(const std::string& sql) {
    store.reset();
    sqlite3* database = nullptr;
    sqlite3_open((home / "journal.db").c_str(), &database);
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    const int code = sqlite3_step(statement);
    const std::int64_t value = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    sqlite3_close(database);
    open();
    return value;
  }

  TempDir dir;
  fs::path home = dir / "state";
  std::unique_ptr<Store> store;
  std::uint64_t last = 0;
};

TEST_F(BlobsTest, PayloadsComeBackWhateverTheirLength) {
  for (const std::size_t size : {std::size_t{0}, kInlineBytesMax, kInlineBytesMax + 1,
                                 kTableBytesMax, kTableBytesMax + 1, std::size_t{3} << 20}) {
    for (const std::string& payload : {std::string(size, 'a'), noise(size)}) {
      const TaskId task = append(payload);
      EXPECT_TRUE(payload_of(task) == payload) << size << " bytes";
      open();
      EXPECT_TRUE(payload_of(task) == payload) << size << " bytes, opened again";
    }
  }
}

TEST_F(BlobsTest, WhatIsNotLongStaysInItsRecord) {
  append(noise(kInlineBytesMax));
  EXPECT_EQ(number_of("SELECT count(*) FROM blobs"), 0);
  append(noise(kInlineBytesMax + 1));
  EXPECT_EQ(number_of("SELECT count(*) FROM blobs"), 1);
  EXPECT_LT(number_of("SELECT length(body) FROM commits WHERE first_lsn = 2"), 200);
}

TEST_F(BlobsTest, TheSamePayloadIsStoredOnce) {
  const std::string payload = noise(30'000);
  const TaskId one = append(payload);
  const TaskId other = append(payload);
  EXPECT_EQ(number_of("SELECT count(*) FROM blobs"), 1);
  EXPECT_EQ(number_of("SELECT uses FROM blobs"), 2);
  EXPECT_EQ(payload_of(one), payload);
  EXPECT_EQ(payload_of(other), payload);
}

TEST_F(BlobsTest, AreCompressedWhereThatHelps) {
  append(std::string(1 << 20, 'a'));
  EXPECT_EQ(number_of("SELECT codec FROM blobs"), 1);
  EXPECT_LT(number_of("SELECT length(body) FROM blobs"), 1'000);
  append(noise(10'000));
  EXPECT_EQ(number_of("SELECT codec FROM blobs WHERE length = 10000"), 0);
  EXPECT_EQ(number_of("SELECT length(body) FROM blobs WHERE length = 10000"), 10'000);
}

TEST_F(BlobsTest, OnlyWhatIsLongAfterCompressionIsAFile) {
  append(std::string(std::size_t{4} << 20, 'a'));
  append(noise(kTableBytesMax));
  EXPECT_TRUE(files().empty());
  append(noise(kTableBytesMax + 1, /*seed=*/2));
  ASSERT_EQ(files().size(), 1U);
  EXPECT_EQ(fs::file_size(files().front()), kTableBytesMax + 1);
  EXPECT_EQ(fs::status(home / "blobs").permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(files().front()).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(BlobsTest, OneThatIsMissingIsAnErrorOfItsTaskAlone) {
  const TaskId broken = append(noise(100'000));
  const TaskId well = append(noise(100'000, /*seed=*/2));
  const auto file = home / "blobs" / sha256(noise(100'000)).hex();
  ASSERT_TRUE(fs::remove(file));
  open();
  EXPECT_THAT(payload_of(broken), HasSubstr("is missing"));
  EXPECT_EQ(store->records(broken).error().code, Errc::invalid);
  EXPECT_EQ(payload_of(well), noise(100'000, 2));
  EXPECT_EQ(store->live_tasks()->size(), 2U);
}

TEST_F(BlobsTest, OneThatIsDamagedIsAnErrorOfItsTaskAlone) {
  const std::string text(500'000, 'a');  // compressed, in the table
  const TaskId in_table = append(text);
  const TaskId in_file = append(noise(100'000));
  const TaskId well = append(noise(5'000));
  const auto file = home / "blobs" / sha256(noise(100'000)).hex();
  store.reset();
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(70'000).put('!');
  (void)number_of("UPDATE blobs SET body = CAST(body || x'00' AS BLOB) WHERE codec = 1");
  EXPECT_THAT(payload_of(in_file), HasSubstr("is damaged"));
  EXPECT_THAT(payload_of(in_table), HasSubstr("is damaged"));
  EXPECT_EQ(payload_of(well), noise(5'000));
}

TEST_F(BlobsTest, AFileThatAnEarlierRunLeftUnfinishedIsNoHindrance) {
  const std::string payload = noise(100'000);
  const std::string name = "state/blobs/" + sha256(payload).hex();
  dir.write(name + ".partial", "half");
  dir.write(name, "of a commit that was lost");
  EXPECT_EQ(payload_of(append(payload)), payload);
  EXPECT_EQ(files().size(), 1U);
}

TEST_F(BlobsTest, ABatchThatFoundNoRoomCountsNoUse) {
  const std::string payload = noise(30'000);
  {
    store.reset();
    FaultyVfs disk;
    open();
    disk.fail_writes(FaultyVfs::File::log, SQLITE_FULL);
    Batch batch;
    batch.records.push_back(
        {.lsn = Lsn{1}, .task = TaskId{1}, .epoch = store->state().epoch, .payload = payload});
    batch.heads.push_back({.task = TaskId{1}, .head = Lsn{1}});
    EXPECT_EQ(store->append(batch).error().code, Errc::storage_full);
    disk.fail_writes(FaultyVfs::File::log, SQLITE_OK);
    EXPECT_EQ(payload_of(append(payload)), payload);
    store.reset();
  }
  open();
  EXPECT_EQ(number_of("SELECT uses FROM blobs"), 1);
}

/// A file is synced, named, and its name synced, before the commit that refers to it.
TEST_F(BlobsTest, AFileIsThereBeforeTheCommitThatNamesIt) {
  store.reset();
  FaultyVfs disk;
  open();
  // The commit's first write to the log finds the file under its name already, and whole.
  disk.fail_writes(FaultyVfs::File::log, SQLITE_IOERR_WRITE);
  Batch batch;
  batch.records.push_back(
      {.lsn = Lsn{1}, .task = TaskId{1}, .epoch = store->state().epoch, .payload = noise(100'000)});
  batch.heads.push_back({.task = TaskId{1}, .head = Lsn{1}});
  EXPECT_FALSE(store->append(batch));
  ASSERT_EQ(files().size(), 1U);
  EXPECT_EQ(fs::file_size(files().front()), 100'000U);
  store.reset();
}

TEST_F(BlobsTest, ABackupHasThem) {
  const std::string in_file = noise(200'000);
  const std::string in_table = noise(20'000);
  const std::string later = noise(200'000, /*seed=*/2);
  append(in_file);
  append(in_table);
  const auto copy = store->begin_copy(dir / "backup");
  ASSERT_TRUE(copy) << copy.error().message;
  ASSERT_FALSE(*(*copy)->copy_more());
  append(later);
  for (int slices = 0; slices < 100; ++slices) {
    const Result<bool> all = (*copy)->copy_more();
    ASSERT_TRUE(all) << all.error().message;
    if (*all) break;
  }
  store.reset();
  fs::rename(home / "journal.key", dir / "backup/journal.key");
  fs::remove_all(home);
  fs::rename(dir / "backup", home);
  open();
  EXPECT_EQ(payload_of(TaskId{1}), in_file);
  EXPECT_EQ(payload_of(TaskId{2}), in_table);
  EXPECT_EQ(payload_of(TaskId{3}), later);
}

}  // namespace
}  // namespace tinkerbell
