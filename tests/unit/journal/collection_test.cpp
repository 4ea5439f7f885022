#include "sample_records.hpp"
#include "sqlite_files.hpp"
#include "support/dice.hpp"
#include "support/lossy_disk.hpp"
#include "support/memory_store.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/journal/sqlite_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

/// What is removed, what never is, and what a sudden end in the middle leaves.

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

namespace fs = std::filesystem;

WallTime at(std::int64_t time) {
  return wall_from_unix_nanoseconds(time);
}

constexpr std::int64_t kOld = 1'000;
constexpr std::int64_t kCutoff = 2'000;
constexpr std::int64_t kYoung = 3'000;

/// What is appended to a store and to its model alike.
class Collection : public testing::Test {
 protected:
  Collection() { open(); }

  void open() {
    store.reset();
    Result<std::unique_ptr<Store>> opened = open_sqlite_store(home, Durability::process);
    ASSERT_TRUE(opened) << opened.error().message;
    store = *std::move(opened);
    last_lsn = number(store->state().last_lsn);
    last_task = number(store->state().last_task);
  }

  struct Begun {
    TaskId parent = kNoTask;
    std::string state = "completed";
    std::int64_t changed = kOld;
    std::vector<std::string> payloads = {"hello"};
  };

  /// Tasks that share one commit.
  std::vector<TaskId> append(const std::vector<Begun>& tasks) {
    Batch batch;
    std::vector<TaskId> ids;
    for (const Begun& begun : tasks) {
      const TaskId task{++last_task};
      Lsn previous{0};
      for (const std::string& payload : begun.payloads) {
        batch.records.push_back({.lsn = Lsn{++last_lsn},
                                 .previous = previous,
                                 .task = task,
                                 .epoch = store->state().epoch,
                                 .payload = payload});
        previous = Lsn{last_lsn};
      }
      const bool ended =
          begun.state == "completed" || begun.state == "failed" || begun.state == "cancelled";
      batch.heads.push_back({.task = task,
                             .parent = begun.parent,
                             .kind = "agent@1",
                             .state = begun.state,
                             .ended = ended,
                             .changed = at(begun.changed),
                             .head = Lsn{last_lsn}});
      ids.push_back(task);
    }
    EXPECT_TRUE(store->append(batch));
    for (const Record& record : batch.records)
      records[record.task].push_back(record);
    return ids;
  }

  TaskId append(const Begun& task) { return append(std::vector{task}).front(); }

  Collected collect(bool dry_run = false, const std::function<void()>& between = {},
                    const std::set<TaskId>& keep = {}) {
    const auto collection =
        store->begin_collection({.ended_before = at(kCutoff), .dry_run = dry_run, .keep = keep});
    EXPECT_TRUE(collection) << collection.error().message;
    for (int pieces = 0; pieces < 10'000; ++pieces) {
      const Result<bool> all = (*collection)->collect_more();
      EXPECT_TRUE(all) << all.error().message;
      if (!all || *all) return (*collection)->so_far();
      if (between) between();
    }
    ADD_FAILURE() << "it does not end";
    return {};
  }

  [[nodiscard]] std::vector<TaskId> tasks() const {
    std::vector<TaskId> ids;
    for (const TaskHead& head : *store->tasks(Store::Which::all, kNoTask, 100'000))
      ids.push_back(head.task);
    std::ranges::sort(ids);
    return ids;
  }

  /// Those that are there have all their records.
  void expect_whole() const {
    for (const TaskId task : tasks()) {
      const auto found = store->records(task);
      ASSERT_TRUE(found) << found.error().message;
      EXPECT_EQ(*found, records.at(task)) << "task " << number(task);
    }
  }

  std::int64_t number_of(const std::string& sql) {
    store.reset();
    sqlite3* database = nullptr;
    sqlite3_open((home / "journal.db").c_str(), &database);
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr), SQLITE_OK);
    const std::int64_t value =
        sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    sqlite3_close(database);
    open();
    return value;
  }

  [[nodiscard]] std::size_t files() const {
    std::error_code none;
    const fs::directory_iterator blobs(home / "blobs", none);
    return static_cast<std::size_t>(std::distance(blobs, fs::directory_iterator()));
  }

  TempDir dir;
  fs::path home = dir / "state";
  std::unique_ptr<Store> store;
  std::map<TaskId, std::vector<Record>> records;
  std::uint64_t last_lsn = 0;
  std::uint64_t last_task = 0;
};

TEST_F(Collection, TasksThatEndedLongAgoGoWithAllThatTheyHad) {
  const auto ids = append({{.payloads = {"a", noise(10'000), noise(100'000, 2)}},
                           {.state = "waiting", .payloads = {"b", "c"}},
                           {.state = "cancelled"},
                           {.state = "failed"}});
  ASSERT_EQ(files(), 1U);
  const Collected gone = collect();
  EXPECT_EQ(gone.tasks, 3U);
  EXPECT_EQ(gone.records, 5U);
  EXPECT_EQ(gone.blobs, 2U);
  EXPECT_GT(gone.bytes, 110'000U);
  EXPECT_LT(gone.bytes, 112'000U);
  EXPECT_THAT(tasks(), ElementsAre(ids[1]));
  expect_whole();
  EXPECT_EQ(store->records(ids[0]).error().code, Errc::not_found);
  EXPECT_EQ(files(), 0U);
  EXPECT_EQ(number_of("SELECT count(*) FROM blobs"), 0);
  EXPECT_EQ(number_of("SELECT count(*) FROM leaving"), 0);
  expect_whole();
}

/// Each of these keeps one that ended long ago; without it, it goes.
TEST_F(Collection, WhatHasNotEndedIsNeverTouchedWhateverItsAge) {
  for (const char* state : {"ready", "running", "waiting", "cancelling", "suspended", "unsure",
                            "diverged", "quarantined"}) {
    const TaskId task = append({.state = state, .changed = 0});
    EXPECT_EQ(collect().tasks, 0U) << state;
    EXPECT_TRUE(store->records(task)) << state;
  }
  expect_whole();
}

TEST_F(Collection, TheParentOfATaskThatLivesStays) {
  const TaskId parent = append(Begun{});
  append({.parent = parent, .state = "waiting"});
  EXPECT_EQ(collect().tasks, 0U);
  expect_whole();
}

TEST_F(Collection, AChildWhoseEndItsParentMayAskForStays) {
  const TaskId parent = append({.state = "waiting"});
  const TaskId child = append({.parent = parent});
  append({.parent = child});
  EXPECT_EQ(collect().tasks, 0U);
  expect_whole();
}

TEST_F(Collection, ASiblingOfATaskThatLivesStays) {
  const TaskId parent = append(Begun{});
  append({.parent = parent});
  append({.parent = parent, .state = "unsure"});
  EXPECT_EQ(collect().tasks, 0U);
  expect_whole();
}

TEST_F(Collection, AFamilyGoesOnceTheLastOfItEndedLongAgo) {
  const TaskId parent = append(Begun{});
  append({.parent = parent, .changed = kYoung});
  EXPECT_EQ(collect().tasks, 0U);
  const TaskId other = append(Begun{});
  append({.parent = other});
  EXPECT_EQ(collect().tasks, 2U);
  EXPECT_EQ(tasks().size(), 2U);
  expect_whole();
}

TEST_F(Collection, KeepsFamiliesOfTasksThatAreToBeKept) {
  const TaskId parent = append(Begun{});
  const TaskId child = append({.parent = parent});
  const TaskId sibling = append({.parent = parent});
  const TaskId other = append(Begun{});
  const Collected collected = collect(false, {}, {child});
  EXPECT_THAT(collected.gone, ElementsAre(other));
  EXPECT_THAT(tasks(), ElementsAre(parent, child, sibling));
  expect_whole();
}

TEST_F(Collection, WhatIsNotOldStays) {
  append({.changed = kCutoff});
  EXPECT_EQ(collect().tasks, 0U);
  append({.changed = kCutoff - 1});
  EXPECT_EQ(collect().tasks, 1U);
}

TEST_F(Collection, ABlobThatAnotherTaskUsesStays) {
  const std::string in_table = noise(10'000);
  const std::string in_file = noise(100'000);
  append({.payloads = {in_table, in_file, in_table}});
  append({.state = "waiting", .payloads = {in_file, in_table}});
  EXPECT_EQ(collect().blobs, 0U);
  expect_whole();
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(number_of("SELECT sum(uses) FROM blobs"), 2);
  open();
  expect_whole();
}

TEST_F(Collection, WhatWasSpentStaysKnown) {
  Batch batch = one_record(++last_lsn, "hello", store->state().epoch);
  batch.heads.front().ended = true;
  batch.charges = {{.root = TaskId{1}, .model = "small", .spent = {.calls = 1, .tokens_in = 10}}};
  ASSERT_TRUE(store->append(batch));
  const std::vector<LedgerLine> before = *store->ledger({});
  ASSERT_EQ(before.size(), 1U);
  EXPECT_EQ(collect().tasks, 1U);
  EXPECT_THAT(tasks(), IsEmpty());
  EXPECT_EQ(*store->ledger({}), before);
  open();
  EXPECT_EQ(*store->ledger({}), before);
}

TEST_F(Collection, NoIdIsGivenTwiceAfterIt) {
  append({.state = "waiting"});
  append({.payloads = {"a", "b"}});
  const std::uint64_t lsn = last_lsn;
  const std::uint64_t task = last_task;
  collect();
  open();
  EXPECT_EQ(store->state().last_lsn, Lsn{lsn});
  EXPECT_EQ(store->state().last_task, TaskId{task});
  append(Begun{});
  expect_whole();
}

TEST_F(Collection, AJournalFromWhichAllIsGoneGoesOn) {
  append(Begun{});
  collect();
  EXPECT_EQ(number_of("SELECT count(*) FROM commits"), 0);
  append({.state = "waiting"});
  expect_whole();
}

TEST_F(Collection, ADryRunRemovesNothingAndCountsTheSame) {
  const std::string shared = noise(20'000, 3);
  append({.payloads = {"a", noise(10'000), noise(100'000, 2), shared}});
  append({.payloads = {shared}});
  append({.state = "waiting", .payloads = {"b"}});
  dir.write("state/blobs/" + std::string(64, 'a'), "of a lost commit");
  const Collected would_go = collect(/*dry_run=*/true);
  EXPECT_EQ(tasks().size(), 3U);
  EXPECT_EQ(files(), 2U);
  expect_whole();
  const Collected gone = collect();
  EXPECT_EQ(would_go.tasks, gone.tasks);
  EXPECT_EQ(would_go.records, gone.records);
  EXPECT_EQ(would_go.blobs, gone.blobs);
  EXPECT_EQ(would_go.bytes, gone.bytes);
  EXPECT_EQ(gone.tasks, 2U);
  EXPECT_EQ(gone.blobs, 3U);
}

TEST_F(Collection, FilesOfLostCommitsGoAndThoseOfOthersStay) {
  append({.state = "waiting", .payloads = {noise(100'000)}});
  const std::string orphan = "state/blobs/" + sha256("orphan").hex();
  dir.write(orphan, "orphan");
  dir.write(orphan + ".partial", "half");
  dir.write("state/blobs/README", "theirs");
  collect();
  EXPECT_FALSE(fs::exists(dir / orphan));
  EXPECT_FALSE(fs::exists(dir / (orphan + ".partial")));
  EXPECT_TRUE(fs::exists(dir / "state/blobs/README"));
  expect_whole();
}

TEST_F(Collection, CommitsComeBetweenItsPieces) {
  for (int i = 0; i < 40; ++i) {
    append({{.payloads = std::vector<std::string>(30, std::string(4'000, 'x'))},
            {.state = "waiting"}});
  }
  int commits = 0;
  collect(/*dry_run=*/false, [&] {
    append({{.state = "waiting", .payloads = {"meanwhile", noise(9'000)}}, Begun{}});
    ++commits;
  });
  EXPECT_GT(commits, 4);
  EXPECT_EQ(tasks().size(), 40U + 2U * static_cast<unsigned>(commits));
  expect_whole();
  open();
  expect_whole();
}

TEST_F(Collection, ItsPagesAreUsedAgain) {
  for (int i = 0; i < 20; ++i)
    append({.payloads = std::vector<std::string>(100, std::string(4'000, 'x'))});
  const std::int64_t pages = number_of("PRAGMA page_count");
  EXPECT_EQ(collect().tasks, 20U);
  EXPECT_GT(number_of("PRAGMA freelist_count"), pages * 9 / 10);
  for (int i = 0; i < 20; ++i)
    append({.payloads = std::vector<std::string>(100, std::string(4'000, 'x'))});
  EXPECT_LE(number_of("PRAGMA page_count"), pages + pages / 20);
}

TEST_F(Collection, WaitsForTheEndOfACopy) {
  append(Begun{});
  auto copy = store->begin_copy(dir / "copy");
  ASSERT_TRUE(copy);
  const auto collection = store->begin_collection({.ended_before = at(kCutoff)});
  EXPECT_EQ((*collection)->collect_more().error().code, Errc::conflict);
  *copy = nullptr;
  EXPECT_EQ(collect().tasks, 1U);
}

/// What should be there after a collection of random tasks, by looking at each of them.
std::set<TaskId> expected_after(const std::vector<TaskHead>& heads, WallTime cutoff) {
  std::map<TaskId, const TaskHead*> by_id;
  for (const TaskHead& head : heads)
    by_id[head.task] = &head;
  const auto root_of = [&](TaskId task) {
    while (by_id.contains(by_id.at(task)->parent))
      task = by_id.at(task)->parent;
    return task;
  };
  std::set<TaskId> kept_roots;
  for (const TaskHead& head : heads) {
    if (!head.ended || head.changed >= cutoff) kept_roots.insert(root_of(head.task));
  }
  std::set<TaskId> kept;
  for (const TaskHead& head : heads) {
    if (kept_roots.contains(root_of(head.task))) kept.insert(head.task);
  }
  return kept;
}

/// A collection leaves a journal whose seals hold.
void expect_sealed(Store& store) {
  const auto verification = *store.begin_verification({});
  while (!*verification->verify_more()) {
  }
  const Verified& verified = verification->so_far();
  EXPECT_FALSE(verified.damage) << "record " << number(verified.damage->lsn) << ": "
                                << verified.damage->what;
}

TEST(CollectionOfSamples, LeavesExactlyWhatMustStay) {
  std::size_t removed = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    const TempDir dir;
    SampleRecords samples(seed);
    MemoryStore model;
    auto store = *open_sqlite_store(dir.path(), Durability::process);
    for (int i = 0; i < 60; ++i) {
      Batch batch = samples.next_batch();
      if (samples.below(3) == 0) batch.records.front().payload = noise(5'000 + samples.below(3));
      for (TaskHead& head : batch.heads) {  // few families, or nearly all would live
        if (samples.below(2) == 0) head.ended = true;
        if (samples.below(3) != 0) head.parent = kNoTask;
      }
      ASSERT_TRUE(store->append(batch));
      ASSERT_TRUE(model.append(batch));
    }
    const std::vector<TaskHead> heads = *model.tasks(Store::Which::all, kNoTask, 1'000'000);
    const WallTime cutoff = at(1'000'000'000);
    const std::set<TaskId> kept = expected_after(heads, cutoff);
    const auto collection = *store->begin_collection({.ended_before = cutoff});
    while (!*collection->collect_more()) {
    }
    removed += collection->so_far().tasks;
    EXPECT_EQ(collection->so_far().tasks, heads.size() - kept.size());
    for (const TaskHead& head : heads) {
      const auto found = store->records(head.task);
      ASSERT_EQ(found.ok(), kept.contains(head.task)) << number(head.task);
      if (found) EXPECT_EQ(*found, *model.records(head.task));
    }
    expect_sealed(*store);
  }
  EXPECT_GT(removed, 50U);
}

/// On a disk that loses what was not synced, the collection ends at each of its writes and syncs.
TEST(CollectionOfSamples, AnEndInTheMiddleLeavesEachTaskWholeOrGone) {
  bool reached_the_end = false;
  int ends = 0;
  for (std::uint64_t call = 1; !reached_the_end; ++call) {
    ASSERT_LT(call, 2'000U);
    SCOPED_TRACE("call " + std::to_string(call));
    const TempDir dir;
    dir.write("state/journal.db-wal", "");
    fs::permissions(dir / "state", fs::perms::owner_all);
    Dice dice(call);
    LossyDisk disk(dice);
    SampleRecords samples(3);
    MemoryStore model;
    auto store = *open_sqlite_store(dir / "state", Durability::power, /*log_pages_max=*/8);
    for (unsigned i = 0; i < 25; ++i) {
      Batch batch = samples.next_batch();
      if (i % 3 == 0) batch.records.front().payload = noise(i % 6 == 0 ? 90'000 : 9'000, 1U + i);
      for (TaskHead& head : batch.heads) {
        head.ended = number(head.task) % 4 != 0;
        head.parent = kNoTask;
      }
      ASSERT_TRUE(store->append(batch));
      ASSERT_TRUE(model.append(batch));
    }
    const std::vector<TaskHead> heads = *model.tasks(Store::Which::all, kNoTask, 1'000'000);
    const WallTime cutoff = at(std::numeric_limits<std::int64_t>::max() / 2);
    const std::set<TaskId> kept = expected_after(heads, cutoff);
    const StoreState before{.epoch = {},
                            .last_lsn = MemoryStore(model.memory()).state().last_lsn,
                            .last_task = samples.last_task(),
                            .last_approval = {},
                            .store_id = {}};
    disk.end_at(call);
    {
      const auto collection = *store->begin_collection({.ended_before = cutoff});
      Result<bool> all = false;
      while (all && !*all)
        all = collection->collect_more();
      reached_the_end = all && !disk.ended();
      if (!all) ++ends;
    }
    store.reset();
    disk.start_again(dice.chance(3) ? SuddenEnd::kill : SuddenEnd::power_loss);

    auto opened = open_sqlite_store(dir / "state", Durability::power);
    ASSERT_TRUE(opened) << opened.error().message;
    store = *std::move(opened);
    EXPECT_EQ(store->state().last_lsn, before.last_lsn);
    EXPECT_EQ(store->state().last_task, before.last_task);
    expect_sealed(*store);
    EXPECT_EQ(*store->ledger({}), *model.ledger({}));
    for (const TaskHead& head : heads) {
      const auto found = store->records(head.task);
      if (kept.contains(head.task)) ASSERT_TRUE(found) << found.error().message;
      if (found) ASSERT_EQ(*found, *model.records(head.task));
      if (!found) ASSERT_EQ(found.error().code, Errc::not_found) << found.error().message;
    }
    // Nobody takes a blob for there whose file went: the same payloads once more.
    Batch again;
    const std::uint64_t lsn = number(before.last_lsn);
    const TaskId newest{number(before.last_task) + 1};
    for (std::uint64_t i = 0; i < 5; ++i) {
      again.records.push_back({.lsn = Lsn{lsn + 1 + i},
                               .previous = Lsn{i == 0 ? 0 : lsn + i},
                               .task = newest,
                               .epoch = store->state().epoch,
                               .payload = noise(90'000, 1 + 6 * i)});
    }
    again.heads.push_back({.task = newest, .state = "waiting", .head = Lsn{lsn + 5}});
    ASSERT_TRUE(store->append(again));
    const auto read_back = store->records(newest);
    ASSERT_TRUE(read_back) << read_back.error().message;
    EXPECT_EQ(*read_back, again.records);

    const auto rest = *store->begin_collection({.ended_before = cutoff});
    while (!*rest->collect_more()) {
    }
    std::set<TaskId> left;
    for (const TaskHead& head : *store->tasks(Store::Which::all, kNoTask, 1'000'000))
      left.insert(head.task);
    std::set<TaskId> expected = kept;
    expected.insert(newest);
    ASSERT_EQ(left, expected);
    EXPECT_EQ(*store->ledger({}), *model.ledger({}));
    expect_sealed(*store);
    const auto nothing = *store->begin_collection({.ended_before = cutoff, .dry_run = true});
    while (!*nothing->collect_more()) {
    }
    EXPECT_EQ(nothing->so_far().records, 0U);
    EXPECT_EQ(nothing->so_far().bytes, 0U);
  }
  EXPECT_GT(ends, 5);
}

}  // namespace
}  // namespace tinkerbell
