#include "sample_records.hpp"
#include "support/memory_store.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/journal/sqlite_store.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

namespace tinkerbell {
namespace {

namespace fs = std::filesystem;

class BackupTest : public testing::Test {
 protected:
  BackupTest() {
    Result<std::unique_ptr<Store>> opened =
        open_sqlite_store(dir / "state", Durability::process, /*log_pages_max=*/100);
    if (opened) store = *std::move(opened);
  }

  void append() {
    const Batch batch = samples.next_batch();
    ASSERT_TRUE(store->append(batch));
    ASSERT_TRUE(model.append(batch));
  }

  /// Copies all, with a commit after each slice; how many slices it took.
  int copy_with_commits_between() {
    const auto copy = store->begin_copy(to);
    EXPECT_TRUE(copy) << copy.error().message;
    for (int slices = 1; slices < 1'000; ++slices) {
      EXPECT_FALSE(fs::exists(to)) << "there before it is whole";
      const Result<bool> all = (*copy)->copy_more();
      EXPECT_TRUE(all) << all.error().message;
      if (!all || *all) return slices;
      append();
    }
    return 0;
  }

  TempDir dir;
  fs::path to = dir / "backups/today";
  SampleRecords samples{1};
  MemoryStore model;
  std::unique_ptr<Store> store;
};

TEST_F(BackupTest, HasAllThatWasAppendedBeforeItAndMeanwhile) {
  for (int i = 0; i < 2'500; ++i)
    append();
  EXPECT_GT(copy_with_commits_between(), 3);
  fs::copy_file(dir / "state/journal.key", to / "journal.key");  // it is not copied
  const auto copy = open_sqlite_store(to, Durability::process);
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_EQ((*copy)->state().store_id, store->state().store_id);  // idempotency keys stay the same
  EXPECT_EQ((*copy)->state().epoch, Epoch{2});
  const MemoryStore expected(model.memory());
  EXPECT_EQ((*copy)->state().last_lsn, expected.state().last_lsn);
  EXPECT_EQ((*copy)->state().last_task, expected.state().last_task);
  EXPECT_EQ((*copy)->state().last_approval, expected.state().last_approval);
  EXPECT_EQ(*(*copy)->live_tasks(), *model.live_tasks());
  EXPECT_FALSE(model.ledger({})->empty());
  EXPECT_EQ(*(*copy)->ledger({}), *model.ledger({}));
  for (std::uint64_t id = 1; id <= number(samples.last_task()); ++id)
    ASSERT_EQ(*(*copy)->records(TaskId{id}), *model.records(TaskId{id})) << "task " << id;
}

TEST_F(BackupTest, LeavesTheStoreAsItWas) {
  for (int i = 0; i < 10; ++i)
    append();
  (void)copy_with_commits_between();
  append();
  store.reset();
  const auto again = open_sqlite_store(dir / "state", Durability::process);
  EXPECT_EQ((*again)->state().last_lsn, MemoryStore(model.memory()).state().last_lsn);
}

TEST_F(BackupTest, IsForItsOwnerAlone) {
  (void)copy_with_commits_between();
  EXPECT_EQ(fs::status(to).permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(to / "journal.db").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(BackupTest, OverwritesNothing) {
  dir.write("backups/today", "theirs");
  EXPECT_EQ(store->begin_copy(to).error().code, Errc::conflict);
  EXPECT_EQ(dir.read("backups/today"), "theirs");
  fs::remove(to);
  dir.write("backups/today.partial/journal.db", "theirs");
  EXPECT_EQ(store->begin_copy(to).error().code, Errc::conflict);
  EXPECT_EQ(dir.read("backups/today.partial/journal.db"), "theirs");
}

TEST_F(BackupTest, DoesNotTakeAPlaceThatWasTakenMeanwhile) {
  append();
  const auto copy = store->begin_copy(to);
  dir.write("backups/today", "theirs");
  EXPECT_FALSE((*copy)->copy_more());
  EXPECT_EQ(dir.read("backups/today"), "theirs");
}

TEST_F(BackupTest, LeavesNothingBehindWhenItIsBrokenOff) {
  for (int i = 0; i < 1'000; ++i)
    append();
  {
    const auto copy = store->begin_copy(to);
    ASSERT_FALSE(*(*copy)->copy_more());
    EXPECT_TRUE(fs::exists(dir / "backups/today.partial"));
  }
  EXPECT_TRUE(fs::is_empty(dir / "backups"));
  append();
}

TEST_F(BackupTest, WantsAnAbsolutePath) {
  EXPECT_EQ(store->begin_copy("today").error().code, Errc::invalid);
  EXPECT_EQ(store->begin_copy("/").error().code, Errc::invalid);
}

}  // namespace
}  // namespace tinkerbell
