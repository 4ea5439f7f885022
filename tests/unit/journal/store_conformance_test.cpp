// Whatever is asked of a store, in whatever order, it answers as the model in memory does. A seed
// is one sequence of operations, with the store opened again in between; it ends once each kind of
// operation has had its effect. A store of another kind joins by a Subject of its own.
// Source: Resonate's differential tests of its stores.

#include "sample_records.hpp"
#include "support/dice.hpp"
#include "support/forwarding_store.hpp"
#include "support/lossy_disk.hpp"
#include "support/memory_store.hpp"
#include "support/seeds.hpp"

#include "tinkerbell/journal/sqlite_store.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace tinkerbell {
namespace {

constexpr std::uint64_t kShards = 4;  ///< So that they can run side by side.
constexpr std::size_t kStepsMin = 40;
constexpr std::size_t kStepsMax = 2'000;

using Wrong = std::optional<std::string>;

/// Stores of one kind, one after the other on the same data. The first one finds nothing.
class Subject {
 public:
  Subject() = default;
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  virtual ~Subject() = default;

  /// The one before it is closed.
  [[nodiscard]] virtual Result<std::unique_ptr<Store>> open() = 0;

  virtual void set_full(bool full) = 0;
};

class SqliteSubject final : public Subject {
 public:
  SqliteSubject(Dice& dice, Durability durability)
      : disk_(dice), durability_(durability), log_pages_max_(static_cast<int>(4 + dice.pick(40))) {}

  [[nodiscard]] Result<std::unique_ptr<Store>> open() override {
    return open_sqlite_store(home_, durability_, log_pages_max_);
  }

  void set_full(bool full) override { full ? disk_.leave_room(0) : disk_.make_room(); }

 private:
  const std::filesystem::path& home_ = new_lossy_home();
  LossyDisk disk_;
  Durability durability_;
  int log_pages_max_;
};

using MakeSubject = std::function<std::unique_ptr<Subject>(Dice&)>;
using Wrap = std::function<std::unique_ptr<Store>(std::unique_ptr<Store>)>;

std::unique_ptr<Store> as_it_is(std::unique_ptr<Store> store) {
  return store;
}

/// What can be asked of a store.
enum class Operation : std::uint8_t {
  append,
  append_where_full,
  append_as_another,  ///< With the epoch of another owner: fenced.
  append_unowned,     ///< For a task that is nobody's: fenced.
  live_tasks,
  tasks,
  task,
  records,
  records_of_all,  ///< Of all live tasks, from their snapshots on.
  ledger,
  claim,
  release,
  renew,
  hint,
  reopen,
};

constexpr std::size_t kOperations = static_cast<std::size_t>(Operation::reopen) + 1;

std::string in_words(const Error& error) {
  return std::string(to_string(error.code)) + ": " + error.message;
}

/// Equal values, or errors of the same code.
template <class T>
Wrong difference(const Result<T>& found, const Result<T>& expected) {
  if (found.ok() != expected.ok()) {
    return found ? "an answer instead of " + in_words(expected.error())
                 : "instead of an answer " + in_words(found.error());
  }
  if (!found) {
    if (found.error().code == expected.error().code) return {};
    return in_words(found.error()) + " instead of " + in_words(expected.error());
  }
  if constexpr (!std::is_void_v<T>) {
    if (!(*found == *expected)) return "another answer";
  }
  return {};
}

class Trial {
 public:
  Trial(std::uint64_t seed, const MakeSubject& make_subject, Wrap wrap)
      : dice_(seed), subject_(make_subject(dice_)), wrap_(std::move(wrap)), samples_(seed) {}

  [[nodiscard]] Wrong run() {
    if (Wrong wrong = reopen()) return wrong;
    for (std::size_t step = 0; step < kStepsMin || !all_happened(); ++step) {
      if (step == kStepsMax) return "an operation never had its effect";
      const auto operation = static_cast<Operation>(dice_.pick(kOperations));
      if (Wrong wrong = take(operation)) {
        return "step " + std::to_string(step) + ", operation " +
               std::to_string(std::to_underlying(operation)) + ": " + *wrong;
      }
    }
    if (Wrong wrong = reopen()) return wrong;
    return compare_all();
  }

 private:
  [[nodiscard]] bool all_happened() const { return std::ranges::count(happened_, 0) == 0; }

  void note(Operation operation, bool had_effect = true) {
    if (had_effect) ++happened_[static_cast<std::size_t>(operation)];
  }

  [[nodiscard]] Wrong take(Operation operation) {
    const TaskId any{dice_.pick(number(samples_.last_task()) + 3)};
    switch (operation) {
      case Operation::append:
        return append();
      case Operation::append_where_full:
        return append_where_full();
      case Operation::append_as_another:
        if (!dice_.chance(2)) return {};
        return append_as_another();
      case Operation::append_unowned:
        if (!dice_.chance(2)) return {};
        return append_unowned();
      case Operation::live_tasks:
        note(operation, !model_->live_tasks()->empty());
        return difference(store_->live_tasks(), model_->live_tasks());
      case Operation::tasks: {
        const auto limit = static_cast<std::uint32_t>(dice_.pick(5));
        const auto which = dice_.chance(2) ? Store::Which::live : Store::Which::all;
        const auto expected = model_->tasks(which, any, limit);
        note(operation, !expected->empty());
        return difference(store_->tasks(which, any, limit), expected);
      }
      case Operation::task: {
        const auto expected = model_->task(any);
        note(operation, expected.ok());
        return difference(store_->task(any), expected);
      }
      case Operation::records: {
        const auto expected = model_->records(any);
        note(operation, expected.ok());
        return difference(store_->records(any), expected);
      }
      case Operation::records_of_all: {
        const std::vector<TaskHead> live = *model_->live_tasks();
        note(operation, live.size() > 1);
        const auto found = store_->records_from_snapshots(live);
        if (!found) return found.error().message;
        for (const TaskHead& head : live) {
          if (Wrong wrong = difference((*found)->next(), model_->records_from_snapshot(head.task)))
            return wrong;
        }
        return {};
      }
      case Operation::ledger: {
        const LedgerRange range = some_range(any);
        const auto expected = model_->ledger(range);
        note(operation, !expected->empty() && *expected != *model_->ledger({}));
        return difference(store_->ledger(range), expected);
      }
      case Operation::claim: {
        const auto limit = static_cast<std::uint32_t>(dice_.pick(4));
        const WallTime now = some_time();
        const auto expected = model_->claim(limit, now);
        note(operation, expected.ok() && !expected->empty());
        return difference(store_->claim(limit, now), expected);
      }
      case Operation::release: {
        const std::optional<WallTime> due =
            dice_.chance(2) ? std::optional<WallTime>() : some_time();
        note(operation, model_->task(any).ok() && !model_->task(any)->ended);
        return difference(store_->release(any, due), model_->release(any, due));
      }
      case Operation::renew:
        note(operation);
        return difference(store_->renew(), model_->renew());
      case Operation::hint: {
        const WallTime now = some_time();
        note(operation, model_->has_hint(now));
        // It may be in vain, but misses nothing.
        return model_->has_hint(now) && !store_->has_hint(now) ? Wrong("no hint") : Wrong();
      }
      case Operation::reopen:
        return dice_.chance(4) ? reopen() : Wrong();
    }
    return "no such operation";
  }

  [[nodiscard]] WallTime some_time() {
    return wall_from_unix_nanoseconds(static_cast<std::int64_t>(dice_.pick(10)));
  }

  /// Of all tasks or one, over all days, one, or none.
  [[nodiscard]] LedgerRange some_range(TaskId task) {
    LedgerRange range;
    if (dice_.chance(2)) range.root = task;
    if (dice_.chance(2)) range.first_day = static_cast<std::int64_t>(dice_.pick(4)) - 2;
    if (dice_.chance(2)) range.last_day = static_cast<std::int64_t>(dice_.pick(4)) - 2;
    return range;
  }

  // ---- appending ----

  /// With both stores; after an error that is final both are opened again.
  [[nodiscard]] Wrong append_to_both(const Batch& batch, bool& appended) {
    const Result<void> expected = model_->append(batch);
    appended = expected.ok();
    if (Wrong wrong = difference(store_->append(batch), expected)) return wrong;
    if (appended || expected.error().code == Errc::storage_full) return {};
    // Final: neither owns anything any more.
    if (Wrong wrong = difference(store_->renew(), model_->renew())) return wrong;
    return reopen();
  }

  [[nodiscard]] Wrong append() {
    SampleRecords samples = samples_;
    const Batch batch = samples.next_batch();
    bool appended = false;
    Wrong wrong = append_to_both(batch, appended);
    if (!appended) return wrong;
    samples_ = std::move(samples);
    note(Operation::append);
    return wrong;
  }

  [[nodiscard]] Wrong append_where_full() {
    SampleRecords samples = samples_;
    const Batch batch = samples.next_batch();
    bool appended = false;
    set_full(true);
    const Epoch before = model_->state().epoch;
    Wrong wrong = append_to_both(batch, appended);
    set_full(false);
    if (wrong || model_->state().epoch != before) return wrong;  // it was fenced
    if (Wrong left = difference(store_->live_tasks(), model_->live_tasks())) return left;
    if (Wrong left = difference(store_->ledger({}), model_->ledger({}))) return left;
    note(Operation::append_where_full);
    wrong = append_to_both(batch, appended);
    if (appended) samples_ = std::move(samples);
    return wrong;
  }

  void set_full(bool full) {
    subject_->set_full(full);
    memory_->full = full ? std::optional(Error{Errc::storage_full, "full"}) : std::nullopt;
  }

  [[nodiscard]] Wrong append_as_another() {
    SampleRecords samples = samples_;
    samples.set_epoch(Epoch{std::to_underlying(model_->state().epoch) - 1});
    bool appended = false;
    Wrong wrong = append_to_both(samples.next_batch(), appended);
    if (appended) return "the model is wrong";
    note(Operation::append_as_another);
    return wrong;
  }

  /// After all that are in it were let go.
  [[nodiscard]] Wrong append_unowned() {
    SampleRecords samples = samples_;
    const Batch batch = samples.next_batch();
    bool owned_by_nobody = false;
    for (const TaskHead& head : batch.heads) {
      if (Wrong wrong =
              difference(store_->release(head.task, {}), model_->release(head.task, {}))) {
        return wrong;
      }
      owned_by_nobody = owned_by_nobody || model_->task(head.task).ok();
    }
    if (!owned_by_nobody) return {};  // all of them are new
    bool appended = false;
    Wrong wrong = append_to_both(batch, appended);
    if (appended) return "the model is wrong";
    note(Operation::append_unowned);
    return wrong;
  }

  // ---- opening ----

  [[nodiscard]] Wrong reopen() {
    store_ = nullptr;
    set_full(false);
    model_ = std::make_unique<MemoryStore>(memory_);
    Result<std::unique_ptr<Store>> opened = subject_->open();
    if (!opened) return "it does not open: " + opened.error().message;
    store_ = wrap_(*std::move(opened));
    samples_.set_epoch(model_->state().epoch);
    if (Wrong wrong = compare_states()) return wrong;
    note(Operation::reopen, number(model_->state().last_lsn) > 0);
    if (dice_.chance(4)) return {};
    return difference(store_->claim(Store::kAll, WallTime{}),
                      model_->claim(Store::kAll, WallTime{}));
  }

  [[nodiscard]] Wrong compare_states() const {
    const StoreState& found = store_->state();
    const StoreState& expected = model_->state();
    if (found.epoch != expected.epoch) return "another epoch";
    if (found.last_lsn != expected.last_lsn) return "another last record";
    if (found.last_task != expected.last_task) return "another last task";
    if (found.last_approval != expected.last_approval) return "another last approval";
    return {};
  }

  [[nodiscard]] Wrong compare_all() {
    if (Wrong wrong = difference(store_->ledger({}), model_->ledger({}))) {
      return "in the end: ledger: " + *wrong;
    }
    if (store_->accepted_work() != model_->accepted_work())
      return "in the end: another number of accepted";
    if (Wrong wrong = difference(store_->tasks(Store::Which::all, kNoTask, Store::kAll),
                                 model_->tasks(Store::Which::all, kNoTask, Store::kAll))) {
      return "in the end: tasks: " + *wrong;
    }
    for (std::uint64_t id = 1; id <= number(samples_.last_task()); ++id) {
      if (Wrong wrong = difference(store_->records(TaskId{id}), model_->records(TaskId{id}))) {
        return "in the end: task " + std::to_string(id) + ": " + *wrong;
      }
    }
    return {};
  }

  Dice dice_;
  std::unique_ptr<Subject> subject_;
  Wrap wrap_;
  SampleRecords samples_;
  std::shared_ptr<StoreMemory> memory_ = std::make_shared<StoreMemory>();
  std::unique_ptr<MemoryStore> model_;
  std::unique_ptr<Store> store_;
  std::array<std::size_t, kOperations> happened_{};
};

std::unique_ptr<Subject> durable_sqlite(Dice& dice) {
  return std::make_unique<SqliteSubject>(dice, Durability::power);
}

std::unique_ptr<Subject> quick_sqlite(Dice& dice) {
  return std::make_unique<SqliteSubject>(dice, Durability::process);
}

struct Kind {
  const char* name;
  std::unique_ptr<Subject> (*make)(Dice&);
};

constexpr std::array kKinds = {Kind{"sqlite", &durable_sqlite},
                               Kind{"sqlite_without_syncs", &quick_sqlite}};

class StoreConformance : public testing::TestWithParam<std::tuple<std::size_t, std::uint64_t>> {};

TEST_P(StoreConformance, AnswersAsTheModelDoesWhateverIsAsked) {
  const Kind& kind = kKinds[std::get<0>(GetParam())];
  const Seeds seeds = seeds_to_run(1'000);
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    if (seed % kShards != std::get<1>(GetParam())) continue;
    const std::string repeat = how_to_repeat(seed, "*StoreConformance*");
    name_if_aborted(repeat);
    const Wrong wrong = Trial(seed, kind.make, as_it_is).run();
    ASSERT_FALSE(wrong) << kind.name << ", seed " << seed << ": " << *wrong << "\n" << repeat;
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, StoreConformance,
                         testing::Combine(testing::Range(std::size_t{0}, kKinds.size()),
                                          testing::Range(std::uint64_t{0}, kShards)));

// ---- what it finds ----

/// A store with one bug.
class WrongStore final : public ForwardingStore {
 public:
  enum class Bug : std::uint8_t {
    loses_a_record,
    lists_one_too_many,
    forgets_approvals,
    claims_what_is_not_due,
    claims_what_is_owned,
    claims_out_of_order,
    releases_nothing,
    believes_any_epoch,
    has_no_hint,
    says_full_but_stores,
    loses_a_charge,
    charges_what_was_refused,
    counts_days_of_its_own,
  };

  static constexpr std::size_t kBugs = static_cast<std::size_t>(Bug::counts_days_of_its_own) + 1;

  WrongStore(std::unique_ptr<Store> store, Bug bug)
      : ForwardingStore(std::move(store)), bug_(bug) {}

  [[nodiscard]] Result<std::vector<Record>> records(TaskId id) override {
    Result<std::vector<Record>> records = ForwardingStore::records(id);
    if (bug_ == Bug::loses_a_record && records && records->size() > 2)
      records->erase(records->begin());
    return records;
  }

  [[nodiscard]] Result<std::vector<TaskHead>> tasks(Which which, TaskId before,
                                                    std::uint32_t limit) override {
    const bool one_more = bug_ == Bug::lists_one_too_many && before != kNoTask;
    return ForwardingStore::tasks(which, one_more ? TaskId{number(before) + 1} : before, limit);
  }

  [[nodiscard]] Result<void> append(const Batch& batch) override {
    Batch changed = batch;
    if (bug_ == Bug::forgets_approvals) changed.last_approval = kNoApproval;
    if (bug_ == Bug::believes_any_epoch) {
      for (Record& record : changed.records)
        record.epoch = state().epoch;
    }
    if (bug_ == Bug::loses_a_charge && changed.charges.size() > 1) changed.charges.pop_back();
    if (bug_ == Bug::counts_days_of_its_own) {
      for (Charge& charge : changed.charges)
        charge.at += std::chrono::hours(1);
    }
    std::ranges::move(std::exchange(refused_, {}), std::back_inserter(changed.charges));
    Result<void> appended = ForwardingStore::append(changed);
    if (bug_ == Bug::charges_what_was_refused && !appended) refused_ = batch.charges;
    if (bug_ == Bug::says_full_but_stores && appended && batch.records.size() == 7) {
      return Error{Errc::storage_full, "full"};
    }
    return appended;
  }

  [[nodiscard]] Result<std::vector<TaskHead>> claim(std::uint32_t limit, WallTime now) override {
    if (bug_ == Bug::claims_what_is_owned) {
      Result<std::vector<TaskHead>> live = live_tasks();
      if (live) live->resize(std::min<std::size_t>(live->size(), limit));
      return live;
    }
    auto claimed =
        ForwardingStore::claim(limit, bug_ == Bug::claims_what_is_not_due ? WallTime::max() : now);
    if (bug_ == Bug::claims_out_of_order && claimed) std::ranges::reverse(*claimed);
    return claimed;
  }

  [[nodiscard]] Result<void> release(TaskId task, std::optional<WallTime> due) override {
    return bug_ == Bug::releases_nothing ? Result<void>() : ForwardingStore::release(task, due);
  }

  [[nodiscard]] bool has_hint(WallTime now) override {
    return bug_ != Bug::has_no_hint && ForwardingStore::has_hint(now);
  }

 private:
  Bug bug_;
  std::vector<Charge> refused_;
};

class WrongStores : public testing::TestWithParam<std::size_t> {};

TEST_P(WrongStores, AreFoundWithinAHundredSeeds) {
  const auto bug = static_cast<WrongStore::Bug>(GetParam());
  const auto found = [bug](std::uint64_t seed) {
    const Wrap plant = [bug](std::unique_ptr<Store> store) {
      return std::make_unique<WrongStore>(std::move(store), bug);
    };
    return Trial(seed, quick_sqlite, plant).run().has_value();
  };
  bool any = false;
  for (std::uint64_t seed = 1; seed <= 100 && !any; ++seed)
    any = found(seed);
  EXPECT_TRUE(any);
}

INSTANTIATE_TEST_SUITE_P(Bug, WrongStores, testing::Range(std::size_t{0}, WrongStore::kBugs));

}  // namespace
}  // namespace tinkerbell
