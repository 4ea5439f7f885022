#include "journal/sqlite_verification.hpp"
#include "sample_records.hpp"
#include "sqlite_files.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <limits>
#include <vector>

/// What somebody does to a journal who can change its files, and has not its key.

namespace tinkerbell {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

Verified verified(Store& store, const Verification& wanted = {}) {
  const auto verification = store.begin_verification(wanted);
  EXPECT_TRUE(verification) << verification.error().message;
  for (int pieces = 0; pieces < 10'000; ++pieces) {
    const Result<bool> all = (*verification)->verify_more();
    EXPECT_TRUE(all) << all.error().message;
    if (!all || *all) return (*verification)->so_far();
  }
  ADD_FAILURE() << "it does not end";
  return {};
}

std::string damage_in(const Verified& verified) {
  if (!verified.damage) return "none";
  return "record " + std::to_string(number(verified.damage->lsn)) + ": " + verified.damage->what;
}

/// What a start or a verification says of it; "none".
std::string said_of(const fs::path& directory) {
  const auto store = open_sqlite_store(directory, Durability::process);
  return store ? damage_in(verified(**store)) : store.error().message;
}

/// A journal that was closed, with what the attacks below need: twenty commits of several tasks,
/// with payloads beside them, in the table and in a file.
class Seals : public testing::Test {
 protected:
  static constexpr std::size_t kCommits = 20;

  Seals() {
    const auto store = open_store(whole.path());
    append_to(*store, kCommits);
  }

  void append_to(Store& store, std::size_t commits) {
    ASSERT_TRUE(store.claim(Store::kAll, WallTime{}));
    samples.set_epoch(store.state().epoch);
    for (std::size_t i = 0; i < commits; ++i) {
      Batch batch = samples.next_batch();
      if (i % 5 == 1) batch.records.front().payload = noise(9'000, i);
      if (i % 5 == 2) batch.records.front().payload = noise(90'000, i);
      ASSERT_TRUE(store.append(batch));
      batches.push_back(std::move(batch));
    }
  }

  /// All its files somewhere else.
  struct Copy {
    explicit Copy(const fs::path& from) {
      fs::copy(from, dir / "state", fs::copy_options::recursive);
      fs::remove(dir / "state/lock");
    }

    [[nodiscard]] fs::path path() const { return dir / "state"; }

    TempDir dir;
  };

  /// The rows of `commits`: their first records.
  [[nodiscard]] std::vector<std::int64_t> rows(const fs::path& directory) const {
    std::vector<std::int64_t> firsts;
    sqlite3* database = nullptr;
    sqlite3_open((directory / "journal.db").c_str(), &database);
    sqlite3_exec(
        database, "SELECT first_lsn FROM commits ORDER BY first_lsn",
        [](void* to, int, char** values, char**) {
          static_cast<std::vector<std::int64_t>*>(to)->push_back(std::stoll(values[0]));
          return 0;
        },
        &firsts, nullptr);
    sqlite3_close(database);
    return firsts;
  }

  /// What goes into another journal.
  void begin_anew() {
    samples = SampleRecords(91);
    batches.clear();
  }

  [[nodiscard]] Lsn last_lsn() const { return batches.back().records.back().lsn; }

  TempDir whole;
  SampleRecords samples{90};
  std::vector<Batch> batches;
};

TEST_F(Seals, S90_SayOfAJournalThatNobodyTouchedThatItIsAsItWasWritten) {
  const auto store = open_store(whole.path());
  const Verified all = verified(*store);
  EXPECT_EQ(damage_in(all), "none");
  EXPECT_EQ(all.records, number(last_lsn()));
  EXPECT_EQ(all.blobs, 8U);
  EXPECT_EQ(all.sealed_from, Lsn{1});
  EXPECT_EQ(all.newest.lsn, last_lsn());
  EXPECT_EQ(all.anchor, all.newest);
  EXPECT_THAT(all.notes, ElementsAre(HasSubstr(store->state().store_id)));
  const TaskId other = batches[4].records.front().task;
  EXPECT_LT(verified(*store, {.task = other}).blobs, 8U);
  EXPECT_EQ(store->begin_verification({.task = TaskId{999'999}}).error().code, Errc::not_found);
}

TEST_F(Seals, S90_AVerificationLooksUpToWhereTheJournalWasWhenItBegan) {
  const auto store = open_store(whole.path());
  const auto verification = *store->begin_verification({});
  append_to(*store, 3);
  while (!*verification->verify_more()) {
    append_to(*store, 1);
  }
  EXPECT_EQ(damage_in(verification->so_far()), "none");
  EXPECT_LT(verification->so_far().records, number(last_lsn()));
  EXPECT_EQ(verified(*store).records, number(last_lsn()));
}

TEST_F(Seals, S90_F14_EachFlippedBitOfARecordOrASealIsFound) {
  const std::vector<std::int64_t> firsts = rows(whole.path());
  for (int round = 0; round < 60; ++round) {
    const Copy copy(whole.path());
    const std::int64_t first = firsts[samples.below(firsts.size())];
    const std::size_t pick = samples.below(1'000'000);
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open((copy.path() / "journal.db").c_str(), &database), SQLITE_OK);
    const char* const column = round % 3 == 0 ? "seal" : "body";
    sqlite3_blob* blob = nullptr;
    ASSERT_EQ(sqlite3_blob_open(database, "main", "commits", column, first, 1, &blob), SQLITE_OK);
    const int at = static_cast<int>(pick % static_cast<std::size_t>(sqlite3_blob_bytes(blob)));
    char byte = 0;
    sqlite3_blob_read(blob, &byte, 1, at);
    byte = static_cast<char>(byte ^ (1 << (pick % 8)));
    sqlite3_blob_write(blob, &byte, 1, at);
    sqlite3_blob_close(blob);
    sqlite3_close(database);
    EXPECT_NE(said_of(copy.path()), "none") << column << " of " << first << ", byte " << at;
  }
}

TEST_F(Seals, S90_F14_EachChangeOfARowIsFoundWhereItIs) {
  struct Change {
    const char* sql;
    const char* said;
  };

  for (const Change& change :
       {Change{"UPDATE tasks SET title = title || '!' WHERE id = 1", "task 1: wrong crc"},
        Change{"UPDATE tasks SET ended = 1 - ended WHERE id = 2", "task 2: wrong crc"},
        Change{"DELETE FROM tasks WHERE id = 2", "is of a task that has no row"},
        Change{"UPDATE links SET note = note || '!'", "what was noted before it"},
        Change{"UPDATE links SET seal = zeroblob(32)", "what was noted before it"},
        Change{"UPDATE commits SET seal = NULL WHERE first_lsn = (SELECT first_lsn FROM commits "
               "ORDER BY first_lsn LIMIT 1 OFFSET 5)",
               "the seal is another one"},
        Change{"UPDATE commits SET seal = substr(seal, 2) WHERE first_lsn = (SELECT first_lsn FROM "
               "commits ORDER BY first_lsn LIMIT 1 OFFSET 5)",
               "the seal is another one"},
        Change{"UPDATE blobs SET body = zeroblob(length(body)) WHERE body IS NOT NULL",
               "its payload: blob "},
        Change{"DELETE FROM blobs WHERE body IS NULL", "its payload: blob "}}) {
    const Copy copy(whole.path());
    run_sql(copy.path(), change.sql);
    EXPECT_THAT(said_of(copy.path()), HasSubstr(change.said)) << change.sql;
  }
}

TEST_F(Seals, S90_APayloadInAFileThatWasChangedOrTakenAwayIsFound) {
  for (const bool gone : {false, true}) {
    const Copy copy(whole.path());
    const fs::path file = fs::directory_iterator(copy.path() / "blobs")->path();
    std::string content = file_content(file);
    content[1'000] = static_cast<char>(content[1'000] ^ 1);
    if (gone) fs::remove(file);
    if (!gone) write_file(file, content);
    EXPECT_THAT(said_of(copy.path()), HasSubstr("its payload: blob " + file.filename().string()));
  }
}

/// Whole rows, which are all right in themselves.
TEST_F(Seals, S90_DeletedSwappedMovedAndInsertedCommitsAreFound) {
  const std::vector<std::int64_t> firsts = rows(whole.path());
  const auto row = [&](std::size_t index) { return std::to_string(firsts.at(index)); };
  const std::string swap =
      "CREATE TEMP TABLE two AS SELECT first_lsn, body, seal FROM commits WHERE first_lsn IN (" +
      row(5) + ", " + row(8) + ");";
  const auto other = [&](const std::string& column) {
    return "(SELECT " + column + " FROM two WHERE two.first_lsn <> commits.first_lsn)";
  };
  const std::string of_two = " WHERE first_lsn IN (" + row(5) + ", " + row(8) + ")";

  struct Attack {
    std::string sql;
    std::string said;
  };

  const std::vector<Attack> attacks = {
      {"DELETE FROM commits WHERE first_lsn = " + row(7), "record " + row(7) + ": is missing"},
      {"DELETE FROM commits WHERE first_lsn < " + row(3), "record 1: is missing"},
      {"DELETE FROM commits WHERE first_lsn BETWEEN " + row(3) + " AND " + row(9),
       "record " + row(3) + ": is missing"},
      {swap + "UPDATE commits SET body = " + other("body") + of_two, "record " + row(5) + ": "},
      {swap + "UPDATE commits SET body = " + other("body") + ", seal = " + other("seal") + of_two,
       "record " + row(5) + ": "},
      {"INSERT INTO commits SELECT -5, last_lsn, body, seal FROM commits WHERE first_lsn = " +
           row(4),
       "stands in its place"},
      {"INSERT INTO links SELECT first_lsn, last_lsn, 0, 1, '', seal FROM commits WHERE first_lsn "
       "= " +
           row(4) + "; DELETE FROM commits WHERE first_lsn = " + row(4),
       "record " + row(4) + ": is missing: that it was removed is not sealed"},
      {"INSERT INTO links SELECT first_lsn, last_lsn, 0, 1, '', CAST(seal || randomblob(32) AS "
       "BLOB) FROM commits WHERE first_lsn = " +
           row(4) + "; DELETE FROM commits WHERE first_lsn = " + row(4),
       "record " + row(4) + ": is missing: that it was removed is not sealed"}};
  for (const Attack& attack : attacks) {
    const Copy copy(whole.path());
    run_sql(copy.path(), attack.sql);
    EXPECT_THAT(said_of(copy.path()), HasSubstr(attack.said)) << attack.sql;
  }
}

/// Changes what one record says, with its checksum and all that can be computed without the key.
void forge(const fs::path& directory, std::int64_t row,
           const std::function<void(Record&)>& change) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((directory / "journal.db").c_str(), &database), SQLITE_OK);
  sqlite3_stmt* read = nullptr;
  sqlite3_prepare_v2(database, "SELECT body FROM commits WHERE first_lsn = ?1", -1, &read, nullptr);
  sqlite3_bind_int64(read, 1, row);
  ASSERT_EQ(sqlite3_step(read), SQLITE_ROW);
  const std::string body(static_cast<const char*>(sqlite3_column_blob(read, 0)),
                         static_cast<std::size_t>(sqlite3_column_bytes(read, 0)));
  sqlite3_finalize(read);
  std::string forged;
  std::string_view rest = body;
  while (!rest.empty()) {
    Result<PackedRecord> packed = take_decoded(rest);
    ASSERT_TRUE(packed);
    if (forged.empty()) change(packed->record);
    append_encoded(packed->record, forged, packed->blob);
  }
  sqlite3_stmt* write = nullptr;
  sqlite3_prepare_v2(database, "UPDATE commits SET body = ?2 WHERE first_lsn = ?1", -1, &write,
                     nullptr);
  sqlite3_bind_int64(write, 1, row);
  sqlite3_bind_blob(write, 2, forged.data(), static_cast<int>(forged.size()), SQLITE_STATIC);
  EXPECT_EQ(sqlite3_step(write), SQLITE_DONE);
  sqlite3_finalize(write);
  sqlite3_close(database);
}

TEST_F(Seals, S90_ARecordWhoseChecksumWasComputedAnewIsFound) {
  const std::vector<std::int64_t> firsts = rows(whole.path());
  const std::vector<std::function<void(Record&)>> changes = {
      [](Record& record) { record.payload += "!"; },
      [](Record& record) { record.wall += Nanoseconds{1}; },
      [](Record& record) { record.seq = next(record.seq); },
      [](Record& record) { record.fingerprint.bytes[0] ^= 1; }};
  for (const std::size_t index : {std::size_t{0}, kCommits / 2, kCommits - 1}) {
    for (const auto& change : changes) {
      const Copy copy(whole.path());
      forge(copy.path(), firsts.at(index), change);
      EXPECT_THAT(said_of(copy.path()),
                  HasSubstr("record " + std::to_string(firsts.at(index)) + ": record"));
    }
  }
}

/// One who makes a key of his own and seals all of it anew, the mark too.
TEST_F(Seals, S90_AJournalThatWasSealedAnewWithAnotherKeyIsFound) {
  const Copy copy(whole.path());
  const TempDir theirs;
  {
    const auto store = open_store(theirs.path(), Durability::power);
    for (const Batch& batch : batches)
      ASSERT_TRUE(store->append(batch));
  }
  for (const char* file : {"journal.db", "journal.mark"})
    fs::copy_file(theirs / file, copy.path() / file, fs::copy_options::overwrite_existing);
  EXPECT_THAT(said_of(copy.path()), HasSubstr("is sealed with another key"));
  // Also if it says to be of our key:
  const Copy ours(whole.path());
  fs::copy_file(copy.path() / "journal.mark", ours.path() / "journal.mark",
                fs::copy_options::overwrite_existing);
  run_sql(ours.path(),
          "ATTACH '" + (copy.path() / "journal.db").string() +
              "' AS theirs; UPDATE commits SET seal = (SELECT seal FROM "
              "theirs.commits AS other WHERE other.first_lsn = commits.first_lsn); "
              "DELETE FROM links; INSERT INTO links SELECT * FROM theirs.links; UPDATE "
              "meta SET value = (SELECT value FROM theirs.meta AS other WHERE "
              "other.key = 'store_id') WHERE key = 'store_id'");
  EXPECT_THAT(said_of(ours.path()), HasSubstr("is not as it was written"));
  EXPECT_THAT(damage_in(verified(*open_accepting(ours.path()))),
              HasSubstr("what was noted before it"));
}

// ---- what is missing ----

TEST_F(Seals, S91_AJournalWhoseEndWasCutOffIsNotOpened) {
  const std::vector<std::int64_t> firsts = rows(whole.path());
  for (const std::size_t left : {kCommits - 1, kCommits - kCommits / 10, std::size_t{0}}) {
    const Copy copy(whole.path());
    const std::int64_t end = left == 0 ? 0 : firsts.at(left);
    run_sql(copy.path(), "DELETE FROM commits WHERE first_lsn >= " + std::to_string(end) +
                             "; DELETE FROM tasks WHERE head >= " + std::to_string(end));
    const std::string refused = " and had " + std::to_string(number(last_lsn())) +
                                ": what it has forgotten would be done again (if this is meant, "
                                "start once with --accept-rollback)";
    EXPECT_THAT(said_of(copy.path()), HasSubstr(refused));
    // Nobody can say that a collection took it.
    run_sql(copy.path(), "INSERT INTO links VALUES (" +
                             std::to_string(std::max<std::int64_t>(end, 1)) + ", " +
                             std::to_string(number(last_lsn())) + ", 0, 1, '', randomblob(64))");
    EXPECT_THAT(said_of(copy.path()), HasSubstr(refused));
  }
}

TEST_F(Seals, S91_WhatIsAcceptedIsNotedInTheJournalForEver) {
  const Copy older(whole.path());
  append_to(*open_store(whole.path()), 3);
  fs::copy_file(older.path() / "journal.db", whole / "journal.db",
                fs::copy_options::overwrite_existing);
  EXPECT_THAT(said_of(whole.path()), HasSubstr("is older (epoch 1) than it was (epoch 2)"));
  {
    const auto store = open_accepting(whole.path());
    EXPECT_THAT(store->state().accepted, HasSubstr("what it has forgotten"));
  }
  {
    const auto store = open_accepting(whole.path());
    EXPECT_EQ(store->state().accepted, "") << "there was nothing to accept";
    const Verified all = verified(*store);
    EXPECT_EQ(damage_in(all), "none");
    EXPECT_THAT(all.notes, ElementsAre(HasSubstr(""), HasSubstr("what it has forgotten")));
  }
  run_sql(whole.path(), "DELETE FROM links WHERE kind = 3");
  EXPECT_THAT(said_of(whole.path()), HasSubstr("has another record"));
}

/// What a store that is open has in memory is compared, too.
TEST_F(Seals, S91_AVerificationKnowsWhereTheJournalEnds) {
  const auto store = open_store(whole.path());
  const std::string id = store->state().store_id;
  const Anchor newest = verified(*store).newest;
  const Copy shorter(whole.path());
  fs::remove(shorter.path() / "journal.db-wal");
  run_sql(shorter.path(),
          "DELETE FROM commits WHERE last_lsn = " + std::to_string(number(last_lsn())));

  auto database = *SqliteConnection::open(shorter.path() / "journal.db");
  auto chain = *SealChain::on(database);
  chain.use(*SealKey::read(shorter.path() / "journal.key"), id);
  auto tasks = *TaskTable::on(database);
  auto blobs = *Blobs::on(database, shorter.path() / "blobs");
  const auto verification = *verify({.database = database,
                                     .chain = chain,
                                     .tasks = tasks,
                                     .blobs = blobs,
                                     .newest = newest,
                                     .anchor = newest},
                                    {});
  while (!*verification->verify_more()) {
  }
  EXPECT_THAT(
      damage_in(verification->so_far()),
      HasSubstr("is missing: the journal had records up to " + std::to_string(number(last_lsn()))));
}

/// In a run that is killed the mark follows after seconds: this is how far it can be behind.
TEST_F(Seals, F15_ALogThatWasCutIsNoticedUpToTheAnchor) {
  const TempDir dir;
  begin_anew();
  status_of_child([&] {
    const auto store = open_store(dir.path(), Durability::power);
    append_to(*store, 30);
    if (!store->renew()) ::_exit(1);
    append_to(*store, 3);
    (void)::raise(SIGKILL);
  });
  const std::string log = file_content(dir / "journal.db-wal");
  const std::size_t end = log.find_last_not_of('\0') + 1;
  int noticed = 0;
  int unnoticed = 0;
  for (const std::size_t left :
       {end - 1, end - 100, end - 5'000, end / 2, std::size_t{100}, std::size_t{1}}) {
    const Copy copy(dir.path());
    write_file(copy.path() / "journal.db-wal", std::string_view(log).substr(0, left));
    const std::string said = said_of(copy.path());
    ++(said == "none" ? unnoticed : noticed);
    if (left <= end / 2) EXPECT_NE(said, "none") << left;
  }
  EXPECT_GE(noticed, 3);
  EXPECT_GE(unnoticed, 1) << "nothing is claimed of what came after the anchor";
  EXPECT_EQ(said_of(dir.path()), "none");
}

TEST_F(Seals, F16_AnOlderCopyOfTheSameRunIsNotOpened) {
  const TempDir dir;
  begin_anew();
  status_of_child([&] {
    const auto store = open_store(dir / "state", Durability::power);
    append_to(*store, 5);
    fs::copy(dir / "state", dir / "older", fs::copy_options::recursive);
    append_to(*store, 5);
    if (!store->renew()) ::_exit(1);
    (void)::raise(SIGKILL);
  });
  for (const char* file : {"journal.db", "journal.db-wal"})
    fs::copy_file(dir / "older" / file, dir / "state" / file, fs::copy_options::overwrite_existing);
  EXPECT_THAT(said_of(dir / "state"), HasSubstr("what it has forgotten would be done again"));
}

/// Who puts back everything, the mark too, is found by what was noted elsewhere.
TEST_F(Seals, S91_AnAnchorFromTheLogFindsAnOlderCopyOfTheWholeDirectory) {
  const Copy older(whole.path());
  const SampleRecords samples_then = samples;
  Anchor noted;
  {
    const auto store = open_store(whole.path());
    append_to(*store, 1);
    noted = verified(*store).newest;
  }
  EXPECT_EQ(said_of(older.path()), "none") << "nothing is claimed of this";
  const auto store = open_store(older.path());
  EXPECT_THAT(damage_in(verified(*store, {.anchor = noted})), HasSubstr("is missing"));
  samples = samples_then;
  append_to(*store, 1);
  EXPECT_THAT(damage_in(verified(*store, {.anchor = noted})), HasSubstr("anchor"));
  EXPECT_EQ(damage_in(verified(*open_store(whole.path()), {.anchor = noted})), "none");
}

TEST_F(Seals, S91_AMarkThatIsGoneOrWasWrittenByOthersIsNoticed) {
  fs::remove(whole / "journal.mark");
  EXPECT_THAT(said_of(whole.path()), HasSubstr("journal.mark beside"));
  open_accepting(whole.path()).reset();
  EXPECT_EQ(said_of(whole.path()), "none");
  std::string mark = file_content(whole / "journal.mark");
  const std::string last = " " + std::to_string(number(last_lsn())) + " ";
  ASSERT_NE(mark.find(last), std::string::npos);
  mark.replace(mark.find(last), last.size(), " 1 ");
  write_file(whole / "journal.mark", mark);
  EXPECT_THAT(said_of(whole.path()), HasSubstr("is not as it was written"));
}

TEST_F(Seals, S91_AJournalWhoseSealsWereTakenAwayIsNotTakenForAnOldOne) {
  for (const char* rest : {"", "; UPDATE meta SET value = '' WHERE key = 'seal_key'"}) {
    const Copy copy(whole.path());
    run_sql(copy.path(), "UPDATE commits SET seal = NULL; DELETE FROM links" + std::string(rest));
    EXPECT_THAT(said_of(copy.path()), HasSubstr("had seals, and has none"));
    EXPECT_EQ(open_accepting(copy.path())->state().sealed_from, Lsn{number(last_lsn()) + 1});
    EXPECT_EQ(said_of(copy.path()), "none");
  }
}

// ---- the key ----

TEST_F(Seals, HaveAKeyThatIsForItsOwnerAlone) {
  EXPECT_EQ(fs::status(whole / "journal.key").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  const std::string key = file_content(whole / "journal.key");
  EXPECT_EQ(key.size(), 65U);
  const std::string secret = key.substr(0, 64);
  for (const char* file : {"journal.db", "journal.mark"})
    EXPECT_EQ(file_content(whole / file).find(secret), std::string::npos) << file;
  fs::permissions(whole / "journal.key", fs::perms::group_read, fs::perm_options::add);
  EXPECT_THAT(said_of(whole.path()), HasSubstr("chmod 600"));
}

TEST_F(Seals, AKeyThatIsGoneOrAnotherOneIsNeverReplacedUnasked) {
  const std::string key = file_content(whole / "journal.key");
  fs::remove(whole / "journal.key");
  EXPECT_THAT(said_of(whole.path()),
              HasSubstr("journal.key, the key of the journal's seals, is gone"));
  EXPECT_FALSE(fs::exists(whole / "journal.key"));
  write_file(whole / "journal.key", std::string(64, 'a') + "\n");
  fs::permissions(whole / "journal.key", fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_THAT(said_of(whole.path()), HasSubstr("is sealed with another key"));
  write_file(whole / "journal.key", "no key");
  const std::string said = said_of(whole.path());
  EXPECT_THAT(said, HasSubstr("64 lower-case hexadecimal digits"));
  EXPECT_EQ(said.find("no key"), std::string::npos);
  write_file(whole / "journal.key", key);
  EXPECT_EQ(said_of(whole.path()), "none");
}

TEST_F(Seals, WhereTheKeyIsLostAChainCanBeBegunAnewAndSaysFromWhere) {
  fs::remove(whole / "journal.key");
  const std::int64_t row = rows(whole.path()).at(3);
  {
    const auto store = open_accepting(whole.path());
    EXPECT_EQ(store->state().sealed_from, Lsn{number(last_lsn()) + 1});
    append_to(*store, 4);
  }
  const auto firsts = rows(whole.path());
  {
    const Verified all = verified(*open_store(whole.path()));
    EXPECT_EQ(damage_in(all), "none");
    EXPECT_LT(number(all.sealed_from), number(last_lsn()));
    EXPECT_THAT(all.notes, ElementsAre(HasSubstr("is gone")));
  }
  const Copy shorter(whole.path());
  run_sql(shorter.path(), "DELETE FROM commits WHERE first_lsn = " + std::to_string(row));
  EXPECT_THAT(said_of(shorter.path()), HasSubstr(" as the one before it of its task, which is "));
  const Copy older(whole.path());
  const auto change = [](Record& record) { record.payload += "!"; };
  forge(older.path(), row, change);
  EXPECT_EQ(said_of(older.path()), "none") << "nothing is claimed of what was before";
  forge(whole.path(), firsts.at(kCommits + 3), change);
  EXPECT_THAT(said_of(whole.path()), HasSubstr("the seal is another one"));
}

TEST_F(Seals, TheKeyMayStandSomewhereElse) {
  const std::string key = file_content(whole / "journal.key").substr(0, 64);
  fs::remove(whole / "journal.key");
  const auto store = open_sqlite_store(whole.path(), Durability::process, kLogPagesMax,
                                       {.key = key, .accept_rollback = false});
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(damage_in(verified(**store)), "none");
  EXPECT_FALSE(fs::exists(whole / "journal.key"));
}

// ---- what changes a journal and may ----

/// Ends all tasks of the sample, so that a collection may take some of them.
Collected collect_all(Store& store) {
  const auto collection = *store.begin_collection(
      {.ended_before = wall_from_unix_nanoseconds(std::numeric_limits<std::int64_t>::max())});
  while (!*collection->collect_more()) {
  }
  return collection->so_far();
}

/// So many tasks with two commits each, one commit after the other; each n-th has ended. The anchor
/// of the middle.
Anchor append_tasks(Store& store, std::uint64_t count, std::uint64_t ends) {
  Anchor middle;
  std::uint64_t lsn = number(store.state().last_lsn);
  for (int half = 0; half < 2; ++half) {
    for (std::uint64_t task = 1; task <= count; ++task) {
      Batch batch = one_record(++lsn, "hello", store.state().epoch);
      batch.records.front().task = batch.heads.front().task = TaskId{task};
      if (half == 1) batch.records.front().previous = Lsn{lsn - count};
      batch.heads.front().ended = half == 1 && task % ends == 0;
      EXPECT_TRUE(store.append(batch));
    }
    if (half == 0) middle = verified(store).newest;
  }
  return middle;
}

TEST(SealsAndCollections, WhatACollectionTookIsNotMissing) {
  const TempDir dir;
  auto store = open_store(dir.path());
  (void)append_tasks(*store, 12, 2);
  const Anchor before = verified(*store).newest;
  EXPECT_EQ(collect_all(*store).tasks, 6U);
  EXPECT_EQ(damage_in(verified(*store, {.anchor = before})), "none");
  EXPECT_EQ(verified(*store).records, 12U);
  store.reset();
  EXPECT_EQ(said_of(dir.path()), "none");
  run_sql(dir.path(), "DELETE FROM links WHERE kind = 1 AND first_lsn = 4");
  EXPECT_THAT(said_of(dir.path()), HasSubstr("record 4: is missing"));
}

/// Of sixteen commits one link is left.
TEST(SealsAndCollections, AnAnchorHoldsWhoseVeryRecordWasTaken) {
  const TempDir dir;
  auto store = open_store(dir.path());
  const Anchor middle = append_tasks(*store, 8, 1);
  const Anchor all = verified(*store).newest;
  EXPECT_EQ(collect_all(*store).tasks, 8U);
  Batch batch = one_record(17);
  batch.heads.front().task = batch.records.front().task = TaskId{9};
  ASSERT_TRUE(store->append(batch));
  for (const Anchor& anchor : {middle, all})
    EXPECT_EQ(damage_in(verified(*store, {.anchor = anchor})), "none");
  EXPECT_THAT(damage_in(verified(*store, {.anchor = {.lsn = Lsn{17}, .seal = all.seal}})),
              HasSubstr("record 17"));
  store.reset();
  EXPECT_EQ(said_of(dir.path()), "none");
}

TEST(SealsAndCollections, WhatIsLeftOfACommitIsSealedToo) {
  const TempDir dir;
  auto store = open_store(dir.path());
  Batch batch = one_record(1);
  Batch other = one_record(2);
  batch.heads.front().ended = true;
  batch.records.push_back(other.records.front());
  batch.heads.push_back(other.heads.front());
  ASSERT_TRUE(store->append(batch));
  EXPECT_EQ(collect_all(*store).records, 1U);
  ASSERT_TRUE(store->append(one_record(3)));
  EXPECT_EQ(damage_in(verified(*store)), "none");
  store.reset();
  const TempDir hidden;
  fs::copy(dir.path(), hidden / "state", fs::copy_options::recursive);
  run_sql(hidden / "state",
          "INSERT INTO links SELECT first_lsn, last_lsn, 0, 1, CAST(body AS TEXT), seal FROM "
          "commits WHERE first_lsn = 2; DELETE FROM commits WHERE first_lsn = 2");
  EXPECT_THAT(said_of(hidden / "state"), HasSubstr("is missing"));
  forge(dir.path(), 2, [](Record& record) { record.payload += "!"; });
  EXPECT_THAT(said_of(dir.path()), HasSubstr("record 2 changed: the seal is another one"));
}

TEST(SealsAndCollections, ACollectionDoesNotSealWhatSomebodyChanged) {
  const TempDir dir;
  {
    const auto store = open_store(dir.path());
    (void)append_tasks(*store, 6, 2);
  }
  forge(dir.path(), 2, [](Record& record) { record.payload += "!"; });
  const auto store = open_store(dir.path());
  (void)collect_all(*store);
  EXPECT_THAT(damage_in(verified(*store)), HasSubstr("record 2: record 2, one commit"));
}

TEST(SealsAndCollections, NothingIsTakenWhileAVerificationIsUnderWay) {
  const TempDir dir;
  const auto store = open_store(dir.path());
  (void)append_tasks(*store, 6, 2);
  auto verification = *store->begin_verification({});
  const auto collection = *store->begin_collection({.ended_before = WallTime::max()});
  EXPECT_EQ(collection->collect_more().error().code, Errc::conflict);
  verification.reset();
  EXPECT_TRUE(collection->collect_more());
}

TEST_F(Seals, ABackupIsVerifiedWithTheSameKeyAndHasNone) {
  const TempDir to;
  {
    const auto store = open_store(whole.path());
    const auto copy = *store->begin_copy(to / "copy");
    while (!*copy->copy_more()) {
    }
    append_to(*store, 1);
  }
  EXPECT_FALSE(fs::exists(to / "copy/journal.key"));
  EXPECT_THAT(said_of(to / "copy"), HasSubstr("is gone: put it back"));
  fs::copy_file(whole / "journal.key", to / "copy/journal.key");
  const Copy cut(to / "copy");
  EXPECT_EQ(said_of(to / "copy"), "none");
  run_sql(cut.path(), "DELETE FROM commits WHERE last_lsn = (SELECT max(last_lsn) FROM commits)");
  EXPECT_THAT(said_of(cut.path()), HasSubstr("what it has forgotten would be done again"));
}

/// With durability `process` the newest commits may be lost with the power: the mark does not tell
/// of them before they are copied.
TEST(SealsOfAProcess, AnAnchorIsNeverAheadOfWhatSurvivesALossOfPower) {
  const TempDir dir;
  const auto store = open_sqlite_store(dir.path(), Durability::process, /*log_pages_max=*/50);
  ASSERT_TRUE((*store)->append(one_record(1)));
  ASSERT_TRUE((*store)->renew());
  EXPECT_EQ((*store)->anchor().lsn, Lsn{0});
  for (std::uint64_t lsn = 2; lsn <= 40; ++lsn)
    ASSERT_TRUE((*store)->append(one_record(lsn, std::string(3'000, 'x'))));
  ASSERT_TRUE((*store)->renew());
  EXPECT_GT((*store)->anchor().lsn, Lsn{1});
}

}  // namespace
}  // namespace tinkerbell
