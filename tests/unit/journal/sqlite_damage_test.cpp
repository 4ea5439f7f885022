#include "sample_records.hpp"
#include "sqlite_files.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

/// Files that are not as the store left them.

namespace tinkerbell {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

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
TEST(SqliteDamage, F15_AfterItsLogWasCutItHasTheFirstOfItsCommitsAndNothingElse) {
  const TempDir whole;
  const std::vector<Batch> batches = killed_with_a_log(whole.path(), 40);
  const std::string log = file_content(whole / "journal.db-wal");
  const std::size_t end = log.find_last_not_of('\0') + 1;
  std::size_t shortest = batches.size();
  for (const std::size_t left : {end - 1, end - 100, end - 5'000, end / 2, std::size_t{0}}) {
    const TempDir dir;
    for (const char* name : {"journal.db", "journal.key", "journal.mark"})
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

TEST(SqliteDamage, F16_DoesNotBeginAnewWhereItsFileWasDeletedOrEmptied) {
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
    EXPECT_TRUE(open_accepting(dir.path()));
  }
}

TEST(SqliteDamage, F16_KeepsALogWhoseJournalIsGoneEvenWithoutItsMark) {
  const TempDir dir;
  (void)killed_with_a_log(dir.path(), 3);
  fs::remove(dir / "journal.db");
  fs::remove(dir / "journal.mark");
  expect_refused(dir.path(), "its log is there");
  EXPECT_TRUE(fs::exists(dir / "journal.db-wal"));
}

TEST(SqliteDamage, F16_RefusesToGoOnWithoutTheLogOfARunThatWasKilled) {
  const TempDir dir;
  (void)killed_with_a_log(dir.path(), 3);
  fs::rename(dir / "journal.db-wal", dir / "elsewhere");
  expect_refused(dir.path(), "the newest steps with it");
  fs::rename(dir / "elsewhere", dir / "journal.db-wal");
  EXPECT_TRUE(open_store(dir.path()));
  EXPECT_FALSE(fs::exists(dir / "journal.db-wal")) << "it was closed, and needs none";
  EXPECT_TRUE(open_store(dir.path()));
}

TEST(SqliteDamage, F16_RefusesAnOlderCopyOfItself) {
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

TEST(SqliteDamage, F16_RefusesTheJournalOfAnotherDirectory) {
  const TempDir dir;
  open_store(dir / "a").reset();
  open_store(dir / "b").reset();
  fs::rename(dir / "b/journal.db", dir / "a/journal.db");
  expect_refused(dir / "a", "is another journal");
}

/// There is none: the log's index is in the memory of its one process.
TEST(SqliteDamage, F16_NeedsNoSharedMemoryFile) {
  const TempDir dir;
  (void)killed_with_a_log(dir.path(), 3);
  EXPECT_FALSE(fs::exists(dir / "journal.db-shm"));
  write_file(dir / "journal.db-shm", std::string(32'768, '\xff'));
  EXPECT_GT(number(open_store(dir.path())->state().last_lsn), 0U);
}

TEST(SqliteDamage, LeavesALogAsItIsWhereItRefusesToOpen) {
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

TEST(SqliteDamage, FindsAChainThatLeadsToAnotherTask) {
  const TempDir dir;
  Batch batch = one_record(2);
  batch.records.front().previous = Lsn{1};
  const auto store = open_store(dir.path());
  ASSERT_TRUE(store->append(one_record(1)));
  ASSERT_TRUE(store->append(batch));
  EXPECT_THAT(store->records(TaskId{2}).error().message, HasSubstr("the chain of task 2 breaks"));
}

TEST(SqliteDamage, F18_RefusesANewerSchemaAndNamesBothVersions) {
  const TempDir dir;
  open_store(dir.path()).reset();
  run_sql(dir.path(), "PRAGMA user_version = 6");
  const std::string before = file_content(dir.path() / "journal.db");
  const Error error = error_of_opening(dir.path());
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_THAT(error.message, HasSubstr("schema version 6, this program reads versions 2 to 5"));
  EXPECT_EQ(file_content(dir.path() / "journal.db"), before);
}

TEST(SqliteDamage, RefusesADatabaseOfAnotherProgramAndLeavesItAlone) {
  const TempDir dir;
  run_sql(dir.path(), "CREATE TABLE theirs (x)");
  const std::string before = file_content(dir.path() / "journal.db");
  EXPECT_EQ(error_of_opening(dir.path()).code, Errc::invalid);
  EXPECT_EQ(file_content(dir.path() / "journal.db"), before);
}

TEST(SqliteDamage, RefusesADatabaseThatOnlyLooksLikeOurs) {
  const TempDir dir;
  open_store(dir.path()).reset();
  run_sql(dir.path(), "PRAGMA application_id = 5");
  EXPECT_THAT(error_of_opening(dir.path()).message, HasSubstr("application id 5"));
}

TEST(SqliteDamage, RefusesAFileThatIsNoDatabase) {
  const TempDir dir;
  write_file(dir.path() / "journal.db", std::string(10'000, 'x'));
  EXPECT_EQ(error_of_opening(dir.path()).code, Errc::invalid);
}

TEST(SqliteDamage, S71_RefusesADatabaseWithTriggersOrViews) {
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

TEST(SqliteDamage, S71_KeepsTextThatLooksLikeSqlAsText) {
  const TempDir dir;
  Batch batch = one_record(1);
  batch.heads.front().title = std::string("'); DROP TABLE tasks;--\0 \xff", 26);
  const auto store = open_store(dir.path());
  ASSERT_TRUE(store->append(batch));
  EXPECT_THAT(*store->live_tasks(), ElementsAre(batch.heads.front()));
}

TEST(SqliteDamage, FindsNoSymbolicLinkInPlaceOfItsFiles) {
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

TEST(SqliteDamage, F14_FindsAFlippedByteInTheNewestCommitWhenOpened) {
  const TempDir dir;
  ASSERT_TRUE(open_store(dir.path())->append(one_record(1, "a payload to damage")));
  flip_byte_of(dir.path(), "a payload to damage");
  const Error error = error_of_opening(dir.path());
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_THAT(error.message, HasSubstr("journal.db: commit 1: journal record: wrong crc"));
  EXPECT_THAT(error.message, HasSubstr("restore a backup"));
}

TEST(SqliteDamage, F14_FindsAFlippedByteInAnOlderCommitWhenRead) {
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

TEST(SqliteDamage, F14_ADamagedCommitKeepsNoOtherTaskFromItsRecords) {
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

TEST(SqliteDamage, F14_AChainThatLeadsNowhereIsSaidOfItsTask) {
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

TEST(SqliteDamage, FindsARowThatHoldsRecordsOfAnotherCommit) {
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

TEST(SqliteDamage, FindsADamagedTaskRow) {
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

/// A journal in which task 1 has spent something.
void make_ledger(const fs::path& directory) {
  Batch batch = one_record(1);
  batch.charges = {
      {.root = TaskId{1}, .model = "a model to damage", .spent = {.tokens_in = 1'000}}};
  ASSERT_TRUE(open_store(directory)->append(batch));
}

void expect_wrong_crc(const Error& error) {
  EXPECT_EQ(error.code, Errc::invalid);
  EXPECT_THAT(
      error.message,
      HasSubstr("journal.db: what task 1 spent on day 0: wrong crc (the journal is damaged"));
}

/// A damaged sum looks like any other.
TEST(SqliteDamage, F14_FindsADamagedLineOfTheLedgerWhateverIsDamagedInIt) {
  for (const char* damage :
       {"UPDATE ledger SET model = 'another'", "UPDATE ledger SET spent = x'a10318ff'",
        "UPDATE ledger SET crc = crc + 1"}) {
    SCOPED_TRACE(damage);
    const TempDir dir;
    make_ledger(dir.path());
    run_sql(dir.path(), damage);
    const auto store = open_store(dir.path());
    expect_wrong_crc(store->ledger({}).error());
    EXPECT_TRUE(store->ledger({.root = TaskId{2}})) << "of that one nothing is damaged";
  }
}

TEST(SqliteDamage, F14_FindsAFlippedByteInTheLedger) {
  const TempDir dir;
  make_ledger(dir.path());
  flip_byte_of(dir.path(), "model to damage");
  expect_wrong_crc(open_store(dir.path())->ledger({}).error());
}

/// What is added to a damaged sum is lost in it.
TEST(SqliteDamage, F14_AddsNothingToADamagedLineOfTheLedger) {
  const TempDir dir;
  make_ledger(dir.path());
  run_sql(dir.path(), "UPDATE ledger SET crc = crc + 1");
  const auto store = open_store(dir.path());
  Batch batch = one_record(2, "hello", Epoch{2});
  batch.charges = {{.root = TaskId{1}, .model = "a model to damage", .spent = {.calls = 1}}};
  expect_wrong_crc(store->append(batch).error());
  EXPECT_EQ(store->task(TaskId{2}).error().code, Errc::not_found);
}

TEST(SqliteDamage, RefusesWhenTheEpochHasGoneBack) {
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

TEST(SqliteDamage, F13_NeverAnswersWrongRecordsFromADamagedFile) {
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
    for (const char* name : {"journal.key", "journal.mark"})
      fs::copy_file(good / name, dir / name);
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
    const auto lines = (*store)->ledger({});
    if (!lines) continue;
    for (const LedgerLine& line : *lines)
      EXPECT_THAT(*model.ledger({}), Contains(line)) << "offset " << at;
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace tinkerbell
