#include "sample_records.hpp"
#include "support/lossy_disk.hpp"
#include "support/memory_store.hpp"
#include "support/source_root.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/journal/sqlite_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

/// Journals of earlier schemas are brought to ours, or stay as they were.

namespace tinkerbell {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

/// Version 2, without a task in it, as the program of that version made it.
constexpr const char* kVersion2 =
    "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; BEGIN;"
    "CREATE TABLE commits (first_lsn INTEGER PRIMARY KEY, last_lsn INTEGER NOT NULL, body BLOB NOT "
    "NULL) STRICT;"
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE tasks (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, kind TEXT NOT NULL, "
    "title TEXT NOT NULL, state TEXT NOT NULL, ended INTEGER NOT NULL, created INTEGER NOT NULL, "
    "changed INTEGER NOT NULL, head INTEGER NOT NULL, steps INTEGER NOT NULL, crc INTEGER NOT "
    "NULL) STRICT;"
    "CREATE INDEX tasks_live ON tasks (id) WHERE ended = 0;"
    "INSERT INTO meta VALUES ('epoch', 7), ('last_approval', 3), "
    "('store_id', '0123456789abcdef0123456789abcdef');"
    "PRAGMA application_id = 1416195691; PRAGMA user_version = 2; COMMIT";

/// What the program of version 3 made of that.
constexpr const char* kFrom2To3 =
    "BEGIN; CREATE TABLE blobs (id INTEGER PRIMARY KEY, hash BLOB NOT NULL, uses INTEGER NOT NULL, "
    "length INTEGER NOT NULL, codec INTEGER NOT NULL, body BLOB) STRICT;"
    "CREATE UNIQUE INDEX blobs_hash ON blobs (hash);"
    "CREATE TABLE leaving (task INTEGER PRIMARY KEY, head INTEGER NOT NULL) STRICT;"
    "ALTER TABLE tasks ADD COLUMN rest BLOB;"
    "INSERT INTO meta VALUES ('last_lsn', 0), ('last_task', 0);"
    "PRAGMA user_version = 3; COMMIT";

/// What the program of version 4 made of that.
constexpr const char* kFrom3To4 =
    "BEGIN; CREATE TABLE ledger (root INTEGER NOT NULL, day INTEGER NOT NULL, model TEXT NOT NULL, "
    "spent BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (root, day, model)) STRICT, WITHOUT "
    "ROWID;"
    "PRAGMA user_version = 4; COMMIT";

void run_sql(const fs::path& file, const char* sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
  sqlite3_exec(database, "PRAGMA locking_mode = EXCLUSIVE", nullptr, nullptr, nullptr);
  EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  sqlite3_close(database);
}

std::int64_t version_of(const fs::path& file) {
  sqlite3* database = nullptr;
  sqlite3_open(file.c_str(), &database);
  sqlite3_exec(database, "PRAGMA locking_mode = EXCLUSIVE", nullptr, nullptr, nullptr);
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(database, "PRAGMA user_version", -1, &statement, nullptr);
  const std::int64_t version =
      sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return version;
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void make_journal_of(std::int64_t version, const fs::path& file) {
  run_sql(file, kVersion2);
  if (version >= 3) run_sql(file, kFrom2To3);
  if (version >= 4) run_sql(file, kFrom3To4);
}

/// A task that has spent something.
Batch batch_with_a_charge(const Store& store) {
  SampleRecords samples(1);
  samples.set_epoch(store.state().epoch);
  Batch batch = samples.next_batch();
  batch.charges = {{.root = TaskId{1}, .model = "small", .spent = {.calls = 1}}};
  return batch;
}

class OlderSchema : public testing::TestWithParam<std::int64_t> {
 protected:
  [[nodiscard]] static std::string kept_file() {
    return "journal-" + std::to_string(GetParam()) + ".db";
  }
};

INSTANTIATE_TEST_SUITE_P(Version, OlderSchema, testing::Values(2, 3, 4));

TEST_P(OlderSchema, F18_IsBroughtToOurVersionAndKeptAsItWas) {
  const TempDir dir;
  const fs::path file = dir / "journal.db";
  make_journal_of(GetParam(), file);
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  {
    const auto store = open_sqlite_store(dir.path(), Durability::power);
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_EQ((*store)->state().epoch, Epoch{8});
    EXPECT_EQ((*store)->state().last_approval, ApprovalId{3});
    EXPECT_EQ((*store)->state().store_id, "0123456789abcdef0123456789abcdef");
    EXPECT_TRUE((*store)->ledger({})->empty());
    EXPECT_TRUE((*store)->append(batch_with_a_charge(**store)));
    EXPECT_EQ((*store)->ledger({})->size(), 1U);
  }
  EXPECT_EQ(version_of(file), 5);
  EXPECT_EQ(version_of(dir / kept_file()), GetParam());
  EXPECT_EQ(fs::status(dir / kept_file()).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_FALSE(fs::exists(dir / (kept_file() + ".partial")));

  // What was kept is a journal.
  const TempDir again;
  fs::copy_file(dir / kept_file(), again / "journal.db");
  const auto store = open_sqlite_store(again.path(), Durability::power);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ((*store)->state().epoch, Epoch{8});
}

TEST_P(OlderSchema, F18_IsNotRaisedTwice) {
  const TempDir dir;
  make_journal_of(GetParam(), dir / "journal.db");
  fs::permissions(dir / "journal.db", fs::perms::owner_read | fs::perms::owner_write);
  ASSERT_TRUE(open_sqlite_store(dir.path(), Durability::power));
  ASSERT_TRUE(fs::remove(dir / kept_file()));
  ASSERT_TRUE(open_sqlite_store(dir.path(), Durability::power));
  EXPECT_FALSE(fs::exists(dir / kept_file()));
}

TEST(Schema, F18_VersionOneWasNeverReleasedAndIsRefused) {
  const TempDir dir;
  run_sql(dir / "journal.db", kVersion2);
  run_sql(dir / "journal.db", "PRAGMA user_version = 1");
  fs::permissions(dir / "journal.db", fs::perms::owner_read | fs::perms::owner_write);
  const std::string before = content_of(dir / "journal.db");
  const auto store = open_sqlite_store(dir.path(), Durability::power);
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message,
              HasSubstr("schema version 1, this program reads versions 2 to 5"));
  EXPECT_EQ(content_of(dir / "journal.db"), before);
}

TEST(Schema, F18_AnOlderJournalWithSomethingElseInItIsLeftAlone) {
  const TempDir dir;
  run_sql(dir / "journal.db", kVersion2);
  run_sql(dir / "journal.db", "CREATE TABLE blobs (theirs)");
  fs::permissions(dir / "journal.db", fs::perms::owner_read | fs::perms::owner_write);
  const auto store = open_sqlite_store(dir.path(), Durability::power);
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr("not a journal of ours"));
  EXPECT_EQ(version_of(dir / "journal.db"), 2);
}

TEST(Schema, F18_WithoutACopyItIsNotRaised) {
  const TempDir dir;
  run_sql(dir / "journal.db", kVersion2);
  fs::permissions(dir / "journal.db", fs::perms::owner_read | fs::perms::owner_write);
  fs::create_directories(dir / "journal-2.db" / "in the way");
  EXPECT_FALSE(open_sqlite_store(dir.path(), Durability::power));
  EXPECT_EQ(version_of(dir / "journal.db"), 2);
}

/// On a disk that loses what was not synced the migration ends at each of its writes and syncs: the
/// next run finds the old version, the new one or one between, and all that was in it.
TEST_P(OlderSchema, F18_NoEndInTheMiddleLeavesHalfAVersion) {
  int old_found = 0;
  int new_found = 0;
  bool reached_the_end = false;
  for (std::uint64_t call = 1; !reached_the_end; ++call) {
    ASSERT_LT(call, 500U);
    for (const SuddenEnd how : {SuddenEnd::kill, SuddenEnd::power_loss}) {
      SCOPED_TRACE("call " + std::to_string(call));
      const TempDir dir;
      dir.write("state/journal.db-wal", "");
      fs::permissions(dir / "state", fs::perms::owner_all);
      Dice dice(call);
      LossyDisk disk(dice);
      const fs::path file = dir / "state" / "journal.db";
      make_journal_of(GetParam(), file);
      disk.end_at(call);
      const bool opened = open_sqlite_store(dir / "state", Durability::power).ok();
      reached_the_end = opened && !disk.ended();
      disk.start_again(how);
      disk.forget(dir / "state" / (kept_file() + ".partial"));
      const std::int64_t found = version_of(file);
      ++(found == GetParam() ? old_found : new_found);
      ASSERT_TRUE(GetParam() <= found && found <= 5) << found;
      const auto store = open_sqlite_store(dir / "state", Durability::power);
      ASSERT_TRUE(store) << store.error().message;
      EXPECT_GE((*store)->state().epoch, Epoch{8});
      EXPECT_EQ((*store)->state().last_approval, ApprovalId{3});
      EXPECT_TRUE((*store)->append(batch_with_a_charge(**store)));
      EXPECT_EQ((*store)->ledger({})->size(), 1U);
    }
  }
  EXPECT_GT(old_found, 5);
  EXPECT_GT(new_found, 5);
}

}  // namespace
}  // namespace tinkerbell
