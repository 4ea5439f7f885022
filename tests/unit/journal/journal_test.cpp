#include "tinkerbell/journal/journal.hpp"

#include "support/forwarding_store.hpp"
#include "support/memory_store.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/journal/sqlite_store.hpp"
#include "tinkerbell/journal/writer_thread.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>

namespace tinkerbell {
namespace {

using ::testing::ElementsAre;

/// Runs on the test's thread what the journal posts.
class TestLoop {
 public:
  void post(std::move_only_function<void()> function) {
    {
      const std::lock_guard lock(mutex_);
      functions_.push_back(std::move(function));
    }
    posted_.notify_one();
  }

  void run_until(const std::function<bool()>& condition) {
    while (!condition())
      take()();
  }

  void run_what_is_there() {
    while (waiting() > 0)
      take()();
  }

  [[nodiscard]] std::size_t waiting() {
    const std::lock_guard lock(mutex_);
    return functions_.size();
  }

 private:
  std::move_only_function<void()> take() {
    std::unique_lock lock(mutex_);
    posted_.wait(lock, [this] { return !functions_.empty(); });
    auto function = std::move(functions_.front());
    functions_.pop_front();
    return function;
  }

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::move_only_function<void()>> functions_;
};

/// Holds appends back while it is shut, as a slow disk does.
class Gate {
 public:
  void shut() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }

  void open() {
    {
      const std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }

  /// Until somebody stands at the shut gate.
  void wait_for_somebody() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_; });
  }

  void pass() {
    std::unique_lock lock(mutex_);
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    waiting_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  bool waiting_ = false;
};

class SlowStore final : public ForwardingStore {
 public:
  SlowStore(std::unique_ptr<Store> store, Gate& gate)
      : ForwardingStore(std::move(store)), gate_(gate) {}

  [[nodiscard]] Result<void> append(const Batch& batch) override {
    gate_.pass();
    return ForwardingStore::append(batch);
  }

 private:
  Gate& gate_;
};

class JournalTest : public ::testing::Test {
 protected:
  enum class Writer : std::uint8_t { thread, test };

  void start(std::unique_ptr<Store> store, Writer who = Writer::thread) {
    journal_ = std::make_unique<Journal>(
        std::move(store),
        Journal::Callbacks{
            .post = [this](auto function) { loop_.post(std::move(function)); },
            .durable =
                [this](const std::vector<Record>& records) {
                  durable_.push_back(records.back().lsn);
                },
            .failed = [this](const Error& error) { failures_.push_back(error); },
            .anchored = [this](const Anchor& anchor) { anchors_.push_back(anchor.lsn); }});
    if (who == Writer::thread) writer_.emplace(*journal_);
  }

  void end() {
    writer_.reset();
    journal_.reset();
  }

  void start_in_memory(Writer who = Writer::thread) {
    start(std::make_unique<MemoryStore>(memory_), who);
  }

  Lsn append(std::uint64_t task, RecordKind kind, bool ended = false,
             std::vector<Charge> charges = {}) {
    std::vector<Record> records(1);
    records.front().task = TaskId{task};
    records.front().kind = kind;
    return journal_->append(std::move(records), {{.task = TaskId{task}, .ended = ended}},
                            kNoApproval, std::move(charges));
  }

  void run_until_durable(Lsn lsn) {
    journal_->announce();
    loop_.run_until([&] { return journal_->durable_lsn() >= lsn; });
  }

  template <class T, class Ask>
  Result<T> answer_to(Ask ask) {
    std::optional<Result<T>> answer;
    ask(Completion<T>([&](Result<T> result) { answer = std::move(result); }));
    loop_.run_until([&] { return answer.has_value(); });
    return *std::move(answer);
  }

  Result<std::vector<Record>> records_of(std::uint64_t task) {
    return answer_to<std::vector<Record>>(
        [&](auto done) { journal_->read_records(TaskId{task}, std::move(done)); });
  }

  TestLoop loop_;
  Gate gate_;
  std::shared_ptr<StoreMemory> memory_ = std::make_shared<StoreMemory>();
  std::vector<Lsn> durable_;
  std::vector<Error> failures_;
  std::vector<Lsn> anchors_;
  std::unique_ptr<Journal> journal_;
  std::optional<WriterThread> writer_;
};

TEST_F(JournalTest, GivesEachRecordItsPlaceAndItsTaskItsChain) {
  start_in_memory();
  EXPECT_EQ(append(1, RecordKind::task), Lsn{1});
  EXPECT_EQ(append(2, RecordKind::task), Lsn{2});
  EXPECT_EQ(append(1, RecordKind::intent), Lsn{3});
  EXPECT_EQ(journal_->last_lsn(), Lsn{3});
  run_until_durable(Lsn{3});

  const auto records = records_of(1);
  ASSERT_EQ(records->size(), 2U);
  EXPECT_EQ(records->front().previous, Lsn{0});
  EXPECT_EQ(records->back().lsn, Lsn{3});
  EXPECT_EQ(records->back().previous, Lsn{1});
  EXPECT_EQ(records->back().epoch, Epoch{1});
}

TEST_F(JournalTest, TellsWhatIsDurableInRisingOrder) {
  start_in_memory();
  Lsn last = append(1, RecordKind::task);
  EXPECT_EQ(journal_->durable_lsn(), Lsn{0});
  for (int i = 0; i < 100; ++i)
    last = append(1, RecordKind::intent);
  run_until_durable(last);
  EXPECT_TRUE(std::ranges::is_sorted(durable_, std::less_equal<>{}));
  EXPECT_EQ(durable_.back(), last);
  EXPECT_EQ(journal_->durable_lsn(), last);
  EXPECT_TRUE(failures_.empty());
}

TEST_F(JournalTest, KeepsAParentAndItsChildTogether) {
  start(std::make_unique<SlowStore>(std::make_unique<MemoryStore>(memory_), gate_));
  append(1, RecordKind::task);
  std::vector<Record> records(2);
  records[0].task = TaskId{2};
  records[1] = {.task = TaskId{1}, .kind = RecordKind::result};
  const Lsn last = journal_->append(std::move(records), {{.task = TaskId{1}}, {.task = TaskId{2}}},
                                    ApprovalId{4});
  run_until_durable(last);
  EXPECT_EQ(memory_->tasks.at(TaskId{1}).head, Lsn{3});
  EXPECT_EQ(memory_->tasks.at(TaskId{2}).head, Lsn{2});
  EXPECT_EQ(memory_->records.back().previous, Lsn{1});
  EXPECT_EQ(memory_->last_approval, ApprovalId{4});
}

TEST_F(JournalTest, F19_GroupsWhatComesWhileTheDiskIsBusyAndNeverBlocksTheLoop) {
  start(std::make_unique<SlowStore>(std::make_unique<MemoryStore>(memory_), gate_));
  gate_.shut();
  append(1, RecordKind::task);
  journal_->announce();
  gate_.wait_for_somebody();
  Lsn last{0};
  for (int i = 0; i < 1'000; ++i)
    last = append(1, RecordKind::intent);
  EXPECT_EQ(journal_->durable_lsn(), Lsn{0});
  gate_.open();
  run_until_durable(last);
  EXPECT_EQ(journal_->counters().commits, 2U);
  EXPECT_EQ(journal_->counters().records, 1'001U);
  EXPECT_THAT(durable_, ElementsAre(Lsn{1}, Lsn{1'001}));
  EXPECT_EQ(memory_->tasks.at(TaskId{1}).head, Lsn{1'001});
}

TEST_F(JournalTest, WhatIsAppendedInOneRoundOfTheLoopIsOneCommit) {
  constexpr std::uint64_t kRounds = 200;
  start_in_memory();
  run_until_durable(append(1, RecordKind::task));  // the writer looks for work once as it begins
  for (std::uint64_t round = 1; round < kRounds; ++round) {
    append(2 * round, RecordKind::task);
    run_until_durable(append(2 * round + 1, RecordKind::task));
  }
  EXPECT_EQ(journal_->counters().commits, kRounds);
}

TEST_F(JournalTest, WritesOnlyTheNewestOfSeveralHeads) {
  start(std::make_unique<SlowStore>(std::make_unique<MemoryStore>(memory_), gate_));
  gate_.shut();
  append(1, RecordKind::task);
  journal_->announce();
  gate_.wait_for_somebody();
  append(2, RecordKind::task);
  append(1, RecordKind::intent);
  std::vector<Record> records(1);
  records.front() = {.task = TaskId{2}, .kind = RecordKind::done};
  // A head may also change without a record of its own task.
  const Lsn last = journal_->append(std::move(records),
                                    {{.task = TaskId{2}, .state = "completed", .ended = true},
                                     {.task = TaskId{1}, .state = "suspended"}},
                                    kNoApproval);
  gate_.open();
  run_until_durable(last);
  EXPECT_EQ(memory_->tasks.at(TaskId{1}).state, "suspended");
  EXPECT_EQ(memory_->tasks.at(TaskId{1}).head, Lsn{3});
  EXPECT_EQ(memory_->tasks.at(TaskId{2}).state, "completed");
  EXPECT_EQ(memory_->tasks.at(TaskId{2}).head, Lsn{4});
}

TEST_F(JournalTest, ChargesGoWithTheirRecords) {
  start_in_memory(Writer::test);
  const auto charge = [](std::uint64_t tokens) {
    return std::vector<Charge>{
        {.root = TaskId{1}, .model = "small", .spent = {.calls = 1, .tokens_in = tokens}}};
  };
  append(1, RecordKind::task);
  append(1, RecordKind::result, /*ended=*/false, charge(10));
  append(1, RecordKind::result, /*ended=*/false, charge(1));
  append(1, RecordKind::result, /*ended=*/false, charge(100));
  std::optional<Result<std::vector<LedgerLine>>> lines;
  const auto ask = [&](const LedgerRange& range) {
    journal_->read_ledger(range, Completion<std::vector<LedgerLine>>(
                                     [&](auto answer) { lines = std::move(answer); }));
  };
  journal_->write(1);
  EXPECT_TRUE(memory_->charges.empty());
  journal_->write(2);
  ASSERT_EQ(memory_->charges.size(), 2U);
  ask({.root = TaskId{1}});
  journal_->write();
  loop_.run_what_is_there();
  EXPECT_THAT(**lines,
              ElementsAre(LedgerLine{
                  .root = TaskId{1}, .model = "small", .spent = {.calls = 3, .tokens_in = 111}}));
  ask({.root = TaskId{2}});
  journal_->write();
  loop_.run_what_is_there();
  EXPECT_TRUE((*lines)->empty());
}

TEST_F(JournalTest, ReadsSeeWhatWasAppendedBefore) {
  start_in_memory();
  for (std::uint64_t task = 1; task <= 50; ++task) {
    append(task, RecordKind::task);
    EXPECT_EQ(records_of(task)->size(), 1U);
  }
  const auto heads = answer_to<std::vector<TaskHead>>(
      [&](auto done) { journal_->read_tasks(Store::Which::all, TaskId{50}, 2, std::move(done)); });
  ASSERT_EQ(heads->size(), 2U);
  EXPECT_EQ(heads->front().task, TaskId{49});
  EXPECT_EQ(heads->front().head, Lsn{49});
  EXPECT_EQ(records_of(51).error().code, Errc::not_found);
}

TEST_F(JournalTest, F9_TellsOfAFailureOnceAndOfNothingDurableAfterIt) {
  auto store = std::make_unique<MemoryStore>(memory_);
  MemoryStore& disk = *store;
  disk.fail_next_append({Errc::io, "fsync: Input/output error"});
  start(std::move(store));
  append(1, RecordKind::task);
  journal_->announce();
  loop_.run_until([&] { return !failures_.empty(); });
  for (int i = 0; i < 10; ++i)
    append(1, RecordKind::intent);
  EXPECT_EQ(records_of(1).error().code, Errc::io);  // comes after the appends
  EXPECT_EQ(failures_.size(), 1U);
  EXPECT_TRUE(durable_.empty());
  EXPECT_EQ(journal_->durable_lsn(), Lsn{0});
  EXPECT_EQ(disk.appends(), 1U);
  EXPECT_TRUE(memory_->records.empty());
}

/// A store that was moved away while nobody writes.
class LostStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  [[nodiscard]] Result<std::optional<Milliseconds>> renew() override {
    return Error{Errc::conflict, "it was moved away"};
  }
};

TEST_F(JournalTest, F17_LooksAfterItsStoreAlsoWhileNothingIsWritten) {
  start(std::make_unique<LostStore>(std::make_unique<MemoryStore>(memory_)));
  loop_.run_until([&] { return !failures_.empty(); });
  EXPECT_EQ(failures_.front().message, "it was moved away");
}

/// A store whose lease is so long.
class LeasedStore final : public ForwardingStore {
 public:
  LeasedStore(std::unique_ptr<Store> store, std::optional<Milliseconds> lease)
      : ForwardingStore(std::move(store)), lease_(lease) {}

  [[nodiscard]] Result<std::optional<Milliseconds>> renew() override { return lease_; }

 private:
  std::optional<Milliseconds> lease_;
};

TEST_F(JournalTest, RenewsAShortLeaseThreeTimesInItsTimeAndLooksEveryFourSecondsElse) {
  using namespace std::chrono_literals;
  const auto pause_with = [this](std::optional<Milliseconds> lease) {
    start(std::make_unique<LeasedStore>(std::make_unique<MemoryStore>(memory_), lease),
          Writer::test);
    return journal_->renew();
  };
  EXPECT_EQ(pause_with(std::nullopt), 4'000ms);
  EXPECT_EQ(pause_with(3'000ms), 1'000ms);
  EXPECT_EQ(pause_with(60'000ms), 4'000ms);
}

/// A store that says after each look where its anchor is now.
class AnchoredStore final : public ForwardingStore {
 public:
  AnchoredStore(std::unique_ptr<Store> store, std::deque<std::uint64_t> anchors)
      : ForwardingStore(std::move(store)), anchors_(std::move(anchors)) {}

  [[nodiscard]] Result<std::optional<Milliseconds>> renew() override {
    anchors_.pop_front();
    return ForwardingStore::renew();
  }

  [[nodiscard]] Anchor anchor() const override { return {.lsn = Lsn{anchors_.front()}}; }

 private:
  std::deque<std::uint64_t> anchors_;
};

TEST_F(JournalTest, S91_TellsOfEachNewAnchorOnce) {
  start(std::make_unique<AnchoredStore>(std::make_unique<MemoryStore>(memory_),
                                        std::deque<std::uint64_t>{5, 5, 7, 7, 9}),
        Writer::test);
  for (int look = 0; look < 4; ++look)
    (void)journal_->renew();
  loop_.run_what_is_there();
  EXPECT_THAT(anchors_, ElementsAre(Lsn{7}, Lsn{9}));
}

TEST_F(JournalTest, S90_VerifiesBetweenCommits) {
  const TempDir dir;
  start(*open_sqlite_store(dir.path(), Durability::process), Writer::test);
  constexpr int kCommits = 600;  // more than one piece looks at
  for (int commit = 0; commit < kCommits; ++commit) {
    (void)append(1, commit == 0 ? RecordKind::task : RecordKind::intent);
    EXPECT_TRUE(journal_->write());
  }
  std::optional<Result<Verified>> verified;
  journal_->verify({}, Completion<Verified>([&](Result<Verified> all) { verified = all; }));
  EXPECT_TRUE(journal_->write());
  int between = 0;
  for (; !verified; ++between) {
    (void)append(1, RecordKind::intent);
    EXPECT_TRUE(journal_->write());
    loop_.run_what_is_there();
  }
  ASSERT_TRUE(*verified) << verified->error().message;
  EXPECT_FALSE((*verified)->damage);
  EXPECT_EQ((*verified)->records, 0U + kCommits);
  EXPECT_GT(between, 3);
}

TEST_F(JournalTest, CommitsWhatIsQueuedBeforeItEnds) {
  start(std::make_unique<SlowStore>(std::make_unique<MemoryStore>(memory_), gate_));
  gate_.shut();
  append(1, RecordKind::task);
  journal_->announce();
  gate_.wait_for_somebody();
  for (int i = 0; i < 99; ++i)
    append(1, RecordKind::intent);
  gate_.open();
  end();
  EXPECT_EQ(memory_->records.size(), 100U);
}

TEST_F(JournalTest, AnswersReadsButCallsNothingElseAfterItsEnd) {
  start_in_memory();
  append(1, RecordKind::task);
  std::optional<Result<std::vector<Record>>> answer;
  journal_->read_records(
      TaskId{1}, Completion<std::vector<Record>>([&](auto result) { answer = std::move(result); }));
  end();
  loop_.run_what_is_there();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ((*answer)->size(), 1U);
  EXPECT_TRUE(durable_.empty());
}

TEST_F(JournalTest, GoesOnWithTheTasksOfAnEarlierRun) {
  start_in_memory();
  append(1, RecordKind::task);
  append(1, RecordKind::intent);
  end();

  auto store = std::make_unique<MemoryStore>(memory_);
  ASSERT_EQ(store->claim(Store::kAll, WallTime{})->size(), 1U);
  start(std::move(store));
  EXPECT_EQ(journal_->store_state().epoch, Epoch{2});
  EXPECT_EQ(journal_->durable_lsn(), Lsn{2});
  journal_->adopt(memory_->tasks.at(TaskId{1}));
  EXPECT_EQ(append(1, RecordKind::result), Lsn{3});
  const auto records = records_of(1);
  ASSERT_EQ(records->size(), 3U);
  EXPECT_EQ(records->back().previous, Lsn{2});
  EXPECT_EQ(records->back().epoch, Epoch{2});
}

TEST_F(JournalTest, TakesARecordOfATaskThatItDoesNotKnowForABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        start_in_memory();
        append(1, RecordKind::intent);
      },
      "RecordKind::task");
  EXPECT_DEATH(
      {
        start_in_memory();
        append(1, RecordKind::task, true);
        append(1, RecordKind::intent);
      },
      "RecordKind::task");
}

TEST_F(JournalTest, TakesAChargeThatIsNobodysForABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        start_in_memory();
        append(1, RecordKind::task, /*ended=*/false, {{.model = "small"}});
      },
      "root != kNoTask");
}

TEST_F(JournalTest, TakesARecordWithoutItsHeadForABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        start_in_memory();
        append(1, RecordKind::task);
        std::vector<Record> records(1);
        records.front().task = TaskId{2};
        journal_->append(std::move(records), {{.task = TaskId{1}}}, kNoApproval);
      },
      "has_head_of");
}

// ---- without a thread ----

TEST_F(JournalTest, NothingIsWrittenUntilTheWriterWrites) {
  start_in_memory(Writer::test);
  append(1, RecordKind::task);
  loop_.run_what_is_there();
  EXPECT_TRUE(memory_->records.empty());
  EXPECT_TRUE(journal_->write());
  EXPECT_EQ(memory_->records.size(), 1U);
  EXPECT_EQ(journal_->durable_lsn(), Lsn{0});  // the loop has not heard of it
  loop_.run_what_is_there();
  EXPECT_EQ(journal_->durable_lsn(), Lsn{1});
  EXPECT_FALSE(journal_->write());
}

TEST_F(JournalTest, WritesSoManyAppendsAndNeverAPartOfOne) {
  start_in_memory(Writer::test);
  append(1, RecordKind::task);
  std::vector<Record> both(2);
  both[0].task = TaskId{2};
  both[1] = {.task = TaskId{1}, .kind = RecordKind::result};
  journal_->append(std::move(both), {{.task = TaskId{1}}, {.task = TaskId{2}}}, kNoApproval);
  append(1, RecordKind::intent);
  journal_->write(1);
  EXPECT_EQ(memory_->records.size(), 1U);
  journal_->write(1);
  EXPECT_EQ(memory_->records.size(), 3U);
  journal_->write(5);
  EXPECT_EQ(memory_->records.size(), 4U);
  EXPECT_EQ(memory_->tasks.at(TaskId{1}).head, Lsn{4});
  EXPECT_EQ(journal_->counters().commits, 3U);
}

TEST_F(JournalTest, AReadWaitsForAllThatWasAppendedBeforeIt) {
  start_in_memory(Writer::test);
  append(1, RecordKind::task);
  append(1, RecordKind::intent);
  std::size_t seen = 0;
  journal_->read_records(
      TaskId{1}, Completion<std::vector<Record>>([&](auto records) { seen = records->size(); }));
  journal_->write(1);
  loop_.run_what_is_there();
  EXPECT_EQ(seen, 0U);
  journal_->write(1);
  loop_.run_what_is_there();
  EXPECT_EQ(seen, 2U);
}

TEST_F(JournalTest, WorksOnTheRealStoreFromBothThreads) {
  const TempDir dir;
  auto store = open_sqlite_store(dir.path(), Durability::process);
  ASSERT_TRUE(store);
  start(*std::move(store));
  Lsn last{0};
  for (int round = 0; round < 200; ++round) {
    for (std::uint64_t task = 1; task <= 16; ++task) {
      const RecordKind kind = round == 0 ? RecordKind::task : RecordKind::intent;
      last = append(task, kind, round == 199 && task % 2 == 0);
    }
    (void)journal_->counters();
    loop_.run_what_is_there();
  }
  EXPECT_EQ(records_of(7)->size(), 200U);
  run_until_durable(last);
  end();

  const auto again = open_sqlite_store(dir.path(), Durability::process);
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->live_tasks()->size(), 8U);
  EXPECT_EQ((*again)->records(TaskId{16})->size(), 200U);
  EXPECT_EQ((*again)->state().last_lsn, last);
}

}  // namespace
}  // namespace tinkerbell
